"""Several calls at a time, that end when they are told to."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from threading import Event, Thread
from typing import TypeVar

from catalog.errors import Stopped

T = TypeVar("T")
_LOOK = 0.2
"""Seconds between two looks whether to stop."""


def run_together(calls: Sequence[Callable[[Event], T]], threads: int, stop: Callable[[], bool]) -> list[T]:
    """The results of calls in their order, up to `threads` of them at a time.

    The first failure is raised at once; after it, after an interrupt or when `stop` says so, nothing more is begun, the
    event that each call gets is set, and nobody waits for those that are on their way: the threads are daemons, because
    one that hangs in a socket would hold up the exit. Raises Stopped, and what the calls raise.
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
            try:
                future.set_result(call(over))
            except BaseException as error:  # noqa: BLE001  handed to the caller, whatever it is
                future.set_exception(error)

    for _ in range(min(threads, len(calls))):
        Thread(target=work, daemon=True).start()
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
