"""German questions to a model that reads them as well as English ones, where no such model is at hand.

    python -m benchmarks.multilingual STORE JUDGMENTS

STORE is a catalog of the judged films with the bundled model, JUDGMENTS a folder as `query-evaluate` reads it. The
stand-in is the bundled model, called by another name, that reads an English text for each German one: of handmade-de
its twin of handmade-en, of blurb-de what paraphrase-en says about the same film, where it says something. Prints
nDCG@10 with 95 % intervals: its dense retriever alone, all retrievers with it, and all with the bundled model as it is.
"""

import argparse
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from catalog.arrays import Vector, Vectors
from catalog.config import EmbeddingConfig, SearchConfig
from catalog.embedding.embedder import Embedded, Embedder
from catalog.embedding.factory import open_remembered
from catalog.identity import ModelIdentity
from catalog.store.snapshot import open_snapshot
from catalog.store.vectors.sample import known_vectors
from query.evaluation.datasets import QuerySet, read_sets, within
from query.evaluation.rankers import single_retrievers, whole_search
from query.evaluation.runner import Ranker, evaluate

_TWINS = {"handmade-de": "handmade-en", "blurb-de": "paraphrase-en"}


@dataclass(frozen=True, slots=True)
class StandIn:
    """Reads the English twin of a German text."""

    embedder: Embedder
    identity: ModelIdentity
    twins: Mapping[str, str]

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        return self.embedder.embed_documents(texts)

    def embed_query(self, text: str) -> Vector:
        return self.embedder.embed_query(self.twins[text])

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.embed_query(text) for text in texts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("judgments", type=Path)
    options = parser.parse_args()
    with closing(open_snapshot(options.store)) as snapshot:
        films = set(snapshot.movies.ids())
        embedder = open_remembered(EmbeddingConfig(), snapshot.info.model, lambda: known_vectors(snapshot))
        read = (within(judged, films) for judged in read_sets([options.judgments]))
        sets = {judged.name: judged for judged in read if isinstance(judged, QuerySet)}
        twins = {german: twins_of(sets[german], sets[english]) for german, english in _TWINS.items()}
        asked = [only(sets[german], found) for german, found in twins.items()]
        report("bundled model, all", whole_search(snapshot, embedder, SearchConfig()), asked)
        stranger = replace(snapshot.info.model, name="multilingual")
        snapshot.info = replace(snapshot.info, model=stranger)
        stand_in = StandIn(embedder, stranger, {text: twin for found in twins.values() for text, twin in found.items()})
        report("stand-in, dense alone", single_retrievers(snapshot, stand_in)["dense"], asked)
        report("stand-in, all", whole_search(snapshot, stand_in, SearchConfig()), asked)


def twins_of(german: QuerySet, english: QuerySet) -> dict[str, str]:
    """For each German text that has one, the English text about the same films."""
    about = {frozenset(films): english.queries[query] for query, films in english.relevant.items()}
    return {
        text: about[films]
        for query, text in german.queries.items()
        if (films := frozenset(german.relevant[query])) in about
    }


def only(judged: QuerySet, texts: Mapping[str, str]) -> QuerySet:
    """What of a set asks one of these texts."""
    queries = {query: text for query, text in judged.queries.items() if text in texts}
    return replace(judged, queries=queries, relevant={query: judged.relevant[query] for query in queries})


def report(name: str, ranker: Ranker, sets: Sequence[QuerySet]) -> None:
    """One line."""
    cells = []
    for outcome in evaluate(sets, ranker):
        found = outcome.measures["ndcg@10"]
        cells.append(f"{outcome.name} ({outcome.queries}) {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]")
    print(f"{name:26}", ", ".join(cells), flush=True)


if __name__ == "__main__":
    main()
