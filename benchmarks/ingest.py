"""A whole ingest beside the plain loop everybody writes first, in one run.

    python -m benchmarks.ingest FILE [--sample 4000] [--store FOLDER]

The plain loop is sentence-transformers' `encode` of 32 texts and Chroma's `upsert`, repeated; it is
measured on the first `--sample` films before and after the ingest of the whole file, because machines
are noisy, and on as many spread over the file, whose plots may be longer than the first ones. Both use
the bundled model and a temporary folder; `--store` keeps the catalog for other benchmarks.
"""

import argparse
import json
import tempfile
from itertools import islice
from pathlib import Path
from time import perf_counter

from catalog.config import load_config
from catalog.embedding.bundled import bundled_folder
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--sample", type=int, default=4000)
    parser.add_argument("--store", type=Path, help="a new folder for the catalog, which stays")
    options = parser.parse_args()
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
