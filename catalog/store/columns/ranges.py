"""Sets of numbers as ranges with both ends included; years, votes and minutes are whole numbers, ratings are not."""

from collections.abc import Iterable
from math import ceil, floor, inf, isfinite, nextafter

from catalog.store.columns.conditions import Range


def is_whole(field: str) -> bool:
    """Whether the numbers of a field are whole."""
    return field != "rating"


def between(field: str, low: float, high: float) -> Range | None:
    """From `low` to `high`; None if no number of the field lies there."""
    if is_whole(field):
        low = float(ceil(low)) if isfinite(low) else low
        high = float(floor(high)) if isfinite(high) else high
    return Range(low, high) if low <= high else None


def above(field: str, number: float) -> Range:
    """Everything greater."""
    return Range(float(floor(number) + 1) if is_whole(field) else nextafter(number, inf), inf)


def below(field: str, number: float) -> Range:
    """Everything less."""
    return Range(-inf, float(ceil(number) - 1) if is_whole(field) else nextafter(number, -inf))


def outside(field: str, ranges: Iterable[Range]) -> tuple[Range, ...]:
    """What lies in none of the ranges, sorted and apart from each other."""
    gaps: list[Range] = []
    low = -inf
    for part in sorted(ranges, key=lambda part: part.low):
        if part.low > low:
            gaps.append(Range(low, below(field, part.low).high))
        if part.high == inf:
            return tuple(gaps)
        low = max(low, above(field, part.high).low)
    return (*gaps, Range(low, inf))
