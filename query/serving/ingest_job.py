"""A sync that the service was asked for: a process of its own, `python -m ingest`, never two at once.

It waits for its turn while another run writes: one that brings in changes over HTTP takes seconds, and comes often.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import time
from typing import Any

from catalog.config import PREFIX
from catalog.cores import THREAD_VARIABLES
from catalog.errors import PASSING, IngestRunning, StoreError, UsageError
from catalog.printable import utc
from catalog.store.files import disk_errors, write_atomically
from catalog.store.lock import BEING_WRITTEN, is_held, writer

_STDERR_KEPT = 2000
_LOOK = 0.2
"""Seconds between two looks at who writes."""
_GRACE = 10.0
"""Seconds a sync has to stop between two batches when the service stops."""


@dataclass(frozen=True, slots=True)
class IngestRun:
    """One sync; times are ISO 8601, UTC."""

    state: str
    """"waiting" while another run writes, "running", "done" or "failed"."""
    started: str
    ended: str | None = None
    exit_code: int | None = None
    report: dict[str, Any] | None = None
    """What `ingest --json` printed."""
    error: str | None = None
    reason: str | None = None
    """What it waits for."""


class IngestRunner:
    """Starts syncs of the configured source, and remembers the last one."""

    def __init__(self, store: Path, source: str | None, config: Path | None = None) -> None:
        self._store = store
        self._source = source
        self._config = config
        self._file = store / "admin-ingest.json"
        self._task: asyncio.Task[None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = False

    async def start(self) -> IngestRun:
        """Begin a sync. Raises UsageError if no source is configured, IngestRunning."""
        from filelock import FileLock, Timeout

        if self._source is None:
            raise UsageError("server.source is not set: there is nothing to sync from")
        if self._task is not None and (last := self.last()) is not None and last.ended:
            await self._task  # it has ended, and only lets go of the lock
        lock = FileLock(self._store / "admin-ingest.lock", blocking=False)
        with disk_errors(self._store):
            self._store.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout:
                raise IngestRunning("a sync is running already; GET /admin/ingest tells how it goes") from None
        try:
            run = await asyncio.to_thread(self._keep_turn, IngestRun("", _now()))
        except BaseException:
            lock.release()
            raise
        self._task = asyncio.create_task(self._follow(self._source, run, lock.release))
        return run

    async def _follow(self, source: str, run: IngestRun, release: Callable[[], None]) -> None:
        try:
            ended = await self._run(source, run)
            await asyncio.to_thread(self._keep, ended)
        finally:
            release()

    async def _run(self, source: str, run: IngestRun) -> IngestRun:
        """Run, as soon and as often as another run is not in the way; what became of it."""
        while not self._closing:
            if run.state == "waiting":
                await asyncio.sleep(_LOOK)
            elif (ended := await self._try(source, run)) is not None:
                return ended
            run = await asyncio.to_thread(self._keep_turn, run)
        return replace(run, state="failed", ended=_now(), reason=None, error="the service stopped before its turn came")

    async def _try(self, source: str, run: IngestRun) -> IngestRun | None:
        """What a process did; None if another one was faster."""
        arguments = [f"--file={source}", "--json"]
        try:
            self._process = await asyncio.to_thread(begin_ingest, self._store, self._config, arguments)
        except OSError as error:
            return replace(run, state="failed", ended=_now(), error=f"could not be started: {error.strerror}")
        out, err = await asyncio.to_thread(self._process.communicate)
        code, said = self._process.returncode or 0, last_line(err)
        if code == PASSING and BEING_WRITTEN in said and not self._closing:
            return None
        ended = replace(run, ended=_now(), exit_code=code, state="failed" if code else "done")
        return replace(ended, report=_report(out), error=said if code else None)

    def _keep_turn(self, run: IngestRun) -> IngestRun:
        """The run, as it is now, and written down: it waits while somebody writes."""
        holder = writer(self._store)
        state, reason = ("waiting", f"{holder} writes") if holder else ("running", None)
        if (state, reason) != (run.state, run.reason):
            run = replace(run, state=state, reason=reason)
            self._keep(run)
        return run

    def last(self) -> IngestRun | None:
        """The last sync that any worker started; None before the first."""
        try:
            run = IngestRun(**json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"{self._file}: cannot be read: {error}; remove it") from error
        if not run.ended and not self._held():
            return replace(run, state="failed", reason=None, error="killed, or the machine went down")
        return run

    def _held(self) -> bool:
        return (self._task is not None and not self._task.done()) or is_held(self._store / "admin-ingest.lock")

    def _keep(self, run: IngestRun) -> None:
        """Write it down; in a thread, because nobody would be answered while a busy disk syncs it."""
        with disk_errors(self._file):
            write_atomically(self._file, json.dumps(asdict(run), ensure_ascii=False))

    async def close(self) -> None:
        """Ask a running sync to stop; what it has embedded is kept."""
        self._closing = True
        if self._task is None or self._task.done():
            return
        if self._process is None or self._process.poll() is not None:
            await self._task
        else:
            await end(self._process, self._task)


def begin_ingest(store: Path, config: Path | None, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """A process of `ingest` for the catalog in `store`, with the settings of the service.

    By Popen: uvloop forks, at which OpenBLAS waits for its threads to end, and a question that they are just
    multiplying for waits for it, for ever.
    """
    settings = [] if config is None else ["--config", str(config)]
    # A service shares the cores among its workers; a sync may have them all.
    environment = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES}
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-P", "-m", "ingest", *settings, *arguments],  # nothing from the folder it is started in
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environment, f"{PREFIX}_STORE_PATH": str(store.absolute())},
    )


async def end(process: subprocess.Popen[bytes], follower: asyncio.Task[None]) -> None:
    """Ask a process to stop, and wait for the task that follows it."""
    process.terminate()
    done, _ = await asyncio.wait({follower}, timeout=_GRACE)
    if not done:
        process.kill()
        await follower


def _report(out: bytes) -> dict[str, Any] | None:
    try:
        report = json.loads(out)
    except ValueError:
        return None
    return report if isinstance(report, dict) else None


def last_line(err: bytes) -> str:
    lines = err.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][-_STDERR_KEPT:] if lines else "it said nothing"


def _now() -> str:
    return utc(time())
