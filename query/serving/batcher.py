"""One line for what many requests want of one thing: those that wait together are served together.

A model reads eight questions in the time of two.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

log = logging.getLogger("plotseek.pool")

Waiting = TypeVar("Waiting")

MOST_TOGETHER = 16


class Batcher(Generic[Waiting]):
    """A thread that serves whatever waits, `MOST_TOGETHER` at most at a time."""

    def __init__(self, name: str, serve: Callable[[Sequence[Waiting]], None]) -> None:
        """Whoever waits learns from `serve` what became of it; what `serve` raises is told in the log alone."""
        self._serve = serve
        self._line: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def add(self, waiting: Waiting) -> None:
        """Put somebody into the line."""
        self._line.put(waiting)

    def _work(self) -> None:
        while (first := self._line.get()) is not None:
            waiting = [first, *self._also_waiting()]
            try:
                self._serve(waiting)
            except BaseException:  # told, and survived: nobody else serves those that come next
                log.exception("%d that waited together were not served", len(waiting))

    def _also_waiting(self) -> Iterator[Waiting]:
        for _ in range(MOST_TOGETHER - 1):
            try:
                waiting = self._line.get_nowait()
            except queue.Empty:
                return
            if waiting is None:
                self._line.put(None)
                return
            yield waiting

    def close(self) -> None:
        """Serve who waits still, then end."""
        self._line.put(None)
        self._thread.join()
