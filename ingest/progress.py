"""Progress on stderr: a bar with rate and remaining time on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self, TextIO

from ingest.sync.apply import Progress

if TYPE_CHECKING:
    from tqdm import tqdm

_EVERY = 10.0
"""Seconds between two plain lines."""


class ProgressDisplay:
    """Shows where a run is."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._bar: tqdm[NoReturn] | None = None
        self._stage = ""
        self._said = monotonic()

    def __call__(self, progress: Progress) -> None:
        if self._terminal:
            self._draw(progress)
        else:
            self._print(progress)

    def _draw(self, progress: Progress) -> None:
        from tqdm import tqdm

        bar = self._bar
        if progress.stage != self._stage or bar is None:
            self.close()
            self._stage = progress.stage
            bar = tqdm(total=progress.total, desc=progress.stage, unit="film", file=self._stream, leave=False)
            self._bar = bar
        bar.update(progress.done - bar.n)

    def _print(self, progress: Progress) -> None:
        now = monotonic()
        if progress.stage == self._stage and now - self._said < _EVERY:
            return
        if progress.stage == "reading" and now - self._said < _EVERY:
            return
        self._stage, self._said = progress.stage, now
        of = f" of {progress.total}" if progress.total else ""
        done = f" {progress.done}{of} film{'s' if progress.done > 1 or of else ''}" if progress.done else ""
        print(f"{progress.stage}{done} ...", file=self._stream)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
