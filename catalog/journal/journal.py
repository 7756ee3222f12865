"""Changes that were accepted and wait for a run: changes.sqlite3 beside the catalog, or in a folder of its own.

What `append` returned from is on disk: SQLite in WAL mode with full synchronisation, whose log has a checksum for each
page, so that a torn end is dropped with the change that was being written and with nothing else. Each change has a
digest of its own, which tells what rotted later. A change stays until a run has said what came of it, however often
that is killed, so that it may be applied twice; the last thousand reports are kept.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from catalog.errors import CatalogDamaged, JournalFull, StoreError
from catalog.journal.change import ChangeOutcome, ChangeReport, ChangeRequest, ChangeState
from catalog.printable import utc
from catalog.store.files import disk_errors, sync_to_disk
from catalog.store.lock import read_holder, writer
from catalog.store.sqlite import Connection, connect, connect_shared, translated

FILE = "changes.sqlite3"
MOST_WAITING = 1000
MOST_BYTES = 64 << 20
"""Of changes that wait: a drain holds all of them in memory."""
_REPORTS_KEPT = 1000
_FULL_FOR = 5
"""Seconds after which it is worth asking again."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    received REAL NOT NULL,
    change BLOB,
    digest BLOB NOT NULL,
    taken TEXT,
    reason TEXT,
    ended REAL,
    outcome TEXT
);
CREATE INDEX IF NOT EXISTS changes_waiting ON changes (number) WHERE ended IS NULL;
"""


@dataclass(frozen=True, slots=True)
class WaitingChange:
    """A change that a run takes up."""

    number: int
    change: ChangeRequest | None
    """None for one that is damaged."""


class Journal:
    """The changes of one catalog; for any process, and any thread."""

    def __init__(self, root: Path, path: Path, connection: Connection) -> None:
        self._root = root
        self._path = path
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, root: Path, folder: Path | None = None) -> Iterator[Self]:
        """Open or begin the journal of a catalog's folder, in it or in a `folder` of its own; raises StoreError."""
        path = (folder or root) / FILE
        with disk_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not path.exists()
        with _readable(path):
            connection = connect(path)
        try:
            with _readable(path):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.executescript(_SCHEMA)
            if is_new:
                with disk_errors(path.parent):
                    sync_to_disk(path.parent)
            yield cls(root, path, connection)
        finally:
            connection.close()

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Whether anything was ever accepted in this folder."""
        return (folder / FILE).exists()

    @classmethod
    def waiting_in(cls, folder: Path) -> int:
        """How many changes wait in a folder, which is only read."""
        if not cls.exists(folder):
            return 0
        with closing(connect_shared(folder / FILE)) as connection:
            return cls(folder, folder / FILE, connection).count_waiting()

    def append(self, change: ChangeRequest, most: int = MOST_WAITING, most_bytes: int = MOST_BYTES) -> ChangeReport:
        """Accept a change; on return it is on disk. Raises JournalFull, StoreError."""
        kept = change.to_json().encode()
        with self._write():
            waiting, size = self._connection.execute(
                "SELECT count(*), coalesce(sum(length(change)), 0) FROM changes WHERE ended IS NULL"
            ).fetchone()
            if waiting >= most or size + len(kept) > most_bytes:
                raise JournalFull(f"{waiting} changes wait already, and no more fit; come back later", _FULL_FOR)
            received = time.time()
            cursor = self._connection.execute(
                "INSERT INTO changes (received, change, digest) VALUES (?, ?, ?)", (received, kept, _digest(kept))
            )
        return ChangeReport(int(cursor.lastrowid or 0), ChangeState.WAITING, utc(received))

    def count_waiting(self) -> int:
        """How many changes no run has finished yet."""
        return int(self._rows("SELECT count(*) FROM changes WHERE ended IS NULL")[0][0])

    def take(self) -> list[WaitingChange]:
        """All that waits, in the order in which it came, for the process that holds LOCK."""
        with self._write():
            self._connection.execute("UPDATE changes SET taken = ? WHERE ended IS NULL", (read_holder(self._root),))
        rows = self._rows(
            "SELECT number, CAST(change AS BLOB), digest FROM changes WHERE ended IS NULL ORDER BY number"
        )
        return [WaitingChange(number, _change(kept, digest)) for number, kept, digest in rows]

    def finish(self, outcomes: Mapping[int, ChangeOutcome]) -> None:
        """Say what came of changes, by number; from now on they wait no more."""
        ended = time.time()
        with self._write():
            self._connection.executemany(
                "UPDATE changes SET ended = ?, outcome = ?, change = NULL, taken = NULL, reason = NULL"
                " WHERE number = ?",
                [(ended, json.dumps(asdict(outcome)), number) for number, outcome in outcomes.items()],
            )
            self._connection.execute(
                "DELETE FROM changes WHERE ended IS NOT NULL AND number <= (SELECT max(number) FROM changes) - ?",
                (_REPORTS_KEPT,),
            )

    def explain(self, reason: str) -> None:
        """Say why what waits still does, unless another process has it in hand."""
        with self._write():
            self._connection.execute("UPDATE changes SET reason = ? WHERE ended IS NULL", (reason,))

    def report(self, number: int) -> ChangeReport | None:
        """What became of a change so far; None for one that never was, or whose report is not kept any more."""
        rows = self._rows("SELECT received, ended, outcome, taken, reason FROM changes WHERE number = ?", (number,))
        if not rows:
            return None
        received, ended, outcome, taken, reason = rows[0]
        if ended is None:
            is_running = taken is not None and writer(self._root) == taken
            state = ChangeState.RUNNING if is_running else ChangeState.WAITING
            return ChangeReport(number, state, utc(received), reason=None if is_running else reason)
        times = {"received": utc(received), "ended": utc(ended)}
        return ChangeReport.from_dict({"number": number, **times, **json.loads(outcome)})

    def _rows(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        with _readable(self._path):
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def _write(self) -> Iterator[None]:
        """One transaction, which others wait for from its beginning: what was counted in it still holds at its end."""
        with _readable(self._path), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield


def _change(kept: bytes | None, digest: bytes) -> ChangeRequest | None:
    if kept is None or _digest(kept) != digest:
        return None
    return ChangeRequest.from_json(kept.decode())


def _digest(kept: bytes) -> bytes:
    return blake2b(kept, digest_size=16).digest()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """SQLite's errors as ours; a damaged journal costs nobody the films that are in the catalog."""
    try:
        with translated(path):
            yield
    except CatalogDamaged as error:
        raise StoreError(f"{path}: is damaged; move it away: changes that waited in it are lost") from error
