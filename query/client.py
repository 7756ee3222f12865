"""The one way to ask a service over HTTP: for notebooks, and for the command that finds one running.

Only the standard library: every import counts for a process that lives for a tenth of a second.
"""

import io
import json
import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from catalog.errors import PlotseekError, StoreError, UsageError
from catalog.journal.change import ChangeReport
from catalog.movie import Movie
from catalog.printable import brief
from query.answer import ModelAnswer, check_limit, facets_from_dict, result_from_dict
from query.models import FacetCounts, SearchRequest, SearchResult, items_of, name_of
from query.movie_catalog import MovieCatalog, Name
from query.problems import error_of

T = TypeVar("T")

_MOST_MB = 64
"""Of an answer: a hundred films with long plots are less than one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    reason: str
    etag: str
    body: bytes


class _BoundedSocket:
    """A socket that is read and written until a moment: a byte now and then holds nobody up."""

    def __init__(self, connected: socket.socket) -> None:
        self._connected = connected
        self.until = 0.0
        """By `monotonic`."""

    def limited(self) -> socket.socket:
        """The socket, with what is left of the time; raises TimeoutError if that is nothing."""
        left = self.until - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connected.settimeout(left)
        return self._connected

    def sendall(self, data: bytes) -> None:
        self.limited().sendall(data)

    def makefile(self, _: str) -> io.BufferedReader:
        """For one answer; closing it leaves the connection open."""
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """Nothing: http.client closes it before it reads an answer with `Connection: close`."""


class _Incoming(io.RawIOBase):
    """What comes in."""

    def __init__(self, source: _BoundedSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.limited().recv_into(buffer)


class Connection:
    """An open connection that asks one thing after the other; it is never made anew."""

    def __init__(self, http: HTTPConnection, seconds: float) -> None:
        """Connect; that, and what is asked before more is allowed, takes `seconds` at most. Raises OSError."""
        until = monotonic() + seconds
        http.timeout = seconds
        http.connect()
        http.auto_open = 0  # another connection may lead to somebody else
        host, port = http.sock.getpeername()[:2]
        self.peer: tuple[str, int] = host, port
        """The address it leads to."""
        self._connected = http.sock
        self._socket: Any = _BoundedSocket(http.sock)
        self._socket.until = until
        self._http = http
        self._http.sock = self._socket

    def allow(self, seconds: float) -> None:
        """What is asked from now on may take so long altogether."""
        self._socket.until = monotonic() + seconds

    def exchange(
        self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Raises OSError, HTTPException, ValueError, also for an answer that is too long."""
        self._http.request(method, path, body, headers or {})
        response = self._http.getresponse()
        content = response.read((_MOST_MB << 20) + 1)
        if len(content) > _MOST_MB << 20:
            raise ValueError(f"its answer is longer than {_MOST_MB} MB")
        return Reply(response.status, response.reason, response.getheader("ETag", ""), content)

    def close(self) -> None:
        """Hang up."""
        self._connected.close()


class PlotseekClient(MovieCatalog):
    """A running service; safe to use from any thread, because each question has a connection of its own.

    with PlotseekClient("http://127.0.0.1:8080") as films:
        films.similar("tmdb:348", limit=3)
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 15.0,
        connect: float = 5.0,
        check: Callable[[Connection], None] | None = None,
    ) -> None:
        """`key` is an API key, where the service wants one; it may take `connect` seconds to be reached, and
        `timeout` to answer. `check`, within the time of `connect`, raises StoreError unless whoever listens may see
        key and question. Raises UsageError for what is no address.
        """
        self._url = url.rstrip("/")
        try:
            where = urlsplit(self._url)
            self._host, self._port = where.hostname or "", where.port
        except ValueError as error:
            raise UsageError(f"{url}: is no address: {error}") from error
        if where.scheme not in ("http", "https") or not self._host:
            raise UsageError(f"{url}: is no address; one begins with http:// or https://")
        self._kind = HTTPSConnection if where.scheme == "https" else HTTPConnection
        self._path = where.path
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout, self._connect, self._check = timeout, connect, check

    def ask(self, request: SearchRequest) -> SearchResult:
        """Answer any question; besides the usual errors those of the service: AccessDenied, Overloaded ..."""
        return self.answer(request).result

    def answer(self, request: SearchRequest) -> ModelAnswer:
        """What `ask` returns, and who answered."""

        def read(values: Any, etag: str) -> ModelAnswer:
            version = etag.removeprefix('W/"').rpartition("-")[0]
            return ModelAnswer(result_from_dict(values), str(values["model"]), version)

        return self._read(read, "POST", "/search", request)

    def count_facets(self, request: SearchRequest) -> FacetCounts:
        return self._read(lambda values, _: facets_from_dict(values), "POST", "/facets", request.without_page())

    def movie(self, name: Name) -> Movie:
        return self._read(lambda values, _: Movie.from_dict(values), "GET", _address(name_of(name, "film")))

    def put(
        self, films: Mapping[str, Any] | Iterable[Mapping[str, Any]], *, take_over: bool = False, wait: float = 0
    ) -> ChangeReport:
        """Add a film or several, or replace those with the same ids: dicts as files hold them, dates as they are.

        On return they are on the service's disk, and in the catalog within seconds; at most 60 of them are waited for.
        What became of them is in `state`: what was refused raises nothing. It needs a key of the role admin.
        """
        rows = films if isinstance(films, Mapping) else _listed(films)
        return self._change("PUT", "/movies", _as_json(rows), take_over=take_over, wait=wait)

    def delete(self, name: Name, *, take_over: bool = False, wait: float = 0) -> ChangeReport:
        """Delete the film with this id, or `tmdb:278`, as `put` puts one; raises MovieNotFound."""
        return self._change("DELETE", _address(name_of(name, "film")), take_over=take_over, wait=wait)

    def change(self, number: int, *, wait: float = 0) -> ChangeReport:
        """What became of what was put or deleted; raises ChangeNotFound."""
        return self._change("GET", f"/changes/{number}", wait=wait)

    def _change(self, method: str, path: str, body: str | None = None, **asked: float) -> ChangeReport:
        query = urlencode({name: str(value).lower() for name, value in asked.items() if value})
        reply = self._exchange(method, f"{path}?{query}", body, self._timeout + asked["wait"])
        return self._understood(lambda values, _: ChangeReport.from_dict(values), reply)

    def close(self) -> None:
        """Nothing is held open between two questions."""

    def _read(self, read: Callable[[Any, str], T], method: str, path: str, request: SearchRequest | None = None) -> T:
        body = None
        if request is not None:
            check_limit(request)
            body = json.dumps(replace(request, fields=()).to_dict())  # a whole movie is made of each hit
        return self._understood(read, self._exchange(method, path, body, self._timeout))

    def _understood(self, read: Callable[[Any, str], T], reply: Reply) -> T:
        """What `read` makes of the JSON and the ETag of an answer; raises what the service says is wrong."""
        is_answer = reply.status in (200, 202)
        try:
            values = json.loads(reply.body)
            if is_answer:
                return read(values, reply.etag)
            problem = values if isinstance(values, dict) else {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if is_answer:
                raise StoreError(
                    f"{self._url}: its answer is not understood; is it query-server, and of this version?"
                ) from error
            problem = {}
        said = problem.get("detail") or f"answers {reply.status} {reply.reason}"
        raise error_of(problem) or PlotseekError(f"{self._host}: {said}")

    def _exchange(self, method: str, path: str, body: str | None, seconds: float) -> Reply:
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        http = self._kind(self._host, self._port)
        try:
            with closing(Connection(http, self._connect)) as connection:
                if self._check is not None:
                    self._check(connection)
                connection.allow(seconds)
                return connection.exchange(method, f"{self._path}{path}", body, headers)
        except (OSError, HTTPException, ValueError) as error:
            reason = " ".join(str(error).split())
            raise StoreError(f"{self._url}: does not answer: {reason}; is query-server running?") from error
        finally:
            http.close()  # one that was not made: a handshake that failed leaves its socket open


def _address(name: str) -> str:
    return f"/movies/{quote(name, safe='', errors='replace')}"


def _listed(films: Iterable[Mapping[str, Any]]) -> list[object]:
    """Films to put; raises UsageError for what is neither a film nor several."""
    rows = [] if isinstance(films, str | bytes) or not isinstance(films, Iterable) else items_of(films, "films")
    if wrong := [row for row in rows or [films] if not isinstance(row, Mapping)]:
        raise UsageError(
            f"films: {brief(wrong[0])} is no film; a film is a dict with title and plot, several are a list"
        )
    return rows


def _as_json(films: object) -> str:
    """Films to put; raises UsageError, naming the value, for what JSON does not know."""
    try:
        return json.dumps(films, default=_date)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"films: cannot be sent as JSON: {error}") from None


def _date(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{brief(value)} is no text, number, list or dict")
