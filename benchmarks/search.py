"""Everything that is promised of search, measured on judged questions, end to end.

    python -m benchmarks.search STORE JUDGMENTS [--queries N] [--titles N] [--latency N] [--only PART ...]

STORE is a catalog of the judged films, JUDGMENTS a folder as `query-evaluate` reads it. Prints, with 95 % intervals:
each set beside its best retriever alone and by halves (questions whose id has an even or odd digest); titles as they
are and with one typing error; filters against exact search; and the time of a search with distinct questions in one
warm process, their embedding included.
"""

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from time import perf_counter

import numpy as np

from catalog.arrays import Vector, Vectors
from catalog.config import EmbeddingConfig, SearchConfig
from catalog.embedding.embedder import Embedded, Embedder
from catalog.embedding.factory import open_remembered, warmed
from catalog.identity import ModelIdentity
from catalog.store.snapshot import Snapshot, open_snapshot
from catalog.store.vectors.sample import known_vectors
from query.evaluation.datasets import PairSet, QuerySet, read_sets, sampled, within
from query.evaluation.metrics import Estimate
from query.evaluation.rankers import single_retrievers, whole_search
from query.evaluation.runner import Ask, Ranker, evaluate
from query.evaluation.title_sets import title_sets
from query.models import SearchRequest
from query.search.pipeline import search

Sets = Sequence[QuerySet | PairSet]

_PARTS = ("sets", "titles", "filters", "latency")
_FILTERED = 200
_WARMING = 20


@dataclass(frozen=True, slots=True)
class Remembering:
    """A model that reads each question once, whichever retriever asks: quality only, never where time is measured."""

    embedder: Embedder
    known: dict[str, Vector] = field(default_factory=dict)

    @property
    def identity(self) -> ModelIdentity:
        return self.embedder.identity

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        return self.embedder.embed_documents(texts)

    def embed_query(self, text: str) -> Vector:
        if text not in self.known:
            self.known[text] = self.embedder.embed_query(text)
        return self.known[text]

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.embed_query(text) for text in texts])


def main() -> None:
    options = _options()
    with closing(open_snapshot(options.store)) as snapshot:
        embedder = warmed(open_remembered(EmbeddingConfig(), snapshot.info.model, lambda: known_vectors(snapshot)))
        films = set(snapshot.movies.ids())
        sets = [within(judged, films) for judged in read_sets([options.judgments])]
        if options.queries:
            sets = [sampled(judged, options.queries) for judged in sets]
        parts = options.only or _PARTS
        if "sets" in parts:
            print_sets(snapshot, Remembering(embedder), sets)
        if "titles" in parts:
            print_titles(snapshot, embedder, options.titles)
        if "filters" in parts:
            print_filters(snapshot, embedder, _texts(sets, _FILTERED))
        if "latency" in parts:
            print_latency(snapshot, embedder, sets, options.latency)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("judgments", type=Path)
    parser.add_argument("--queries", type=int, help="at most so many questions of each set")
    parser.add_argument("--titles", type=int, default=2000)
    parser.add_argument("--latency", type=int, default=200, help="questions of each set whose time is taken")
    parser.add_argument("--only", nargs="*", choices=_PARTS)
    return parser.parse_args()


def print_sets(snapshot: Snapshot, embedder: Embedder, sets: Sets) -> None:
    """nDCG@10, or AUC, of search and of the best retriever; where the halves differ much, so will other questions."""
    whole = _remembered(whole_search(snapshot, embedder, SearchConfig()))
    found = _measured(sets, whole)
    alone = {name: _measured(sets, ranker) for name, ranker in single_retrievers(snapshot, embedder).items()}
    del alone["title"]
    halves = [_measured([_half(judged, odd) for judged in sets], whole) for odd in (False, True)]
    print("\n| set | search | even half | odd half | best retriever alone |\n|---|---|---|---|---|")
    for name, estimate in found.items():
        values = [(measured[name].value, which) for which, measured in alone.items() if name in measured]
        value, best = max(values, default=(0.0, ""))
        cells = [f"{half[name].value:.3f}" if name in half else "" for half in halves]
        print(f"| {name} | {_interval(estimate)} | {' | '.join(cells)} | {best} {value:.3f} |", flush=True)


def _remembered(ranker: Ranker) -> Ranker:
    """Asks each question once: the halves are parts of the whole."""

    def once(ask: Ask | None) -> Ask | None:
        return None if ask is None else cache(ask)

    return Ranker(cache(ranker.search), once(ranker.recommend), once(ranker.rate))


def _measured(sets: Sets, ranker: Ranker) -> dict[str, Estimate]:
    """The measure of each set: nDCG@10 of rankings, AUC of what is told apart."""
    return {
        outcome.name: outcome.measures["auc" if "auc" in outcome.measures else "ndcg@10"]
        for outcome in evaluate(sets, ranker)
        if outcome.measures
    }


def _half(judged: QuerySet | PairSet, odd: bool) -> QuerySet | PairSet:
    if isinstance(judged, PairSet):
        return replace(judged, pairs=tuple(pair for pair in judged.pairs if _is_odd(pair[0]) == odd))
    kept = [query for query in judged.queries if _is_odd(query) == odd]
    queries = {query: judged.queries[query] for query in kept}
    relevant = {query: judged.relevant[query] for query in kept if query in judged.relevant}
    return replace(judged, queries=queries, relevant=relevant)


def _is_odd(identity: str) -> bool:
    return bool(hashlib.blake2b(identity.encode(), digest_size=1).digest()[0] & 1)


def print_titles(snapshot: Snapshot, embedder: Embedder, count: int) -> None:
    """The whole search, not the retriever, with titles that one film has."""
    movies = [(entry.movie.id, entry.movie.title) for part in snapshot.movies.entries() for entry in part]
    sets = title_sets([identity for identity, _ in movies], [title for _, title in movies], count)
    print(f"\n| {count} titles | success@1 |\n|---|---|")
    for outcome in evaluate(sets, whole_search(snapshot, embedder, SearchConfig())):
        print(f"| {outcome.name} | {_interval(outcome.measures['success@1'])} |")


def print_filters(snapshot: Snapshot, embedder: Embedder, texts: Sequence[str]) -> None:
    """Films by votes, so that each filter keeps its share; beside similarity computed for every film."""
    print("\n| films that the filter keeps | recall@10 beside exact search |\n|---|---|")
    rows = np.array(sorted(snapshot.movies.rows_of(snapshot.movies.ids()).values()))
    known = snapshot.movies.numbers_at("votes", rows.tolist())
    votes = np.array([known[row] or 0 for row in rows.tolist()])
    for share in (0.01, 0.1, 0.5):
        least = int(np.quantile(votes, 1 - share))
        kept = rows[votes >= least]
        recall = np.mean([_recall(snapshot, embedder, text, f"votes>={least}", kept) for text in texts])
        print(f"| {len(kept) / snapshot.info.films:.1%} | {recall:.4f} |")


def _recall(snapshot: Snapshot, embedder: Embedder, text: str, wanted: str, kept: np.ndarray) -> float:
    request = SearchRequest(text, filter=wanted, plain=True)
    found = {hit.movie.id for hit in search(request, snapshot, embedder, SearchConfig()).hits}
    exact = np.asarray(snapshot.vectors[kept] @ embedder.embed_query(text))
    best = set(snapshot.movies.ids_at(kept[np.argsort(-exact, kind="stable")[:10]].tolist()).values())
    return len(found & best) / len(best)


def print_latency(snapshot: Snapshot, embedder: Embedder, sets: Sets, count: int) -> None:
    """Ten results of a search with all retrievers; every question is asked once."""
    texts = {judged.name: _texts([judged], count + _WARMING) for judged in sets if _asks_texts(judged)}
    for text in [text for known in texts.values() for text in known[:_WARMING]]:
        search(SearchRequest(text), snapshot, embedder, SearchConfig())
    took = {name: _seconds(snapshot, embedder, known[_WARMING:]) for name, known in texts.items()}
    took["all"] = np.concatenate(list(took.values()))
    print("\n| search, ten results | questions | p50 ms | p99 ms |\n|---|---|---|---|")
    for name, seconds in took.items():
        if len(seconds):
            median, slow = np.percentile(seconds, (50, 99)) * 1000
            print(f"| {name} | {len(seconds)} | {median:.1f} | {slow:.1f} |")


def _seconds(snapshot: Snapshot, embedder: Embedder, texts: Sequence[str]) -> np.ndarray:
    seconds = []
    for text in texts:
        start = perf_counter()
        search(SearchRequest(text), snapshot, embedder, SearchConfig())
        seconds.append(perf_counter() - start)
    return np.array(seconds)


def _asks_texts(judged: QuerySet | PairSet) -> bool:
    return isinstance(judged, QuerySet) and not judged.recommend


def _texts(sets: Sets, count: int) -> list[str]:
    """Different questions, as many from each set."""
    asked: list[Iterator[str]] = [
        iter(judged.queries.values()) for judged in sets if isinstance(judged, QuerySet) and not judged.recommend
    ]
    found: dict[str, None] = {}
    while asked and len(found) < count:
        for texts in list(asked):
            text = next(texts, None)
            if text is None:
                asked.remove(texts)
            else:
                found[text] = None
    return list(found)[:count]


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


if __name__ == "__main__":
    main()
