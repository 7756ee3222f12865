"""Lock files: one writer at a time, and how one process sees that another one lives."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import CatalogLocked, StoreError
from catalog.store.files import disk_errors, write_atomically

if TYPE_CHECKING:
    from filelock import BaseFileLock

BEING_WRITTEN = "is being written by"
"""What CatalogLocked says where a run finds another one; a program that started it may wait, and start it again."""
_HOLDER = re.compile(r"process \d+, since [\d-]{10} [\d:]{8}")


def take_lock(path: Path) -> "BaseFileLock":
    """Take a lock that is free; it is given back by its `release`, or by the end of the process.

    Raises CatalogLocked, OSError.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise CatalogLocked(f"{path}: is held by another process; wait for it to end") from None
    return lock


def is_held(path: Path) -> bool:
    """Whether a live process holds this lock; what cannot be tried, in a read-only folder, is taken as held.

    Looking takes a free lock for a moment: look only where there is a sign that somebody holds it.
    """
    if not path.exists():
        return False
    try:
        take_lock(path).release()
    except (CatalogLocked, OSError):
        return True
    return False


def writer(root: Path) -> str | None:
    """Who is writing a catalog now; None if nobody is."""
    return read_holder(root) if (root / "LOCK.holder").exists() and is_held(root / "LOCK") else None


@contextmanager
def writer_lock(root: Path) -> Iterator[None]:
    """Hold LOCK, or raise CatalogLocked naming the process that does. It dies with its process."""
    holder = root / "LOCK.holder"
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = take_lock(root / "LOCK")
    except CatalogLocked:
        raise CatalogLocked(f"{root}: {BEING_WRITTEN} {read_holder(root)}; wait for it to end") from None
    except OSError as error:
        raise StoreError(f"{root}: cannot be written: {error.strerror}; check the folder's permissions") from error
    try:
        with disk_errors(root):
            write_atomically(holder, f"process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        yield
        holder.unlink(missing_ok=True)
    finally:
        lock.release()


def read_holder(root: Path) -> str:
    """What LOCK.holder says, if it says what was written there."""
    try:
        said = (root / "LOCK.holder").read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return "another process"
    return said if _HOLDER.fullmatch(said) else "another process"
