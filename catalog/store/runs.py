"""What every run did, and small notes from one run to the next: history.sqlite3 beside the catalog.

A run is a row from its first moment, and holds a lock as long as it lives: a row without an outcome
whose lock is free belongs to a run that was killed.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from catalog.errors import (
    CatalogDamaged,
    CheckFailed,
    DeletionsRefused,
    PlotseekError,
    SourceRolledBack,
    Stopped,
    StoreError,
)
from catalog.movie import MAIN
from catalog.printable import visible
from catalog.store.lock import is_held, take_lock
from catalog.store.sqlite import Connection, connect, connect_shared, set_aside, translated

T = TypeVar("T")

_FILE = "history.sqlite3"
#: Rows kept: at one run every 15 minutes, three months.
KEPT = 10_000

#: Why a run ended without a word, as far as others can tell.
KILLED = "killed, or the machine went down"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    started REAL NOT NULL,
    ended REAL,
    source TEXT NOT NULL,
    outcome TEXT,
    counts TEXT NOT NULL DEFAULT '{}',
    reason TEXT,
    source_name TEXT NOT NULL DEFAULT 'main'
);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_SOURCE_ADDED = f"ALTER TABLE runs ADD COLUMN source_name TEXT NOT NULL DEFAULT '{MAIN}'"
"""What a history lacks that was begun before there were several sources."""
_COLUMNS = (
    "number, CAST(started AS REAL), CAST(ended AS REAL), CAST(source AS TEXT), CAST({} AS TEXT),"
    " CAST(outcome AS TEXT), CAST(counts AS TEXT), CAST(reason AS TEXT)"
)
_LATEST = 1e11
"""Seconds since 1970 beyond which no date is shown."""


class RunOutcome(StrEnum):
    """How a run ended."""

    OK = "ok"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    """The guard refused its deletions, the owner's check the new state, or its source says what was rolled back."""
    FAILED = "failed"
    STOPPED = "stopped"
    ROLLED_BACK = "rolled back"
    RESTORED = "restored"


#: After these the catalog is what the source says.
GOOD = (RunOutcome.OK, RunOutcome.UNCHANGED)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run; times are seconds since 1970, UTC."""

    number: int
    started: float
    ended: float | None
    """None while it runs, and for a run that was killed."""
    location: str
    """What was read, or the command."""
    source: str
    """Whose films it brought; empty for what concerns those of all."""
    outcome: RunOutcome | None
    """None while it runs."""
    counts: Mapping[str, int]
    reason: str | None
    """Why it failed, was refused or stopped, or what came of it: one line."""


@dataclass(slots=True)
class Recording:
    """What a run that is going on says of itself; without a word it went well."""

    outcome: RunOutcome = RunOutcome.OK
    counts: dict[str, int] = field(default_factory=dict)
    reason: str | None = None


class History:
    """The past runs of one catalog."""

    def __init__(self, root: Path, connection: Connection) -> None:
        self.path = root / _FILE
        self._running = root / "running"
        self._connection = connection
        # A flipped bit in a text costs that text, not every run.
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        with _readable(self.path):
            # One of an earlier version, in a folder that may not be written.
            self._source = "source_name" if _has_source(connection) else f"'{MAIN}'"

    @classmethod
    def open(cls, root: Path, notify: Callable[[str], None] = lambda _: None) -> Self:
        """Open or begin the history of a catalog's folder; raises StoreError.

        One that cannot be read is set aside, and said so: no run shall fail for a list of past ones.
        """
        path = root / _FILE
        try:
            root.mkdir(parents=True, exist_ok=True)
            try:
                return cls._opened(root, path)
            except CatalogDamaged:
                aside = set_aside(path)
                notify(f"{path}: damaged, set aside as {aside.name}; the list of past runs begins anew")
                return cls._opened(root, path)
        except OSError as error:
            raise StoreError(f"{root}: cannot be written: {error.strerror}; check the folder's permissions") from error

    @classmethod
    def _opened(cls, root: Path, path: Path) -> Self:
        with _readable(path):
            connection = connect(path)
            try:
                # Readers, `ingest status` for one, must not hinder a run, nor a run them.
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(_SCHEMA)
                if not _has_source(connection):
                    connection.execute(_SOURCE_ADDED)
            except BaseException:
                connection.close()
                raise
        return cls(root, connection)

    @classmethod
    def open_existing(cls, root: Path) -> Self | None:
        """The history of a catalog's folder, perhaps a read-only one; None if there was never a run."""
        path = root / _FILE
        if not path.exists():
            return None
        if os.access(root, os.W_OK):
            return cls._opened(root, path)
        return cls(root, connect_shared(path))

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def recording(self, location: str, source: str = MAIN) -> Iterator[Recording]:
        """Record the run inside: what it says of itself, or the error that ends it, which goes on its way."""
        self.close_killed()
        recording = Recording()
        with self._write():
            number = self._insert(location, source)
            self._running.mkdir(exist_ok=True)
            lock = take_lock(self._lock_of(number))  # before others can see the row
        try:
            yield recording
            self._finish(number, recording)
        except BaseException as error:
            # Where the disk is full, the run's own error is the one to read.
            with suppress(StoreError):
                self._finish(number, _verdict(error))
            raise
        finally:
            lock.release()
            self._lock_of(number).unlink(missing_ok=True)

    def account_for(self, location: str, began: float, reason: str, source: str = MAIN) -> None:
        """Record a run that ended badly without saying so itself, if it even began to."""
        self.close_killed(reason)
        last = self._runs(f"{self._source} = ?", 1, source)
        if last and last[0].started >= began:
            return
        with self._write():
            number = self._insert(location, source)
        self._finish(number, Recording(RunOutcome.FAILED, reason=reason))

    def close_killed(self, reason: str = KILLED) -> None:
        """Give those runs that ended without a word their outcome."""
        for run in self._runs("outcome IS NULL"):
            if not self._was_killed(run):
                continue
            with self._write():
                self._connection.execute(
                    "UPDATE runs SET outcome = ?, reason = ? WHERE number = ? AND outcome IS NULL",
                    (RunOutcome.FAILED, reason, run.number),
                )
            self._lock_of(run.number).unlink(missing_ok=True)

    def last(self, count: int) -> list[RunRecord]:
        """The last runs, the newest first, those that were killed among them."""
        return [
            replace(run, outcome=RunOutcome.FAILED, reason=KILLED) if self._was_killed(run) else run
            for run in self._runs("TRUE", count)
        ]

    def last_good(self, source: str | None = None) -> RunRecord | None:
        """The last run after which the catalog was what its source, or this one, said."""
        whose, names = ("TRUE", ()) if source is None else (f"{self._source} = ?", (source,))
        runs = self._runs(f"outcome IN (?, ?) AND {whose}", 1, *GOOD, *names)
        return runs[0] if runs else None

    def last_restored(self) -> RunRecord | None:
        """The restored backup that is in force as far as rollbacks tell, if any."""
        back = self._runs("outcome IN (?, ?)", 1, RunOutcome.RESTORED, RunOutcome.ROLLED_BACK)
        return back[0] if back and back[0].outcome is RunOutcome.RESTORED else None

    def sources(self) -> list[str]:
        """The sources that were ever read, by name."""
        with _readable(self.path):
            rows = self._connection.execute(f"SELECT DISTINCT {self._source} FROM runs ORDER BY 1").fetchall()  # noqa: S608
        return [name for (name,) in rows if name]

    def note(self, name: str) -> str | None:
        """What was noted under this name."""
        with _readable(self.path):
            row = self._connection.execute("SELECT CAST(value AS TEXT) FROM notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def read_note(self, name: str, make: Callable[[Any], T]) -> T | None:
        """What `make` makes of the JSON that was noted; None for nothing, and for what does not parse or fit."""
        note = self.note(name)
        try:
            return None if note is None else make(json.loads(note))
        except (ValueError, TypeError, LookupError, AttributeError):
            return None

    def keep(self, name: str, value: str | None) -> None:
        """Note a text under a name; None takes it away."""
        with self._write():
            if value is None:
                self._connection.execute("DELETE FROM notes WHERE name = ?", (name,))
            else:
                self._connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def _was_killed(self, run: RunRecord) -> bool:
        return run.outcome is None and not is_held(self._lock_of(run.number))

    def _lock_of(self, number: int) -> Path:
        return self._running / f"{number}.lock"

    def _insert(self, location: str, source: str) -> int:
        cursor = self._connection.execute(
            "INSERT INTO runs (started, source, source_name) VALUES (?, ?, ?)",
            (time.time(), visible(location), source),
        )
        number = int(cursor.lastrowid or 0)
        self._connection.execute("DELETE FROM runs WHERE number <= ?", (number - KEPT,))
        return number

    def _finish(self, number: int, recording: Recording) -> None:
        with self._write():
            self._connection.execute(
                "UPDATE runs SET ended = ?, outcome = ?, counts = ?, reason = ? WHERE number = ?",
                (time.time(), recording.outcome, json.dumps(recording.counts), recording.reason, number),
            )

    def _runs(self, condition: str, count: int = -1, *values: str) -> list[RunRecord]:
        with _readable(self.path):
            rows = self._connection.execute(
                f"SELECT {_COLUMNS.format(self._source)} FROM runs WHERE {condition} ORDER BY number DESC LIMIT ?",  # noqa: S608
                (*values, count),
            ).fetchall()
        return [_record(*row) for row in rows]

    @contextmanager
    def _write(self) -> Iterator[None]:
        with _readable(self.path), self._connection:
            yield


def remove_history(root: Path) -> None:
    """Remove a folder that holds nothing but a history; one that holds anything else, a run for one, stays."""
    with suppress(OSError):
        (root / "running").rmdir()
        if all(path.name.startswith(_FILE) for path in root.iterdir()):
            for path in root.glob(f"{_FILE}*"):
                path.unlink()
            root.rmdir()


def _has_source(connection: Connection) -> bool:
    return any(column[1] == "source_name" for column in connection.execute("PRAGMA table_info(runs)"))


def _record(number: int, started: float | None, ended: float | None, *rest: str) -> RunRecord:
    """A row, as far as it can be read: what is no outcome counts as a failure."""
    location, source, outcome, counts, reason = rest
    return RunRecord(
        number,
        _moment(started) or 0.0,
        _moment(ended),
        location,
        source,
        None if outcome is None else RunOutcome(outcome) if outcome in list(RunOutcome) else RunOutcome.FAILED,
        _counts(counts),
        reason,
    )


def _moment(seconds: float | None) -> float | None:
    return None if seconds is None else seconds if 0 <= seconds < _LATEST else 0.0


def _counts(text: str) -> dict[str, int]:
    try:
        return {name: int(count) for name, count in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _verdict(error: BaseException) -> Recording:
    """How the error that ended a run is recorded."""
    if isinstance(error, KeyboardInterrupt):
        return Recording(RunOutcome.STOPPED, reason="interrupted")
    reason = visible(" ".join(str(error).split()))
    match error:
        case Stopped():
            return Recording(RunOutcome.STOPPED, reason=reason)
        case DeletionsRefused() | CheckFailed() | SourceRolledBack():
            return Recording(RunOutcome.REFUSED, reason=reason)
        case PlotseekError():
            return Recording(RunOutcome.FAILED, reason=reason)
    return Recording(RunOutcome.FAILED, reason=f"{type(error).__name__}: {reason}".removesuffix(": "))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """SQLite's errors as ours; a damaged history costs nobody his films."""
    try:
        with translated(path):
            yield
    except CatalogDamaged as error:
        raise CatalogDamaged(f"{path}: is damaged; move it away, it holds only the list of past runs") from error
