"""Searches in a few threads: so many at once, so many waiting, each within its time, none for nobody."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from catalog.errors import DeadlineExceeded, Overloaded, PlotseekError

T = TypeVar("T")


class ClientGone(PlotseekError):
    """Whoever asked does not wait any more."""

    http_status = 499


@dataclass(slots=True)
class Ticket:
    """Until when an answer is wanted. Threads look at it between their steps."""

    seconds: float
    gone: bool = False
    until: float = field(init=False)

    def __post_init__(self) -> None:
        self.until = monotonic() + self.seconds

    @property
    def left(self) -> float:
        """Seconds, 0 or more."""
        return max(self.until - monotonic(), 0.0)

    def check(self) -> None:
        """Raise DeadlineExceeded or ClientGone once there is no use in going on."""
        if self.gone:
            raise ClientGone("the client closed the connection")
        if self.left <= 0:
            raise DeadlineExceeded(f"no answer within {self.seconds:g} s; ask again, or set server.deadline")


class WorkPool:
    """Threads for what takes milliseconds; used from one event loop."""

    def __init__(self, threads: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="search")
        self._most = threads + queue
        self.pending = 0
        """Running and waiting."""

    async def run(self, call: Callable[[], T], ticket: Ticket) -> T:
        """What `call` returns, within the ticket's time; raises Overloaded at once if the queue is full.

        Cancelling takes a call out of the queue; one that runs sees it at its next look at the ticket.
        """
        if self.pending >= self._most:
            raise Overloaded(f"{self.pending} requests are waiting already; come back in a second")
        self.pending += 1
        loop = asyncio.get_running_loop()
        work: Future[T] = self._pool.submit(_checked, call, ticket)
        work.add_done_callback(lambda _: _later(loop, self._done))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(work), ticket.left)
        except TimeoutError:
            ticket.check()
            raise DeadlineExceeded(f"no answer within {ticket.seconds:g} s") from None
        except asyncio.CancelledError:
            ticket.gone = True
            raise

    def _done(self) -> None:
        self.pending -= 1

    def close(self) -> None:
        """Wait for what runs, drop what waits."""
        self._pool.shutdown(cancel_futures=True)


def _later(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)


def _checked(call: Callable[[], T], ticket: Ticket) -> T:
    ticket.check()
    return call()
