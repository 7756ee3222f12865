"""Waiting for what may never come, and leaving it as soon as a run is asked to stop."""

from collections.abc import Callable
from concurrent.futures import wait
from time import monotonic
from typing import TypeVar

from catalog.background import in_background
from catalog.errors import Stopped

T = TypeVar("T")
Stop = Callable[[], bool]
"""Whether the run was asked to stop."""
LOOK = 0.2
"""Seconds between two looks whether to stop."""


def never() -> bool:
    """For who is not asked to stop."""
    return False


def raise_if(stop: Stop) -> None:
    """Raise Stopped if the run was asked to stop."""
    if stop():
        raise Stopped("stopped as asked; nothing was published, what was embedded is kept for the next run")


def interruptible(work: Callable[[], T], stop: Stop, seconds: float) -> T:
    """What `work` gives; raises Stopped, TimeoutError after so many seconds, and what `work` raises."""
    future = in_background(work)
    end = monotonic() + seconds
    while not wait([future], timeout=LOOK).done:
        raise_if(stop)
        if monotonic() > end:
            raise TimeoutError
    return future.result()
