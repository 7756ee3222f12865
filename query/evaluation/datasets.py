"""Relevance judgments: queries, and the films that people found right for them.

A set is a folder in BEIR layout: `queries.jsonl` with `{"_id", "text"}` a line, and `qrels.tsv` (or
`qrels/test.tsv`) with the header `query-id, corpus-id, score` and whole, possibly graded scores; corpus
ids are ids of the catalog. Without a relevant film at all it is a set of queries that have no answer. Where a
`pool.txt` lists ids, films outside of it are unjudged, not wrong. In a set called `similar-...` a query
is a film, `_id` its id. A file `...pairs.tsv` beside the folders, with the header `movie, candidate,
good`, says by 1 or 0 whether a candidate is a good recommendation.
"""

import json
import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from catalog.errors import JudgmentsError

T = TypeVar("T")

_QUERIES = "queries.jsonl"
_QRELS = ("qrels.tsv", "qrels/test.tsv")
_QRELS_HEADER = ["query-id", "corpus-id", "score"]
_PAIRS_HEADER = ["movie", "candidate", "good"]
_NAMED = 5
"""Ids that a note names."""


@dataclass(frozen=True, slots=True)
class QuerySet:
    """Queries with their relevant films."""

    name: str
    queries: Mapping[str, str]
    """Texts by query id."""
    relevant: Mapping[str, Mapping[str, int]]
    """Grades by film id, by query id; every query has a grade above 0, or none has any."""
    pool: frozenset[str] | None = None
    recommend: bool = False
    """Whether a query is a film, its id the query's, and similar ones are wanted."""
    titles: bool = False
    """Whether the queries are titles; they say nothing about how sure one can be of a description."""
    notes: tuple[str, ...] = ()
    """What was left out, for people."""

    @property
    def has_answers(self) -> bool:
        return bool(self.relevant)


@dataclass(frozen=True, slots=True)
class PairSet:
    """Pairs of a film and a recommendation for it."""

    name: str
    pairs: tuple[tuple[str, str, bool], ...]
    """Film id, candidate id, whether the candidate is a good one."""
    notes: tuple[str, ...] = ()


def read_sets(paths: Sequence[Path]) -> list[QuerySet | PairSet]:
    """The sets at these paths: a set's own folder, a parent of such folders, or a file of pairs.

    Raises JudgmentsError, which names the file and the line.
    """
    sets = [found for path in paths for found in _sets_at(path)]
    seen: set[str] = set()
    for found in sets:
        if found.name in seen:
            raise JudgmentsError(f"two sets are called {found.name!r}; evaluate them one after the other")
        seen.add(found.name)
    return sets


def sampled(judged: QuerySet | PairSet, count: int, seed: int = 0) -> QuerySet | PairSet:
    """At most `count` queries or pairs of a set, in their order; the same seed chooses the same ones."""
    if isinstance(judged, PairSet):
        return replace(judged, pairs=tuple(_some(judged.pairs, count, seed)))
    kept = _some(tuple(judged.queries), count, seed)
    return _only(judged, kept)


def within(judged: QuerySet | PairSet, films: Collection[str]) -> QuerySet | PairSet:
    """What of a set can be asked of a catalog of these films; the rest is counted in the notes.

    A judged film that the catalog does not hold still counts as not found.
    """
    if isinstance(judged, PairSet):
        pairs = tuple(pair for pair in judged.pairs if pair[0] in films and pair[1] in films)
        missing = {film for pair in judged.pairs for film in pair[:2] if film not in films}
        told = f"left out: a film is not in the catalog: {_first(missing)}"
        note = _counted(len(judged.pairs) - len(pairs), "pair", told)
        return replace(judged, pairs=pairs, notes=judged.notes + note)
    missing = {film for grades in judged.relevant.values() for film in grades if film not in films}
    told = f"not in the catalog, and so never found: {_first(missing)}"
    notes = judged.notes + _counted(len(missing), "judged film", told)
    if judged.recommend:
        kept = [identity for identity in judged.queries if identity in films]
        left_out = judged.queries.keys() - set(kept)
        told = f"left out: the film it is about is not in the catalog: {_first(left_out)}"
        notes += _counted(len(left_out), "query", told)
        judged = _only(judged, kept)
    return replace(judged, notes=notes)


def _first(ids: Collection[str]) -> str:
    """Some ids by name: `278, 99 and 3 more`"""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return f"{', '.join(sorted(ids)[:_NAMED])}{more}"


def _counted(count: int, noun: str, what: str) -> tuple[str, ...]:
    """A note, unless there is nothing to note."""
    plural = "queries" if noun == "query" else noun + "s"
    return (f"{count} {noun if count == 1 else plural} {what}",) if count else ()


def _only(judged: QuerySet, kept: Iterable[str]) -> QuerySet:
    queries = {identity: judged.queries[identity] for identity in kept}
    relevant = {identity: judged.relevant[identity] for identity in queries if identity in judged.relevant}
    return replace(judged, queries=queries, relevant=relevant)


def _some(items: Sequence[T], count: int, seed: int) -> list[T]:
    if len(items) <= count:
        return list(items)
    chosen = random.Random(seed).sample(range(len(items)), count)  # noqa: S311
    return [items[index] for index in sorted(chosen)]


def _sets_at(path: Path) -> list[QuerySet | PairSet]:
    if not path.exists():
        raise JudgmentsError(f"{path}: no such file or folder")
    if path.is_file():
        return [_read_pairs(path)]
    if (path / _QUERIES).exists():
        return [_read_queries(path)]
    found: list[QuerySet | PairSet] = [_read_queries(child.parent) for child in sorted(path.glob(f"*/{_QUERIES}"))]
    found += [_read_pairs(child) for child in sorted(path.glob("*pairs.tsv"))]
    if not found:
        raise JudgmentsError(f"{path}: neither it nor a folder in it holds a {_QUERIES}")
    return found


def _read_queries(folder: Path) -> QuerySet:
    name = folder.resolve().name
    texts = dict(_texts(folder / _QUERIES))
    if not texts:
        raise JudgmentsError(f"{folder / _QUERIES}: holds no queries")
    qrels = next((folder / file for file in _QRELS if (folder / file).exists()), None)
    grades = _grades(qrels) if qrels else {}
    relevant = {query: films for query, films in grades.items() if query in texts and max(films.values()) > 0}
    pool = folder / "pool.txt"
    judged = QuerySet(
        name=name,
        queries=texts,
        relevant=relevant,
        pool=frozenset(line for _, line in _lines(pool)) if pool.exists() else None,
        recommend=name.startswith("similar-"),
    )
    unknown = _counted(len(grades.keys() - texts.keys()), "judged query", f"not in {_QUERIES}")
    if not relevant:
        return replace(judged, notes=unknown)
    left_out = _counted(len(texts) - len(relevant), "query", "left out: no film is judged right for it")
    return replace(_only(judged, [query for query in texts if query in relevant]), notes=unknown + left_out)


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    """Id and text of every query."""
    seen: set[str] = set()
    for number, line in _lines(path):
        try:
            row = json.loads(line)
        except ValueError:
            raise JudgmentsError(f"{path}, line {number}: is not JSON") from None
        identity, text = (row.get("_id"), row.get("text")) if isinstance(row, dict) else (None, None)
        if not isinstance(identity, str | int) or not isinstance(text, str) or not text.strip():
            raise JudgmentsError(f'{path}, line {number}: is not {{"_id": ..., "text": ...}}, both with content')
        if str(identity) in seen:
            raise JudgmentsError(f"{path}, line {number}: the _id {str(identity)!r} was seen before")
        seen.add(str(identity))
        yield str(identity), text


def _grades(path: Path) -> dict[str, dict[str, int]]:
    """Grades by film, by query."""
    found: dict[str, dict[str, int]] = {}
    for number, (query, film, grade) in _table(path, _QRELS_HEADER):
        try:
            found.setdefault(query, {})[film] = int(grade)
        except ValueError:
            raise JudgmentsError(f"{path}, line {number}: the score {grade!r} is not a whole number") from None
    return found


def _read_pairs(path: Path) -> PairSet:
    pairs = []
    for number, (movie, candidate, good) in _table(path, _PAIRS_HEADER):
        if good not in {"0", "1"}:
            raise JudgmentsError(f"{path}, line {number}: good is {good!r} instead of 1 or 0")
        pairs.append((movie, candidate, good == "1"))
    if not pairs:
        raise JudgmentsError(f"{path}: holds no pairs")
    return PairSet(path.stem, tuple(pairs))


def _table(path: Path, header: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and fields of a table separated by tabs, or by spaces where a line has no tab."""
    first = True
    for number, line in _lines(path):
        fields = [field.strip() for field in line.split("\t")] if "\t" in line else line.split()
        if first and fields != header:
            raise JudgmentsError(
                f"{path}, line {number}: the header must be {', '.join(header)}, separated by tabs or spaces"
            )
        if len(fields) != len(header) or not all(fields):
            raise JudgmentsError(f"{path}, line {number}: must hold {', '.join(header)}, separated by tabs or spaces")
        if not first:
            yield number, fields
        first = False


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers, from 1, and lines that are not empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].count(b"\n")
        raise JudgmentsError(f"{path}, line {before + 1}: is not UTF-8") from None
    except OSError as error:
        raise JudgmentsError(f"{path}: cannot be read ({error.strerror})") from error
    # Not splitlines(): a text may hold U+2028 and its kin unescaped.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.strip("\r\n ")
