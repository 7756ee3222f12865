"""A web address -> a file on disk, only when it changed."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from catalog.errors import DiskFull, PlotseekError, SourceError, SourceUnreachable, is_full
from catalog.printable import without_number
from ingest.readers.waiting import Stop, interruptible, never, raise_if

if TYPE_CHECKING:
    import httpx

_REDIRECTS = 5
_ATTEMPTS = 3
_NO_KEY = (401, 403)
_WRONG_KEY = "; its key is missing or wrong: PLOTSEEK_SOURCE_KEY of a media server, sync.headers of an address"
_USUAL = {None, 80, 443}
"""Ports between which a server leads from http to https."""
_BUSY = (408, 425, 429)
"""Answers that ask to come again, as those from 500 on do."""
_NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What a server of catalogues may cost."""

    largest: int = 2 << 30
    """Bytes."""
    silence: float = 30.0
    """Seconds without a sign of life."""
    total: float = 3600.0
    """Seconds for the whole file."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells whether an address still gives the same file. Keep them only once the file has been used."""

    etag: str | None = None
    """Bytes of the header as Latin-1: RFC 9110 allows more than ASCII in it, and it goes back as it came."""
    last_modified: str | None = None
    digest: str | None = None
    """BLAKE2b of the bytes, hexadecimal: for servers that know neither of the others."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched."""

    path: Path
    name: str
    """The address for messages: without user, password and query, which may be secrets."""
    size: int
    """Bytes."""
    validators: Validators


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The address gives what it gave before."""

    name: str


def download_folder() -> "TemporaryDirectory[str]":
    """A folder to fetch into; that a fetch which was given up still writes there is no error."""
    return TemporaryDirectory(prefix="plotseek-", ignore_cleanup_errors=True)


def fetch_if_changed(
    url: str,
    path: Path,
    previous: Validators,
    limits: FetchLimits = FetchLimits(),
    stop: Stop = never,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> Fetched | Unchanged:
    """Do as `fetch` does, but ask the server whether anything changed since `previous`: then that is one request.

    A server that sends the whole file again is found out by its bytes. `path` is left out then as well.
    """
    fetched = _fetch(FetchRequest(url, previous, headers), path, limits, stop)
    if isinstance(fetched, Fetched) and fetched.validators.digest == previous.digest:
        path.unlink()
        return Unchanged(fetched.name)
    return fetched


def fetch(
    url: str,
    path: Path,
    limits: FetchLimits = FetchLimits(),
    stop: Stop = never,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> Fetched:
    """Load an http(s) address into the file `path`. `headers`, which may be secrets, are sent to its host alone.

    At most 5 redirects are followed, none to another scheme but from http to https, and none to an address that is
    special to this machine's network link. Raises SourceUnreachable, DiskFull or SourceError for whatever does not end
    with a whole file, Stopped within a second after `stop` says so, and leaves no file then.
    """
    fetched = _fetch(FetchRequest(url, Validators(), headers), path, limits, stop)
    if isinstance(fetched, Unchanged):
        raise SourceError(f"{fetched.name}: the server answers 304, not changed, without having been asked")
    return fetched


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """What is asked of a server."""

    url: str
    previous: Validators
    headers: Mapping[str, str] = field(repr=False)

    def headers_for(self, url: str) -> Mapping[str, str]:
        """What to send to an address: of what may be secret nothing but to the host that was meant."""
        parts, meant = urlsplit(url), urlsplit(self.url)
        same = (parts.scheme, parts.hostname, parts.port) == (meant.scheme, meant.hostname, meant.port)
        upgraded = parts.hostname == meant.hostname and parts.scheme == "https" and {parts.port, meant.port} <= _USUAL
        return self.headers if same or upgraded else {}


def _fetch(asked: FetchRequest, path: Path, limits: FetchLimits, stop: Stop) -> Fetched | Unchanged:
    given_up = Event()
    exchange = partial(_exchange, asked, path, limits, lambda: given_up.is_set() or stop())
    try:
        return interruptible(exchange, stop, limits.total)
    except TimeoutError:
        path.unlink(missing_ok=True)
        raise SourceUnreachable(
            f"{shown(asked.url)}: not whole within {limits.total:g} seconds; raise sync.fetch_timeout"
        ) from None
    except PlotseekError:
        path.unlink(missing_ok=True)
        raise
    finally:
        given_up.set()


def _exchange(asked: FetchRequest, path: Path, limits: FetchLimits, stop: Stop) -> Fetched | Unchanged:
    """Ask and save; the network's errors as ours."""
    import httpx

    name = shown(asked.url)
    transport = httpx.HTTPTransport(retries=_ATTEMPTS - 1)  # of connecting only
    try:
        with httpx.Client(transport=transport, timeout=limits.silence, headers=_headers(asked.previous)) as client:
            return _follow(client, asked, path, limits, stop)
    except httpx.TimeoutException:
        raise SourceUnreachable(f"{name}: no answer within {limits.silence:g} seconds; try again later") from None
    except httpx.RemoteProtocolError as error:
        raise SourceUnreachable(f"{name} is cut off: {error}; nothing was changed, get it again") from None
    except httpx.TransportError as error:
        raise SourceUnreachable(f"{name} cannot be fetched: {_reason(error)}") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # UnicodeError: a host with a label of 64 letters
        raise SourceError(f"{name} cannot be fetched: {_reason(error)}") from None
    except OSError as error:
        kind = DiskFull if is_full(error) else SourceError
        raise kind(f"{name} cannot be kept in {path.parent}: {error.strerror}") from None


def _reason(error: Exception) -> str:
    return without_number(error) or type(error).__name__


def _headers(previous: Validators) -> list[tuple[bytes, bytes]]:
    headers = [(b"Accept-Encoding", b"identity"), (b"User-Agent", b"plotseek")]
    for header, value in ((b"If-None-Match", previous.etag), (b"If-Modified-Since", previous.last_modified)):
        if value:
            headers.append((header, value.encode("latin-1", "replace")))
    return headers


def _follow(
    client: "httpx.Client", asked: FetchRequest, path: Path, limits: FetchLimits, stop: Stop
) -> Fetched | Unchanged:
    url, name = asked.url, shown(asked.url)
    for _ in range(_REDIRECTS + 1):
        with client.stream("GET", url, headers=dict(asked.headers_for(url)), follow_redirects=False) as response:
            if response.status_code == 304:
                return Unchanged(name)
            if "location" in response.headers and response.is_redirect:
                url = _next(url, response.headers["location"], name)
                continue
            if response.status_code != 200:
                busy = response.status_code >= 500 or response.status_code in _BUSY
                kind = SourceUnreachable if busy else SourceError
                why = _WRONG_KEY if response.status_code in _NO_KEY else ""
                raise kind(f"{name}: the server answers {response.status_code} {response.reason_phrase}{why}")
            return _save(response, path, name, limits, stop)
    raise SourceError(f"{name}: more than {_REDIRECTS} redirects; name the address they lead to")


def _next(url: str, location: str, name: str) -> str:
    """Where a redirect leads; never out of the web, from https to http, or to a service of this machine's link."""
    following = urljoin(url, location)
    parts, before = urlsplit(following), urlsplit(url)
    if parts.scheme not in ("http", "https") or (before.scheme == "https" and parts.scheme == "http"):
        raise SourceError(f"{name}: redirected to {shown(following)}, of another scheme; this is not followed")
    if _is_link_local(parts) and not _is_link_local(before):
        raise SourceError(f"{name}: redirected to {shown(following)}, an address of this link; this is not followed")
    return following


def _is_link_local(parts: SplitResult) -> bool:
    """Whether a host is, among others, 169.254.169.254, where clouds hand out the secrets of a machine."""
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or parts.scheme, type=socket.SOCK_STREAM)
    except OSError:
        return False  # connecting will fail as well
    addresses = [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]
    return any((getattr(address, "ipv4_mapped", None) or address).is_link_local for address in addresses)


def _save(response: "httpx.Response", path: Path, name: str, limits: FetchLimits, stop: Stop) -> Fetched:
    """The body in the file; never more than is allowed of it."""
    too_large = SourceError(f"{name}: larger than {limits.largest:,} bytes; nothing was read")
    if int(response.headers.get("content-length", "0") or 0) > limits.largest:
        raise too_large
    digest = blake2b(digest_size=16)
    size = 0
    with path.open("wb") as file:
        for piece in response.iter_bytes():
            raise_if(stop)
            size += len(piece)
            if size > limits.largest:
                raise too_large
            digest.update(piece)
            file.write(piece)
    raw = {header.lower(): value.decode("latin-1") for header, value in response.headers.raw}
    validators = Validators(raw.get(b"etag"), raw.get(b"last-modified"), digest.hexdigest())
    return Fetched(path, name, size, validators)


def shown(url: str) -> str:
    """An address as messages may show it: without user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
