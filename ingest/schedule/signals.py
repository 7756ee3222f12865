"""SIGTERM and SIGINT as an event: what is at hand is finished, nothing new is begun."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread
from types import FrameType

_LOOK = 0.5
"""Seconds between two looks whether to stop, while a process is waited for."""


class Stop(Event):
    """Set by a signal, which it remembers."""

    signal: int | None = None


@contextmanager
def stop_on(*signals: signal.Signals) -> Iterator[Stop]:
    """An event that these signals set, while the block lasts; the same signal again acts at once.

    Outside the main thread, where Python takes no signals, the event stays as it is.
    """
    stop = Stop()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        stop.signal = number
        signal.signal(number, before[signal.Signals(number)])
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


def wait_for(process: "subprocess.Popen[bytes]", stop: Event) -> int:
    """The exit code of a process, which is asked to stop when we are."""
    while not stop.is_set():
        try:
            return process.wait(_LOOK)
        except subprocess.TimeoutExpired:
            continue
    process.terminate()
    return process.wait()
