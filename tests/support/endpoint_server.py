"""Embedding endpoints on 127.0.0.1, one for each way of speaking, and the ways in which real ones misbehave."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Literal

Style = Literal["huggingface", "sentence-embeddings", "tei", "openai"]
Rows = Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class Failure:
    """One answer that is not the vectors; status 0 drops the connection."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    endless: bool = False
    """The body is sent again and again, until nobody reads it."""
    drip: bool = False
    """An opening bracket comes every 20 ms."""
    drip_headers: bool = False
    """The headers do not come to an end: a letter every 20 ms."""


@dataclass(slots=True)
class StandInEndpoint:
    """What an endpoint speaks, how it misbehaves, and what was asked of it."""

    style: Style
    embed: Callable[[list[str]], Rows]
    failures: list[Failure] = field(default_factory=list)
    """Given first, one a request."""
    most_texts: int = 1000
    too_many: int = 413
    """Status for a request of more texts."""
    token: str | None = None
    delay: float = 0.0
    """Seconds before each answer."""
    answer: Callable[[Rows], object] | None = None
    """Says something else with the vectors."""
    url: str = ""
    sizes: list[int] = field(default_factory=list)
    """Texts of each request."""
    bodies: list[dict[str, object]] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    """Statuses of the answers that were begun."""
    most_bytes: int = 0
    together: int = 0
    """Most requests that were there at one time."""
    _now: int = 0
    _lock: Lock = field(default_factory=Lock)

    @property
    def path(self) -> str:
        """Where requests are taken."""
        return {"tei": "/embed", "openai": "/v1/embeddings"}.get(self.style, "/")

    def say(self, rows: Rows) -> object:
        """Put vectors into the shape of this style."""
        if self.answer is not None:
            return self.answer(rows)
        if self.style == "sentence-embeddings":
            return {"embeddings": rows}
        if self.style == "openai":
            items = [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)]
            return {"object": "list", "data": items[::-1], "model": "m"}  # the last first: order is by index
        return rows


@contextmanager
def serve_endpoint(endpoint: StandInEndpoint) -> Iterator[StandInEndpoint]:
    """Serve on a free port until the block ends."""

    class Handler(_Handler):
        state = endpoint

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: StandInEndpoint

    def do_POST(self) -> None:
        state = self.state
        with state._lock:
            state._now += 1
            state.together = max(state.together, state._now)
        try:
            self._answer(state)
        finally:
            with state._lock:
                state._now -= 1

    def log_message(self, *_: object) -> None:
        """Keep the tests' output quiet."""

    def _answer(self, state: StandInEndpoint) -> None:
        size = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(size))
        texts = body["input" if state.style == "openai" else "inputs"]
        with state._lock:
            state.bodies.append(body)
            state.sizes.append(len(texts))
            state.most_bytes = max(state.most_bytes, size)
            failure = state.failures.pop(0) if state.failures else None
        time.sleep(state.delay)
        state.answered.append(failure.status if failure else 200)
        if failure is not None and failure.status == 0:
            self.close_connection = True
        elif failure is not None and (failure.endless or failure.drip or failure.drip_headers):
            self._send_for_ever(failure)
        elif failure is not None:
            self._send(failure.status, failure.body, failure.headers)
        elif self.path != state.path:
            self._send(404, "no such route")
        elif state.token is not None and self.headers.get("Authorization") != f"Bearer {state.token}":
            self._send(401, f"cannot accept {self.headers.get('Authorization')}")
        elif len(texts) > state.most_texts:
            self._send(state.too_many, f"batch size {len(texts)} > maximum allowed batch size {state.most_texts}")
        else:
            self._send(200, json.dumps(state.say(state.embed(texts))))

    def _send_for_ever(self, failure: Failure) -> None:
        self.close_connection = True
        self.send_response(failure.status)
        if failure.drip_headers:
            self.flush_headers()
        else:
            self.end_headers()
        try:
            while True:
                self.wfile.write(failure.body.encode() or b"[")
                time.sleep(0 if failure.endless else 0.02)
        except OSError:
            return

    def _send(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
