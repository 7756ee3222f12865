"""What every file format comes down to: rows with a place, one after another."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a catalogue file, as it stands there."""

    place: str
    """Where, for messages: "line 12", "item 12", "row 12"; with the file's name before it when there are several."""
    fields: Mapping[str, object]
    """Column name to JSON value."""


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """An entry that is broken by itself; its neighbours are whole."""

    place: str
    reason: str


AnyRow = Row | UnreadableRow
