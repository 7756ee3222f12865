"""The one way to ask a service over HTTP: for notebooks, and for the command that finds one running.

Only the standard library: every import counts for a process that lives for a tenth of a second.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from catalog.errors import PlotseekError, StoreError, UsageError
from catalog.movie import Movie
from query.answer import ModelAnswer, facets_from_dict, result_from_dict
from query.http.problems import error_of
from query.models import FacetCounts, SearchRequest, SearchResult
from query.movie_catalog import MovieCatalog

T = TypeVar("T")

_MOST_MB = 64
"""Of an answer: a hundred films with long plots are less than one."""


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    reason: str
    etag: str
    body: bytes


class PlotseekClient(MovieCatalog):
    """A running service; safe to use from any thread, because each question has a connection of its own.

    with PlotseekClient("http://127.0.0.1:8080") as films:
        films.similar("tmdb:348", limit=3)
    """

    def __init__(self, url: str, *, key: str | None = None, timeout: float = 15.0, connect: float = 5.0) -> None:
        """`key` is an API key, where the service wants one; it may take `connect` seconds to be reached, and
        `timeout` to answer. Raises UsageError for what is no address.
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
        self._timeout, self._connect = timeout, connect

    def ask(self, request: SearchRequest) -> SearchResult:
        """Answer any question; besides the usual errors those of the service: AccessDenied, Overloaded ..."""
        return self.answer(request).result

    def answer(self, request: SearchRequest) -> ModelAnswer:
        """What `ask` returns, and who answered."""

        def read(values: Any, etag: str) -> ModelAnswer:
            version = etag.removeprefix('W/"').rpartition("-")[0]
            return ModelAnswer(result_from_dict(values), str(values["model"]), version)

        return self._read(read, "POST", "/search", request)

    def facets(self, request: SearchRequest) -> FacetCounts:
        return self._read(lambda values, _: facets_from_dict(values), "POST", "/facets", request)

    def movie(self, name: str) -> Movie:
        path = f"/movies/{quote(name, safe='', errors='replace')}"
        return self._read(lambda values, _: Movie.from_dict(values), "GET", path)

    def close(self) -> None:
        """Nothing is held open between two questions."""

    def _read(self, read: Callable[[Any, str], T], method: str, path: str, request: SearchRequest | None = None) -> T:
        """What `read` makes of the JSON and the ETag of an answer; raises what the service says is wrong."""
        reply = self._exchange(method, path, request)
        try:
            values = json.loads(reply.body)
            if reply.status == 200:
                return read(values, reply.etag)
            problem = values if isinstance(values, dict) else {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if reply.status == 200:
                raise StoreError(
                    f"{self._url}: its answer is not understood; is it query-server, and of this version?"
                ) from error
            problem = {}
        said = problem.get("detail") or f"answers {reply.status} {reply.reason}"
        raise error_of(problem) or PlotseekError(f"{self._host}: {said}")

    def _exchange(self, method: str, path: str, request: SearchRequest | None) -> _Reply:
        body = None if request is None else json.dumps(request.to_dict())
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        connection = self._kind(self._host, self._port, timeout=self._connect)
        try:
            connection.connect()
            connection.sock.settimeout(self._timeout)
            connection.request(method, f"{self._path}{path}", body, headers)
            response = connection.getresponse()
            content = response.read((_MOST_MB << 20) + 1)
        except (OSError, HTTPException, ValueError) as error:
            reason = " ".join(str(error).split())
            raise StoreError(f"{self._url}: does not answer: {reason}; is query-server running?") from error
        finally:
            connection.close()
        if len(content) > _MOST_MB << 20:
            raise StoreError(f"{self._url}: its answer is longer than {_MOST_MB} MB")
        return _Reply(response.status, response.reason, response.getheader("ETag", ""), content)
