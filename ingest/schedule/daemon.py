"""The process behind --every, --cron and --watch: it waits, and starts each run as a process of its own.

A run of its own gives torch's memory back when it ends, and whatever ends it, a bug, a signal or the
memory running out, ends only that run: the next one happens.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from random import uniform
from signal import SIGINT, SIGTERM, Signals
from threading import Event
from time import time
from typing import Self

from catalog.errors import PASSING, CatalogLocked, StoreError
from catalog.movie import MAIN
from catalog.store.lock import is_held
from catalog.store.runs import History
from catalog.terminal import say
from ingest.schedule.cron import Schedule, repeat
from ingest.schedule.intake import Intake
from ingest.schedule.signals import Stop, stop_on, wait_for
from ingest.schedule.watch import stamp, watch

_NOTE = "scheduler"
_LOCK = "SCHEDULER"


def _of(name: str, source: str) -> str:
    """The name of a lock or note, for each source another one."""
    return name if source == MAIN else f"{name}-{source}"


@dataclass(frozen=True, slots=True)
class Appointment:
    """What a living scheduler waits for."""

    process: int
    location: str
    schedule: str
    next: float | None
    """Seconds since 1970, UTC; None while it watches a file."""
    failures: int = 0
    """Runs that have just failed for a reason that may pass: the next one is tried early."""

    @classmethod
    def read(cls, root: Path, history: History, source: str = MAIN) -> Self | None:
        """The appointment of the scheduler of a source that lives; None if none does."""
        appointment = history.read_note(_of(_NOTE, source), lambda values: cls(**values))
        return appointment if appointment and is_held(root / _of(_LOCK, source)) else None

    @staticmethod
    def sources(root: Path) -> list[str]:
        """The sources that ever had a scheduler."""
        return [path.name.removeprefix(_LOCK).removeprefix("-") or MAIN for path in root.glob(f"{_LOCK}*")]


@dataclass(frozen=True, slots=True)
class Job:
    """What is run again and again."""

    root: Path
    location: str
    arguments: Sequence[str]
    """Of the command for a single run."""
    source: str = MAIN
    """Whose films it brings."""
    journal: Path | None = None
    """Where changes over HTTP wait that are brought in between two runs; None if the service does that."""
    changes: Sequence[str] = ("changes",)
    """Arguments of the command that brings them in."""


def run_on_schedule(job: Job, schedule: Schedule, zone: tzinfo, jitter: float) -> None:
    """Run at every slot until SIGTERM or SIGINT; raises CatalogLocked if the catalog has a scheduler."""

    def announce(begin: datetime, failures: int) -> None:
        note(job, str(schedule), begin.timestamp(), failures)
        log(f"next run {_clock(begin, zone)}, {schedule}{again(failures)}", zone)

    with _only_one(job), stop_on(SIGTERM, SIGINT) as stop:
        repeat(
            schedule,
            lambda: run_once(job, stop, zone),
            now=lambda: datetime.now(UTC),
            wait=_waiting(job, stop, zone),
            announce=announce,
            delay=partial(uniform, 0, jitter),
        )


def run_on_change(job: Job, settle: float, zone: tzinfo) -> None:
    """Run at once and after every change of the file, until SIGTERM or SIGINT; raises CatalogLocked."""

    def announce(seconds: float, failures: int) -> None:
        note(job, "watch", time() + seconds if failures else None, failures)
        if failures:
            log(f"next run in {seconds:.0f} s, or when it changes{again(failures)}", zone)

    with _only_one(job), stop_on(SIGTERM, SIGINT) as stop:
        note(job, "watch", None)
        log(f"watching {job.location}", zone)
        look, run = partial(stamp, job.location), partial(run_once, job, stop, zone)
        watch(look, run, wait=_waiting(job, stop, zone), settle=settle, announce=announce)


def _waiting(job: Job, stop: Stop, zone: tzinfo) -> Callable[[float], bool]:
    """What waits between two runs."""
    if job.journal is None:
        return stop.wait
    return Intake(job.root, job.journal, job.changes, stop, partial(log, zone=zone)).wait


def again(failures: int) -> str:
    """What to say of a run that is tried again early; nothing if none failed."""
    return f"; try {failures + 1}: the last run failed for a reason that may pass" if failures else ""


def log(line: str, zone: tzinfo) -> None:
    """Say it with the time: what a run says itself stands between its first and its last line."""
    say(f"{_clock(datetime.now(UTC), zone)} ingest: {line}")


def _clock(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def run_once(job: Job, stop: Event, zone: tzinfo) -> bool:
    """One run in a process of its own; whether it failed for a reason that may pass. Its end is recorded."""
    command = [sys.executable, "-P", "-m", "ingest", *job.arguments]
    began = time()
    log(f"run of {job.location} begins", zone)
    try:
        code = wait_for(subprocess.Popen(command), stop)  # noqa: S603 - ourselves
    except OSError as error:
        code, reason = 1, f"could not be started: {error.strerror}"
    else:
        reason = f"killed by {Signals(-code).name}" if code < 0 else f"ended with exit code {code}; see what it said"
    seconds = f"after {time() - began:.0f} s"
    if code == 0 or stop.is_set():
        log(f"run ended {seconds}", zone)
        return False
    log(f"run {reason}, {seconds}", zone)
    _safely(job.root, lambda history: history.account_for(job.location, began, reason, job.source))
    return code == PASSING


def note(job: Job, schedule: str, moment: float | None, failures: int = 0) -> None:
    """Let `ingest status` know what is waited for."""
    appointment = Appointment(os.getpid(), job.location, schedule, moment, failures)
    _safely(job.root, lambda history: history.keep(_of(_NOTE, job.source), json.dumps(asdict(appointment))))


def _safely(root: Path, write: Callable[[History], object]) -> None:
    """Write to the history; a full disk is told but must not end the scheduler."""
    try:
        with History.open(root, say) as history:
            write(history)
    except StoreError as error:
        say(f"ingest: {error}")


@contextmanager
def _only_one(job: Job) -> Iterator[None]:
    """One scheduler a source: two with different files would undo each other's work."""
    from filelock import FileLock, Timeout

    root = job.root
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / _of(_LOCK, job.source), timeout=1)  # `status` may be looking
        lock.acquire()
    except Timeout:
        raise CatalogLocked(f"{root}: is kept up to date by another scheduler; see 'ingest status'") from None
    except OSError as error:
        raise StoreError(f"{root}: cannot be written: {error.strerror}; check the folder's permissions") from error
    try:
        yield
        _safely(root, lambda history: history.keep(_of(_NOTE, job.source), None))
    finally:
        lock.release()
