"""Search beside peers: the same questions over the same texts and vectors, in one run.

    python -m benchmarks.peers STORE JUDGMENTS [--queries N] [--only ENGINE ...]

STORE is a catalog of the judged films, JUDGMENTS a folder as `query-evaluate` reads it. A peer builds its index anew,
in a temporary folder, from the text `{title} {plot}` and the vector of each film of the catalog:

    chroma          vectors alone: a collection with cosine and Chroma's defaults otherwise, `query` for ten
    chroma-encode   the same collection, asked as everybody does it: `encode` of sentence-transformers
    txtai           hybrid, its defaults: a Faiss index and BM25, half of the score from each
    lancedb         hybrid: IVF_FLAT over the vectors, its full-text index and reciprocal rank fusion, as they come

All but chroma-encode embed questions with the model that filled the catalog, in our implementation, so that only the
engines differ. plotseek opens it a second time and is asked as users ask it: it also embeds the translation of a German
question, prefers films that many voted for, and leaves out films that do not fit well (with them, nDCG is the same
within .02).

Prints nDCG@10 with 95 % intervals, and p50 and p99 of the time of a question, its embedding included, for each set of
texts with answers and without a pool. Nothing is downloaded or sent. Peers that are not installed are passed over.
"""

import argparse
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from catalog.arrays import Vector, Vectors
from catalog.config import EmbeddingConfig
from catalog.embedding.bundled import bundled_folder
from catalog.embedding.embedder import Embedder
from catalog.embedding.factory import open_remembered, warmed
from catalog.movie import model_text
from catalog.store.snapshot import open_snapshot
from catalog.store.vectors.sample import known_vectors
from query.evaluation.datasets import QuerySet, read_sets, sampled, within
from query.evaluation.runner import Answer, Ask, Ranker, SetResult, evaluate
from query.serving.local import LocalCatalog

Engine = Callable[[str], Sequence[str]]
"""From a question to the ids of ten films, best first."""

Embed = Callable[[str], Vector]

_TEMPLATE = "{title} {plot}"
_LIMIT = 10
_ROWS = 5000
"""Films that Chroma takes in one call."""
_MISSING = "is not installed: pip install -c constraints.txt -e '.[peers]'"
_QUIET = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "ANONYMIZED_TELEMETRY": "False"}


@dataclass(frozen=True, slots=True)
class Given:
    """What every engine is given; row i of all belongs to one film."""

    store: Path
    ids: Sequence[str]
    texts: Sequence[str]
    vectors: Vectors
    embed: Embed


def main() -> None:
    options = _options()
    os.environ.update(_QUIET)  # read when the peers are imported, which is later
    given = given_by(options.store)
    sets = judged_sets(options.judgments, given.ids, options.queries)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # some peers still hold their files
        engines = dict(built(options.only or _ENGINES, given, Path(folder)))
        if not engines:
            sys.exit(1)
        outcomes = measured(sets, engines)
    print_table("nDCG@10 [95 %]", outcomes, _quality)
    print_table("p50 / p99 ms", outcomes, _milliseconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("judgments", type=Path)
    parser.add_argument("--queries", type=int, help="at most so many questions of each set")
    parser.add_argument("--only", nargs="+", choices=_ENGINES, metavar="ENGINE", help=", ".join(_ENGINES))
    return parser.parse_args()


def given_by(store: Path) -> Given:
    """All that is read of the catalog, for the peers."""
    ids, texts = zip(*films_of(store), strict=True)
    return Given(store, ids, texts, vectors_of(store), embedder_of(store).embed_query)


def films_of(store: Path) -> Iterator[tuple[str, str]]:
    """Id and text of every film."""
    with closing(open_snapshot(store)) as snapshot:
        for entries in snapshot.movies.entries():
            yield from ((entry.movie.id, model_text(entry.movie, _TEMPLATE)) for entry in entries)


def vectors_of(store: Path) -> Vectors:
    """The vectors, shape (films, d), of the films in the order of `films_of`."""
    with closing(open_snapshot(store)) as snapshot:
        rows = [entry.row for entries in snapshot.movies.entries() for entry in entries]
        return np.array(snapshot.vectors[rows])


def embedder_of(store: Path) -> Embedder:
    """The model that made them."""
    with closing(open_snapshot(store)) as snapshot:
        embedder = open_remembered(EmbeddingConfig(), snapshot.info.model, lambda: known_vectors(snapshot))
    return warmed(embedder)


def judged_sets(judgments: Path, films: Collection[str], queries: int | None) -> list[QuerySet]:
    """The sets of texts that have answers among all films."""
    held = frozenset(films)
    found = [within(judged, held) for judged in read_sets([judgments])]
    if queries:
        found = [sampled(judged, queries) for judged in found]
    sets = [judged for judged in found if isinstance(judged, QuerySet)]
    return [judged for judged in sets if judged.has_answers and judged.pool is None and not judged.recommend]


def built(names: Iterable[str], given: Given, folder: Path) -> Iterator[tuple[str, Engine]]:
    """The engines that are installed, by name."""
    for name in names:
        package, build = _ENGINES[name]
        if find_spec(package) is None:
            print(f"{name} is passed over: {package} {_MISSING}", file=sys.stderr)
            continue
        start = perf_counter()
        yield name, build(given, folder / package)
        print(f"{name} is ready after {perf_counter() - start:.0f} s", file=sys.stderr)


def plotseek(given: Given, _: Path) -> Engine:
    """The catalog as it is."""
    films = LocalCatalog(given.store)
    return lambda text: [hit.movie.id for hit in films.search(text, limit=_LIMIT).hits]


def chroma(given: Given, folder: Path) -> Engine:
    """The plain script; a collection that another engine filled is used again."""
    import chromadb

    films = chromadb.PersistentClient(str(folder)).get_or_create_collection(
        "films", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
    )
    for start in range(films.count(), len(given.ids), _ROWS):
        rows = slice(start, start + _ROWS)
        films.add(list(given.ids[rows]), given.vectors[rows], documents=list(given.texts[rows]))
    return lambda text: films.query(query_embeddings=given.embed(text)[None], n_results=_LIMIT)["ids"][0]


def chroma_encode(given: Given, folder: Path) -> Engine:
    """The plain script with the library that plain scripts use."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(bundled_folder()), device="cpu", local_files_only=True)

    def encode(text: str) -> Vector:
        return np.asarray(model.encode(text, normalize_embeddings=True), dtype=np.float32)

    return chroma(replace(given, embed=encode), folder)


def txtai(given: Given, _: Path) -> Engine:
    """Its index knows one function for the texts of films and of questions alike."""
    from txtai import Embeddings

    known = dict(zip(given.texts, given.vectors, strict=True))

    def transform(texts: Sequence[str]) -> Vectors:
        return np.stack([known[text] if text in known else given.embed(text) for text in texts])

    films = Embeddings(method="external", transform=transform, hybrid=True)
    films.index(zip(given.ids, given.texts, repeat(None), strict=False))
    known.clear()  # A question that is some film's whole text is embedded like any other.
    return lambda text: [identity for identity, _ in films.search(text, _LIMIT)]


def lancedb(given: Given, folder: Path) -> Engine:
    """Its IVF_FLAT, as it comes, reads all of so few vectors.

    Without an index over them a question took 97 ms instead of 12 and found the same films; its default of that index,
    IVF_PQ, found half of the nearest films, HNSW_SQ four fifths.
    """
    import lancedb
    import pyarrow as pa
    from lancedb.index import FTS, IvfFlat

    vectors = pa.FixedSizeListArray.from_arrays(pa.array(given.vectors.ravel()), given.vectors.shape[1])
    rows = pa.table({"id": list(given.ids), "text": list(given.texts), "vector": vectors})
    films = lancedb.connect(folder).create_table("films", rows)
    films.create_index("text", config=FTS())
    films.create_index("vector", config=IvfFlat(distance_type="cosine"))

    def search(text: str) -> list[str]:
        query: Any = films.search(query_type="hybrid")  # declared as what every kind of query can do
        found = query.vector(given.embed(text)).text(text).distance_type("cosine").limit(_LIMIT).to_arrow()
        ids: list[str] = found["id"].to_pylist()
        return ids

    return search


_ENGINES: dict[str, tuple[str, Callable[[Given, Path], Engine]]] = {
    "plotseek": ("query", plotseek),
    "chroma": ("chromadb", chroma),
    "chroma-encode": ("chromadb", chroma_encode),
    "txtai": ("txtai", txtai),
    "lancedb": ("lancedb", lancedb),
}
"""By name: the package that it needs, and what builds it in a folder."""


def measured(sets: Sequence[QuerySet], engines: Mapping[str, Engine]) -> dict[str, dict[str, SetResult]]:
    """By set, by engine. All engines answer one set before the next: a slow minute of the machine meets them all."""
    found: dict[str, dict[str, SetResult]] = {}
    for judged in sets:
        print(f"{judged.name}: {len(judged.queries)} questions", file=sys.stderr)
        found[judged.name] = {name: evaluate([judged], Ranker(_ask(engine)))[0] for name, engine in engines.items()}
    return found


def _ask(engine: Engine) -> Ask:
    return lambda question: Answer(engine(question.text), ())


def print_table(what: str, outcomes: Mapping[str, Mapping[str, SetResult]], cell: Callable[[SetResult], str]) -> None:
    """One row a set, one column an engine."""
    names = list(next(iter(outcomes.values()), {}))
    print(f"\n| {what} | questions | {' | '.join(names)} |\n|---|---|{'---|' * len(names)}")
    for judged, found in outcomes.items():
        count = next(iter(found.values())).queries
        print(f"| {judged} | {count} | {' | '.join(map(cell, found.values()))} |")


def _quality(outcome: SetResult) -> str:
    found = outcome.measures["ndcg@10"]
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _milliseconds(outcome: SetResult) -> str:
    median, slow = np.percentile(outcome.seconds, (50, 99)) * 1000
    return f"{median:.1f} / {slow:.1f}"


if __name__ == "__main__":
    main()
