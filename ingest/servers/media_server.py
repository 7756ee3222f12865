"""A media server as a location names it, `jellyfin+http://nas:8096`, and one question to it."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from catalog.config import PREFIX
from catalog.errors import SourceError, SourceUnreachable, UsageError
from ingest.readers.download import FetchLimits, fetch, shown
from ingest.readers.waiting import Stop
from ingest.servers.kinds import KINDS

KEY = f"{PREFIX}_SOURCE_KEY"
_LOCATION = re.compile(rf"({'|'.join(KINDS)})\+(https?://.*)", re.IGNORECASE)
_WANTED = "wanted"
_PLAIN = re.compile(r"[!#-\[\]-~]+")
"""Of what a key consists: printable, no quotes, no backslash."""


@dataclass(frozen=True, slots=True)
class MediaServer:
    """Where a server is, and what is wanted of it."""

    kind: str
    url: str
    """Its address, without a slash at the end."""
    wanted: bool = False
    """Also films that are not there yet: Radarr knows them."""

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.kind} at {self.address}"

    @property
    def address(self) -> str:
        """Its address without what may be secret: for links that are stored."""
        return shown(self.url)

    @property
    def location(self) -> str:
        """As `server_at` reads it."""
        return f"{self.kind}+{self.url}{f'#{_WANTED}' if self.wanted else ''}"


def server_at(location: str) -> MediaServer | None:
    """The server that a location names; None for every other location. Raises UsageError for what is no address."""
    found = _LOCATION.fullmatch(location)
    if found is None:
        return None
    try:
        parts = urlsplit(found[2])
        if not parts.hostname or (parts.port or 0) < 0:
            raise ValueError("it names no host")
    except ValueError as error:
        raise UsageError(f"--url: is not an address: {error}") from None
    url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
    return MediaServer(found[1].lower(), url, parts.fragment == _WANTED)


def key_of(server: MediaServer, environment: Mapping[str, str] = os.environ) -> str:
    """The server's key, which stands in the environment alone; raises UsageError without one."""
    key = environment.get(KEY, "").strip()
    if not key:
        raise UsageError(f"{server.name}: set {KEY} to its key")
    if not _PLAIN.fullmatch(key):
        raise UsageError(f"{KEY}: holds a character that no key has")
    return key


@dataclass(frozen=True, slots=True)
class Inquiry:
    """How a server is asked."""

    server: MediaServer
    folder: Path
    """For one answer at a time."""
    limits: FetchLimits
    """`total` is for all that is asked."""
    headers: Mapping[str, str] = field(repr=False)
    stop: Stop
    until: float
    """By `monotonic`."""

    def get(self, path: str, **parameters: str | int) -> Any:
        """The JSON at a path; raises SourceError, SourceUnreachable for an answer that is cut, Stopped."""
        url = f"{self.server.url}{path}{'?' if parameters else ''}{urlencode(parameters)}"
        left = self.until - monotonic()
        if left <= 0:
            raise SourceUnreachable(
                f"{self.server.name}: not whole within {self.limits.total:g} seconds; raise sync.fetch_timeout"
            )
        limits = replace(self.limits, total=left)
        answer = fetch(url, self.folder / "answer", limits, self.stop, self.headers)
        content = answer.path.read_bytes()
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            if content.lstrip()[:1] in (b"{", b"["):
                raise SourceUnreachable(f"{self.server.name}: its answer is cut off; nothing was changed") from None
            raise self.strange() from None

    def strange(self) -> SourceError:
        """What to raise for an answer that the server never gives."""
        return SourceError(f"{self.server.name}: does not answer as {self.server.kind} does; is its address right?")
