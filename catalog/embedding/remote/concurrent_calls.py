"""Several calls at a time, that end when they are told to."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from functools import partial
from threading import Event
from typing import TypeVar

from catalog.background import settle, start_daemon
from catalog.errors import Stopped

T = TypeVar("T")
_LOOK = 0.2
"""Seconds between two looks whether to stop."""


def run_together(calls: Sequence[Callable[[Event], T]], threads: int, stop: Callable[[], bool]) -> list[T]:
    """The results of calls in their order, up to `threads` of them at a time.

    The first failure is raised at once; after it, after an interrupt or when `stop` says so, nothing more is begun, the
    event that each call gets is set, and nobody waits for those that are on their way.

    Raises Stopped, and what the calls raise.
    """
    over = Event()
    futures: list[Future[T]] = [Future() for _ in calls]
    todo = deque(zip(calls, futures, strict=True))

    def work() -> None:
        while todo and not over.is_set():
            try:
                call, future = todo.popleft()
            except IndexError:
                return
            settle(future, partial(call, over))

    for _ in range(min(threads, len(calls))):
        start_daemon(work)
    try:
        while True:
            done, running = wait(futures, timeout=_LOOK, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            if not running:
                return [future.result() for future in futures]
            if stop():
                raise Stopped("stopped as asked while an endpoint was waited for; what was embedded before is kept")
    finally:
        over.set()
