"""Movies that a filter keeps, in an order: nothing is looked for, so the answer is complete and exact."""

from collections.abc import Iterator, Sequence

from catalog.errors import UsageError
from catalog.store.conditions import Filter, Numbers, Range, WithId
from catalog.store.lexical.fields import NUMBERS
from catalog.store.snapshot import Snapshot

#: By what movies can be sorted besides relevance; "-" before it for descending.
SORTS = (*NUMBERS, "title")

_WALK = 2000
"""Movies looked at in one step through the titles."""
_EVERY = Range(float("-inf"), float("inf"))


def check_sort(sort: str) -> str:
    """Return it, or raise UsageError."""
    if sort != "relevance" and sort.removeprefix("-") not in SORTS:
        raise UsageError(f"sort: unknown field {sort!r}; allowed are relevance, {', '.join(SORTS)}, and '-' before one")
    return sort


def list_rows(snapshot: Snapshot, keep: Filter, sort: str, end: int) -> list[int]:
    """Rows of the first `end` movies that pass a filter; "relevance" is the best known first.

    Unknown values come last either way.
    """
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    if name == "title":
        return _by_title(snapshot, keep, end, descending=descending)
    if name == "relevance":
        name, descending = "votes", True
    known = Filter((*keep.conditions, Numbers(name, (_EVERY,))))
    found = snapshot.lexical.ordered(known, name, end, descending=descending)
    if len(found) < end:
        unknown = Filter((*keep.conditions, Numbers(name, (_EVERY,), negated=True)))
        found += sorted(snapshot.lexical.rows(unknown, end - len(found)).tolist())
    return found[:end]


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
