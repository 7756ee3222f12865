"""A web address -> a file on disk, only when it changed."""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit, urlunsplit

from catalog.errors import SourceError

if TYPE_CHECKING:
    import httpx

LARGEST = 2 << 30
_REDIRECTS = 5
_CHUNK = 1 << 20
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells whether an address still gives the same file. Keep them only once the file has been used."""

    etag: str | None = None
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


def fetch_if_changed(
    url: str, path: Path, previous: Validators, *, largest: int = LARGEST, timeout: float = 30.0
) -> Fetched | Unchanged:
    """Like `fetch`, but ask the server whether anything changed since `previous`: then that is one request.

    A server that sends the whole file again is found out by its bytes. `path` is left out then as well.
    """
    fetched = _fetch(url, path, previous, largest, timeout)
    if isinstance(fetched, Fetched) and fetched.validators.digest == previous.digest:
        path.unlink()
        return Unchanged(fetched.name)
    return fetched


def fetch(url: str, path: Path, *, largest: int = LARGEST, timeout: float = 30.0) -> Fetched:
    """Load an http(s) address into the file `path`.

    `largest` is in bytes, `timeout` in seconds without a sign of life. At most 5 redirects are followed, and none to
    another scheme but from http to https. Raises SourceError, and leaves no file, for whatever does not end with a
    whole file.
    """
    fetched = _fetch(url, path, Validators(), largest, timeout)
    if isinstance(fetched, Unchanged):
        raise SourceError(f"{fetched.name}: the server answers 304, not changed, without having been asked")
    return fetched


def _fetch(url: str, path: Path, previous: Validators, largest: int, timeout: float) -> Fetched | Unchanged:
    import httpx

    name = shown(url)
    transport = httpx.HTTPTransport(retries=_ATTEMPTS - 1)  # of connecting only
    try:
        with httpx.Client(transport=transport, timeout=timeout, headers=_headers(previous)) as client:
            return _follow(client, url, path, name, largest)
    except (httpx.TimeoutException, TimeoutError):
        raise _failed(path, f"{name}: no answer within {timeout:g} seconds; try again later") from None
    except httpx.RemoteProtocolError as error:
        raise _failed(path, f"{name} is cut off: {error}; get it again") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _failed(path, f"{name} cannot be fetched: {error or type(error).__name__}") from None
    except OSError as error:
        raise _failed(path, f"{name} cannot be kept in {path.parent}: {error.strerror}") from None
    except SourceError:
        path.unlink(missing_ok=True)
        raise


def _failed(path: Path, message: str) -> SourceError:
    path.unlink(missing_ok=True)
    return SourceError(message)


def _headers(previous: Validators) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity", "User-Agent": "plotseek"}
    if previous.etag:
        headers["If-None-Match"] = previous.etag
    if previous.last_modified:
        headers["If-Modified-Since"] = previous.last_modified
    return headers


def _follow(client: "httpx.Client", url: str, path: Path, name: str, largest: int) -> Fetched | Unchanged:
    for _ in range(_REDIRECTS + 1):
        with client.stream("GET", url, follow_redirects=False) as response:
            if response.status_code == 304:
                return Unchanged(name)
            if "location" in response.headers and response.is_redirect:
                url = _next(url, response.headers["location"], name)
                continue
            if response.status_code != 200:
                raise SourceError(f"{name}: the server answers {response.status_code} {response.reason_phrase}")
            return _save(response, path, name, largest)
    raise SourceError(f"{name}: more than {_REDIRECTS} redirects; name the address they lead to")


def _next(url: str, location: str, name: str) -> str:
    """Where a redirect leads; never out of the web, nor from https to http."""
    following = urljoin(url, location)
    scheme, before = urlsplit(following).scheme.lower(), urlsplit(url).scheme.lower()
    if scheme not in ("http", "https") or (before == "https" and scheme == "http"):
        raise SourceError(f"{name}: redirected to {shown(following)}, of another scheme; this is not followed")
    return following


def _save(response: "httpx.Response", path: Path, name: str, largest: int) -> Fetched:
    """The body in the file; never more than `largest` bytes of it."""
    too_large = SourceError(f"{name}: larger than {largest:,} bytes; nothing was read")
    if int(response.headers.get("content-length", "0") or 0) > largest:
        raise too_large
    digest = blake2b(digest_size=16)
    size = 0
    with path.open("wb") as file:
        for piece in response.iter_bytes(_CHUNK):
            size += len(piece)
            if size > largest:
                raise too_large
            digest.update(piece)
            file.write(piece)
    validators = Validators(response.headers.get("etag"), response.headers.get("last-modified"), digest.hexdigest())
    return Fetched(path, name, size, validators)


def shown(url: str) -> str:
    """An address as messages may show it: without user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
