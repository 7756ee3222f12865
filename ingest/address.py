"""A web address from one run to the next: nothing is read again while it and the catalog are what they were."""

import json
from dataclasses import asdict, replace
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from catalog.config import Config, ScheduleConfig, SearchConfig, StoreConfig
from catalog.errors import UsageError
from catalog.store.generations import GenerationInfo, Generations, index_digests
from catalog.store.history import History
from ingest.fetch import Fetched, Unchanged, Validators, fetch, fetch_if_changed, shown
from ingest.source import is_url


def source_name(location: str) -> str:
    """The location as it may be shown and stored: an address without what may be secret in it."""
    if not is_url(location):
        return location
    try:
        return shown(location)
    except ValueError as error:
        raise UsageError(f"--file: is not an address: {error}") from None


def visit(location: str, path: Path, history: History, state: str | None) -> Fetched | Unchanged:
    """Load an address into the file `path`, unless it gives what it gave when the catalog came into `state`.

    Raises SourceError.
    """
    note = history.note(_note_name(location))
    before = json.loads(note) if note else {}
    if state is None or before.get("state") != state:
        return fetch(location, path)
    return fetch_if_changed(location, path, Validators(**before["validators"]))


def remember(location: str, validators: Validators, history: History, state: str | None) -> None:
    """Note what an address gave, once the catalog holds all of it."""
    note = {"address": shown(location), "state": state, "validators": asdict(validators)}
    history.keep(_note_name(location), json.dumps(note) if state else None)


def state_of(config: Config, kind: str | None) -> str | None:
    """What the outcome of a run depends on besides the file; None if there is no whole catalog.

    The generation in force, the settings but for those that change no film, the format asked for, and
    the version of this program, which may read a column that the one before did not.
    """
    info = in_force(config.store.path)
    if info is None:
        return None
    settings = replace(config, store=StoreConfig(), schedule=ScheduleConfig(), search=SearchConfig())
    return blake2b(repr((info.number, settings, kind, _version())).encode(), digest_size=16).hexdigest()


def in_force(root: Path) -> GenerationInfo | None:
    """The generation in force, if its index is the one that was published."""
    generation = Generations(root).current()
    if generation is None:
        return None
    info = generation.info()
    return info if index_digests(generation) == info.index_files else None


def _note_name(location: str) -> str:
    """A digest, because the whole address may hold secrets."""
    return f"validators {blake2b(location.encode(), digest_size=16).hexdigest()}"


def _version() -> str:
    try:
        return version("plotseek")
    except PackageNotFoundError:
        return ""  # run from its sources
