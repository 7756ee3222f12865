"""Bring the changes that came over HTTP into the catalog: all that wait, as one new state of it.

A change stays in the journal until its outcome is written there. A run that is killed after it published is repeated,
which then finds the films as they shall be.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic

from catalog.config import Config
from catalog.errors import CheckFailed, PlotseekError, RowRefused, Stopped
from catalog.journal.change import ChangeOutcome, ChangeRequest, ChangeState
from catalog.journal.journal import Journal, WaitingChange
from catalog.movie import API, Movie
from catalog.store.chroma.server import configured_server
from catalog.store.generations import Generations
from catalog.store.runs import History, RunOutcome
from catalog.store.writer import CatalogWriter, open_writer
from ingest.readers.row import Row
from ingest.report import Report, RowCounts
from ingest.run import Listener, Request, choose_model, refused_file, sync_options
from ingest.sent_film import SentFilm, fields_sent, read_film
from ingest.sync.apply import SyncOutcome, sync
from ingest.sync.plan import Kind, plan
from ingest.sync.rejects import Refusals

LOCATION = "changes over HTTP"
_NAMED = 100
"""Films, refused rows and notes of one change that its report names."""


@dataclass(slots=True)
class _Reading:
    """What a change says, once its rows were read."""

    number: int
    read: int = 0
    ids: list[str] = field(default_factory=list)
    """Of films to put or to delete."""
    refusals: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reason: str | None = None

    def outcome(self, kinds: Mapping[str, Kind], last: Mapping[str, int], generation: int | None) -> ChangeOutcome:
        """What came of it, where `last` has the number of the last change that named a film."""
        done = Counter(str(kinds[name]) if last[name] == self.number else "superseded" for name in self.ids)
        counts = {"read": self.read, **done, "refused": len(self.refusals)}
        state = ChangeState.DONE if self.ids else ChangeState.REFUSED
        return ChangeOutcome(
            state,
            {name: number for name, number in counts.items() if number},
            tuple(dict.fromkeys(self.ids))[:_NAMED],
            tuple(self.refusals[:_NAMED]),
            generation,
            self.reason,
            tuple(self.notes[:_NAMED]),
        )


class _Batch:
    """All changes that wait, put together: of each film what was said of it last."""

    def __init__(self, others: Mapping[str, str], config: Config, refusals: Refusals) -> None:
        self._others = dict(others)
        """The source of the films that belong to another one, by id."""
        self._fields = fields_sent(config.catalog.fields)
        self._refusals = refusals
        self.readings: list[_Reading] = []
        self.wanted: dict[str, Movie | None] = {}
        """By id; None for one that shall go."""
        self.last: dict[str, int] = {}
        """The number of the change that named it last, by id."""
        self.repaired = 0
        self.unreadable: Counter[str] = Counter()
        """Values that could not be read, by field."""
        self.first_unreadable: dict[str, str] = {}
        """By field, where the first of them is."""

    def add(self, waiting: WaitingChange) -> None:
        """Read one change; what is wrong with it is noted."""
        reading = _Reading(waiting.number)
        self.readings.append(reading)
        if waiting.change is None:
            reading.reason = "it is damaged on disk; send it again"
            return
        for movie in self._movies(waiting.change, reading):
            self._want(movie.id, movie, reading)
        for identity in self._deleted(waiting.change, reading):
            self._want(identity, None, reading)

    def _want(self, identity: str, movie: Movie | None, reading: _Reading) -> None:
        self.wanted[identity] = movie
        self.last[identity] = reading.number
        reading.ids.append(identity)

    def _movies(self, change: ChangeRequest, reading: _Reading) -> Iterator[Movie]:
        rows = [Row(f"film {place}", row) for place, row in enumerate(change.put, 1)]
        reading.read = len(rows) + len(change.delete)
        places: dict[str, str] = {}
        for row in rows:
            try:
                film = read_film(row, self._fields)
                if (first := places.setdefault(film.movie.id, row.place)) != row.place:
                    raise RowRefused(f"{row.place}: field 'id': {film.movie.id!r} was already seen at {first}")
                self._check_owner(film.movie.id, change, row.place)
            except RowRefused as refusal:
                reading.refusals.append(str(refusal))
                self._refusals.add(str(refusal), row.fields)
                continue
            reading.notes += film.notes
            self._count(film, f"change {reading.number}, {row.place}")
            yield film.movie

    def _count(self, film: SentFilm, place: str) -> None:
        self.repaired += film.repaired
        self.unreadable.update(film.unreadable)
        self.first_unreadable = {**dict.fromkeys(film.unreadable, place), **self.first_unreadable}

    def _deleted(self, change: ChangeRequest, reading: _Reading) -> Iterator[str]:
        for identity in change.delete:
            try:
                self._check_owner(identity, change, "DELETE")
            except RowRefused as refusal:
                reading.refusals.append(str(refusal))
                self._refusals.add(str(refusal), None)
                continue
            yield identity

    def _check_owner(self, identity: str, change: ChangeRequest, place: str) -> None:
        """Raise RowRefused for a film of another source, unless it is taken over: then it is of that one no more."""
        if change.take_over:
            self._others.pop(identity, None)
        if (owner := self._others.get(identity)) is not None:
            way_out = "take_over=true in the address changes it all the same"
            raise RowRefused(f"{place}: field 'id': {identity!r} belongs to source {owner!r}; {way_out}")

    @property
    def movies(self) -> list[Movie]:
        return [movie for movie in self.wanted.values() if movie is not None]

    def counts(self, kinds: Iterable[Kind]) -> RowCounts:
        """Of all changes together."""
        read, refused = (
            sum(found) for found in zip(*((each.read, len(each.refusals)) for each in self.readings), strict=True)
        )
        found = {kind.value: count for kind, count in Counter(kinds).items()}
        return RowCounts(
            read,
            **found,
            refused=refused,
            repaired=self.repaired,
            unreadable=dict(self.unreadable),
            first_unreadable=self.first_unreadable,
        )


def apply_changes(config: Config, listener: Listener) -> Report | None:
    """Apply all changes that wait, and write down what came of each; None if none waits.

    Raises CatalogLocked while another run writes, CheckFailed if the owner's check refused the new state, and with it
    the changes, and what `run` raises: then they wait still, and their reports say why.
    """
    started = monotonic()
    with Journal.open(config.store.path, config.store.journal) as journal:
        if not journal.count_waiting():
            return None
        try:
            report = _apply(config, journal, listener)
        except Stopped:
            raise
        except PlotseekError as error:
            journal.explain(" ".join(str(error).split()))
            raise
    return report and replace(report, seconds=round(monotonic() - started, 3))


def _apply(config: Config, journal: Journal, listener: Listener) -> Report | None:
    root = config.store.path
    with open_writer(root, configured_server(config.store)) as writer:
        if not (waiting := journal.take()):
            return None
        with (
            History.open(root, listener.notify) as history,
            history.recording(LOCATION, API) as recording,
            Refusals(refused_file(root, API)) as refusals,
        ):
            batch = _Batch(writer.others(API), config, refusals)
            for change in waiting:
                batch.add(change)
            report = _sync(config, journal, writer, batch, listener)
            recording.outcome = RunOutcome.OK if report.published else RunOutcome.UNCHANGED
            recording.counts = report.counts()
        writer.generations.drop_old(config.sync.keep_generations, config.sync.grace)
    return replace(report, refused_file=str(refusals.path) if refusals.count else None)


def _sync(config: Config, journal: Journal, writer: CatalogWriter, batch: _Batch, listener: Listener) -> Report:
    """Publish what the batch wants, if it wants anything, and write down what came of each change."""
    kinds = _kinds(writer, batch, config.embedding.template)
    changed = {name for name, kind in kinds.items() if kind is not Kind.UNCHANGED}
    try:
        outcome = _publish(config, writer, batch, listener) if changed else _as_it_was(writer)
    except CheckFailed as refusal:
        refused = ChangeOutcome(ChangeState.REFUSED, reason=str(refusal))
        journal.finish({reading.number: refused for reading in batch.readings})
        raise
    journal.finish({each.number: each.outcome(kinds, batch.last, outcome.generation) for each in batch.readings})
    return _report(config, batch, kinds, outcome)


def _publish(config: Config, writer: CatalogWriter, batch: _Batch, listener: Listener) -> SyncOutcome:
    choice = choose_model(config, writer, lambda: [movie.plot for movie in batch.movies], listener)
    if choice.note:
        listener.notify(choice.note)
    options = replace(
        sync_options(config, Request(LOCATION, prune=False, source=API), choice.fallback_for),
        remove=frozenset(name for name, movie in batch.wanted.items() if movie is None),
    )
    return sync(batch.movies, writer, choice.embedder, options, listener.show_or_stop)


def _as_it_was(writer: CatalogWriter) -> SyncOutcome:
    """Without the model, whose loading takes longer than all else."""
    number, films = (writer.info.number, writer.info.films) if writer.info else (None, 0)
    return SyncOutcome({}, 0, 0, number, False, films, {})


def _kinds(writer: CatalogWriter, batch: _Batch, template: str) -> dict[str, Kind]:
    """What is done with each film, by id."""
    stored, others = writer.fingerprints(), writer.others(API)
    kinds = {change.id: change.kind for change in plan(batch.movies, stored, template, API, others)}
    for name, movie in batch.wanted.items():
        if movie is None:
            kinds[name] = Kind.DELETED if name in stored else Kind.UNCHANGED
    return kinds


def _report(config: Config, batch: _Batch, kinds: Mapping[str, Kind], outcome: SyncOutcome) -> Report:
    generation = Generations(config.store.path).current()
    refusals = [reason for reading in batch.readings for reason in reading.refusals]
    return Report(
        batch.counts(kinds.values()),
        embedded=outcome.embedded,
        truncated=outcome.truncated,
        seconds=0.0,
        model=generation.info(older=True).model.name if generation else config.embedding.model,
        films=outcome.films,
        generation=outcome.generation,
        published=outcome.published,
        refusals=tuple(refusals[:5]),
        source=API,
    )
