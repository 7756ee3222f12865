"""A file of rows, CSV or JSON, as the objects in it: small files of one person, read whole."""

import csv
import io
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from catalog.errors import UsageError

_LARGEST = 256 << 20
"""Bytes."""
_PREAMBLE = 10
"""Lines above the names of the columns, at most: Letterboxd's lists have some."""
_DEPTH = 4
_LETTERBOXD = ("ratings.csv", "diary.csv", "watched.csv")

Record = Mapping[str, Any]


def normal_name(name: object) -> str:
    """The name of a column as it is compared: in small letters, without spaces and signs."""
    return re.sub(r"[\W_]+", "", str(name).lower())


def read_records(path: Path, columns: frozenset[str]) -> list[Record]:
    """The rows of a file, by `normal_name` of their columns; `columns` are those by which the line with a table's
    names is known.

    Raises UsageError for what cannot be read, or is no table and no JSON.
    """
    raw = _content(path)
    parts = _unpacked(raw, path) if raw.startswith(b"PK") else {str(path): raw}
    records = [record for name, part in parts.items() for record in _records(part, name, columns)]
    return [{normal_name(name): value for name, value in record.items()} for record in records]


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise _too_large(path)
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _too_large(name: object) -> UsageError:
    return UsageError(f"{name}: larger than {_LARGEST >> 20} MB; give what one person watched")


def _unpacked(raw: bytes, path: Path) -> dict[str, bytes]:
    """The files of Letterboxd's export that name films, as it is downloaded."""
    try:
        with ZipFile(io.BytesIO(raw)) as archive:
            held = {info.filename: info for info in archive.infolist() if info.filename in _LETTERBOXD}
            if any(info.file_size > _LARGEST for info in held.values()):
                raise _too_large(path)
            parts = {f"{path}, {name}": archive.read(held[name]) for name in _LETTERBOXD if name in held}
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise UsageError(f"{path}: cannot be unpacked: {error}") from None
    if not parts:
        raise UsageError(f"{path}: is packed, and holds none of {', '.join(_LETTERBOXD)}; unpack it, and name a file")
    return parts


def _records(raw: bytes, name: str, columns: frozenset[str]) -> list[Record]:
    text = _decoded(raw, name)
    return _objects(text, name) if text.lstrip()[:1] in ("[", "{") else _table(text, columns, name)


def _decoded(raw: bytes, name: str) -> str:
    if raw.startswith(b"\x1f\x8b"):
        raise UsageError(f"{name}: is packed; unpack it")
    for encoding in ("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UsageError(f"{name}: is no text; give CSV or JSON")


def _objects(text: str, name: str) -> list[Record]:
    try:
        parsed = json.loads(text)
    except RecursionError:
        raise UsageError(f"{name}: lists and objects inside each other too deep to be read") from None
    except ValueError as error:
        try:
            parsed = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            raise UsageError(f"{name}: is no JSON: {error}") from None
    return [item for item in _list_in(parsed, _DEPTH) if isinstance(item, dict)]


def _list_in(value: object, depth: int) -> Sequence[object]:
    """The first list of objects in a JSON value: Kodi's and Plex's lie in objects."""
    if isinstance(value, list):
        return value if any(isinstance(item, dict) for item in value) else ()
    inner = value.values() if isinstance(value, dict) and depth else ()
    return next((found for item in inner if (found := _list_in(item, depth - 1))), ())


def _table(text: str, columns: frozenset[str], name: str) -> list[Record]:
    lines = text.splitlines(keepends=True)
    known = [_known(line, columns) for line in lines[:_PREAMBLE]]
    if not any(known):
        raise UsageError(f"{name}: no column names a film: name the columns in the first line, title and year for one;"
                         f" that is now {lines[0].strip()[:80]!r}" if lines
                         else f"{name}: is empty")  # fmt: skip
    # The last of several: a list's own name and date stand above the names of its films.
    start = max(at for at, count in enumerate(known) if count and count >= min(2, max(known)))
    try:
        return list(csv.DictReader(lines[start:], delimiter=_delimiter(lines[start])))
    except csv.Error as error:
        raise UsageError(f"{name}: is no table: {error}") from None


def _known(line: str, columns: frozenset[str]) -> int:
    """How many cells of a line are names of columns."""
    return sum(normal_name(cell) in columns for cell in line.split(_delimiter(line)))


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)
