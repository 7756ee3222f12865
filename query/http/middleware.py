"""What every request passes on its way in and out, whatever the web framework: ASGI, and nothing else.

In: the authenticator, the length and the pace of the body. Out: security headers, counters, one line in the log
that holds no word of a question.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import nullcontext
from functools import partial
from time import perf_counter
from typing import Any

from starlette.routing import BaseRoute, Match

from catalog.config import ServerConfig
from catalog.errors import DeadlineExceeded, PlotseekError, RequestTooLarge, UsageError
from query.http.auth import Authenticator
from query.http.limits import Parallel, is_loopback
from query.problems import MEDIA_TYPE, problem_of
from query.serving.executor import ClientGone
from query.serving.telemetry import Metrics

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger("plotseek.requests")

_MOST_HEADERS = 32_768
_MOST_ADDRESS = 16_384
"""Bytes of path and query."""
_CHECKS = frozenset({"/healthz", "/readyz", "/proof"})

#: A page may load what it came with, and posters, which a catalogue names by address; nothing else.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https: http:; connect-src 'self';"
    " manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": CONTENT_POLICY,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }.items()
)


class RequestMiddleware:
    """The way in and out of the service."""

    stream_seconds = 60.0
    """For an answer besides the deadline: a stream ends then, whether anything comes through it or not."""

    def __init__(
        self,
        app: App,
        authenticator: Authenticator,
        settings: ServerConfig,
        metrics: Metrics | None = None,
        routes: Sequence[BaseRoute] = (),
    ) -> None:
        """`routes` are those behind it, by which a request is named that is refused before it gets there."""
        self._app = app
        self._authenticator = authenticator
        self._settings = settings
        self._parallel = Parallel(settings.parallel)
        self._metrics = metrics
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # Answered like GET; the server of the protocol leaves the body out.
            scope = {**scope, "method": "GET"}
        visit = _Visit(send)
        if self._metrics is not None:
            self._metrics.in_flight.inc()
        try:
            await self._let_in(scope, receive, visit)
        finally:
            self._count(scope, visit)

    async def _let_in(self, scope: Scope, receive: Receive, visit: "_Visit") -> None:
        try:
            who = self._authorize(scope)
            scope["state"] = {**scope.get("state", {}), "charge": partial(self._authenticator.charge, who)}
            with nullcontext() if _is_uncounted(scope["path"], who) else self._parallel.one_more(who):
                async with asyncio.timeout(self._settings.deadline + self.stream_seconds) as limit:
                    body = await _read(receive, self._settings.max_body, self._settings.deadline)
                    await self._app(scope, _again(body, receive), visit.send)
        except TimeoutError:
            if not limit.expired():
                raise
            if not visit.status:
                await _send_problem(DeadlineExceeded("no answer in time"), visit.send)
        except PlotseekError as error:
            if visit.status:
                raise
            await _send_problem(error, visit.send)

    def _authorize(self, scope: Scope) -> str:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > _MOST_HEADERS:
            raise RequestTooLarge(f"the headers are longer than {_MOST_HEADERS} bytes")
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        client = scope["client"][0] if scope.get("client") else "unknown"
        peer = scope.get("state", {}).get("peer", "unknown")
        who = self._authenticator.authorize(scope["path"], peer, client, headers, scope["method"])
        if "content-encoding" in headers:
            raise UsageError("bodies are read as they come; send this one without Content-Encoding")
        if "transfer-encoding" in headers and "content-length" in headers:
            raise UsageError("a body has one length: either Transfer-Encoding or Content-Length")
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _MOST_ADDRESS:
            raise RequestTooLarge(
                f"the address is longer than {_MOST_ADDRESS} bytes; POST /search takes long questions"
            )
        length = headers.get("content-length", ["0"])[0]
        if length.isdecimal() and int(length) > self._settings.max_body:
            raise RequestTooLarge(f"the body has {length} bytes; allowed are {self._settings.max_body}")
        return who

    def _count(self, scope: Scope, visit: "_Visit") -> None:
        # What the address matched, not the address: that may hold a question, and anybody can make up many.
        route = getattr(scope.get("route") or _route_of(scope, self._routes), "path", "other")
        seconds = perf_counter() - visit.start
        if self._metrics is not None:
            self._metrics.in_flight.dec()
            self._metrics.count_request(route, visit.status, seconds)
        log.info("%s %s %d %.0f ms", scope["method"][:20], route, visit.status, 1000 * seconds)


def _route_of(scope: Scope, routes: Sequence[BaseRoute]) -> BaseRoute | None:
    """What would have answered a request that was refused before; None for an address that is none."""
    matches = [(route.matches(scope)[0], route) for route in routes]
    near = sorted((each for each in matches if each[0] is not Match.NONE), key=lambda each: each[0] is Match.PARTIAL)
    return near[0][1] if near else None


def _is_uncounted(path: str, who: str) -> bool:
    """Whether it may come beside any crowd: this machine has no limit, and a health check must not fail by one."""
    return path in _CHECKS or is_loopback(who)


class _Visit:
    """One answer on its way out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        """0 as long as nothing was sent."""
        self.start = perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            present = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(header for header in SECURITY_HEADERS if header[0] not in present),
            ]
        await self._send(message)


async def _read(receive: Receive, most: int, seconds: float) -> bytes:
    """The whole body, before anything is done with it: no longer, and no slower, than allowed."""
    parts: list[bytes] = []
    length, more = 0, True
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone("the client left before its request was complete")
                parts.append(message.get("body", b""))
                length += len(parts[-1])
                if length > most:
                    raise RequestTooLarge(f"the body is longer than the {most} bytes that are allowed")
                more = message.get("more_body", False)
    except TimeoutError:
        raise DeadlineExceeded(f"the body did not come within {seconds:g} s") from None
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, and then whatever comes: that the client leaves."""
    first = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return first.pop() if first else await receive()

    return next_message


async def _send_problem(error: PlotseekError, send: Send) -> None:
    problem = problem_of(error)
    body = problem.body()
    # What follows on a connection is not read: where a refused request ends, two programs may see differently.
    headers = {"Content-Type": MEDIA_TYPE, "Content-Length": str(len(body)), "Connection": "close", **problem.headers}
    start = {"type": "http.response.start", "status": problem.status}
    await send({**start, "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()]})
    await send({"type": "http.response.body", "body": body})
