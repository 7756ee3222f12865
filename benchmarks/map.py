"""The map of a catalog that exists: what it costs to draw and to follow, and how many neighbours it keeps.

    OMP_NUM_THREADS=1 python -m benchmarks.map STORE [--films 1000]

Prints seconds of one core, and the share of a film's 10 nearest on the map that are among its 50 and its 1 %
nearest by meaning, beside the first two principal components; then the same of films that were put in later.
"""

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import process_time

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.store.maintenance.film_map import FilmMap
from catalog.store.maintenance.projection import principal
from catalog.store.snapshot import open_snapshot


@contextmanager
def timed(what: str) -> Iterator[None]:
    started = process_time()
    yield
    print(f"| {what} | {process_time() - started:.1f} s |", flush=True)


def kept(coordinates: Floats, vectors: Floats, rows: NDArray[np.int64], among: int) -> float:
    """Of the 10 nearest on the map, the share that is among so many nearest by meaning."""
    shares = []
    for row in rows:
        near = np.argpartition(np.linalg.norm(coordinates - coordinates[row], axis=1), 11)[:11]
        like = np.argpartition(-(vectors @ vectors[row]), among + 1)[: among + 1]
        shares.append((len(np.intersect1d(near, like)) - 1) / 10)
    return float(np.mean(shares))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--films", type=int, default=1000, help="looked at for their neighbours")
    options = parser.parse_args()
    with closing(open_snapshot(options.store)) as snapshot:
        taken = sorted(snapshot.movies.rows_of(snapshot.movies.ids()).values())
        vectors = np.asarray(snapshot.vectors[taken])
    films = len(vectors)
    everything = np.arange(films)
    with timed(f"draw {films} films"):
        drawn = FilmMap.draw(vectors, everything)
    rows = np.linspace(0, films - 1, min(options.films, films)).astype(np.int64)
    with timed(f"put {len(rows)} new films in"):
        followed = drawn.follow(vectors, everything, rows)
    maps = [("map", drawn.coordinates), ("principal components", principal(vectors - vectors.mean(axis=0), 2))]
    maps += [("new films on the map", followed.coordinates)] if followed else []
    for name, places in maps:
        coordinates = np.asarray(places, dtype=np.float32)
        for among in (50, films // 100):
            share = kept(coordinates, vectors, rows, among)
            print(f"| {name}: of 10 nearest, among the {among} most like | {share:.3f} |")


if __name__ == "__main__":
    main()
