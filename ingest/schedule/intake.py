"""Changes over HTTP, brought in between two runs: where the service may write down what was asked, and nothing else."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from catalog.errors import StoreError
from catalog.journal.journal import Journal
from catalog.store.lock import writer
from ingest.schedule.signals import Stop, wait_for

_LOOK = 1.0
"""Seconds between two looks at the journal."""
_LONGEST_PAUSE = 60.0
"""Seconds between two tries for changes that cannot go in: the model is away, the disk is full ..."""


class Intake:
    """A wait between two runs that looks after the journal in `folder` meanwhile, by `ingest changes`."""

    def __init__(
        self, root: Path, folder: Path, arguments: Sequence[str], stop: Stop, tell: Callable[[str], None]
    ) -> None:
        self._root = root
        self._folder = folder
        self._command = [sys.executable, "-P", "-m", "ingest", *arguments]
        self._stop = stop
        self._tell = tell
        self._pause = _LOOK
        self._next = monotonic()

    def wait(self, seconds: float) -> bool:
        """Wait so long, and until what was begun is done; less if told to stop, which it says."""
        until = monotonic() + seconds
        while not self._stop.is_set() and (left := until - monotonic()) > 0:
            self._stop.wait(min(left, _LOOK))
            if monotonic() >= self._next and not self._stop.is_set() and self._is_wanted():
                self._bring_in()
        return self._stop.is_set()

    def _is_wanted(self) -> bool:
        try:
            return Journal.waiting_in(self._folder) > 0 and writer(self._root) is None
        except StoreError as error:
            self._give_up(str(error))
            return False

    def _bring_in(self) -> None:
        try:
            code = wait_for(subprocess.Popen(self._command), self._stop)  # noqa: S603 - ourselves
        except OSError as error:
            self._give_up(f"could not be started: {error.strerror}")
            return
        if code == 0:
            self._pause = _LOOK
        elif not self._stop.is_set():
            self._give_up(f"ended with exit code {code}; see what it said")

    def _give_up(self, reason: str) -> None:
        """For a while, the longer the more often."""
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        self._next = monotonic() + self._pause
        self._tell(f"changes over HTTP wait, for {self._pause:.0f} s: {reason}")
