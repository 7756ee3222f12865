"""The vector index of a published folder, opened without touching it.

Chroma writes a line into chroma.sqlite3 whenever it opens a folder, and cannot open one that it may only read. So it
is given a folder of our own: links to the index files, which never change, and a copy of the small rest.
"""

import shutil
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, cast

from catalog.errors import MEND, CatalogDamaged
from catalog.store.chroma.engine import Engine
from catalog.store.files import disk_errors
from catalog.store.lock import is_held, take_lock

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from filelock import BaseFileLock

_SQLITE = "chroma.sqlite3"
_PREFIX, _LOCK = "plotseek-index-", "LOCK"
_YOUNG = 60.0
"""Seconds for which a copy is left alone that nobody holds yet."""


class PrivateFolder:
    """A backend for one reader."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._copy: TemporaryDirectory[str] | None = None
        self._lock: BaseFileLock | None = None

    @property
    def where(self) -> str:
        """For messages."""
        return str(self.path)

    @property
    def advice(self) -> str:
        """Where to look when it does not do what it must."""
        return "check the free space of the folder for temporary files"

    @property
    def batch(self) -> int | None:
        """No fewer rows a call than usual."""
        return None

    def connect(self, *, new: bool) -> "Client":
        """A client of the copy; raises CatalogDamaged if there is nothing to copy, StoreError."""
        assert not new  # noqa: S101
        try:
            with disk_errors(self.path):
                if not (self.path / _SQLITE).exists():
                    raise CatalogDamaged(f"{self.path}: the vector index is missing; {MEND}")
                _remove_abandoned()
                self._copy = TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
                self._lock = take_lock(Path(self._copy.name) / _LOCK)
                _link_tree(self.path.absolute(), Path(self._copy.name))
            return cast(
                "Client", Engine(Path(self._copy.name))
            )  # has of it what is asked of an index that is only read
        except BaseException:
            self._remove_copy()
            raise

    def close(self, client: "Client") -> None:
        """Release the files, and remove the copy."""
        client.close()
        self._remove_copy()

    def _remove_copy(self) -> None:
        if self._lock is not None:
            self._lock.release()
        if self._copy is not None:
            self._copy.cleanup()

    def remove(self, name: str) -> None:
        """Nothing of a published folder is removed through a copy."""
        raise NotImplementedError(name)

    def reached(self) -> AbstractContextManager[None]:
        """No network that could fail."""
        return nullcontext()


def _remove_abandoned() -> None:
    """Throw away what killed readers left behind: a lock goes with its process."""
    for copy in Path(gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody else's, or just gone
            if time.time() - copy.stat().st_mtime > _YOUNG and not is_held(copy / _LOCK):
                shutil.rmtree(copy, ignore_errors=True)


def _link_tree(source: Path, target: Path) -> None:
    for path in source.iterdir():
        if path.is_dir():
            (target / path.name).mkdir()
            _link_tree(path, target / path.name)
        elif path.name.startswith(_SQLITE):
            shutil.copyfile(path, target / path.name)
        else:
            (target / path.name).symlink_to(path)
