"""A whole ingest beside the plain loop everybody writes first, in one run.

    python -m benchmarks.ingest FILE [--sample 4000] [--store FOLDER]
    python -m benchmarks.ingest FILE --ray 20000

The plain loop is sentence-transformers' `encode` of 32 texts and Chroma's `upsert`, repeated; it is
measured on the first `--sample` films before and after the ingest of the whole file, because machines
are noisy, and on as many spread over the file, whose plots may be longer than the first ones. Both use
the bundled model and a temporary folder; `--store` keeps the catalog for other benchmarks. With `--ray`
so many films are ingested by the ordinary command and by `--on ray`, on a Ray that was started before,
and the two catalogs are compared.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from time import perf_counter

from catalog.config import load_config
from catalog.embedding.bundled import bundled_folder
from catalog.store.snapshot import open_snapshot
from ingest.mapping.mapper import detect, to_movie
from ingest.readers.source import open_rows
from ingest.run import Request, run


def plain_loop(path: str, sample: int, step: int = 1) -> float:
    """Films per second of the plain loop, on every `step`-th film of the file until there are `sample`."""
    import chromadb
    from chromadb.config import Settings
    from sentence_transformers import SentenceTransformer

    with open_rows(path) as rows:
        fields = detect(rows.peek())
        movies = [to_movie(row, fields) for row in islice(rows, 0, sample * step, step)]
    model = SentenceTransformer(str(bundled_folder()), device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        client = chromadb.PersistentClient(folder, settings=Settings(anonymized_telemetry=False))
        collection = client.create_collection(
            "movies", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        started = perf_counter()
        for start in range(0, len(movies), 32):
            part = movies[start : start + 32]
            texts = [f"{movie.title} {movie.plot}" for movie in part]
            collection.upsert(ids=[movie.id for movie in part], embeddings=model.encode(texts), documents=texts)
        return len(movies) / (perf_counter() - started)


@contextmanager
def ray_started() -> Iterator[None]:
    """A Ray of this machine's cores."""
    ray = [sys.executable, "-m", "ray.scripts.scripts"]
    subprocess.run([*ray, "start", "--head", "--include-dashboard", "false"], check=True, stdout=sys.stderr)
    try:
        yield
    finally:
        subprocess.run([*ray, "stop"], check=True, stdout=sys.stderr)


def command(file: str, store: Path, *more: str) -> float:
    """Films per second of `ingest`, as its report says."""
    own = {"PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": "bundled", "RAY_USAGE_STATS_ENABLED": "0"}
    answer = subprocess.run(
        [sys.executable, "-m", "ingest", "--file", file, "--json", *more],
        check=True,
        stdout=subprocess.PIPE,
        env=os.environ | own,
    ).stdout
    report = json.loads(answer)
    return float(report["read"] / report["seconds"])


def beside_ray(file: str, films: int, folder: Path) -> None:
    """The ordinary command, then `--on ray`, and the ordinary one again, and how far their vectors differ."""
    some = ("--limit", str(films))
    before = command(file, folder / "plain", *some)
    with ray_started():
        on_ray = command(file, folder / "ray", *some, "--on", "ray")
    after = command(file, folder / "again", *some)
    one, other = open_snapshot(folder / "plain"), open_snapshot(folder / "ray")
    ids = one.movies.ids()
    ours, theirs = one.movies.rows_of(ids), other.movies.rows_of(ids)
    apart = abs(one.vectors[[ours[name] for name in ids]] - other.vectors[[theirs[name] for name in ids]]).max()
    print(f"| ordinary run, {films} films, before and after | {before:.0f} and {after:.0f} films/s |")
    print(f"| --on ray | {on_ray:.0f} films/s, {2 * on_ray / (before + after):.2f} times |")
    print(f"| films in both, largest difference of a component | {len(ids)}, {apart:.1e} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--sample", type=int, default=4000)
    parser.add_argument("--store", type=Path, help="a new folder for the catalog, which stays")
    parser.add_argument("--ray", type=int, help="so many films, and --on ray, instead")
    options = parser.parse_args()
    if options.ray:
        with tempfile.TemporaryDirectory() as folder:
            beside_ray(options.file, options.ray, Path(folder))
        return
    before = plain_loop(options.file, options.sample)
    with tempfile.TemporaryDirectory() as temporary:
        folder = str(options.store or temporary)
        config = load_config(None, {"PLOTSEEK_STORE_PATH": folder, "PLOTSEEK_EMBEDDING_MODEL": "bundled"})
        first = run(config, Request(options.file))
        again = run(config, Request(options.file))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    after = plain_loop(options.file, options.sample)
    spread = plain_loop(options.file, options.sample, max(first.rows.read // options.sample, 1))
    ours, plain = first.rows.read / first.seconds, (before + after) / 2
    print(f"| plain loop, first {options.sample} films | {before:.0f} and {after:.0f} films/s | 1.0 |")
    print(f"| plain loop, {options.sample} films spread over the file | {spread:.0f} films/s | {spread / plain:.2f} |")
    print(f"| ingest, {first.rows.read} films, all accounted for | {ours:.0f} films/s | {ours / plain:.2f} |")
    print(f"| the same command again | {again.seconds:.1f} s, {again.embedded} embedded | |")
    print(f"| on disk | {size / 1e6:.0f} MB | |")
    print(json.dumps({"first": first.to_dict(), "again": again.to_dict()}))


if __name__ == "__main__":
    main()
