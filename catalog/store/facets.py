"""How many films of an answer have which genre, decade, rating ...: counts that a filter would confirm."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from catalog.errors import UsageError
from catalog.store.columns import FilmColumns, Ints
from catalog.store.facet import Facet, FacetValue
from catalog.store.records import Records
from catalog.store.tags import LISTS

#: What can be counted: decades of years, whole points of ratings, and lists by value.
FACETS = ("year", "rating", *LISTS)

_TOP_RATING = 9


def count_facets(
    records: Records, columns: FilmColumns, numbers: Ints | None, fields: Sequence[str] = FACETS, limit: int = 20
) -> tuple[Facet, ...]:
    """The facets of the films with these numbers (None: of all), without values that none of them has.

    Raises UsageError for a field that is not one of FACETS.
    """
    for field in fields:
        if field not in FACETS:
            raise UsageError(f"facets: unknown field {field!r}; allowed are {', '.join(FACETS)}")
    keep = None
    if numbers is not None:
        keep = np.zeros(len(columns.ids), dtype=bool)
        keep[numbers] = True
    return tuple(
        _of_list(records, keep, field, limit) if field in LISTS else _of_number(columns, keep, field, limit)
        for field in fields
    )


def _of_list(records: Records, keep: NDArray[np.bool_] | None, field: str, limit: int) -> Facet:
    index = records.tag_index(field)
    counts = index.counts(keep)
    found = np.flatnonzero(counts)
    best = found[np.argsort(-counts[found], kind="stable")][:limit].tolist()
    values = (FacetValue(index.values[place], int(counts[place]), quoted(field, index.values[place])) for place in best)
    return Facet(field, tuple(values), len(found))


def quoted(field: str, value: str) -> str:
    """The filter that asks for a value: genre:"Film Noir"."""
    escaped = value.replace('"', '""')
    return f'{field}:"{escaped}"'


def _of_number(columns: FilmColumns, keep: NDArray[np.bool_] | None, field: str, limit: int) -> Facet:
    values = columns.numbers[field] if keep is None else columns.numbers[field][keep]
    known = values[np.isfinite(values)]
    steps = np.floor(known / 10) * 10 if field == "year" else np.clip(np.floor(known), 0, _TOP_RATING)
    found, counts = np.unique(steps.astype(np.int64), return_counts=True)
    pairs = list(zip(found.tolist(), counts.tolist(), strict=True))[::-1]
    describe = _decade if field == "year" else _points
    return Facet(field, tuple(describe(step, count) for step, count in pairs[:limit]), len(pairs))


def _decade(year: int, count: int) -> FacetValue:
    return FacetValue(f"{year}s", count, f"year:{year}..{year + 9}")


def _points(rating: int, count: int) -> FacetValue:
    """From a whole rating up to the next one; 10 is counted with 9."""
    low = f"rating>={rating}" if rating else ""
    high = f"rating<{rating + 1}" if rating < _TOP_RATING else ""
    return FacetValue(f"{rating}-{rating + 1}", count, f"{low} {high}".strip())
