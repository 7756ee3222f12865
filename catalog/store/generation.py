"""One generation: its folder, and what it remembers of itself in generation.json, its last file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from catalog.errors import MEND, WAY_BACK, CatalogDamaged, StoreError
from catalog.identity import ModelIdentity
from catalog.store.chroma.folder import ChromaFolder
from catalog.store.chroma.server import ChromaServer, Servers
from catalog.store.chroma.shards import IndexShard
from catalog.store.files import disk_errors, sync_to_disk, write_atomically
from catalog.store.vectors.by_row import StoredVectors, open_vectors

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
    """Size and sampled digest of every file of the vector index, by path below the generation."""
    files: dict[str, str] = field(default_factory=dict)
    """Digest of every file that stays as it was published, by path below the generation."""
    layout: int = LAYOUT
    height: int = 0
    """Rows of vectors.npy, those that are free counted."""
    lexical_churn: int = 0
    """Documents replaced in the lexical index since it was last built afresh."""
    analysis: int = 0
    """By which version of the analysis (`fields.ANALYSIS`) the lexical index was made."""
    passages: int = 0
    """Rows of the vector index that are passages of long stories and German plots, not movies."""
    passage_height: int = 0
    """Rows of passages.npy, those that are free counted; without any there is no such file, nor passage_words."""
    splitter: int = 0
    """By which version of `catalog.text.passages` (`SPLITTER`) stories were cut into passages; 0 for none."""

    @property
    def rows(self) -> int:
        """Of the vector index."""
        return self.films + self.passages

    @property
    def edition(self) -> tuple[int, float]:
        """What no other publication has, though a number be given twice."""
        return self.number, self.published

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
    def from_json(cls, text: bytes, where: Path, *, older: bool = False) -> Self:
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
    seal: str | None = None
    """The digest of generation.json, as CURRENT names it, or SEAL; None if nobody says."""

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
    def passages(self) -> Path:
        return self.folder / "passages.npy"

    @property
    def passage_words(self) -> Path:
        return self.folder / "passage_words"

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
        """The name of the Chroma collection: `movies-0007`, or what COLLECTION says; of several, the first."""
        return self.shards[0].collection

    @property
    def shards(self) -> tuple[IndexShard, ...]:
        """The collections of the index; more than one on servers alone: each a line of COLLECTION, with its rows."""
        try:
            lines = self.collection_file.read_text(encoding="ascii").splitlines()
            return tuple(IndexShard(name, *map(int, rows)) for name, *rows in map(str.split, lines or [""]))
        except FileNotFoundError:
            return (IndexShard(f"movies-{self.number:04d}"),)
        except (UnicodeDecodeError, ValueError, TypeError) as error:
            raise CatalogDamaged(f"{self.collection_file}: is damaged; {MEND}") from error

    def name_shards(self, shards: Sequence[IndexShard]) -> None:
        """Say in COLLECTION what the collections are called, and how many rows each will have; raises OSError."""
        lines = (" ".join(str(part) for part in shard if part is not None) for shard in shards)
        write_atomically(self.collection_file, "".join(f"{line}\n" for line in lines))

    @property
    def collection_file(self) -> Path:
        return self.folder / "COLLECTION"

    @property
    def on_server(self) -> bool:
        """Whether the index is a collection on a Chroma server."""
        return self.collection_file.exists()

    def backend(self, server: Servers | None, shard: int = 0) -> ChromaFolder | ChromaServer:
        """Where the index is, or one of its shards; raises StoreError if the configured servers have no such one."""
        if not self.on_server:
            return ChromaFolder(self.chroma)
        if server is None:
            raise StoreError(
                f"{self.folder}: the vector index is on a Chroma server; set store.url, or run ingest to move it here"
            )
        if not self.is_divided_as(server):
            raise StoreError(
                f"{self.folder}: the vector index is in {len(self.shards)} shards, and store.url names"
                f" {len(server.shards)}; run ingest to divide it anew"
            )
        return server.shards[shard]

    def is_divided_as(self, server: Servers | None) -> bool:
        """Whether the index is where it is configured to be, in as many shards; of the catalog's folder for None."""
        return self.on_server == (server is not None) and len(self.shards) == (len(server.shards) if server else 1)

    @property
    def chroma(self) -> Path:
        return self.folder / "chroma"

    @property
    def info_file(self) -> Path:
        return self.folder / "generation.json"

    @property
    def seal_file(self) -> Path:
        return self.folder / "SEAL"

    @property
    def rolled_back_file(self) -> Path:
        return self.folder / "ROLLED_BACK"

    @property
    def apart(self) -> tuple[Path, ...]:
        """The files that are not among those whose digests generation.json has."""
        return self.info_file, self.seal_file, self.collection_file, self.rolled_back_file

    @property
    def was_rolled_back(self) -> bool:
        """Whether it was left by a rollback, which shall never lead there again."""
        return self.rolled_back_file.exists()

    def info(self, *, older: bool = False) -> GenerationInfo:
        """Raises CatalogDamaged, and StoreError for another layout than this one or, if asked for, an `older` one."""
        with disk_errors(self.info_file):
            try:
                content = self.info_file.read_bytes()
            except FileNotFoundError:
                raise CatalogDamaged(f"{self.folder}: is not a finished generation; {WAY_BACK}") from None
        info = GenerationInfo.from_json(content, self.info_file, older=older)
        if self.seal not in (None, digest_of(content)):
            raise CatalogDamaged(f"{self.info_file}: is not the file that CURRENT names; {MEND}, or else {WAY_BACK}")
        return info

    @property
    def published(self) -> bool:
        return self.info_file.exists()

    def finish(self, info: GenerationInfo) -> None:
        """Sync all files to disk, then write generation.json with their digests; raises OSError."""
        for path in self.folder.rglob("*"):
            sync_to_disk(path)
        info = replace(info, files=file_digests(self))
        text = json.dumps(asdict(info), indent=2, ensure_ascii=False) + "\n"
        write_atomically(self.seal_file, f"{digest_of(text.encode())}\n")
        write_atomically(self.info_file, text)


def stored_vectors(generation: Generation, info: GenerationInfo) -> StoredVectors:
    """Open the files of vectors; raises CatalogDamaged."""
    dimension = info.model.dimension
    return StoredVectors(
        open_vectors(generation.vectors, info.height, dimension),
        open_vectors(generation.passages, info.passage_height, dimension),
    )


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
    """A digest of every file, which nobody changes after publishing, but for generation.json and what is told later.

    Nor of COLLECTION, which no backup has; a wrong name shows in what is found under it.
    """
    named = tuple(path.name for path in generation.apart)
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
    found = {generation.folder / name: _damage(generation.folder / name, digest) for name, digest in published.items()}
    return {path: wrong for path, wrong in found.items() if wrong is not None}


def _damage(path: Path, digest: str) -> str | None:
    try:
        return None if file_digest(path) == digest else "is not the file that was published"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def check_part(generation: Generation, info: GenerationInfo, part: Path, way_back: str = MEND) -> None:
    """Raise CatalogDamaged if a file, or one of those in a folder, is not the one that was published.

    Chroma's large files are only looked for: to read them takes longer than to answer.
    """
    for name, digest in info.files.items():
        path = generation.folder / name
        if path != part and part not in path.parents:
            continue
        with disk_errors(path):
            if not path.exists():
                raise CatalogDamaged(f"{path}: is missing; {way_back}")
            if path.suffix != ".bin" and file_digest(path) != digest:
                raise CatalogDamaged(f"{path}: is not the file that was published; {way_back}")


def digest_of(content: bytes) -> str:
    """Of a file that is read already."""
    return blake2b(content, digest_size=16).hexdigest()


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
