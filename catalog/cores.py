"""How many cores numpy's matrix products use. OpenBLAS keeps one number for the whole process."""

import os
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Threads of a matrix product; numpy and torch read them once, when they are loaded."""


def at_most(threads: int) -> AbstractContextManager[Any]:
    """Let products use so many threads at most. The first thread that asks decides; others meanwhile change nothing."""
    openblas = _openblas()
    now = min((library.num_threads for library in openblas.lib_controllers), default=threads)
    limited: AbstractContextManager[Any] = openblas.limit(limits=min(threads, now))
    return limited


@cache
def cores() -> int:
    """How many this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _openblas() -> Any:
    """Found once: looking through all libraries of the process takes half a millisecond."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(internal_api="openblas")
