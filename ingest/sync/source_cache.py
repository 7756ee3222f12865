"""What a source reads, from one run to the next: nothing is read again while it and the catalog are what they were."""

import json
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from catalog.config import Config, ScheduleConfig, SearchConfig, ServerConfig, StoreConfig
from catalog.errors import UsageError
from catalog.movie import MAIN
from catalog.store.chroma.server import Servers
from catalog.store.embedding_cache import has_checksums
from catalog.store.generation import LAYOUT, GenerationInfo, damaged_files
from catalog.store.generations import Generations
from catalog.store.integrity import is_intact
from catalog.store.movies import Edition
from catalog.store.runs import History
from ingest.readers.download import Validators, shown
from ingest.readers.source import STDIN, is_address, local_paths, open_file
from ingest.readers.waiting import Stop, never, raise_if
from ingest.report import RowCounts
from ingest.sync.row_cache import READING

_BLOCK = 1 << 20
_ROLLED_BACK = "rolled back"
_MOST_ROLLED_BACK = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """What a source gave when the catalog came to hold all of it."""

    state: str
    """Of the catalog and the settings, see `state_of`."""
    validators: Validators
    rows: RowCounts
    refusals: tuple[str, ...] = ()
    """The first of them, one line each."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        rows, refusals = RowCounts(**values["rows"]), tuple(values.get("refusals", ()))
        return cls(values["state"], Validators(**values["validators"]), rows, refusals)


@dataclass(frozen=True, slots=True)
class Origin:
    """What is read, and for whom: what one source got from a location says nothing of another source."""

    location: str
    source: str = MAIN

    def note_name(self, of: str) -> str:
        """A digest, because the whole address may hold secrets."""
        whole = self.location if is_address(self.location) else str(Path(self.location).absolute())
        whole = whole if self.source == MAIN else f"{self.source}\0{whole}"
        return f"{of} {blake2b(whole.encode('utf-8', 'surrogateescape'), digest_size=16).hexdigest()}"


def recall(origin: Origin, history: History, state: str | None) -> Seen | None:
    """What the location gave, if catalog and settings are in the same `state` as then."""
    seen = history.read_note(origin.note_name("seen"), Seen.from_dict)
    return seen if seen and seen.state == state else None


def remember(origin: Origin, history: History, seen: Seen) -> None:
    """Note what a location gave, once the catalog holds all of it."""
    history.keep(origin.note_name("seen"), json.dumps(asdict(seen)))


def remember_origin(origin: Origin, history: History, edition: Edition, seen: Seen) -> None:
    """Note what a location was when it gave a generation."""
    history.keep(origin.note_name("gave"), json.dumps([edition, asdict(seen)]))


def roll_back_origin(history: History, edition: Edition) -> None:
    """Note that a generation was rolled back."""
    noted = history.read_note(_ROLLED_BACK, list) or []
    history.keep(_ROLLED_BACK, json.dumps([*noted, edition][-_MOST_ROLLED_BACK:]))


def rolled_back_origin(origin: Origin, history: History, config: Config, kind: str | None) -> Seen | None:
    """What the location was when it gave, under these settings, a generation that was rolled back."""
    noted = history.read_note(_ROLLED_BACK, list) or []

    def known(note: list[Any]) -> Seen | None:
        edition, values = note
        seen = Seen.from_dict(values)
        return seen if edition in noted and seen.state == state_of(config, kind, tuple(edition)) else None

    return history.read_note(origin.note_name("gave"), known)


def source_name(location: str) -> str:
    """The location as it may be shown and stored: an address without what may be secret in it."""
    if not is_address(location):
        return location
    try:
        return shown(location)
    except ValueError as error:
        raise UsageError(f"--file: is not an address: {error}") from None


def content_digest(location: str, stop: Stop = never) -> str | None:
    """BLAKE2b of the bytes of a file, or of all files of a pattern; None for standard input.

    Raises SourceError, Stopped.
    """
    if location == STDIN:
        return None
    whole = blake2b(digest_size=16)
    for path in local_paths(location):
        with open_file(path) as file:
            whole.update(f"{path.name}\0".encode("utf-8", "surrogateescape"))
            while block := file.read(_BLOCK):
                raise_if(stop)
                whole.update(block)
    return whole.hexdigest()


def state_of(config: Config, kind: str | None, edition: Edition | None) -> str:
    """What the outcome of a run depends on besides what is read.

    The edition that last changed a movie of the source, the settings but for those that change no film, the format
    asked for, and this program, which may read a column that an earlier version did not.
    """
    settings = replace(
        config, store=StoreConfig(), schedule=ScheduleConfig(), search=SearchConfig(), server=ServerConfig()
    )
    return blake2b(repr((edition, settings, kind, READING)).encode(), digest_size=16).hexdigest()


def whole_in_force(root: Path, server: Servers | None) -> GenerationInfo | None:
    """The generation in force, if all its files are those that were published, and its index is where it shall be.

    Nor is it whole where vectors wait for the checks of this version.
    """
    generation = Generations(root).current()
    if generation is None or not has_checksums(root / "vectors.sqlite3"):
        return None
    info = generation.info(older=True)
    whole = info.layout == LAYOUT and not damaged_files(generation) and is_intact(generation, info, server)
    return info if whole else None
