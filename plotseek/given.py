"""Films that a program gives as what it has at hand, on their way to the reader of files."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from catalog.errors import SourceError, UsageError
from catalog.movie import Movie
from catalog.printable import brief
from query.models import Hit

if TYPE_CHECKING:
    import pandas

GIVEN = "the films given"
"""What they are called in messages: their file is none of the caller's."""


def write_given(films: object, path: Path) -> None:
    """As JSON lines, which the reader of any file takes from there; raises UsageError for what are no films."""
    if hasattr(films, "to_json") and hasattr(films, "columns"):
        _write_frame(cast("pandas.DataFrame", films), path)
    elif isinstance(films, Iterable) and not isinstance(films, Mapping | bytes):
        _write_rows(films, path)
    else:
        raise UsageError(f"films: {brief(films)} is no list of dicts, no DataFrame, no path and no address")


def _write_frame(frame: "pandas.DataFrame", path: Path) -> None:
    if not len(frame):
        raise SourceError(f"{GIVEN}: a DataFrame without rows; nothing was changed")
    # What has a name is a column that was made the index.
    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    frame = frame.reset_index(level=named) if named else frame
    if twice := frame.columns[frame.columns.duplicated()].tolist():
        raise UsageError(f"{GIVEN}: two columns are called {twice[0]!r}; rename one of them")
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_lines_of(frame))


def _lines_of(frame: "pandas.DataFrame") -> Iterator[str]:
    """Its rows as JSON lines; one that holds what is no character is written by itself, as one of a list would be."""
    try:
        yield frame.to_json(orient="records", lines=True, date_format="iso")
    except UnicodeEncodeError:
        if len(frame) == 1:
            yield f"{json.dumps(frame.to_dict('records')[0], default=_plain)}\n"
            return
        middle = len(frame) // 2
        yield from _lines_of(frame.iloc[:middle])
        yield from _lines_of(frame.iloc[middle:])


def _write_rows(rows: Iterable[object], path: Path) -> None:
    count, row = 0, None
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        for row in rows:
            film = row.movie if isinstance(row, Hit) else row
            fields = film.to_dict() if isinstance(film, Movie) else film
            count += isinstance(fields, Mapping)
            file.write(f"{json.dumps(fields, default=_plain)}\n")
    if not count:
        wrong = "none; nothing was changed" if row is None else f"no dicts, but {brief(row)}"
        raise (SourceError if row is None else UsageError)(f"{GIVEN} are {wrong}")


def _plain(value: object) -> object:
    """A value that JSON does not know: a list, a number of numpy as one of Python; anything else as it is written."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)
