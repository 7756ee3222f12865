"""SQLite, opened one way: the only module that knows sqlite3, and where its errors become ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog.errors import CatalogDamaged, StoreError

Connection = sqlite3.Connection

#: Values in one statement: far below SQLite's 32,766, and few enough lengths to keep statements cached.
BATCH = 500


def connect(path: Path) -> Connection:
    """Open or create a file for writing; usable by any thread."""
    with translated(path):
        return sqlite3.connect(path, check_same_thread=False, cached_statements=256)


def connect_read_only(path: Path) -> Connection:
    """Open a file that nobody writes any more: no lock is taken, a read-only folder will do."""
    with translated(path):
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        return sqlite3.connect(uri, uri=True, check_same_thread=False, cached_statements=256)


def check(connection: Connection, path: Path) -> None:
    """Raise CatalogDamaged if SQLite finds the file damaged."""
    with translated(path):
        answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if answer != "ok":
        raise CatalogDamaged(f"{path}: is damaged ({answer})")


def check_file(path: Path) -> None:
    """The same for a file that is not open, Chroma's for one."""
    connection = connect_read_only(path)
    try:
        check(connection, path)
    finally:
        connection.close()


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours, with the file's name and the way out."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(f"{path}: {error}; check the free space and the folder's permissions") from error
    except sqlite3.DatabaseError as error:
        raise CatalogDamaged(
            f"{path}: {error}; restore a backup, or move the file away and run 'ingest --rebuild'"
        ) from error
