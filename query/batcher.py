"""One queue for what many requests want of one thing: those that wait together are served together.

A model reads eight questions in the time of two, and a matrix is multiplied by eight vectors in that of two, too.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import perf_counter
from typing import Generic, Protocol, TypeVar

from catalog.errors import Overloaded, PlotseekError
from query.work import Ticket

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

_PAUSE = 0.004
"""Seconds within which the next one of a crowd comes. Who comes alone, after somebody who was alone, never waits."""
MOST_TOGETHER = 16
CAPACITY = 256


class Watched(Protocol):
    """Who hears how many were served together, and in how many seconds."""

    def __call__(self, count: int, seconds: float) -> None: ...


@dataclass(slots=True)
class _Waiting(Generic[Asked, Answered]):
    asked: Asked
    ticket: Ticket
    answer: Future[Answered] = field(default_factory=Future)


class Batcher(Generic[Asked, Answered]):
    """A thread that serves whatever waits, `MOST_TOGETHER` at most at a time."""

    def __init__(
        self,
        name: str,
        together: Callable[[Sequence[Asked]], Sequence[Answered]],
        capacity: int = CAPACITY,
        watched: Watched | None = None,
    ) -> None:
        """`together` answers several at once, in their order."""
        self._together = together
        self._queue: queue.Queue[_Waiting[Asked, Answered] | None] = queue.Queue(capacity)
        self._watched = watched
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    def ask(self, asked: Asked, ticket: Ticket) -> Answered:
        """The answer; blocks. Raises Overloaded if the queue is full, and what `together` or the ticket raises."""
        ticket.check()
        waiting: _Waiting[Asked, Answered] = _Waiting(asked, ticket)
        try:
            self._queue.put_nowait(waiting)
        except queue.Full:
            raise Overloaded("too many questions are waiting; come back in a second") from None
        try:
            return waiting.answer.result(ticket.left)
        except TimeoutError:
            ticket.check()
            raise

    def _work(self) -> None:
        pause = 0.0
        while (first := self._queue.get()) is not None:
            batch = [first, *self._also_waiting(pause)]
            pause = _PAUSE if len(batch) > 1 else 0.0
            self._serve([waiting for waiting in batch if _is_wanted(waiting)])

    def _also_waiting(self, pause: float) -> list[_Waiting[Asked, Answered]]:
        batch: list[_Waiting[Asked, Answered]] = []
        while len(batch) < MOST_TOGETHER - 1:
            try:
                waiting = self._queue.get(timeout=pause)
            except queue.Empty:
                break
            if waiting is None:
                self._queue.put(None)
                break
            batch.append(waiting)
        return batch

    def _serve(self, batch: Sequence[_Waiting[Asked, Answered]]) -> None:
        if not batch:
            return
        start = perf_counter()
        try:
            answers = self._together([waiting.asked for waiting in batch])
        except BaseException as error:  # noqa: BLE001  # not swallowed: it is raised where somebody waits for it
            for waiting in batch:
                waiting.answer.set_exception(error)
            return
        if self._watched is not None:
            self._watched(count=len(batch), seconds=perf_counter() - start)
        for waiting, answer in zip(batch, answers, strict=True):
            waiting.answer.set_result(answer)

    def close(self) -> None:
        """Finish what waits."""
        self._queue.put(None)
        self._thread.join()


def _is_wanted(waiting: _Waiting[Asked, Answered]) -> bool:
    """Whether anybody waits for it still; if not, what waits is told."""
    try:
        waiting.ticket.check()
    except PlotseekError as error:
        waiting.answer.set_exception(error)
        return False
    return True
