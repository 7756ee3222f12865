"""Films that are put and deleted through the service: into the journal at once, into the catalog by a process.

Each worker of the service sees to it that what waits is brought in: `ingest changes`, again and again until nothing
waits, and once at the start, for what a killed service left. While another run writes it looks again and again. Where
changes wait in a folder of their own, because the service may not write the catalog, a scheduler of `ingest` does it.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from subprocess import Popen
from time import monotonic
from typing import TypeVar

from catalog.errors import StoreError
from catalog.journal.change import ChangeReport, ChangeRequest, ChangeState
from catalog.journal.journal import Journal
from catalog.store.lock import writer
from query.serving.ingest_job import begin_ingest, end, last_line

log = logging.getLogger("plotseek.changes")
T = TypeVar("T")

_LOOK = 0.2
"""Seconds between two looks at a journal, or at who writes, while somebody waits."""
_LONGEST_PAUSE = 60.0
"""Seconds between two tries for changes that cannot go in: the model is away, the disk is full ..."""
_BY_OTHERS = "it is brought in by a scheduler of ingest (--every, --cron, --watch), or by 'ingest changes'"


class ChangeQueue:
    """The changes of one catalog; its methods run on one event loop."""

    def __init__(self, store: Path, journal: Path | None = None, config: Path | None = None) -> None:
        self._store = store
        self._journal = journal
        self._config = config
        self._task: asyncio.Task[None] | None = None
        self._process: Popen[bytes] | None = None
        self._asked = asyncio.Event()
        self._closing = False

    def start(self) -> None:
        """Bring in what waits since before, unless others do that."""
        if self._journal is None:
            self._task = asyncio.create_task(self._bring_in())

    async def append(self, change: ChangeRequest) -> ChangeReport:
        """Accept a change; on return it is on disk. Raises JournalFull, StoreError."""
        report = await self._with_journal(lambda journal: journal.append(change))
        self._asked.set()
        return report

    async def report(self, number: int) -> ChangeReport | None:
        """What became of a change so far; None for one that is not known."""
        if not Journal.exists(self._journal or self._store):
            return None
        report = await self._with_journal(lambda journal: journal.report(number))
        if report and report.state is ChangeState.WAITING and not report.reason and self._journal is not None:
            return replace(report, reason=_BY_OTHERS)
        return report

    async def count_waiting(self) -> int:
        """How many changes are not in the catalog yet."""
        if not Journal.exists(self._journal or self._store):
            return 0
        return await self._with_journal(Journal.count_waiting)

    async def outcome(self, number: int, seconds: float, is_seen: Callable[[int], bool]) -> ChangeReport | None:
        """What became of a change, once it is done and what it did `is_seen` here, or after so many seconds."""
        until = monotonic() + seconds
        while True:
            report = await self.report(number)
            if report is None or (report.ended and (report.generation is None or is_seen(report.generation))):
                return report
            if monotonic() >= until or self._closing:
                return report
            await asyncio.sleep(_LOOK)

    async def _with_journal(self, work: Callable[[Journal], T]) -> T:
        """In a thread: nobody would be answered while a busy disk syncs it."""

        def call() -> T:
            with Journal.open(self._store, self._journal) as journal:
                return work(journal)

        return await asyncio.to_thread(call)

    async def _bring_in(self) -> None:
        pause = _LOOK
        while not self._closing:
            try:
                waiting = await self.count_waiting()
                if not waiting:
                    await self._asked.wait()
                    self._asked.clear()
                    continue
                if await asyncio.to_thread(writer, self._store) is not None:
                    await asyncio.sleep(_LOOK)
                    continue
                if await self._run():
                    pause = _LOOK
                    continue
            except (StoreError, OSError) as error:
                log.error("changes cannot be brought in: %s", error)
            pause = min(2 * pause, _LONGEST_PAUSE)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), pause)
            self._asked.clear()

    async def _run(self) -> bool:
        """Bring in what waits now, in a process of its own; whether that went well."""
        self._process = await asyncio.to_thread(begin_ingest, self._store, self._config, ["changes", "--json"])
        _, err = await asyncio.to_thread(self._process.communicate)
        if self._process.returncode and not self._closing:
            log.error("changes wait: %s", last_line(err))
        return self._process.returncode == 0

    async def close(self) -> None:
        """Stop; what waits goes on to wait, and what a process is about is kept."""
        self._closing = True
        self._asked.set()
        if self._task is None:
            return
        if self._process is not None and self._process.poll() is None:
            await end(self._process, self._task)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
