"""All films of a media server, as a file of JSON lines that the reader of any file takes from there."""

import json
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from catalog.errors import SourceError
from ingest.readers.download import FetchLimits
from ingest.readers.waiting import Stop
from ingest.servers import jellyfin, plex, radarr
from ingest.servers.media_server import Inquiry, MediaServer, key_of

_READERS = {
    "jellyfin": (jellyfin.headers, jellyfin.read_films),
    "plex": (plex.headers, plex.read_films),
    "radarr": (radarr.headers, radarr.read_films),
}


def write_films(server: MediaServer, folder: Path, limits: FetchLimits, headers: Mapping[str, str], stop: Stop) -> Path:
    """Ask a server for all of its films; the same films give the same bytes.

    Raises UsageError without a key, SourceUnreachable for what is cut off or changes meanwhile, SourceError, Stopped.
    """
    prove, read_films = _READERS[server.kind]
    asked = {**headers, **prove(key_of(server))}
    rows = read_films(Inquiry(server, folder, limits, asked, stop, monotonic() + limits.total))
    if not rows:
        raise SourceError(f"{server.name} holds no films; nothing was changed")
    path = folder / "films.jsonl"
    rows.sort(key=lambda row: str(row["id"]))
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(json.dumps(row, sort_keys=True) + "\n" for row in rows)
    return path
