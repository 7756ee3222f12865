"""Some plots of a source, from which the language of a catalogue is told."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from catalog.errors import RowRefused
from ingest.mapping.mapper import FieldMap, to_movie
from ingest.readers.row import AnyRow
from ingest.readers.source import STDIN, Source, open_rows

T = TypeVar("T")
_PLOTS = 200


def some_plots(rows: Iterable[AnyRow], fields: FieldMap) -> list[str]:
    """At least 200 plots, spread evenly over the rows, or of all rows where there are fewer."""
    return list(_plots(spread(rows, _PLOTS), fields))


def plots_of_source(location: str, format: str | None, source: Source, fields: FieldMap) -> list[str]:  # noqa: A002
    """Plots spread over an open source, for which it is read once more; those of its beginning if it cannot be.

    Raises SourceError.
    """
    path = Path(location)
    if location == STDIN or (path.exists() and not path.is_file()):
        return some_plots(source.peek(), fields)
    with open_rows(location, format=format, name=source.name) as again:
        return some_plots(again, fields)


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
