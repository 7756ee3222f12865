"""Answers in which nothing is scored: movies that a filter keeps, in an order, and cosine similarity alone."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

import numpy as np

from catalog.arrays import Vector
from catalog.embedding.embedder import Embedder
from catalog.errors import UsageError
from catalog.store.columns.conditions import Filter, Numbers, Range, Tagged, WithId
from catalog.store.lexical.fields import LISTS, NUMBERS, folded
from catalog.store.lexical.index import LexicalIndex
from catalog.store.snapshot import Snapshot
from query.filters import stated_conditions
from query.models import NONE_PASSES
from query.search.rerank import Ranking, Rows
from query.search.retrievers import EXACT, cosines, nearest_told
from query.search.scoring import Question
from query.search.wishes import wished

#: By what movies can be sorted besides relevance; "-" before it for descending.
SORTS = (*NUMBERS, "title")

MOST_PLAIN = 1000
"""Movies that a plain search can give."""
_POOL = 200
"""Movies among which those come first that are chiefly from where they are wished from."""
_WALK = 2000
"""Movies looked at in one step through the titles."""
_BY_PRIOR = ("votes", "rating", "year")
_EVERY = Range(float("-inf"), float("inf"))


def check_sort(sort: str) -> str:
    """Return it, or raise UsageError."""
    if sort != "relevance" and sort.removeprefix("-") not in SORTS:
        allowed = f"allowed are relevance, {', '.join(SORTS)}, and '-' before one"
        raise UsageError(f"sort: unknown field {sort!r}; {_meant(sort)}{allowed}")
    return sort


def _meant(sort: str) -> str:
    """What to write for a slip, and for what is written as elsewhere: `year:desc`."""
    name, *direction = re.split(r"[:\s,]+", sort.lower().removeprefix("-"), maxsplit=1)
    near = get_close_matches(name, SORTS, 1)
    minus = "-" if sort.startswith("-") or direction == ["desc"] else ""
    return f"did you mean '{minus}{near[0]}'? " if near else ""


def missing_for(sort: str, snapshot: Snapshot, rows: Rows) -> str | None:
    """The number by which movies were sorted, shape (movies,), although none has it: unknown ones come last."""
    name = sort.removeprefix("-")
    if name not in NUMBERS or not len(rows):
        return None
    first = int(rows[0])
    return name if snapshot.movies.numbers_at(name, [first])[first] is None else None


def list_rows(snapshot: Snapshot, keep: Filter, sort: str, end: int) -> list[int]:
    """Rows of the first `end` movies that pass a filter; "relevance" is by votes, without any by rating, then by year.

    Unknown values come last either way.
    """
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    if name == "title":
        return _by_title(snapshot, keep, end, descending=descending)
    found: list[int] = []
    for by in _BY_PRIOR if name == "relevance" else (name,):
        known = Filter((*keep.conditions, Numbers(by, (_EVERY,))))
        falling = descending or name == "relevance"
        found += snapshot.lexical.ordered(known, by, end - len(found), descending=falling)
        if len(found) >= end:
            return found[:end]
        keep = Filter((*keep.conditions, Numbers(by, (_EVERY,), negated=True)))
    found += snapshot.lexical.ordered(keep, "row", end - len(found), descending=False)
    return found[:end]


def rank_list(question: Question, snapshot: Snapshot) -> Ranking:
    """What passes a filter, as far as the page."""
    request, excluded = question.request, question.excluded
    end = request.offset + (request.limit or 0) + len(excluded)
    origins = _origins(question) if request.sort == "relevance" else []
    found = list_rows(snapshot, question.keep, request.sort, max(end, _POOL) if origins else end)
    if origins:
        found = _chiefly_from(origins, snapshot, found[:_POOL]) + found[_POOL:]
    rows = np.array(found, dtype=np.int64)
    kept = rows[~np.isin(rows, excluded)]
    total = snapshot.lexical.count(without_excluded(question, snapshot))
    ones = np.ones(len(kept), dtype=np.float32)
    return Ranking(kept, None, ones, total, complete=True)


def _origins(question: Question) -> list[Tagged]:
    """The countries and languages that the text wishes."""
    return [
        each
        for each in wished(question.reading.constraints)
        if isinstance(each, Tagged) and each.field in ("country", "language")
    ]


def _chiefly_from(origins: Sequence[Tagged], snapshot: Snapshot, rows: list[int]) -> list[int]:
    """Movies that are wished from somewhere, those first that are from there in the first place.

    Catalogs name the chief country and language of a movie first, and behind them whoever paid, or says a word in it.
    """
    movies = snapshot.movies.at(rows)

    def strange(row: int) -> int:
        chief = [getattr(movies[row], LISTS[each.field])[0] for each in origins]
        return sum(folded(value) not in each.folded for value, each in zip(chief, origins, strict=True))

    return sorted(rows, key=strange)


def without_excluded(question: Question, snapshot: Snapshot) -> Filter:
    """The question's filter, which also leaves out what must not be in the answer."""
    ids = tuple(snapshot.movies.ids_at(question.excluded.tolist()).values())
    return Filter((*question.keep.conditions, WithId(ids, negated=True))) if ids else question.keep


def why_none_passes(text: str, lexical: LexicalIndex) -> str | None:
    """Which condition of a filter leaves no movie of the catalog; None where some movie passes."""
    stated = stated_conditions(text)
    for place, last in enumerate(stated):
        if not lexical.count(Filter(tuple(part.condition for part in stated[: place + 1]))):
            before = " ".join(part.text for part in stated[:place])
            return f"{NONE_PASSES}{last.text}" + (f" of those that pass {before}" if before else "")
    return None


def rank_plain(question: Question, snapshot: Snapshot, embedder: Embedder) -> Ranking:
    """By cosine similarity to the words, or to the movie, alone."""
    request = question.request
    liked = question.taste.likes
    whole = bool(liked and liked[0].movie)
    vector = liked[0].vector if whole else embedder.embed_query(request.text or request.likes[0])
    return rank_near(question, snapshot, vector, whole=whole)


def rank_near(question: Question, snapshot: Snapshot, vector: Vector, *, whole: bool = False) -> Ranking:
    """Near a vector, shape (d,), alone: Chroma's own answer, but among few movies that pass a filter.

    By the nearest passage of a movie, unless it is to be alike as a `whole`.
    """
    passing = snapshot.lexical.count(question.keep)
    if question.keep and passing <= EXACT:
        rows = snapshot.lexical.rows(question.keep, passing)
    else:
        share = passing / max(snapshot.lexical.movies, 1)
        # As deep for every page: of equally near movies Chroma chooses others at another depth.
        wanted = MOST_PLAIN + len(question.excluded)
        near = snapshot.index.nearest(vector, int(wanted / max(share, 1e-6)) + 1, whole=whole)
        rows = snapshot.lexical.score({}, [neighbour.id for neighbour in near], keep=question.keep).rows
    rows = rows[~np.isin(rows, question.excluded)]
    near_to = cosines(snapshot, rows, vector[None])[:, 0] if whole else nearest_told(snapshot, rows, vector)
    order = np.lexsort((rows, -near_to))[:MOST_PLAIN]
    total = snapshot.lexical.count(without_excluded(question, snapshot))
    return Ranking(rows[order], near_to[order], np.ones(len(order), dtype=np.float32), total, complete=True)


def sort_rows(snapshot: Snapshot, rows: Sequence[int], sort: str) -> list[int]:
    """Some movies ordered by a field; equal ones stay as they are, unknown values come last either way."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    if name == "title":
        titles = snapshot.movies.titles_at(rows)
        return sorted(rows, key=lambda row: titles[row], reverse=descending)
    values = snapshot.movies.numbers_at(name, rows)
    known = [(value, row) for row in rows if (value := values[row]) is not None]
    ordered = sorted(known, key=lambda pair: -pair[0] if descending else pair[0])
    return [row for _, row in ordered] + [row for row in rows if values[row] is None]


def _by_title(snapshot: Snapshot, keep: Filter, end: int, *, descending: bool) -> list[int]:
    found: list[int] = []
    for part in _titles(snapshot, descending=descending):
        passing = set(part)
        if keep:
            ids = tuple(snapshot.movies.ids_at(part).values())
            passing = set(snapshot.lexical.rows(Filter((*keep.conditions, WithId(ids))), len(ids)).tolist())
        found += [row for row in part if row in passing]
        if len(found) >= end:
            break
    return found[:end]


def _titles(snapshot: Snapshot, *, descending: bool) -> Iterator[list[int]]:
    after: tuple[str, int] | None = None
    while part := snapshot.movies.by_title(after, _WALK, descending=descending):
        yield [row for _, row in part]
        after = part[-1]
