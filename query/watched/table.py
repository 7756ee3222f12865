"""A file of rows, CSV or JSON, as the objects in it: small files of one person, read whole."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from catalog.errors import UsageError

_LARGEST = 256 << 20
"""Bytes."""
_PREAMBLE = 10
"""Lines above the names of the columns, at most: Letterboxd's lists have some."""
_DEPTH = 4

Record = Mapping[str, Any]


def normal_name(name: object) -> str:
    """The name of a column as it is compared: in small letters, without spaces and signs."""
    return re.sub(r"[\W_]+", "", str(name).lower())


def read_records(path: Path, columns: frozenset[str]) -> list[Record]:
    """The rows of a file, by `normal_name` of their columns; `columns` are those by which the line with a table's
    names is known.

    Raises UsageError for what cannot be read, or is no table and no JSON.
    """
    text = _decoded(path)
    records = _objects(text, path) if text.lstrip()[:1] in ("[", "{") else _table(text, columns, path)
    return [{normal_name(name): value for name, value in record.items()} for record in records]


def _decoded(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path}: larger than {_LARGEST >> 20} MB; give what one person watched")
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if raw.startswith((b"PK", b"\x1f\x8b")):
        raise UsageError(f"{path}: is packed; unpack it, and name ratings.csv, diary.csv or watched.csv of it")
    for encoding in ("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UsageError(f"{path}: is no text; give CSV or JSON")


def _objects(text: str, path: Path) -> list[Record]:
    try:
        parsed = json.loads(text)
    except RecursionError:
        raise UsageError(f"{path}: lists and objects inside each other too deep to be read") from None
    except ValueError as error:
        try:
            parsed = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            raise UsageError(f"{path}: is no JSON: {error}") from None
    return [item for item in _list_in(parsed, _DEPTH) if isinstance(item, dict)]


def _list_in(value: object, depth: int) -> Sequence[object]:
    """The first list of objects in a JSON value: Kodi's and Plex's lie in objects."""
    if isinstance(value, list):
        return value if any(isinstance(item, dict) for item in value) else ()
    inner = value.values() if isinstance(value, dict) and depth else ()
    return next((found for item in inner if (found := _list_in(item, depth - 1))), ())


def _table(text: str, columns: frozenset[str], path: Path) -> list[Record]:
    lines = text.splitlines(keepends=True)
    known = [_known(line, columns) for line in lines[:_PREAMBLE]]
    if not any(known):
        raise UsageError(f"{path}: no column names a film; its first line is {lines[0].strip()[:80]!r}" if lines
                         else f"{path}: is empty")  # fmt: skip
    # The last of several: a list's own name and date stand above the names of its films.
    start = max(at for at, count in enumerate(known) if count and count >= min(2, max(known)))
    try:
        return list(csv.DictReader(lines[start:], delimiter=_delimiter(lines[start])))
    except csv.Error as error:
        raise UsageError(f"{path}: is no table: {error}") from None


def _known(line: str, columns: frozenset[str]) -> int:
    """How many cells of a line are names of columns."""
    return sum(normal_name(cell) in columns for cell in line.split(_delimiter(line)))


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)
