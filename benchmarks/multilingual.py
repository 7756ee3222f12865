"""German questions to a model that reads them as well as English ones, and English questions about German plots.

    python -m benchmarks.multilingual STORE JUDGMENTS [--plots FILE --copy FOLDER [--films N] [--beside]]

STORE is a catalog of the judged films with the bundled model, JUDGMENTS a folder as `query-evaluate` reads it. The
stand-in is the bundled model, called by another name, that reads an English text for each German one: of handmade-de
its twin of handmade-en, of blurb-de what paraphrase-en says about the same film, where it says something. Prints
nDCG@10 with 95 % intervals: its dense retriever alone, all retrievers with it, and all with the bundled model as it is.

With `--plots`, FILE being the catalogue of STORE (its first N films), which may have any model: those films of which
blurb-de has a German text get that as their only plot, or `--beside` their own, in a catalog in FOLDER with the vectors
of STORE; each is asked for by the first sentence of its own plot. Prints how many are among the first ten, with votes
and without.
"""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from catalog.arrays import Vector, Vectors
from catalog.config import EmbeddingConfig, SearchConfig, load_config
from catalog.embedding.embedder import Embedded, Embedder
from catalog.embedding.factory import open_remembered
from catalog.identity import ModelIdentity
from catalog.store.snapshot import open_snapshot
from catalog.store.vectors.sample import known_vectors
from catalog.text.passages import sentences
from ingest.run import Request, run
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
    parser.add_argument("--plots", type=Path)
    parser.add_argument("--copy", type=Path)
    parser.add_argument("--films", type=int)
    parser.add_argument("--beside", action="store_true")
    options = parser.parse_args()
    if options.plots:
        german_plots(options)
    else:
        german_questions(options)


def german_questions(options: argparse.Namespace) -> None:
    """A line for each retriever, or all."""
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


def german_plots(options: argparse.Namespace) -> None:
    """A line with votes, and one without."""
    blurbs = next(each for each in read_sets([options.judgments]) if each.name == "blurb-de")
    assert isinstance(blurbs, QuerySet)
    german = {film: blurbs.queries[query] for query, films in blurbs.relevant.items() for film in films}
    rows = json.loads(options.plots.read_text(encoding="utf-8"))[: options.films]
    asked = {str(row["id"]): sentences(row["plot"])[0] for row in rows if str(row["id"]) in german}
    for row in rows:
        if str(row["id"]) in asked:
            row["plot_de" if options.beside else "plot"] = german[str(row["id"])]
    store = refilled(options.store, rows, options.copy)
    judged = QuerySet("first sentences", asked, {film: {film: 1} for film in asked})
    with closing(open_snapshot(store)) as snapshot:
        embedder = open_remembered(EmbeddingConfig(), snapshot.info.model, lambda: known_vectors(snapshot))
        for popularity in (1.0, 0.0):
            ranker = whole_search(snapshot, embedder, SearchConfig(popularity=popularity))
            report(f"popularity {popularity:.0f}, in the first ten", ranker, [judged], "recall@10")


def refilled(store: Path, rows: Sequence[Mapping[str, object]], folder: Path) -> Path:
    """A catalog of these rows, with the model and the vectors of another one."""
    copy = folder / "store"
    copy.mkdir(parents=True)
    shutil.copyfile(store / "vectors.sqlite3", copy / "vectors.sqlite3")
    file = folder / "films.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    with closing(open_snapshot(store)) as snapshot:
        model = snapshot.info.model.name
    config = load_config(None, {"PLOTSEEK_STORE_PATH": str(copy), "PLOTSEEK_EMBEDDING_MODEL": model})
    made = run(config, Request(str(file)))
    print(f"{copy}: {made.films} films, {made.embedded} texts embedded by {model}", flush=True)
    return copy


def report(name: str, ranker: Ranker, sets: Sequence[QuerySet], measure: str = "ndcg@10") -> None:
    """One line."""
    cells = []
    for outcome in evaluate(sets, ranker):
        found = outcome.measures[measure]
        cells.append(f"{outcome.name} ({outcome.queries}) {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]")
    print(f"{name:26}", ", ".join(cells), flush=True)


if __name__ == "__main__":
    main()
