"""What `ingest status` tells: the catalog, its sizes, who writes it, and the last and next runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from catalog.store.generation import Generation, GenerationInfo
from catalog.store.generations import Generations
from catalog.store.lock import writer
from catalog.store.runs import History, RunRecord
from ingest.schedule.daemon import Appointment, again
from ingest.schedule.durations import spell_length

_SHOWN = 10
_CLOCKS_DIFFER = timedelta(minutes=5)
"""Machines that share a catalog do not agree better than this."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes on disk."""

    records: int
    vectors: int
    """The cache of every vector ever computed."""
    index: int
    total: int
    """The whole folder, older generations too."""


@dataclass(frozen=True, slots=True)
class CatalogStatus:
    """A catalog's folder at one moment."""

    catalog: GenerationInfo | None
    collection: str | None
    """Chroma's name for the vector index."""
    on_server: bool
    """Whether it is on a Chroma server, not in the folder."""
    sizes: Sizes
    writer: str | None
    """Who is writing now."""
    appointment: Appointment | None
    runs: tuple[RunRecord, ...]
    """The last ones, the newest first."""
    last_good: float | None
    """When a run last ended well; seconds since 1970, UTC."""

    def too_old(self, limit: timedelta, now: datetime) -> str | None:
        """One line if no run ended well within `limit` before `now`."""
        if self.last_good is None:
            return "no run has ended well yet"
        ended = datetime.fromtimestamp(self.last_good, UTC)
        age = now - ended
        if age < -_CLOCKS_DIFFER:
            return f"the last good run ended at {_iso(self.last_good)}, which is to come; a clock was or is wrong"
        told = f"the last good run ended {spell_length(age, 2)} ago, more than {spell_length(limit)}"
        return told if age > limit else None

    def to_dict(self) -> dict[str, Any]:
        """What --json prints; times are ISO 8601 in UTC."""
        info, appointment, sizes = self.catalog, self.appointment, self.sizes
        return {
            "catalog": info
            and {
                "films": info.films,
                "generation": info.number,
                "collection": self.collection,
                "model": info.model.name,
                "published": _iso(info.published),
            },
            "bytes": {
                "records": sizes.records,
                "vectors": sizes.vectors,
                "index": sizes.index,
                "total": sizes.total,
            },
            "writer": self.writer,
            "scheduler": appointment
            and {
                "process": appointment.process,
                "source": appointment.source,
                "schedule": appointment.schedule,
                "next": _iso(appointment.next),
                "failures": appointment.failures,
            },
            "last_good": _iso(self.last_good),
            "runs": [_run_dict(run) for run in self.runs],
        }

    def lines(self, zone: tzinfo) -> list[str]:
        """The same for people, times in their zone."""
        sizes = self.sizes
        parts = f"records {_bytes(sizes.records)}, vectors {_bytes(sizes.vectors)}, index {_bytes(sizes.index)}"
        return [
            _catalog_line(self.catalog, zone),
            f"on disk: {parts}, {_bytes(sizes.total)} in all",
            *([f"vector index: collection {self.collection} on a Chroma server"] if self.on_server else []),
            f"writing now: {self.writer or 'nobody'}",
            _next_line(self.appointment, zone, running=any(run.outcome is None for run in self.runs)),
            "last runs:" if self.runs else "no runs yet",
            *(f"  {line}" for run in self.runs for line in _run_lines(run, zone)),
        ]


def gather(root: Path) -> CatalogStatus:
    """Look at a catalog's folder, which is only read; raises CatalogDamaged, StoreError."""
    generations = Generations(root)
    generation = generations.current()
    info = generation.info(older=True) if generation else None
    collection = generation.collection if generation else None
    on_server = generation is not None and generation.on_server
    sizes = _sizes(root, generation)
    history = History.open_existing(root)
    if history is None:
        return CatalogStatus(info, collection, on_server, sizes, writer(root), None, (), None)
    with history:
        runs, good = tuple(history.last(_SHOWN)), history.last_good()
        appointment = Appointment.read(root, history)
    return CatalogStatus(
        info, collection, on_server, sizes, writer(root), appointment, runs, good.ended if good else None
    )


def _sizes(root: Path, generation: Generation | None) -> Sizes:
    return Sizes(
        records=_size([generation.movies]) if generation else 0,
        vectors=_size(root.glob("vectors.sqlite3*")),
        index=_size(generation.chroma.rglob("*")) if generation else 0,
        total=_size(root.rglob("*")),
    )


def _size(paths: Iterable[Path]) -> int:
    total = 0
    for path in paths:
        try:
            if path.is_file():
                total += path.stat().st_size
        except FileNotFoundError:
            continue  # a writer is at work
    return total


def _run_dict(run: RunRecord) -> dict[str, Any]:
    return {
        "number": run.number,
        "started": _iso(run.started),
        "ended": _iso(run.ended),
        "source": run.source,
        "outcome": run.outcome or "running",
        "counts": dict(run.counts),
        "reason": run.reason,
    }


def _catalog_line(info: GenerationInfo | None, zone: tzinfo) -> str:
    if info is None:
        return "there is no catalog yet; run 'ingest movies.json'"
    return f"{info.films} films, generation {info.number} of {_time(info.published, zone)}, model {info.model.name}"


def _next_line(appointment: Appointment | None, zone: tzinfo, *, running: bool) -> str:
    if appointment is None:
        return "next run: no scheduler is running"
    if appointment.next is None:
        when = "when it changes"
    else:
        when = "after the one going on" if running else _time(appointment.next, zone)
    process = f"({appointment.schedule}, process {appointment.process})"
    return f"next run: {appointment.source}, {when} {process}{again(appointment.failures)}"


def _run_lines(run: RunRecord, zone: tzinfo) -> list[str]:
    seconds = "" if run.ended is None else f", {run.ended - run.started:.1f} s"
    changes = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in run.counts.items() if count)
    first = f"{_time(run.started, zone)}  {run.outcome or 'running':9}  {run.source}{seconds}"
    return [first, *(f"    {text}" for text in (changes, run.reason) if text)]


def _time(seconds: float, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(seconds, zone):%Y-%m-%d %H:%M:%S %Z}"


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
