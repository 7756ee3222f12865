"""Rows that were read before: a row that says what it said then is not mapped again.

A file beside the catalog, one for each source, keeps a digest of every row of the last whole run, and the film that it
became. It holds for what that run published and for one way of reading: another mapping, template or version of the
program starts anew. An export in another order, or with one film changed, then takes 2.6 s of one core in all instead
of 5.5 (65,451 films).
"""

import gzip
import json
import marshal
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

from catalog.movie import MAIN
from catalog.store.files import disk_errors
from catalog.store.movies import Edition
from ingest.mapping.columns import FieldMap
from ingest.readers.row import Row

_DIGEST = 16
READING = 8
"""To be raised when the same row becomes another film: what was remembered of rows is then not believed."""
_FORMAT = 2
"""Of marshal: without references, so that equal values give equal bytes."""


@dataclass(frozen=True, slots=True)
class RememberedRow:
    """A row whose movie is stored exactly as it says."""

    id: str
    repaired: int = 0
    """Values whose mojibake was undone."""
    unreadable: tuple[str, ...] = ()
    """Fields left empty although the row says something of them."""


Rows = Mapping[str, RememberedRow]
"""By the digest of the row."""


@dataclass(frozen=True, slots=True)
class Before:
    """What is known before a source is read."""

    rows: Rows = field(default_factory=dict)
    """Those that say what they said."""
    others: Mapping[str, str] = field(default_factory=dict)
    """The source of the movies that belong to another one, by id: their rows are refused."""
    titles: Callable[[], Mapping[str, str]] = dict
    """Looks up the titles of these, by id."""


def row_digest(row: Row) -> str | None:
    """Of all cells with their names, in their order; None if one of them is no JSON value."""
    try:
        cells = marshal.dumps(cast(Any, row.fields), _FORMAT)
    except ValueError:
        return None
    return blake2b(cells, digest_size=_DIGEST).hexdigest()


def rows_file(root: Path, source: str) -> Path:
    """Where the rows of a source are remembered."""
    return root / ("rows.json.gz" if source == MAIN else f"rows-{source}.json.gz")


def reading_state(edition: Edition | None, fields: FieldMap, template: str) -> str:
    """What the movie of a row depends on besides the row, and the edition that holds these movies of the source."""
    whole = (edition, fields.key, template, READING)
    return blake2b(repr(whole).encode(), digest_size=_DIGEST).hexdigest()


def recall_rows(file: Path, state: str) -> Rows:
    """The rows of the last whole run of a source, if it left the catalog in this `state`."""
    try:
        kept = json.loads(gzip.decompress(file.read_bytes()))
    except (OSError, EOFError, zlib.error, ValueError):
        return {}  # not there or damaged: everything is mapped again
    if kept["state"] != state:
        return {}
    rows = kept["rows"].items()
    return {digest: RememberedRow(movie, repaired, tuple(fields)) for digest, (movie, repaired, *fields) in rows}


def remember_rows(file: Path, state: str, rows: Rows) -> None:
    """Keep them for the next run; raises StoreError."""
    flat = {digest: (row.id, row.repaired, *row.unreadable) for digest, row in rows.items()}
    kept = {"state": state, "rows": flat}
    new = file.with_name(f"{file.name}.new")
    with disk_errors(new):
        new.write_bytes(gzip.compress(json.dumps(kept).encode(), 1))
        new.replace(file)
