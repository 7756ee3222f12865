"""The file system: its errors as ours, and what it must have on disk before we go on."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog.errors import DiskFull, StoreError, is_full


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """The file system's errors as ours."""
    try:
        yield
    except shutil.Error as error:
        _, target, reason = error.args[0][0]
        reason = re.sub(r"^\[Errno \d+\] |: '.*$", "", str(reason))
        kind = DiskFull if reason == os.strerror(errno.ENOSPC) else StoreError
        raise kind(f"{target}: {reason}; check the free space and the folder's permissions") from error
    except OSError as error:
        kind = DiskFull if is_full(error) else StoreError
        raise kind(
            f"{error.filename or path}: {error.strerror}; check the free space and the folder's permissions"
        ) from error


def write_atomically(path: Path, text: str) -> None:
    """Replace a small file so that a power cut leaves the old or the new one."""
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_to_disk(path.parent)


def sync_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
