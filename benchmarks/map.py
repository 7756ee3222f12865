"""The map of a catalog that exists: what it costs to draw and to follow, and how many neighbours it keeps.

    OMP_NUM_THREADS=1 python -m benchmarks.map STORE [--films 1000]

Prints seconds of one core, and the share of a film's 10 nearest on the map that are among its 50 and its 1 %
nearest by meaning, beside the first two principal components.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time

import numpy as np
from numpy.typing import NDArray

from catalog.store.generations import Generations
from catalog.store.matrix import open_matrix
from catalog.store.places import Places
from catalog.store.projection import principal

Floats = NDArray[np.float32]


@contextmanager
def timed(what: str) -> Iterator[None]:
    started = process_time()
    yield
    print(f"| {what} | {process_time() - started:.1f} s |", flush=True)


def kept(places: Floats, vectors: Floats, rows: NDArray[np.int64], among: int) -> float:
    """Of the 10 nearest on the map, the share that is among so many nearest by meaning."""
    shares = []
    for row in rows:
        near = np.argpartition(np.linalg.norm(places - places[row], axis=1), 11)[:11]
        like = np.argpartition(-(vectors @ vectors[row]), among + 1)[: among + 1]
        shares.append((len(np.intersect1d(near, like)) - 1) / 10)
    return float(np.mean(shares))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--films", type=int, default=1000, help="looked at for their neighbours")
    options = parser.parse_args()
    generation = Generations(options.store).in_force()
    vectors = np.asarray(open_matrix(generation, generation.info()))
    films = len(vectors)
    digests = [row.to_bytes(16, "big") for row in range(films)]
    with timed(f"draw {films} films"):
        drawn = Places.of(vectors)
    for fresh in (100, 1000):
        before = Places(drawn.places[:-fresh], 0)
        with timed(f"put {fresh} new films in"):
            before.followed(digests[:-fresh], digests, vectors)
    rows = np.linspace(0, films - 1, min(options.films, films)).astype(np.int64)
    for name, places in (("map", drawn.places.astype(np.float32)), ("principal components", principal(vectors, 2))):
        for among in (50, films // 100):
            print(f"| {name}: of 10 nearest, among the {among} most like | {kept(places, vectors, rows, among):.3f} |")


if __name__ == "__main__":
    main()
