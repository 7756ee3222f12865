"""The folders of the catalog: copy, change, check, publish.

    LOCK                 one writer, by the operating system
    vectors.sqlite3      every vector ever computed, writer only
    generations/0007/    generation.json  records.sqlite3  vectors.npy  chroma/
    CURRENT              the name of the generation in force

A generation is changed only while it is private. `generation.json` is its last file; a folder
without one is what a killed run left behind. A reader opens what CURRENT names.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from catalog.errors import CatalogDamaged, CatalogLocked, CatalogMissing, StoreError
from catalog.identity import ModelIdentity

#: Of the folders' layout. A catalog of another version is refused by name.
LAYOUT = 1

_CHECKED_BLOCKS, _BLOCK = 64, 4096


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    """What a generation remembers of itself: generation.json."""

    number: int
    model: ModelIdentity
    template: str
    fallback_for: str | None
    """The configured model that could not be had when the catalog was first built."""
    films: int
    churn: int
    """Rows changed in the vector index since it was last built afresh."""
    published: float
    """Seconds since 1970, UTC."""
    index_files: dict[str, str] = field(default_factory=dict)
    """Size and sampled digest of every index file, by path below the generation."""
    layout: int = LAYOUT

    @property
    def collection(self) -> str:
        """The name of the Chroma collection."""
        return collection_name(self.number)

    @classmethod
    def from_json(cls, text: str, where: Path) -> Self:
        try:
            values: dict[str, Any] = json.loads(text)
            if (layout := values.get("layout")) != LAYOUT:
                raise StoreError(
                    f"{where}: was written by another version of plotseek (layout {layout}, this one reads {LAYOUT});"
                    " use that version, or build the catalog again in another store.path"
                )
            return cls(**{**values, "model": ModelIdentity(**values["model"])})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CatalogDamaged(
                f"{where}: is damaged ({error}); run 'ingest rollback' or 'ingest --rebuild'"
            ) from error


def collection_name(number: int) -> str:
    """`movies-0007`"""
    return f"movies-{number:04d}"


@dataclass(frozen=True, slots=True)
class Generation:
    """The folder of one generation."""

    folder: Path

    @property
    def number(self) -> int:
        return int(self.folder.name)

    @property
    def records(self) -> Path:
        return self.folder / "records.sqlite3"

    @property
    def matrix(self) -> Path:
        return self.folder / "vectors.npy"

    @property
    def chroma(self) -> Path:
        return self.folder / "chroma"

    @property
    def chroma_sqlite(self) -> Path:
        return self.chroma / "chroma.sqlite3"

    @property
    def info_file(self) -> Path:
        return self.folder / "generation.json"

    def info(self) -> GenerationInfo:
        try:
            return GenerationInfo.from_json(self.info_file.read_text(encoding="utf-8"), self.info_file)
        except FileNotFoundError:
            raise CatalogDamaged(
                f"{self.folder}: is not a finished generation; run 'ingest rollback' or 'ingest --rebuild'"
            ) from None
        except UnicodeDecodeError as error:
            raise CatalogDamaged(f"{self.info_file}: is damaged ({error})") from error

    @property
    def published(self) -> bool:
        return self.info_file.exists()


class Generations:
    """All generations below one folder, and which of them is in force."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folder = root / "generations"
        self._current = root / "CURRENT"

    def stamp(self) -> tuple[int, int] | None:
        """Changes whenever another generation comes into force; costs one stat."""
        try:
            status = self._current.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino

    def current(self) -> Generation | None:
        """The generation in force; None before the first one."""
        try:
            name = self._current.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            name = "not a number"
        if not name.isdecimal():
            raise CatalogDamaged(f"{self._current}: must hold a number; run 'ingest rollback'")
        return Generation(self._folder / name)

    def in_force(self) -> Generation:
        """The generation in force, or CatalogMissing with the command to run."""
        generation = self.current()
        if generation is None:
            raise CatalogMissing(f"{self.root}: there is no catalog yet; run 'ingest --file movies.json' first")
        return generation

    def all(self) -> list[Generation]:
        """Every folder, finished or not, oldest first."""
        if not self._folder.exists():
            return []
        folders = (path for path in self._folder.iterdir() if path.name.isdecimal() and path.is_dir())
        return sorted((Generation(path) for path in folders), key=lambda generation: generation.number)

    def begin(self) -> Generation:
        """A new, empty, private folder."""
        everything = self.all()
        number = everything[-1].number + 1 if everything else 1
        generation = Generation(self._folder / f"{number:04d}")
        generation.folder.mkdir(parents=True)
        return generation

    def publish(self, generation: Generation, info: GenerationInfo) -> None:
        """Make a finished, verified generation the one in force; all on disk before the switch."""
        _write_atomically(generation.info_file, json.dumps(asdict(info), indent=2, ensure_ascii=False) + "\n")
        for path in generation.folder.rglob("*"):
            _sync(path)
        _sync(generation.folder)
        _sync(self._folder)
        self.switch(generation)

    def switch(self, generation: Generation) -> None:
        """Let CURRENT name a finished generation."""
        _write_atomically(self._current, f"{generation.folder.name}\n")

    def drop_unfinished(self) -> list[int]:
        """Throw away what killed runs left behind; returns their numbers. Writer only."""
        unfinished = [generation for generation in self.all() if not generation.published]
        for generation in unfinished:
            shutil.rmtree(generation.folder)
        return [generation.number for generation in unfinished]

    def drop_old(self, keep: int, grace: float) -> list[int]:
        """Remove finished generations beyond the newest `keep`, save the one in force and young ones.

        A generation is young for `grace` seconds after its successor was published: a reader may just
        be opening it.
        """
        current = self.current()
        finished = [generation for generation in self.all() if generation.published]
        removed: list[int] = []
        for generation, successor in list(pairwise(finished))[: max(len(finished) - keep, 0)]:
            age = time.time() - successor.info_file.stat().st_mtime
            if age > grace and (current is None or generation.number != current.number):
                shutil.rmtree(generation.folder)
                removed.append(generation.number)
        return removed


def index_digests(generation: Generation) -> dict[str, str]:
    """Size and a digest of 64 blocks spread over each index file: cheap enough for every open.

    Enough to notice a file that was cut, emptied, replaced or overwritten. Chroma counts its opens in
    chroma.sqlite3, so that only its size is kept; the writer lets SQLite check it.
    """
    digests = {
        str(path.relative_to(generation.folder)): _sampled_digest(path) for path in generation.chroma.rglob("*.bin")
    }
    if generation.chroma_sqlite.exists():
        digests["chroma/chroma.sqlite3"] = str(generation.chroma_sqlite.stat().st_size)
    return dict(sorted(digests.items()))


def _sampled_digest(path: Path) -> str:
    size = path.stat().st_size
    digest = blake2b(digest_size=8)
    step = max(_BLOCK, (size - _BLOCK) // (_CHECKED_BLOCKS - 1)) if size > _BLOCK else _BLOCK
    with path.open("rb", buffering=0) as file:
        for position in range(0, size, step):
            file.seek(position)
            digest.update(file.read(_BLOCK))
    return f"{size}:{digest.hexdigest()}"


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
        _write_atomically(holder, f"process {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        yield
        holder.unlink(missing_ok=True)
    finally:
        lock.release()


def _read_holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return "another process"


def _write_atomically(path: Path, text: str) -> None:
    """Replace a small file so that a power cut leaves the old or the new one."""
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
