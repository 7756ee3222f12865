"""The store's nearest neighbours beside exact search, on a catalog that exists.

    python -m benchmarks.recall STORE QUERIES.jsonl [--queries 400]

QUERIES.jsonl holds {"text": ...} lines. Prints recall@10 and the median time of a query.
"""

import argparse
import json
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from catalog.config import EmbeddingConfig
from catalog.embedding.factory import open_remembered
from catalog.store.snapshot import open_snapshot
from catalog.store.vectors.sample import known_vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("queries_file", type=Path)
    parser.add_argument("--queries", type=int, default=400)
    options = parser.parse_args()
    texts = [json.loads(line)["text"] for line in options.queries_file.read_text(encoding="utf-8").splitlines()]
    with closing(open_snapshot(options.store)) as snapshot:
        embedder = open_remembered(EmbeddingConfig(), snapshot.info.model, lambda: known_vectors(snapshot))
        vectors = embedder.embed_documents(texts[: options.queries]).vectors
        ids = snapshot.movies.ids()
        rows = np.array(sorted(snapshot.movies.rows_of(ids).values()))  # ids come in the order of the rows
        matrix = np.array(snapshot.vectors[rows])
        found = 0
        times: list[float] = []
        for vector in vectors:
            started = perf_counter()
            near = snapshot.index.nearest(vector, 10)
            times.append(perf_counter() - started)
            exact = np.argsort(-(matrix @ vector), kind="stable")[:10]
            found += len({neighbour.id for neighbour in near} & {ids[place] for place in exact})
    recall = found / (10 * len(vectors))
    print(f"| recall@10, {len(vectors)} queries, {len(ids)} films | {recall:.4f} | {1000 * median(times):.1f} ms |")


if __name__ == "__main__":
    main()
