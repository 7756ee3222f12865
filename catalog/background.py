"""Calls that can be given up: each in a thread of its own, a daemon, so that one that hangs does not hold up the exit.

Neither name resolution nor a server that trickles its headers can be interrupted, or obeys a socket's timeout.
"""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def in_background(call: Callable[[], T]) -> Future[T]:
    """Begin a call; whoever asks for its result gets what it returns or raises."""
    future: Future[T] = Future()
    start_daemon(lambda: settle(future, call))
    return future


def start_daemon(work: Callable[[], None]) -> None:
    """Begin work that nobody waits for at the exit."""
    Thread(target=work, daemon=True).start()


def settle(future: Future[T], call: Callable[[], T]) -> None:
    """Give a future what a call returns or raises."""
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
        future.set_exception(error)
