"""HTTP on uvicorn among clients that dawdle, and clients that are many.

uvicorn itself waits for the end of a request, and for its answer to be fetched, as long as it takes; and once there are
as many connections as it counts, silent ones included, everybody gets 503.
"""

import asyncio
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

_OTHER_FILES = 200
"""Descriptors that a process needs besides its connections: the catalog's files, a log, libraries."""


def allow_connections(wanted: int) -> int:
    """Let this process have so many connections; returns for how many the system has room."""
    try:
        import resource
    except ImportError:  # not on Windows, where nothing counts descriptors
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft < needed or soft == resource.RLIM_INFINITY:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(min(wanted, soft - _OTHER_FILES), 1)


class ConnectionLimit:
    """Room for so many connections of one process.

    When it is full, whoever has most of them gives up its oldest idle one: the crowd of one client takes no room of
    others.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._by_client: dict[str, dict[BoundedProtocol, None]] = {}
        """Oldest first."""

    def add(self, connection: "BoundedProtocol") -> bool:
        """Whether there is room for one more."""
        if self._count >= self._most and not self._make_room():
            return False
        self._by_client.setdefault(connection.address, {})[connection] = None
        self._count += 1
        return True

    def remove(self, connection: "BoundedProtocol") -> None:
        held = self._by_client.get(connection.address, {})
        if connection in held:
            del held[connection]
            self._count -= 1
            if not held:
                del self._by_client[connection.address]

    def _make_room(self) -> bool:
        for held in sorted(self._by_client.values(), key=len, reverse=True):
            for connection in held:
                if connection.idle:
                    self.remove(connection)
                    connection.transport.abort()
                    return True
        return False


class BoundedProtocol(H11Protocol):
    """Closes a connection whose client takes too long, by the clock of the service, or for which there is no room."""

    request_seconds = 10.0
    """For request line and headers, and for the rest of a body that was answered before its end."""
    answer_seconds = 60.0
    """For fetching what lies in the way of the next part of an answer."""

    def __init__(self, *arguments: Any, limit: ConnectionLimit, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limit = limit
        self._asking: asyncio.TimerHandle | None = None
        self._fetching: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """Whom it is of: the client, or the proxy before it."""
        return self.client[0] if self.client else ""

    @property
    def idle(self) -> bool:
        """Nobody is answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._limit.add(self):
            # Behind a proxy the address of the client is another one; who may come without a key is asked of this.
            self.app_state = {**self.app_state, "peer": self.address}
            self._expect_request()
        else:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.idle:
            self._expect_request()
        else:
            self._asking = _without(self._asking)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_fetching()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._expect_fetching()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_fetching()

    def connection_lost(self, exc: Exception | None) -> None:
        self._limit.remove(self)
        self._asking, self._fetching = _without(self._asking), _without(self._fetching)
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        if self._asking is None:
            self._asking = self.loop.call_later(self.request_seconds, self.transport.close)

    def _expect_fetching(self) -> None:
        # One that was set for what has been fetched since would cut off what comes now.
        self._fetching = _without(self._fetching)
        if self.transport.get_write_buffer_size():
            self._fetching = self.loop.call_later(self.answer_seconds, self._abort_unfetched)

    def _abort_unfetched(self) -> None:
        self._fetching = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()


def limited_to(most: int, kind: type[BoundedProtocol] = BoundedProtocol) -> type[asyncio.Protocol]:
    """What uvicorn is to make of each connection, of which there are `most` at a time."""
    return cast(type[asyncio.Protocol], partial(kind, limit=ConnectionLimit(most)))  # it only calls it


def _without(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """No timer any more."""
    if timer is not None:
        timer.cancel()
    return None
