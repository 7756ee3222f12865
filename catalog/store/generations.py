"""The folders of the catalog: copy, change, check, publish.

    LOCK                 one writer, by the operating system
    vectors.sqlite3      every vector ever computed, writer only
    generations/0007/    generation.json  movies.sqlite3  lexical/  chroma/  vectors.npy  moments.npz  film_map.npz
    CURRENT              the name of the generation in force

With a Chroma server there is COLLECTION instead of chroma/: the name of the generation's collection there.

A generation is changed only while it is private. `generation.json` is its last file; a folder
without one is what a killed run left behind. A reader opens what CURRENT names.
"""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from secrets import token_hex
from typing import Any, Self

from catalog.errors import MEND, WAY_BACK, CatalogDamaged, CatalogMissing, StoreError
from catalog.identity import ModelIdentity
from catalog.store.chroma.folder import ChromaFolder
from catalog.store.chroma.server import ChromaServer
from catalog.store.files import disk_errors, sync_to_disk, write_atomically

#: Of the folders' layout. Readers refuse a catalog of another one by name; the next run moves one that is not older
#: than OLDEST over: its films and vectors are read, everything else is built anew.
LAYOUT, OLDEST = 4, 1

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
    files: dict[str, str] = field(default_factory=dict)
    """Digest of every file that stays as it was published, by path below the generation."""
    layout: int = LAYOUT
    height: int = 0
    """Rows of vectors.npy, those that are free counted."""
    lexical_churn: int = 0
    """Documents replaced in the lexical index since it was last built afresh."""
    analysis: int = 0
    """By which version of the analysis (`fields.ANALYSIS`) the lexical index was made."""

    def about(self) -> dict[str, str | int | bool]:
        """The description of the vector index, for whoever opens it with Chroma alone."""
        return {
            "made_by": "plotseek",
            "model": self.model.name,
            "revision": self.model.revision,
            "dimension": self.model.dimension,
            "max_tokens": self.model.max_tokens,
            "normalized": self.model.normalized,
            "template": self.template,
        }

    @classmethod
    def from_json(cls, text: str, where: Path, *, older: bool = False) -> Self:
        """Raises StoreError for another layout, though not for an `older` one that can be moved over."""
        try:
            values: dict[str, Any] = json.loads(text)
            _refuse_layout(values.get("layout"), where, older=older)
            return cls(**{**values, "model": ModelIdentity(**values["model"])})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CatalogDamaged(f"{where}: is damaged ({error}); {WAY_BACK}") from error


def _refuse_layout(layout: object, where: Path, *, older: bool) -> None:
    movable = isinstance(layout, int) and OLDEST <= layout < LAYOUT
    if layout == LAYOUT or (movable and older):
        return
    way = (
        "run 'ingest --file FILE', which moves it over without embedding"
        if movable
        else "use that version, or build the catalog again in another store.path"
    )
    raise StoreError(
        f"{where}: was written by another version of plotseek (layout {layout}, this one reads {LAYOUT}); {way}"
    )


@dataclass(frozen=True, slots=True)
class Generation:
    """The folder of one generation."""

    folder: Path

    @property
    def number(self) -> int:
        return int(self.folder.name)

    @property
    def movies(self) -> Path:
        return self.folder / "movies.sqlite3"

    @property
    def earlier_movies(self) -> Path:
        """The movies of a generation of layouts 1 to 3."""
        return self.folder / "records.sqlite3"

    @property
    def vectors(self) -> Path:
        return self.folder / "vectors.npy"

    @property
    def lexical(self) -> Path:
        return self.folder / "lexical"

    @property
    def moments(self) -> Path:
        return self.folder / "moments.npz"

    @property
    def film_map(self) -> Path:
        return self.folder / "film_map.npz"

    @property
    def collection(self) -> str:
        """The name of the Chroma collection: `movies-0007`, or what COLLECTION says."""
        try:
            return self.collection_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return f"movies-{self.number:04d}"
        except UnicodeDecodeError as error:
            raise CatalogDamaged(f"{self.collection_file}: is damaged; {MEND}") from error

    @property
    def collection_file(self) -> Path:
        return self.folder / "COLLECTION"

    @property
    def on_server(self) -> bool:
        """Whether the index is a collection on a Chroma server."""
        return self.collection_file.exists()

    def backend(self, server: ChromaServer | None) -> ChromaFolder | ChromaServer:
        """Where the index is; raises StoreError if that is a server and none is configured."""
        if not self.on_server:
            return ChromaFolder(self.chroma)
        if server is None:
            raise StoreError(
                f"{self.folder}: the vector index is on a Chroma server; set store.url, or run ingest to move it here"
            )
        return server

    @property
    def chroma(self) -> Path:
        return self.folder / "chroma"

    @property
    def info_file(self) -> Path:
        return self.folder / "generation.json"

    def info(self, *, older: bool = False) -> GenerationInfo:
        """Raises CatalogDamaged, and StoreError for another layout than this one or, if asked for, an `older` one."""
        try:
            text = self.info_file.read_text(encoding="utf-8")
            return GenerationInfo.from_json(text, self.info_file, older=older)
        except FileNotFoundError:
            raise CatalogDamaged(f"{self.folder}: is not a finished generation; {WAY_BACK}") from None
        except UnicodeDecodeError as error:
            raise CatalogDamaged(f"{self.info_file}: is damaged ({error}); {WAY_BACK}") from error

    @property
    def published(self) -> bool:
        return self.info_file.exists()

    def finish(self, info: GenerationInfo) -> None:
        """Sync all files to disk, then write generation.json with their digests; raises OSError."""
        for path in self.folder.rglob("*"):
            sync_to_disk(path)
        info = replace(info, files=file_digests(self))
        write_atomically(self.info_file, json.dumps(asdict(info), indent=2, ensure_ascii=False) + "\n")


class Generations:
    """All generations below one folder, and which of them is in force."""

    def __init__(self, root: Path, server: ChromaServer | None = None) -> None:
        """With a `server`, new generations have their index there, and old ones are removed there."""
        self.root = root
        self.server = server
        self._folder = root / "generations"
        self._current = root / "CURRENT"

    def stamp(self) -> tuple[int, int] | None:
        """Changes whenever another generation comes into force; costs one stat."""
        try:
            status = self._current.stat()
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise StoreError(f"store.path: {self.root} is a file, not a folder") from None
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
            raise CatalogDamaged(f"{self._current}: must hold a number; {WAY_BACK}")
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
        with disk_errors(self._folder):
            folders = [path for path in self._folder.iterdir() if path.name.isdecimal() and path.is_dir()]
        return sorted((Generation(path) for path in folders), key=lambda generation: generation.number)

    def begin(self) -> Generation:
        """A new, private folder, empty but for the name that its index shall have on a server.

        The name is on disk before the collection is there, so that no killed run leaves one that nobody
        knows; it is random, so that no two catalogs on one server, nor a copied one, ever meet.
        """
        everything = self.all()
        number = everything[-1].number + 1 if everything else 1
        generation = Generation(self._folder / f"{number:04d}")
        with disk_errors(generation.folder):
            generation.folder.mkdir(parents=True)
            if self.server is not None:
                write_atomically(generation.collection_file, f"movies-{number:04d}-{token_hex(8)}\n")
        return generation

    def publish(self, generation: Generation, info: GenerationInfo) -> None:
        """Make a finished, verified generation the one in force; all on disk before the switch."""
        with disk_errors(generation.folder):
            generation.finish(info)
            sync_to_disk(self._folder)
        self.switch(generation)

    def switch(self, generation: Generation) -> None:
        """Let CURRENT name a finished generation."""
        with disk_errors(self._current):
            write_atomically(self._current, f"{generation.folder.name}\n")

    def roll_back(self) -> GenerationInfo:
        """Put the newest older generation that is whole in force again. Writer only; raises StoreError."""
        try:
            current = self.in_force()
            before = [generation for generation in self.all() if generation.number < current.number]
        except CatalogDamaged:
            before = self.all()
        for generation in reversed(before):
            if generation.published and not damaged_files(generation):
                info = generation.info()  # says so if it is of an older layout
                self.switch(generation)
                return info
        raise StoreError(f"{self.root}: there is no older generation to go back to; 'ingest restore' takes a backup")

    def drop_unfinished(self) -> list[int]:
        """Throw away what killed runs left behind; returns their numbers. Writer only."""
        unfinished = [generation for generation in self.all() if not generation.published]
        for generation in unfinished:
            self._drop(generation)
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
                self._drop(generation)
                removed.append(generation.number)
        return removed

    def discard(self, generation: Generation) -> None:
        """Throw a private generation away; what cannot be removed now, the next writer removes."""
        with suppress(StoreError):
            self._drop(generation)

    def drop_others(self) -> None:
        """Remove all but the generation in force: a backup holds one."""
        current = self.in_force()
        for generation in self.all():
            if generation.number != current.number:
                self._drop(generation)

    def _drop(self, generation: Generation) -> None:
        with disk_errors(generation.folder):
            # First, so that a kill in between leaves no half generation that looks finished.
            generation.info_file.unlink(missing_ok=True)
            if self.server is not None and generation.on_server:
                self.server.remove(generation.collection)
            shutil.rmtree(generation.folder)


@contextmanager
def as_catalog(generation: Generation, info: GenerationInfo) -> Iterator[Path]:
    """A folder of links that is laid out as a catalog with this private generation in force.

    It lies inside the generation, so that what a kill leaves of it is thrown away with that.
    """
    root = generation.folder / "as_catalog"
    folder = root / "generations" / generation.folder.name
    with disk_errors(root):
        parts = [path.absolute() for path in generation.folder.iterdir()]
        folder.mkdir(parents=True)
        for path in parts:
            (folder / path.name).symlink_to(path)
        shown = Generation(folder)
        write_atomically(shown.info_file, json.dumps(asdict(info)))
        Generations(root).switch(shown)
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def index_digests(generation: Generation) -> dict[str, str]:
    """Size and a digest of 64 blocks spread over each index file: cheap enough for every open.

    Enough to notice a file that was cut, emptied, replaced or overwritten: a broken one can take the process down.
    """
    return {
        str(path.relative_to(generation.folder)): _sampled_digest(path)
        for path in sorted(generation.chroma.rglob("*"))
        if path.is_file()
    }


def file_digests(generation: Generation) -> dict[str, str]:
    """A digest of every file, which nobody changes after publishing, but for generation.json.

    Nor of COLLECTION, which no backup has; a wrong name shows in what is found under it.
    """
    named = (generation.info_file.name, generation.collection_file.name)
    return {
        str(path.relative_to(generation.folder)): file_digest(path)
        for path in sorted(generation.folder.rglob("*"))
        if path.is_file() and not path.name.startswith(named)
    }


def damaged_files(generation: Generation) -> dict[Path, str]:
    """What is wrong with the files of a finished generation."""
    try:
        published = generation.info(older=True).files
    except StoreError as error:
        return {generation.info_file: str(error)}
    found = file_digests(generation)
    return {
        generation.folder / name: "is not the file that was published" if name in found else "is missing"
        for name, digest in published.items()
        if found.get(name) != digest
    }


def file_digest(path: Path) -> str:
    """Of the whole content; a file that this process has read and nobody has touched since is not read again."""
    status = path.stat()
    return _file_digest(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@lru_cache(maxsize=256)
def _file_digest(path: Path, *_: int) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb", buffering=0) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _sampled_digest(path: Path) -> str:
    size = path.stat().st_size
    digest = blake2b(digest_size=8)
    step = max(_BLOCK, (size - _BLOCK) // (_CHECKED_BLOCKS - 1)) if size > _BLOCK else _BLOCK
    with path.open("rb", buffering=0) as file:
        for position in range(0, size, step):
            file.seek(position)
            digest.update(file.read(_BLOCK))
    return f"{size}:{digest.hexdigest()}"
