"""The `query-evaluate` command: reads judgments, asks, prints tables."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from catalog.config import Config
from catalog.errors import UsageError
from catalog.extras import require
from catalog.terminal import one_line_errors, say, settings, show

if TYPE_CHECKING:
    from query.evaluation.datasets import PairSet, QuerySet
    from query.evaluation.regression import Regression
    from query.evaluation.runner import JudgedQuery, Ranker, SetResult

#: Results by set, by what was evaluated: "search", and each retriever alone.
Results = Mapping[str, Mapping[str, Mapping[str, float]]]

_SEARCH = "search"
_MEASURES = ("ndcg@10", "recall@10", "recall@100", "mrr", "success@1")
_SPEEDS = (
    ("queries", "queries", 0),
    ("queries_per_second", "per s", 0),
    ("p50_ms", "p50 ms", 1),
    ("p99_ms", "p99 ms", 1),
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What shall be measured, and how it is shown."""

    folders: tuple[Path, ...]
    compare: str | None
    """"retrievers": each of them alone, too."""
    queries: int | None
    titles: int | None
    baseline: Path | None
    literal: bool
    as_json: bool


@click.command()
@click.argument("folders", nargs=-1, metavar="FOLDER...", type=click.Path(path_type=Path))
@click.option("--compare", type=click.Choice(["retrievers"]), help="Also evaluate each retriever alone.")
@click.option("--queries", type=click.IntRange(1), metavar="N", help="At most N queries of each set, always the same.")
@click.option("--titles", type=click.IntRange(1), metavar="N", help="Also N titles, exact and with one typing error.")
@click.option("--baseline", type=click.Path(path_type=Path), help="An earlier --json; a regression is exit code 1.")
@click.option("--literal", is_flag=True, help="Read no conditions out of the questions.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--config", type=click.Path(path_type=Path), help="Another settings file than config.yaml.")
@click.version_option(package_name="plotseek")
def main(config: Path | None, **options: Any) -> None:
    """Measure search and recommendations against judged queries, over the catalog.

    FOLDER is a set in BEIR layout (queries.jsonl and qrels.tsv), a parent of such folders, or a file of
    judged pairs. Every measure comes with its 95 % confidence interval; times are for 100 results.

    \b
    query-evaluate judgments --compare retrievers
    query-evaluate judgments --json > before.json
    query-evaluate judgments --baseline before.json
    """
    with one_line_errors("query-evaluate"):
        wanted = Evaluation(**options)
        if not wanted.folders and wanted.titles is None:
            raise UsageError("say what to evaluate: a FOLDER with judgments, or --titles N (see query-evaluate --help)")
        # Said before anything is asked: the measures come last.
        require("evaluate", "query-evaluate")
        if not _run(settings(config), wanted):
            sys.exit(1)


def _run(config: Config, wanted: Evaluation) -> bool:
    """Whether nothing fell below the baseline."""
    from catalog.embedding.factory import open_remembered, warmed
    from catalog.store.chroma.server import configured_server
    from catalog.store.snapshot import open_snapshot
    from catalog.store.vectors.sample import known_vectors
    from query.evaluation.datasets import read_sets
    from query.evaluation.rankers import single_retrievers, whole_search
    from query.evaluation.regression import read_baseline
    from query.evaluation.title_sets import title_sets

    sets = read_sets(wanted.folders)
    before = read_baseline(wanted.baseline) if wanted.baseline else {}
    with closing(open_snapshot(config.store.path, configured_server(config.store))) as snapshot:
        embedder = warmed(open_remembered(config.embedding, snapshot.info.model, lambda: known_vectors(snapshot)))
        sets = _prepare(sets, frozenset(snapshot.movies.ids()), wanted.queries)
        if wanted.titles is not None:
            movies = [entry.movie for part in snapshot.movies.entries() for entry in part]
            sets += title_sets([movie.id for movie in movies], [movie.title for movie in movies], wanted.titles)
        rankers = {_SEARCH: whole_search(snapshot, embedder, config.search, literal=wanted.literal)}
        if wanted.compare:
            rankers |= single_retrievers(snapshot, embedder)
        results = {name: _evaluate(name, ranker, sets) for name, ranker in rankers.items()}
    show(_as_json(results) if wanted.as_json else _as_text(results))
    return _compare(results, before)


def _prepare(
    sets: "Sequence[QuerySet | PairSet]", films: frozenset[str], queries: int | None
) -> "list[QuerySet | PairSet]":
    from query.evaluation.datasets import sampled, within

    held = [within(judged, films) for judged in sets]
    return held if queries is None else [sampled(judged, queries) for judged in held]


def _evaluate(name: str, ranker: "Ranker", sets: "Sequence[QuerySet | PairSet]") -> dict[str, dict[str, float]]:
    from query.evaluation.runner import evaluate

    def watch(set_name: str, questions: "Sequence[JudgedQuery]") -> "Iterable[JudgedQuery]":
        return _watch(f"{name}: {set_name}", questions)

    outcomes = evaluate(sets, ranker, watch)
    if name == _SEARCH:
        _say_notes(outcomes)
    return {outcome.name: outcome.to_dict() for outcome in outcomes}


def _watch(name: str, questions: "Sequence[JudgedQuery]") -> "Iterable[JudgedQuery]":
    """A bar on a terminal, a line elsewhere."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        return tqdm(questions, desc=name, unit="query", leave=False)
    say(f"{name}: {len(questions)} questions ...")
    return questions


def _say_notes(outcomes: "Sequence[SetResult]") -> None:
    for outcome in outcomes:
        for note in outcome.notes:
            say(f"{outcome.name}: {note}")


def _compare(results: Results, before: Mapping[str, Mapping[str, float]]) -> bool:
    """Say what fell below a retriever alone, and below the baseline; whether the latter is nothing."""
    from query.evaluation.regression import not_compared, regressions

    now = results[_SEARCH]
    for retriever in results:
        for found in regressions(results[retriever], now):
            say(_line(found, f"{retriever} alone", "less in all of search"))
    for line in not_compared(before, now):
        say(line)
    worse = regressions(before, now)
    for found in worse:
        say(_line(found, "before", "regression"))
    return not worse


def _line(found: "Regression", which: str, kind: str) -> str:
    return (
        f"{kind}: {found.set_name} {found.measure} is {found.now:.3f},"
        f" below the interval of {which} ({found.before:.3f}, from {found.low:.3f})"
    )


def _as_json(results: Results) -> str:
    """The sets; with --compare retrievers also "retrievers", what each of them reaches alone."""
    answer: dict[str, object] = {"sets": results[_SEARCH]}
    alone = {name: sets for name, sets in results.items() if name != _SEARCH}
    return json.dumps(answer | ({"retrievers": alone} if alone else {}), ensure_ascii=False)


def _as_text(results: Results) -> str:
    """Rankings, then what is an AUC; a line for each set, or for each ranker in each set."""
    ranked = [name for name, numbers in results[_SEARCH].items() if "auc" not in numbers]
    told_apart = [name for name in results[_SEARCH] if name not in ranked]
    tables = [_table(results, ranked, _MEASURES), _table(results, told_apart, ("auc",))]
    return "\n\n".join(table for table in tables if table)


def _table(results: Results, names: Sequence[str], measures: Sequence[str]) -> str:
    if not names:
        return ""
    rows = [["set", "by", *measures, *(head for _, head, _ in _SPEEDS)]]
    for name in names:
        rows += [[name, by, *_cells(sets[name], measures)] for by, sets in results.items() if name in sets]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _cells(numbers: Mapping[str, float], measures: Sequence[str]) -> list[str]:
    """Each measure as "0.476 (.380-.570)", then the counts and speeds."""
    cells = [_cell(numbers, measure) for measure in measures]
    return cells + [f"{numbers[key]:.{digits}f}" if key in numbers else "" for key, _, digits in _SPEEDS]


def _cell(numbers: Mapping[str, float], measure: str) -> str:
    if measure not in numbers:
        return ""
    low, high = (f"{numbers[f'{measure}_{end}']:.3f}".removeprefix("0") for end in ("low", "high"))
    return f"{numbers[measure]:.3f} ({low}-{high})"
