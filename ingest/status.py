"""What `ingest status` tells: the catalog, its sizes, who writes it, and the last and next runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from catalog.journal.journal import Journal
from catalog.movie import API, MAIN
from catalog.printable import utc
from catalog.store.generation import Generation, GenerationInfo
from catalog.store.generations import Generations
from catalog.store.lock import writer
from catalog.store.runs import History, RunRecord
from catalog.store.writer import count_by_source
from ingest.report import plural
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
class SourceStatus:
    """One source of films."""

    name: str
    films: int
    last_good: float | None
    """When a run of it last ended well, or its films were restored; seconds since 1970, UTC."""
    appointment: Appointment | None
    """Of the scheduler that lives."""
    restored: bool = False
    """Whether that was a restored backup."""

    def too_old(self, limit: timedelta, now: datetime) -> str | None:
        """One line if no run of it ended well within `limit` before `now`."""
        if self.last_good is None:
            return "no run has ended well yet"
        ended = datetime.fromtimestamp(self.last_good, UTC)
        age = now - ended
        if age < -_CLOCKS_DIFFER:
            return f"the last good run ended at {_iso(self.last_good)}, which is to come; a clock was or is wrong"
        what = "it was restored" if self.restored else "the last good run ended"
        told = f"{what} {spell_length(age, 2)} ago, more than {spell_length(limit)}"
        return told if age > limit else None

    def line(self, zone: tzinfo) -> str:
        """For people."""
        what = "restored" if self.restored else "last good run"
        good = "no good run yet" if self.last_good is None else f"{what} {_time(self.last_good, zone)}"
        return f"source {self.name}: {plural(self.films, 'film')}, {good}"


@dataclass(frozen=True, slots=True)
class CatalogStatus:
    """A catalog's folder at one moment."""

    root: Path
    catalog: GenerationInfo | None
    collection: str | None
    """Chroma's name for the vector index."""
    on_server: bool
    """Whether it is on a Chroma server, not in the folder."""
    sizes: Sizes
    writer: str | None
    """Who is writing now."""
    sources: tuple[SourceStatus, ...]
    """All that have films, had a good run or are waited for, by name: no source comes of a mistyped one."""
    changes: int
    """That came over HTTP, and wait."""
    runs: tuple[RunRecord, ...]
    """The last ones, the newest first."""

    @property
    def last_good(self) -> float | None:
        """When a run of any source last ended well; seconds since 1970, UTC."""
        return max((source.last_good for source in self.sources if source.last_good is not None), default=None)

    def too_old(self, limit: timedelta, now: datetime, source: str | None = None) -> str | None:
        """One line if no run of this source, or of one that is read by runs, ended well within `limit` before `now`."""
        asked = [found for found in self.sources if found.name == source or (source is None and found.name != API)]
        several = len(self.sources) > 1 or source is not None
        for found in asked or [SourceStatus(source or MAIN, 0, None, None)]:
            if trouble := found.too_old(limit, now):
                return f"source {found.name}: {trouble}" if several else trouble
        return None

    def to_dict(self) -> dict[str, Any]:
        """What --json prints; times are ISO 8601 in UTC."""
        info, sizes = self.catalog, self.sizes
        return {
            "catalog": info
            and {
                "films": info.films,
                "passages": info.passages,
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
            "changes_waiting": self.changes,
            "sources": [_source_dict(source) for source in self.sources],
            "last_good": _iso(self.last_good),
            "runs": [_run_dict(run) for run in self.runs],
        }

    def lines(self, zone: tzinfo) -> list[str]:
        """The same for people, times in their zone."""
        sizes = self.sizes
        parts = f"records {_bytes(sizes.records)}, vectors {_bytes(sizes.vectors)}, index {_bytes(sizes.index)}"
        return [
            _catalog_line(self.root, self.catalog, zone),
            f"on disk: {parts}, {_bytes(sizes.total)} in all",
            *([f"vector index: {self._place}"] if self.on_server else []),
            f"writing now: {self.writer or 'nobody'}",
            *([f"over HTTP: {plural(self.changes, 'change')} waiting"] if self.changes else []),
            *([source.line(zone) for source in self.sources] if self._worth_telling else []),
            *self._next_lines(zone),
            "last runs:" if self.runs else "no runs yet",
            *(f"  {line}" for run in self.runs for line in _run_lines(run, zone)),
        ]

    @property
    def _place(self) -> str:
        divided = self.collection is not None and ", " in self.collection
        return (
            f"collections {self.collection} on Chroma servers"
            if divided
            else f"collection {self.collection} on a Chroma server"
        )

    @property
    def _worth_telling(self) -> bool:
        """Whether there is more to say of sources than the runs say."""
        return any(source.name != MAIN or source.restored for source in self.sources)

    def _next_lines(self, zone: tzinfo) -> list[str]:
        running = {run.source for run in self.runs if run.outcome is None}
        due = [(source.appointment, source.name in running) for source in self.sources if source.appointment]
        lines = [_next_line(appointment, zone, running=goes_on) for appointment, goes_on in due]
        return lines or ["next run: no scheduler is running"]


def gather(root: Path, journal: Path | None = None) -> CatalogStatus:
    """Look at a catalog's folder, which is only read, and where changes wait; raises CatalogDamaged, StoreError."""
    waiting = Journal.waiting_in(journal or root)
    generations = Generations(root)
    generation = generations.current()
    info = generation.info(older=True) if generation else None
    collection = ", ".join(shard.collection for shard in generation.shards) if generation else None
    on_server = generation is not None and generation.on_server
    sizes = _sizes(root, generation)
    films = count_by_source(generation, info) if generation and info else {}
    history = History.open_existing(root)
    if history is None:
        unread = tuple(SourceStatus(name, count, None, None) for name, count in films.items())
        return CatalogStatus(root, info, collection, on_server, sizes, writer(root), unread, waiting, ())
    with history:
        runs = tuple(history.last(_SHOWN))
        names = sorted({*films, *history.sources(), *Appointment.sources(root)})
        each = (_source(root, history, name, films.get(name, 0)) for name in names)
        sources = tuple(found for found in each if found.films or found.last_good is not None or found.appointment)
    return CatalogStatus(root, info, collection, on_server, sizes, writer(root), sources, waiting, runs)


def _source(root: Path, history: History, name: str, films: int) -> SourceStatus:
    good, back = history.last_good(name), history.last_restored() if films else None
    restored = back is not None and (good is None or good.number < back.number)
    last = back if restored else good
    return SourceStatus(name, films, last.ended if last else None, Appointment.read(root, history, name), restored)


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
        "source": run.source or None,
        "location": run.location,
        "outcome": run.outcome or "running",
        "counts": dict(run.counts),
        "reason": run.reason,
    }


def _source_dict(source: SourceStatus) -> dict[str, Any]:
    appointment = source.appointment
    return {
        "name": source.name,
        "films": source.films,
        "last_good": _iso(source.last_good),
        "restored": source.restored,
        "scheduler": appointment
        and {
            "process": appointment.process,
            "location": appointment.location,
            "schedule": appointment.schedule,
            "next": _iso(appointment.next),
            "failures": appointment.failures,
        },
    }


def _catalog_line(root: Path, info: GenerationInfo | None, zone: tzinfo) -> str:
    if info is None:
        return f"{root}: there is no catalog yet; run 'ingest FILE', or name the settings of one with --config"
    told = f" and {info.passages} passages of long stories and German plots" if info.passages else ""
    return (
        f"{info.films} films{told}, generation {info.number} of {_time(info.published, zone)}, model {info.model.name}"
    )


def _next_line(appointment: Appointment, zone: tzinfo, *, running: bool) -> str:
    if appointment.next is None:
        when = "when it changes"
    else:
        when = "after the one going on" if running else _time(appointment.next, zone)
    process = f"({appointment.schedule}, process {appointment.process})"
    return f"next run: {appointment.location}, {when} {process}{again(appointment.failures)}"


def _run_lines(run: RunRecord, zone: tzinfo) -> list[str]:
    seconds = "" if run.ended is None else f", {run.ended - run.started:.1f} s"
    changes = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in run.counts.items() if count)
    whose = f" ({run.source})" if run.source not in ("", MAIN) else ""
    first = f"{_time(run.started, zone)}  {run.outcome or 'running':11}  {run.location}{whose}{seconds}"
    return [first, *(f"    {text}" for text in (changes, run.reason) if text)]


def _time(seconds: float, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(seconds, zone):%Y-%m-%d %H:%M:%S %Z}"


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else utc(seconds)


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
