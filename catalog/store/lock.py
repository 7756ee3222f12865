"""Lock files: one writer at a time, and how one process sees that another one lives."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog.errors import CatalogLocked, StoreError
from catalog.store.files import disk_errors, write_atomically


def is_held(path: Path) -> bool:
    """Whether a live process holds this lock; what cannot be tried, in a read-only folder, is taken as held.

    Looking takes a free lock for a moment: look only where there is a sign that somebody holds it.
    """
    from filelock import FileLock, Timeout

    if not path.exists():
        return False
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return True
    lock.release()
    return False


@contextmanager
def writer_lock(root: Path) -> Iterator[None]:
    """Hold LOCK, or raise CatalogLocked naming the process that does. It dies with its process."""
    from filelock import FileLock, Timeout

    holder = root / "LOCK.holder"
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / "LOCK", blocking=False)
        lock.acquire()
    except Timeout:
        raise CatalogLocked(f"{root}: is being written by {_read_holder(holder)}; wait for it to end") from None
    except OSError as error:
        raise StoreError(f"{root}: cannot be written: {error.strerror}; check the folder's permissions") from error
    try:
        with disk_errors(root):
            write_atomically(holder, f"process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        yield
        holder.unlink(missing_ok=True)
    finally:
        lock.release()


def _read_holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return "another process"
