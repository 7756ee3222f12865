"""The source of a run as a file that can be read: where it is, or fetched."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ingest.readers.download import (
    Fetched,
    FetchLimits,
    Unchanged,
    Validators,
    download_folder,
    fetch,
    fetch_if_changed,
)
from ingest.readers.source import is_url
from ingest.readers.waiting import Stop
from ingest.servers.films import write_films
from ingest.servers.media_server import server_at
from ingest.sync.source_cache import content_digest


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source that has to be read."""

    location: str
    name: str | None
    """For messages, where the location is a temporary file."""
    validators: Validators


def find_source(
    location: str,
    before: Validators | None,
    limits: FetchLimits,
    headers: Mapping[str, str],
    stack: ExitStack,
    stop: Stop,
) -> SourceFile | None:
    """The source, fetched if it is an address, with these `headers`; None if it is what it was `before`.

    What is fetched is removed by `stack`. Raises SourceError, UsageError for a media server without a key, Stopped.
    """
    if server := server_at(location):
        folder = Path(stack.enter_context(download_folder()))
        path = write_films(server, folder, limits, headers, stop)
        validators = Validators(digest=content_digest(str(path), stop))
        return None if before == validators else SourceFile(str(path), server.name, validators)
    if not is_url(location):
        validators = Validators(digest=content_digest(location, stop))
        return None if before == validators else SourceFile(location, None, validators)
    path = Path(stack.enter_context(download_folder())) / "download"
    if before:
        fetched: Fetched | Unchanged = fetch_if_changed(location, path, before, limits, stop, headers)
    else:
        fetched = fetch(location, path, limits, stop, headers)
    if isinstance(fetched, Unchanged):
        return None
    return SourceFile(str(fetched.path), fetched.name, fetched.validators)
