"""How many movies of an answer have which genre, decade, rating ...: counts that a filter would confirm."""

from collections.abc import Mapping, Sequence

from catalog.errors import UsageError
from catalog.store.columns.conditions import Filter
from catalog.store.columns.facet import Facet, FacetValue
from catalog.store.lexical.fields import LISTS
from catalog.store.lexical.index import LexicalIndex
from catalog.store.movies import Movies

#: What can be counted: decades of years, whole points of ratings, and lists by value.
FACETS = ("year", "rating", *LISTS)
SHOWN = 20
"""Values of each, where nothing else is asked."""

_TOP_RATING = 9


def count_facets(
    lexical: LexicalIndex, movies: Movies, keep: Filter, fields: Sequence[str] = FACETS, limit: int = SHOWN
) -> tuple[Facet, ...]:
    """The facets of the movies that pass a filter, without values that none of them has.

    Raises UsageError for a field that is not one of FACETS.
    """
    for field in fields:
        if field not in FACETS:
            raise UsageError(f"facets: unknown field {field!r}; allowed are {', '.join(FACETS)}")
    lists = lexical.value_counts([field for field in fields if field in LISTS], keep)
    return tuple(
        _of_list(movies, field, lists[field], limit) if field in LISTS else _of_number(lexical, field, keep, limit)
        for field in fields
    )


def _of_list(movies: Movies, field: str, counts: Mapping[str, int], limit: int) -> Facet:
    best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
    spelt = movies.spellings(field, [value for value, _ in best])
    values = [(spelt.get(value, value), count) for value, count in best]
    return Facet(field, tuple(FacetValue(value, count, quoted(field, value)) for value, count in values), len(counts))


def quoted(field: str, value: str) -> str:
    """The filter that asks for a value: genre:"Film Noir"."""
    escaped = value.replace('"', '""')
    return f'{field}:"{escaped}"'


def _of_number(lexical: LexicalIndex, field: str, keep: Filter, limit: int) -> Facet:
    width = 10 if field == "year" else 1
    counts = lexical.number_counts(field, width, keep)
    if field == "rating" and (ten := counts.pop(_TOP_RATING + 1, 0)):
        counts[_TOP_RATING] = counts.get(_TOP_RATING, 0) + ten
    describe = _decade if field == "year" else _points
    pairs = sorted(counts.items(), reverse=True)
    return Facet(field, tuple(describe(step, count) for step, count in pairs[:limit]), len(pairs))


def _decade(year: int, count: int) -> FacetValue:
    return FacetValue(f"{year}s", count, f"year:{year}..{year + 9}")


def _points(rating: int, count: int) -> FacetValue:
    """From a whole rating up to the next one; 10 is counted with 9."""
    low = f"rating>={rating}" if rating else ""
    high = f"rating<{rating + 1}" if rating < _TOP_RATING else ""
    return FacetValue(f"{rating}-{rating + 1}", count, f"{low} {high}".strip())
