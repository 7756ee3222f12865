"""Run whenever a file has changed and come to rest. The file is looked at, because every file system can do that."""

import math
from collections.abc import Callable

from ingest.readers.source import matching_paths
from ingest.schedule.cron import pause

#: Size, time of change and inode of each file, by path; empty where there is none.
Stamp = tuple[tuple[str, int, int, int], ...]

#: Seconds between two looks: one stat a file.
LOOK = 1.0

LONGEST_PAUSE = 600.0
"""Seconds until a run that failed for a reason that may pass is tried again, although the file stayed as it is."""


def stamp(location: str) -> Stamp:
    """What a path or a pattern names now."""
    found = []
    for path in matching_paths(location):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # gone between the two looks
        found.append((str(path), status.st_size, status.st_mtime_ns, status.st_ino))
    return tuple(found)


def watch(
    look: Callable[[], Stamp],
    run: Callable[[], bool],
    *,
    wait: Callable[[float], bool],
    settle: float,
    announce: Callable[[float, int], None] = lambda _, __: None,
) -> None:
    """Run at once, then after every change that came to rest, until told to stop.

    `run` says whether it failed for a reason that may pass: then it is tried again after `pause`. `wait` waits so many
    seconds and says whether to stop; `announce` is told after how many seconds the next run is (infinite: not before a
    change), and how many runs have just failed so. A change made while a run is going on is seen after it.
    """
    seen: Stamp | None = look()
    failures = 0
    while seen is not None and not wait(0):
        failures = failures + 1 if run() else 0
        patience = min(pause(failures).total_seconds(), LONGEST_PAUSE) if failures else math.inf
        announce(patience, failures)
        seen = wait_for_rest(look, seen, wait=wait, settle=settle, patience=patience)


def wait_for_rest(
    look: Callable[[], Stamp], done: Stamp, *, wait: Callable[[float], bool], settle: float, patience: float = math.inf
) -> Stamp | None:
    """Wait until there is something other than `done` that stayed the same for `settle` seconds.

    Returns it, or what is there after `patience` seconds; None if told to stop.
    """
    seen = look()
    still = waited = 0.0
    while waited < patience and (not seen or seen == done or still < settle):
        if wait(LOOK):
            return None
        before, seen = seen, look()
        still = still + LOOK if seen == before else 0.0
        waited += LOOK
    return seen
