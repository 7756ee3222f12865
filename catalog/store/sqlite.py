"""SQLite, opened one way: the only module that knows sqlite3, and where its errors become ours."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from catalog.errors import WAY_BACK, CatalogDamaged, DiskFull, StoreError

Connection = sqlite3.Connection
T = TypeVar("T")

_BESIDE = ("-wal", "-shm")
"""Files that SQLite keeps beside one that is being written."""

#: Values in one statement: far below SQLite's 32,766, and few enough lengths to keep statements cached.
BATCH = 500

_CACHE_KIB = 32_768
"""Of pages of a published file: with SQLite's 2 MB a third of a search went into reading the same ones again. Mapping
the file is faster still by a tenth, and ends the process if somebody cuts the file."""


def connect(path: Path) -> Connection:
    """Open or create a file for writing; usable by any thread."""
    with translated(path):
        return sqlite3.connect(path, check_same_thread=False, cached_statements=256)


def connect_read_only(path: Path) -> Connection:
    """Open a file that nobody writes any more: no lock is taken, a read-only folder will do."""
    with translated(path):
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, cached_statements=256)
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        return connection


def connect_shared(path: Path) -> Connection:
    """Open a file for reading while another process may be writing it.

    Beside a file in WAL mode SQLite makes others: where it may not, and nobody else has, nobody writes it either.
    """
    if not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists():
        return connect_read_only(path)
    with translated(path):
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)


def marked(values: Sequence[T]) -> Iterator[tuple[str, Sequence[T]]]:
    """Values in parts that one statement takes, each with the question marks for its `IN (...)`."""
    for start in range(0, len(values), BATCH):
        part = values[start : start + BATCH]
        yield ",".join("?" * len(part)), part


def check(connection: Connection, path: Path, way_back: str = WAY_BACK) -> None:
    """Raise CatalogDamaged if SQLite finds an open file damaged."""
    with translated(path, way_back):
        answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if answer != "ok":
        raise CatalogDamaged(f"{path}: is damaged ({answer}); {way_back}")


def check_file(path: Path) -> None:
    """Raise CatalogDamaged if SQLite finds a file damaged that nobody writes."""
    connection = connect_read_only(path)
    try:
        check(connection, path)
    finally:
        connection.close()


def has_table(connection: Connection, path: Path, name: str) -> bool:
    """Whether an open file has a table, which those of earlier versions may lack."""
    with translated(path):
        asked = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
        return bool(connection.execute(asked, (name,)).fetchone()[0])


def compact(path: Path) -> None:
    """Give back the room in a file that nothing is in any more; nobody else may have it open."""
    connection = connect(path)
    try:
        with translated(path):
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def set_aside(path: Path) -> Path:
    """Rename a damaged file, so that a new one can take its place; returns its new name, raises OSError."""
    aside = path.with_name(f"{path.name}.damaged")
    for suffix in ("", *_BESIDE):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(f"{aside}{suffix}")
    return aside


def replace_database(new: Path, path: Path) -> None:
    """Put a file, with nothing beside it, in the place of another one that nobody writes; raises OSError.

    The log that a killed writer left of the other one would be replayed into this one.
    """
    for suffix in _BESIDE:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    new.replace(path)


def leave_wal(path: Path) -> None:
    """Let a file be readable from read-only media: one in WAL mode is not."""
    connection = connect(path)
    try:
        with translated(path), _full(path):
            connection.execute("PRAGMA journal_mode = DELETE")
    finally:
        connection.close()


def copy_database(source: Path, target: Path) -> None:
    """Copy a file as it is at one moment, whoever writes it meanwhile; `target` must not exist."""
    reading = connect_shared(source)
    try:
        writing = connect(target)
        try:
            with translated(source), _full(target):
                reading.backup(writing)
        finally:
            writing.close()
    finally:
        reading.close()


@contextmanager
def _full(target: Path) -> Iterator[None]:
    """What is full is where the copy goes."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise DiskFull(f"{target}: {error}; check the free space") from error
        raise


@contextmanager
def translated(path: Path, way_back: str = WAY_BACK) -> Iterator[None]:
    """SQLite's errors as ours, with the file's name and the way out."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        # A table that is not there, or text that is not UTF-8, are operational errors to SQLite.
        name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
        if isinstance(error, sqlite3.OperationalError) and name != "SQLITE_ERROR":
            kind = DiskFull if name == "SQLITE_FULL" else StoreError
            raise kind(f"{path}: {error}; check the free space and the folder's permissions") from error
        raise CatalogDamaged(f"{path}: is damaged ({error}); {way_back}") from error
    except UnicodeDecodeError as error:  # SQLite's message quotes a broken schema, and Python cannot read the message
        raise CatalogDamaged(f"{path}: is damaged (its schema is no text); {way_back}") from error


def free_numbers(connection: Connection, table: str, column: str, count: int) -> list[int]:
    """The first numbers of a column that no row holds: what they number, a file of vectors, does not grow then."""
    height, held = connection.execute(f"SELECT coalesce(max({column}), -1) + 1, count(*) FROM {table}").fetchone()  # noqa: S608
    free: list[int] = []
    if count and held < height:
        taken = {number for (number,) in connection.execute(f"SELECT {column} FROM {table}")}  # noqa: S608
        free = [number for number in range(height) if number not in taken][:count]
    return free + list(range(height, height + count - len(free)))
