"""SIGTERM as an event: what is at hand is finished, nothing new is begun."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread
from types import FrameType


@contextmanager
def stop_on(*signals: signal.Signals) -> Iterator[Event]:
    """An event that these signals set, while the block lasts.

    Outside the main thread, where Python takes no signals, the event stays as it is.
    """
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        # Set by another thread: the main one may hold the event's lock at the moment of the signal.
        Thread(target=stop.set).start()

    if current_thread() is not main_thread():
        yield stop
        return
    before = {number: signal.signal(number, on_signal) for number in signals}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
