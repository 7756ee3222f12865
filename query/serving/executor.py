"""Searches in a few threads: so many at once, so many waiting, each within its time, none for nobody."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from typing import Any, Generic, TypeVar

from catalog.errors import DeadlineExceeded, Overloaded, PlotseekError
from query.serving.batcher import Batcher

log = logging.getLogger("plotseek.pool")

Asked = TypeVar("Asked")
T = TypeVar("T")


class ClientGone(PlotseekError):
    """Whoever asked does not wait any more."""

    http_status = 499


@dataclass(slots=True)
class Deadline:
    """Until when an answer is wanted. Threads look at it between their steps."""

    seconds: float
    cancelled: bool = False
    until: float = field(init=False)

    def __post_init__(self) -> None:
        self.until = monotonic() + self.seconds

    @property
    def left(self) -> float:
        """Seconds, 0 or more."""
        return max(self.until - monotonic(), 0.0)

    def check(self) -> None:
        """Raise DeadlineExceeded or ClientGone once there is no use in going on."""
        if self.cancelled:
            raise ClientGone("the client closed the connection")
        if self.left <= 0:
            raise DeadlineExceeded(f"no answer within {self.seconds:g} s; ask again, or set server.deadline")


@dataclass(frozen=True, slots=True)
class _Call(Generic[Asked]):
    """What a thread is to do for somebody who waits."""

    call: Callable[[], Any]
    deadline: Deadline
    asked: Sequence[Asked]
    answer: Future[Any] = field(default_factory=Future)

    def begin(self) -> bool:
        """Whether anybody waits for it still; if not, what waits is told. Once, before anything else is done."""
        if self.answer.done() or not self.answer.set_running_or_notify_cancel():
            return False
        try:
            self.deadline.check()
        except PlotseekError as error:
            self.answer.set_exception(error)
            return False
        return True

    def finish(self) -> None:
        """Call, unless nobody waits any more."""
        if self.answer.done():
            return
        try:
            self.deadline.check()
            made = self.call()
        except BaseException as error:  # noqa: BLE001  # not swallowed: it is raised where somebody waits for it
            self.answer.set_exception(error)
        else:
            self.answer.set_result(made)

    def do(self) -> None:
        """Both."""
        if self.begin():
            self.finish()

    @contextmanager
    def needs_thread(self) -> Iterator[None]:
        """Tell who waits where the system gives no thread for it.

        A thread that is there already may take the call from the queue nevertheless, and be the faster one.
        """
        try:
            yield
        except RuntimeError as error:
            refusal = Overloaded(f"the system gives no thread for this ({error}); come back in a second")
            with suppress(InvalidStateError):
                self.answer.set_exception(refusal)


class WorkPool(Generic[Asked]):
    """Threads for what takes milliseconds; used from one event loop.

    What can be prepared together waits in a line of its own, whose one thread prepares it; the others finish it
    meanwhile.
    """

    def __init__(self, threads: int, queue: int, prepare: Callable[[Sequence[Asked]], None]) -> None:
        """At most `queue` calls wait besides `threads`; `prepare` gets what is asked by all that wait together."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="search")
        self._prepare = prepare
        self._most = threads + queue
        self.pending = 0
        """Running and waiting."""

    @cached_property
    def _line(self) -> Batcher[_Call[Asked]]:
        """Has a thread from the first question on."""
        return Batcher("preparing", self._prepare_together)

    async def run(self, call: Callable[[], T], deadline: Deadline, asked: Sequence[Asked] = ()) -> T:
        """What `call` returns, within the deadline; raises Overloaded at once if the queue is full.

        Cancelling takes a call out of the queue; one that runs sees it at its next look at the deadline.
        What `asked` needs is prepared first; an error in that is whose it is: `call` raises it again, or not.
        """
        if self.pending >= self._most:
            raise Overloaded(f"{self.pending} requests are waiting already; come back in a second")
        self.pending += 1
        loop = asyncio.get_running_loop()
        work = _Call(call, deadline, asked)
        work.answer.add_done_callback(lambda _: _later(loop, self._done))
        with work.needs_thread():
            if asked:
                self._line.add(work)
            else:
                self._threads.submit(work.do)
        try:
            made: T = await asyncio.wait_for(asyncio.wrap_future(work.answer), deadline.left)
        except TimeoutError:
            deadline.check()
            raise DeadlineExceeded(f"no answer within {deadline.seconds:g} s") from None
        except asyncio.CancelledError:
            deadline.cancelled = True
            raise
        return made

    def _prepare_together(self, calls: Sequence[_Call[Asked]]) -> None:
        wanted = [call for call in calls if call.begin()]
        if not wanted:
            return
        try:
            self._prepare([asked for call in wanted for asked in call.asked])
        except BaseException as error:  # noqa: BLE001  # one wrong question must not fail those that came with it
            # Its kind alone: words of a question do not belong in a log.
            log.info("preparing %d questions together: %s; each is answered alone", len(wanted), type(error).__name__)
        for call in wanted:
            with call.needs_thread():
                self._threads.submit(call.finish)

    def _done(self) -> None:
        self.pending -= 1

    def close(self) -> None:
        """Finish what waits; what nobody waits for any more takes no time."""
        if "_line" in self.__dict__:
            self._line.close()
        self._threads.shutdown()


def _later(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
