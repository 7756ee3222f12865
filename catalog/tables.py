"""Rows of names and values as a table in a notebook: a DataFrame of pandas, or HTML. Light to import."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from catalog.errors import ExtraMissing
from catalog.extras import install_command

if TYPE_CHECKING:
    import pandas

Row = Mapping[str, object]

_LONGEST = 200
"""Characters of a cell: a plot is told by its beginning."""


def frame_of(rows: Sequence[Row], columns: Iterable[str]) -> "pandas.DataFrame":
    """A line for each row, with these columns; whole numbers stay whole where some are unknown.

    Raises ExtraMissing where pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ExtraMissing(f"a DataFrame needs pandas; run: {install_command('notebook')}") from None
    frame = pd.DataFrame(list(rows), columns=list(columns))
    whole = [name for name in frame.columns if _is_whole(row.get(name) for row in rows)]
    return frame.astype(dict.fromkeys(whole, "Int64"))


def _is_whole(values: Iterable[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(type(value) is int for value in known)


def html_of(rows: Iterable[Row], columns: Sequence[str]) -> str:
    """A table of HTML in which nothing but the table is markup; long texts are cut."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(row.get(name))}</td>' for name in columns)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}"
    text = ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return escape(text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…")
