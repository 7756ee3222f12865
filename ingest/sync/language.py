"""Some plots of a source, from which the language of a catalogue is told."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from catalog.errors import RowRefused
from ingest.mapping.mapper import FieldMap, to_movie
from ingest.readers.row import AnyRow

T = TypeVar("T")
_PLOTS = 200


def some_plots(rows: Iterable[AnyRow], fields: FieldMap) -> list[str]:
    """At least 200 plots, spread evenly over the rows, or of all rows where there are fewer."""
    return list(_plots(spread(rows, _PLOTS), fields))


def spread(items: Iterable[T], count: int) -> list[T]:
    """Items at equal distances, the first among them: `count` to twice as many, or all where there are fewer.

    >>> spread(range(100), 5)
    [0, 16, 32, 48, 64, 80, 96]
    """
    kept: list[T] = []
    step = 1
    for number, item in enumerate(items):
        if number % step == 0:
            kept.append(item)
        if len(kept) == 2 * count:
            kept, step = kept[::2], 2 * step
    return kept


def _plots(rows: Iterable[AnyRow], fields: FieldMap) -> Iterator[str]:
    for row in rows:
        try:
            yield to_movie(row, fields).plot
        except RowRefused:
            continue
