"""HTTP on uvicorn for clients that dawdle: requests that do not come to an end, answers that are not fetched.

uvicorn waits for both as long as it takes, and its connections are counted: enough such clients, and nobody
else gets in.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class PatientProtocol(H11Protocol):
    """Closes a connection whose client takes too long, by the clock of the service."""

    request_seconds = 10.0
    """For request line and headers, and for the rest of a body that was answered before its end."""
    answer_seconds = 60.0
    """For fetching what lies in the way of the next part of an answer."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._asking: asyncio.TimerHandle | None = None
        self._fetching: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._expect_request()
        else:
            self._asking = _without(self._asking)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_fetching()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._fetching = _without(self._fetching)
        self._expect_fetching()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_fetching()

    def connection_lost(self, exc: Exception | None) -> None:
        self._asking, self._fetching = _without(self._asking), _without(self._fetching)
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        if self._asking is None:
            self._asking = self.loop.call_later(self.request_seconds, self.transport.close)

    def _expect_fetching(self) -> None:
        if self._fetching is None and self.transport.get_write_buffer_size():
            self._fetching = self.loop.call_later(self.answer_seconds, self._abort_unfetched)

    def _abort_unfetched(self) -> None:
        self._fetching = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()


def _without(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """No timer any more."""
    if timer is not None:
        timer.cancel()
    return None
