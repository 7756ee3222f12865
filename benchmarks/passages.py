"""What long stories add to search: the same catalogue without and with synopses, asked the same questions.

    python -m benchmarks.passages FILE SYNOPSES JUDGMENTS --store FOLDER [--sample N]

FILE is a catalogue, SYNOPSES holds JSON lines with `id` and `synopsis` of some of its films, JUDGMENTS is a folder as
`query-evaluate` reads it. Two catalogs are built with the bundled model, `without` and `with` below the store, unless
they are there already; the second has the vectors of the first. Prints, for the questions about the films that have a
synopsis, mean reciprocal rank and success@100 of both with their quotient (of known items both sets together), and for
all other questions nDCG@10 and the difference; with 95 % bootstrap intervals.
"""

import argparse
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.config import EmbeddingConfig, SearchConfig, load_config
from catalog.embedding.factory import open_remembered
from catalog.store.snapshot import open_snapshot
from catalog.store.vectors.sample import known_vectors
from ingest.run import Request, run
from query.evaluation.datasets import QuerySet, read_sets, sampled, within
from query.evaluation.metrics import DEPTH
from query.evaluation.rankers import whole_search
from query.evaluation.runner import JudgedQuery

Values = NDArray[np.float64]
_RESAMPLES = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("synopses", type=Path)
    parser.add_argument("judgments", type=Path)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--sample", type=int, help="At most so many of each set's other questions.")
    parser.add_argument("--popularity", type=float, default=1.0)
    options = parser.parse_args()
    synopses = dict(_synopses(options.synopses))
    stores = _built(options.file, synopses, options.store)
    told, others = _questions(options.judgments, stores[0], synopses.keys(), options.sample)
    settings = SearchConfig(popularity=options.popularity)
    without, told_with = (_ranked(store, [*told, *others], settings) for store in stores)
    print("| questions | | measure | without | with | |\n|---|---|---|---|---|---|")
    known = [judged for judged in told if judged.name.startswith("known-item")]
    for name, sets in {**{judged.name: [judged] for judged in told}, "known-item, both": known}.items():
        for measure in ("mrr", f"success@{DEPTH}"):
            pairs = [_values(sets, found, measure) for found in (without, told_with)]
            print(_row(name, measure, pairs, quotient=True))
    for judged in others:
        pairs = [_values([judged], found, "ndcg@10") for found in (without, told_with)]
        print(_row(f"{judged.name}, others", "ndcg@10", pairs, quotient=False), flush=True)


def _synopses(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield str(row["id"]), row["synopsis"]


def _built(file: Path, synopses: Mapping[str, str], folder: Path) -> list[Path]:
    """The catalogs without and with synopses."""
    without, told = folder / "without", folder / "with"
    if not (without / "CURRENT").exists():
        _ingest(file, without)
    if not (told / "CURRENT").exists():
        told.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(without / "vectors.sqlite3", told / "vectors.sqlite3")
        joined = folder / "with.json"
        rows = json.loads(file.read_text(encoding="utf-8"))
        for row in rows:
            if str(row["id"]) in synopses:
                row["synopsis"] = synopses[str(row["id"])]
        joined.write_text(json.dumps(rows), encoding="utf-8")
        _ingest(joined, told)
    return [without, told]


def _ingest(file: Path, store: Path) -> None:
    config = load_config(None, {"PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": "bundled"})
    report = run(config, Request(str(file)))
    print(f"{store}: {report.films} films, {report.embedded} texts embedded in {report.seconds:.0f} s", flush=True)


def _questions(
    judgments: Path, store: Path, films: Set[str], sample: int | None
) -> tuple[list[QuerySet], list[QuerySet]]:
    """Questions whose answer has a synopsis, and all others; of topics, which have many answers, all are others."""
    with closing(open_snapshot(store)) as snapshot:
        known = set(snapshot.movies.ids())
    told, others = [], []
    for judged in read_sets([judgments]):
        if isinstance(judged, QuerySet) and judged.has_answers and not judged.recommend:
            kept = within(judged, known)
            assert isinstance(kept, QuerySet)
            about = [] if kept.pool else [query for query, found in kept.relevant.items() if found.keys() & films]
            told += [_only(kept, about)] if about else []
            rest = _only(kept, [query for query in kept.relevant if query not in set(about)])
            others.append(rest if sample is None else sampled(rest, sample))
    return told, [judged for judged in others if isinstance(judged, QuerySet)]


def _only(judged: QuerySet, queries: Sequence[str]) -> QuerySet:
    return replace(
        judged,
        queries={query: judged.queries[query] for query in queries},
        relevant={query: judged.relevant[query] for query in queries},
    )


def _ranked(store: Path, sets: Sequence[QuerySet], settings: SearchConfig) -> dict[str, list[str]]:
    """The films found for each question, best first, by its text."""
    with closing(open_snapshot(store)) as snapshot:
        embedder = open_remembered(EmbeddingConfig(), snapshot.info.model, lambda: known_vectors(snapshot))
        ask = whole_search(snapshot, embedder, settings).search
        return {
            text: list(ask(JudgedQuery(text=text, pool=judged.pool)).ids[:DEPTH])
            for judged in sets
            for text in judged.queries.values()
        }


def _values(sets: Sequence[QuerySet], found: Mapping[str, Sequence[str]], measure: str) -> Values:
    """A measure of each question of some sets."""
    return np.array(
        [
            _value(found[text], judged.relevant[query], measure)
            for judged in sets
            for query, text in judged.queries.items()
        ]
    )


def _value(films: Sequence[str], grades: Mapping[str, int], measure: str) -> float:
    ranks = [rank for rank, film in enumerate(films, 1) if grades.get(film, 0) > 0]
    if measure == "mrr":
        return 1.0 / ranks[0] if ranks else 0.0
    if measure == "ndcg@10":
        gained = sum(grades.get(film, 0) / np.log2(rank + 1) for rank, film in enumerate(films[:10], 1))
        best = sum(grade / np.log2(rank + 1) for rank, grade in enumerate(sorted(grades.values())[:-11:-1], 1))
        return float(gained / best)
    return float(bool(ranks))


def _row(name: str, measure: str, pairs: Sequence[Values], *, quotient: bool) -> str:
    """A line of the table: both means, and their quotient or difference with its interval, over the same questions."""
    without, told = pairs
    draws = np.random.default_rng(0).integers(len(without), size=(_RESAMPLES, len(without)))

    def compared(one: Values, other: Values) -> Values:
        return np.asarray(one / np.maximum(other, 1e-9) if quotient else one - other)

    low, high = np.percentile(compared(told[draws].mean(axis=1), without[draws].mean(axis=1)), (2.5, 97.5))
    sign = "x " if quotient else ""
    value = float(compared(told.mean(keepdims=True), without.mean(keepdims=True))[0])
    figures = f"{without.mean():.4f} | {told.mean():.4f} | {sign}{value:.3f} [{low:.3f}, {high:.3f}]"
    return f"| {name} | {len(without)} | {measure} | {figures} |"


if __name__ == "__main__":
    main()
