"""Who may ask: API keys, host names, addresses.

Keys are random, 256 bits, so that their SHA-256 can lie in a file: nobody guesses them, and a slow hash
would only slow down the service.
"""

import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import monotonic

from catalog.config import ServerConfig
from catalog.errors import AccessDenied, ConfigError, NotAllowed, StoreError, UsageError
from query.http.limits import Buckets, is_in, is_loopback, network_of
from query.http.replies.cors import page_refused

log = logging.getLogger("plotseek.requests")

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PREFIX = "ps_"


class Role(StrEnum):
    """What a key is good for."""

    READ = "read"
    ADMIN = "admin"
    """Reading too."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the file has it."""

    name: str
    role: Role
    digest: str
    """SHA-256 of the key, hexadecimal."""


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def make_key(path: Path, name: str, role: Role) -> str:
    """Add a key to a file, which only its owner may read, and return it: it is nowhere else.

    Raises UsageError for a name that is taken or cannot be one, StoreError.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"key name {name!r}: allowed are letters, digits and ._-, 64 at most")
    if path.exists() and any(key.name == name for key in read_keys(path)):
        raise UsageError(f"{path}: there is a key {name!r} already; take its line out to replace it")
    key = _PREFIX + secrets.token_urlsafe(32)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(f"{name} {role} {digest_of(key)}\n")
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}; check the folder's permissions") from error
    return key


def read_keys(path: Path) -> list[Key]:
    """The keys of a file: name, role and digest a line, # begins a comment.

    Raises ConfigError, also for a file that anybody may write into: a line would be a key.
    """
    try:
        if path.stat().st_mode & stat.S_IWOTH:
            raise ConfigError(f"{path}: everybody may write into server.keys_file; run 'chmod o-w' on it")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: server.keys_file cannot be read: {error}") from error
    keys: list[Key] = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 3 or words[1] not in set(Role) or not re.fullmatch(r"[0-9a-f]{64}", words[2]):
            raise ConfigError(f"{path}: line {number}: must be a name, read or admin, and 64 hexadecimal digits")
        keys.append(Key(words[0], Role(words[1]), words[2]))
    return keys


class KeyRing:
    """The keys of a file that may change while the service runs: a line taken out is a key revoked."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._keys: list[Key] = []

    def find(self, presented: str) -> Key | None:
        """The key that was presented; every digest is compared, so that time tells nothing."""
        digest = digest_of(presented)
        found = None
        for key in self._current():
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def __len__(self) -> int:
        return len(self._current())

    @property
    def missing(self) -> str:
        """Why there can be no key, without telling where the file is to lie; empty where there is a file."""
        if self._path is None:
            return "no keys are set up: server.keys_file is not set"
        return "" if self._path.exists() else "no keys are set up: the file that server.keys_file names is not there"

    def _current(self) -> list[Key]:
        if self._path is None or not self._path.exists():
            return []
        status = self._path.stat()
        stamp = (status.st_ctime_ns, status.st_size)
        if stamp != self._stamp:
            self._keys, self._stamp = read_keys(self._path), stamp
        return self._keys


#: Paths that need no key: health checks, and the page, which asks for a key itself.
_PUBLIC = frozenset({"/", "/healthz", "/readyz", "/proof", "/openapi.json", "/docs", "/favicon.ico"})
_PUBLIC_FOLDERS = ("/static/",)


class Authenticator:
    """Decides about a request before anything else looks at it."""

    def __init__(self, settings: ServerConfig) -> None:
        """Raises ConfigError if the service would listen to others without a key."""
        self._keys = KeyRing(settings.keys_file)
        self._names = frozenset(name.lower() for name in settings.names)
        self._origins = frozenset(settings.cors_origins)
        self._needs_key = {"always": True, "auto": not is_loopback(settings.host), "never": False}[settings.require_key]
        self._trusted = settings.trusted_networks
        self._buckets = Buckets(settings.rate_limit, settings.burst) if settings.rate_limit else None
        if self._needs_key and not len(self._keys):
            raise ConfigError(
                f"server.host {settings.host} needs API keys: set server.keys_file"
                " and run 'query-server --make-key NAME --role read', or, where something else guards the port,"
                " set server.require_key: never"
            )

    def authorize(
        self, path: str, peer: str, client: str, headers: Mapping[str, Sequence[str]], method: str = "GET"
    ) -> str:
        """Let a request in, or raise UsageError, AccessDenied, NotAllowed, TooManyRequests.

        `peer` is the address that the connection comes from, `client` the one that a proxy there asks for. `headers`
        are by lower-case name; one that stands there twice has two values. Returns whose request it is, by which
        limits are counted.
        """
        self._check_host(headers)
        presented = presented_key(headers)
        key = self._known(presented) if presented is not None else None
        who = f"key {key.name}" if key else network_of(client)
        if (buckets := self._buckets_of(who)) is not None:
            buckets.take(who, monotonic())
        if not is_public(path):
            self._check_key(needs_admin(method, path), peer, key, presented)
        return who

    def charge(self, who: str, cost: float) -> None:
        """Count what a request costs besides; raises TooManyRequests for who has no credit any more."""
        if cost > 0 and (buckets := self._buckets_of(who)) is not None:
            buckets.spend(who, monotonic(), cost)

    def _check_key(self, is_admin: bool, peer: str, key: Key | None, presented: str | None) -> None:
        missing = f"; {self._keys.missing}" if key is None and self._keys.missing else ""
        if presented is not None and key is None:
            raise AccessDenied(f"this API key is not known{missing}")
        if is_admin:
            if key is None:
                needed = "an API key with the role admin: Authorization: Bearer KEY"
                raise AccessDenied(f"this needs {needed}{missing}")
            if key.role is not Role.ADMIN:
                raise NotAllowed(f"key {key.name!r} has the role {key.role}; this needs admin")
        elif key is None and self._needs_key:
            raise AccessDenied("this needs an API key: Authorization: Bearer KEY")
        elif key is None and not is_loopback(peer) and not is_in(peer, self._trusted):
            # What a request says in Host is no proof of where it comes from.
            raise AccessDenied(
                "from this address it needs an API key; server.trusted_networks lists those that need none"
            )

    def _known(self, presented: str) -> Key | None:
        try:
            return self._keys.find(presented)
        except ConfigError as error:
            # Clients need not know where the file lies. Nobody gets in: a line that was taken out may be the reason.
            log.error("%s", error)
            raise StoreError("the API keys cannot be read; the log of the service says why") from error

    def _check_host(self, headers: Mapping[str, Sequence[str]]) -> None:
        """Refuse foreign host names where no key protects: a web page could point its own name at this machine."""
        hosts = headers.get("host", ())
        if len(hosts) > 1:
            raise UsageError("a request has one Host header")
        if self._needs_key or not hosts:
            return
        name = _without_port(hosts[0])
        if not is_loopback(name) and name not in self._names:
            raise NotAllowed(f"host {name[:100]!r} is not a name of this service; server.names lists them")
        for origin in headers.get("origin", ()):
            page = _without_port(origin.partition("://")[2])
            if origin not in self._origins and not is_loopback(page) and page not in self._names:
                raise page_refused(origin)

    def _buckets_of(self, who: str) -> Buckets | None:
        """None on this machine; clients of a proxy here have addresses of their own."""
        return None if is_loopback(who) else self._buckets


def _without_port(host: str) -> str:
    return re.sub(r":\d*$", "", host).lower()


def is_public(path: str) -> bool:
    """Whether a path, as it was decoded, needs no key."""
    return path in _PUBLIC or path.startswith(_PUBLIC_FOLDERS)


def needs_admin(method: str, path: str) -> bool:
    """Whether a request changes the catalog, or tells of that."""
    if method in ("PUT", "DELETE", "PATCH"):
        return path.startswith("/movies")
    return path.startswith(("/admin/", "/changes"))


def presented_key(headers: Mapping[str, Sequence[str]]) -> str | None:
    """The key in `Authorization: Bearer` or `X-API-Key`; raises AccessDenied for two of them."""
    found = [value.strip() for value in headers.get("x-api-key", ())]
    for value in headers.get("authorization", ()):
        scheme, _, key = value.partition(" ")
        if scheme.lower() != "bearer":
            raise AccessDenied("Authorization must be: Bearer KEY")
        found.append(key.strip())
    if len(found) > 1:
        raise AccessDenied("one API key is enough")
    return found[0] if found else None
