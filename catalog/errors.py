"""Everything that can go wrong, as one small tree.

Each message is one line: what is wrong, where (file, row, field, key), what to do.
The edges translate once: a command exits with `exit_code`, the service answers `http_status`.
"""

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Self

#: What to do about a part that is made of films and vectors, and about films that are lost.
MEND = "run 'ingest verify --repair'"
WAY_BACK = "run 'ingest rollback', 'ingest restore FOLDER', or 'ingest --file FILE --rebuild'"

_MOST_LINES = 20
"""Of what is wrong: more are no help."""
PASSING = 75
"""Exit code of what may be over in a minute (EX_TEMPFAIL of sysexits.h): a scheduler tries again soon."""


def is_full(error: OSError) -> bool:
    """Whether a disk, or somebody's share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _is_ours(file: str) -> bool:
    root, path = Path(__file__).parents[1], Path(file)
    return path.is_relative_to(root) and path.relative_to(root).parts[0] in ("catalog", "ingest", "plotseek", "query")


class PlotseekError(Exception):
    """The root: whatever a user should read as one line instead of a traceback."""

    exit_code = 1
    http_status = 500

    def _render_traceback_(self) -> list[str]:
        """What IPython and notebooks show: the lines that led here, and not the many that found out what is wrong."""
        from itertools import takewhile
        from traceback import extract_tb, format_list

        theirs = list(takewhile(lambda frame: not _is_ours(frame.filename), extract_tb(self.__traceback__)))
        return [*format_list(theirs[1:]), f"{type(self).__name__}: {self}"]  # the first is IPython's own


class UsageError(PlotseekError):
    """The command or request itself is wrong."""

    exit_code = 2
    http_status = 400
    lines: tuple[str, ...] = ()
    """Where several parts of it are wrong: one line each."""

    @classmethod
    def of_lines(cls, lines: Sequence[str]) -> Self:
        """With a line for each part that is wrong, of which the error itself says the first three."""
        error = cls("; ".join(lines[:3]))
        error.lines = tuple(lines[:_MOST_LINES])
        return error


class ConfigError(PlotseekError):
    """A setting is unknown, of the wrong type or impossible."""

    exit_code = 2


class ExtraMissing(PlotseekError):
    """A part of plotseek is not installed."""


class SourceError(PlotseekError):
    """A file cannot be read as a catalogue; nothing has been changed."""


class SourceUnreachable(SourceError):
    """The source does not answer, breaks off or says that it is busy."""

    exit_code = PASSING


class JudgmentsError(PlotseekError):
    """Relevance judgments, or the results of an earlier evaluation, cannot be read."""


class RowRefused(PlotseekError):
    """One row cannot become a movie; the others go in."""


class NotAMovie(RowRefused):
    """One row is something else: a series, or a set of films."""


class DeletionsRefused(PlotseekError):
    """A run would delete more films than the guard allows."""

    exit_code = 3


class SourceRolledBack(PlotseekError):
    """The source still says what was published of it and rolled back."""

    exit_code = 3


class CheckFailed(PlotseekError):
    """The owner's check, `sync.check`, refused a new generation."""

    exit_code = 4


class Stopped(PlotseekError):
    """A run was asked to stop, and did so between two batches; or a service, while it waited for an endpoint."""

    exit_code = 130
    http_status = 503


class StoreError(PlotseekError):
    """The catalog's folder or database does not do what it must (disk full, read-only ...)."""

    http_status = 503


class DiskFull(StoreError):
    """There is no room for what has to be written."""

    exit_code = PASSING


class CatalogMissing(StoreError):
    """There is no published catalog yet."""


class CatalogDamaged(StoreError):
    """A file of the catalog is broken."""


class CatalogLocked(StoreError):
    """Another process is writing."""

    exit_code = PASSING


class ChromaUnreachable(StoreError):
    """The Chroma server that holds the vector index does not answer."""

    exit_code = PASSING


class ChromaRefused(ChromaUnreachable):
    """A server answers, but as no Chroma server that may be used."""

    exit_code = 1


class ModelError(PlotseekError):
    """The embedding model cannot be used."""

    http_status = 503


class ModelUnavailable(ModelError):
    """The model is not on disk and cannot be fetched."""


class EndpointAway(ModelUnavailable):
    """An embedding endpoint stays busy or does not answer; it may in a minute."""

    exit_code = PASSING


class ModelMismatch(ModelError):
    """The model at hand is not the one that built the catalog."""


class MovieNotFound(PlotseekError):
    """No film has this id or title."""

    http_status = 404


class ChangeNotFound(PlotseekError):
    """No change has this number."""

    http_status = 404


class AccessDenied(PlotseekError):
    """A request to the service came without a key that it knows."""

    http_status = 401


class NotAllowed(PlotseekError):
    """The key is known, but not for this."""

    http_status = 403


class IngestRunning(PlotseekError):
    """The service was asked for a sync while one is running."""

    http_status = 409


class RequestTooLarge(PlotseekError):
    """A request is longer than the service reads."""

    http_status = 413


class TooManyRequests(PlotseekError):
    """One client asks more often than it may."""

    http_status = 429

    def __init__(self, message: str, retry_after: int = 1) -> None:
        """It may come back in so many seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(PlotseekError):
    """More requests wait than the service can answer in time."""

    http_status = 503


class JournalFull(PlotseekError):
    """More changes wait for a run than the journal takes."""

    http_status = 503

    def __init__(self, message: str, retry_after: int = 1) -> None:
        """There may be room in so many seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineExceeded(PlotseekError):
    """An answer was not ready in time."""

    http_status = 504
