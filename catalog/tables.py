"""Rows of names and values as a table in a notebook: a DataFrame of pandas, or HTML. Light to import."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from catalog.errors import ExtraMissing
from catalog.extras import install_command

if TYPE_CHECKING:
    import pandas

Row = Mapping[str, object]

_DTYPES = {int: "Int64", int | None: "Int64", float: "float64", float | None: "float64"}
_LONGEST = 200
"""Characters of a cell: a plot is told by its beginning."""


def frame_of(rows: Iterable[Row], kinds: Mapping[str, Any]) -> "pandas.DataFrame":
    """A line for each row, with these columns; the type of a column is that of its values, whatever they are.

    `kinds` says for each column of which type its values are: of `int | None` it is `Int64`, of `float | None` it is
    `float64`, of all else `object`. An empty dict is None: Parquet knows none. Raises ExtraMissing where pandas is not
    installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ExtraMissing(f"a DataFrame needs pandas; run: {install_command('notebook')}") from None
    cells = [[None if row.get(name) == {} else row.get(name) for name in kinds] for row in rows]
    frame = pd.DataFrame(cells, columns=list(kinds), dtype=object)
    return frame.astype({name: _DTYPES.get(kind, "object") for name, kind in kinds.items()})


def html_of(rows: Iterable[Row], columns: Sequence[str], lines: Iterable[str] = ()) -> str:
    """A table of HTML, and lines below it, in which nothing but these is markup; long texts are cut."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(row.get(name))}</td>' for name in columns)}</tr>" for row in rows)
    below = "".join(f"<div>{escape(line)}</div>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}"
    text = ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return escape(text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…")
