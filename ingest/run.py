"""One run from a file to a published catalog: what `ingest` does, callable without the command."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from catalog.config import Config
from catalog.embedding.factory import (
    Choice,
    Plots,
    choose_for_existing,
    choose_for_new,
    note_of_fallback,
    note_of_language,
)
from catalog.errors import SourceRolledBack
from catalog.store.chroma.server import configured_server
from catalog.store.generation import GenerationInfo
from catalog.store.generations import Generations
from catalog.store.runs import History, RunOutcome
from catalog.store.vectors.sample import KNOWN, Known, cached_vectors
from catalog.store.writer import CatalogWriter, open_writer
from ingest.mapping.detect import detect_ahead
from ingest.mapping.mapper import FieldMap
from ingest.readers.download import FetchLimits, Unchanged, Validators, fetch, fetch_if_changed
from ingest.readers.row import AnyRow
from ingest.readers.source import STDIN, is_url, open_rows
from ingest.readers.waiting import Stop, never, raise_if
from ingest.report import Report
from ingest.sync.apply import Progress, SyncOutcome, sync
from ingest.sync.language import some_plots
from ingest.sync.plan import SyncOptions
from ingest.sync.rejects import Reading, Refusals
from ingest.sync.row_cache import reading_state, recall_rows, remember_rows
from ingest.sync.source_cache import (
    Seen,
    content_digest,
    recall,
    remember,
    remember_origin,
    rolled_back_origin,
    source_name,
    state_of,
    whole_in_force,
)

REFUSED = "refused.jsonl"
"""Beside the generations: the refused rows of the last run that read its source."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to bring into the catalog, and how."""

    location: str
    """A file, a glob, "-" for stdin, or an http(s) address."""
    format: str | None = None
    limit: int | None = None
    """Read only so many rows; nothing is deleted then."""
    prune: bool = True
    allow_deletes: bool = False
    rebuild: bool = False
    again: bool = False
    """Read the source though it says what was rolled back."""

    @property
    def complete(self) -> bool:
        """Whether the catalog holds exactly what the source says afterwards."""
        return self.limit is None and self.prune


def run(
    config: Config,
    request: Request,
    *,
    show: Callable[[Progress], None] = lambda _: None,
    notify: Callable[[str], None] = lambda _: None,
    stop: Stop = never,
) -> Report:
    """Bring the catalog to what the source says, and record in its history how that went.

    `stop` is asked after each batch, and while a source is waited for. Raises SourceError, SourceRolledBack,
    DeletionsRefused, ModelError, StoreError, Stopped; the generation in force is then the one from before.
    """
    with (
        History.open(config.store.path, notify) as history,
        history.recording(source_name(request.location)) as recording,
    ):
        report = _run(config, request, history, show, notify, stop)
        recording.outcome = RunOutcome.OK if report.published else RunOutcome.UNCHANGED
        recording.counts = report.counts()
    return report


def _run(
    config: Config,
    request: Request,
    history: History,
    show: Callable[[Progress], None],
    notify: Callable[[str], None],
    stop: Stop,
) -> Report:
    started = monotonic()
    with ExitStack() as stack:
        server = configured_server(config.store)
        info = whole_in_force(config.store.path, server) if request.complete and not request.rebuild else None
        before = recall(request.location, history, state_of(config, request.format, info.edition) if info else None)
        anew = request.again or request.rebuild
        rolled_back = None if anew else rolled_back_origin(request.location, history, config, request.format)
        arrived = _arrive(config, request, before or rolled_back, stack, stop)
        if arrived is None and before is None:
            raise SourceRolledBack(
                f"{source_name(request.location)}: says what was published of it and rolled back;"
                " nothing was read; mend it, or repeat with --again"
            )
        if before is not None and info is not None and arrived is None:
            return replace(_as_before(config, before, info, notify), seconds=round(monotonic() - started, 3))
        assert arrived is not None  # noqa: S101
        source = stack.enter_context(open_rows(arrived.location, format=request.format, name=arrived.name, stop=stop))
        field_map = detect_ahead(source.peek, config.catalog.fields)
        writer = stack.enter_context(open_writer(config.store.path, server, rebuild=request.rebuild))
        writer.generations.drop_old(config.sync.keep_generations, config.sync.grace)
        plots = partial(_some_plots, arrived, request.format, source.peek(), field_map)
        choice = _choose(config, None if request.rebuild else writer, plots, notify, stop)
        language = note_of_language(choice.embedder.identity, lambda: some_plots(source.peek(), field_map))
        for note in filter(None, (choice.note, language)):
            notify(note)
        refusals = stack.enter_context(Refusals(config.store.path / REFUSED))
        way = partial(reading_state, fields=field_map, template=config.embedding.template)
        remembered = recall_rows(config.store.path, way(writer.info))
        reading = Reading(source, field_map, refusals, request.limit, remembered)
        options = sync_options(config, request, choice.fallback_for)
        outcome = sync(reading, writer, choice.embedder, options, _stoppable(show, stop), reading.refused)
        writer.generations.drop_old(config.sync.keep_generations, config.sync.grace)
        report = _report(outcome, choice, reading, refusals)
        if info := _now_in_force(config):
            seen = Seen(state_of(config, request.format, info.edition), arrived.validators, report.rows)
            if request.complete and (outcome.published or reading.rows != remembered):
                remember_rows(config.store.path, way(info), reading.rows)
            if request.complete and request.location != STDIN:
                remember(request.location, history, seen)
            if outcome.published and request.location != STDIN:
                remember_origin(request.location, history, info.edition, seen)
    return replace(report, seconds=round(monotonic() - started, 3))


def _now_in_force(config: Config) -> GenerationInfo | None:
    generation = Generations(config.store.path).current()
    return generation.info() if generation else None


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A source that has to be read."""

    location: str
    name: str | None
    """For messages, where the location is a temporary file."""
    validators: Validators


def _arrive(config: Config, request: Request, before: Seen | None, stack: ExitStack, stop: Stop) -> _Arrived | None:
    """The source, fetched if it is an address; None if it gives what it gave `before`."""
    location = request.location
    if not is_url(location):
        validators = Validators(digest=content_digest(location, stop))
        return None if before and before.validators == validators else _Arrived(location, None, validators)
    path = Path(stack.enter_context(TemporaryDirectory(prefix="plotseek-"))) / "download"
    limits = FetchLimits(total=config.sync.fetch_timeout)
    if before:
        fetched = fetch_if_changed(location, path, before.validators, limits, stop)
    else:
        fetched = fetch(location, path, limits, stop)
    if isinstance(fetched, Unchanged):
        return None
    return _Arrived(str(fetched.path), fetched.name, fetched.validators)


def _stoppable(show: Callable[[Progress], None], stop: Stop) -> Callable[[Progress], None]:
    """Show where the run is, and leave it there if it is asked to stop."""

    def show_or_stop(progress: Progress) -> None:
        show(progress)
        raise_if(stop)

    return show_or_stop


def _choose(
    config: Config, writer: CatalogWriter | None, plots: Plots, notify: Callable[[str], None], stop: Stop
) -> Choice:
    """The model of the catalog that `writer` has, or one for a new catalog."""
    if writer is None or writer.info is None:
        return choose_for_new(config.embedding, notify, stop, plots)
    known = partial(_known, writer)
    return choose_for_existing(config.embedding, writer.info.model, writer.info.fallback_for, known, notify, stop)


def _some_plots(arrived: _Arrived, form: str | None, first: list[AnyRow], fields: FieldMap) -> list[str]:
    """Plots spread over the source, for which it is read once more; those of its beginning if it cannot be."""
    path = Path(arrived.location)
    if arrived.location == STDIN or (path.exists() and not path.is_file()):
        return some_plots(first, fields)
    with open_rows(arrived.location, format=form, name=arrived.name) as again:
        return some_plots(again, fields)


def _known(writer: CatalogWriter) -> Known:
    assert writer.info is not None  # noqa: S101 - only an existing catalog is asked for proof
    entries = next(writer.entries(KNOWN), [])
    return cached_vectors(entries, writer.cache, writer.info.model, writer.info.template)


def sync_options(config: Config, request: Request, fallback_for: str | None = None) -> SyncOptions:
    """How this run treats the catalog."""
    return SyncOptions(
        template=config.embedding.template,
        batch=config.sync.batch,
        prune=request.prune and request.limit is None,
        allow_deletes=request.allow_deletes,
        max_delete=config.sync.max_delete,
        min_delete=config.sync.min_delete,
        rebuild=request.rebuild,
        rebuild_after=config.sync.rebuild_after,
        fallback_for=fallback_for,
        check=config.sync.check,
    )


def _as_before(config: Config, before: Seen, info: GenerationInfo, notify: Callable[[str], None]) -> Report:
    """The report of a run whose source gives what it gave before: every film is what it was."""
    note = None
    if info.fallback_for is not None:
        note = note_of_fallback(config.embedding)
        if note:
            notify(note)
    rows = before.rows
    return Report(
        replace(rows, added=0, text_changed=0, metadata_changed=0, deleted=0, unchanged=rows.read - rows.refused),
        embedded=0,
        truncated=0,
        seconds=0.0,
        model=info.model.name,
        films=info.films,
        generation=info.number,
        published=False,
        refused_file=str(config.store.path / REFUSED) if rows.refused else None,
        note=note,
    )


def _report(outcome: SyncOutcome, choice: Choice, reading: Reading, refusals: Refusals) -> Report:
    return Report(
        reading.counts(outcome.counts),
        embedded=outcome.embedded,
        truncated=outcome.truncated,
        seconds=0.0,
        model=choice.embedder.identity.name,
        films=outcome.films,
        generation=outcome.generation,
        published=outcome.published,
        refusals=tuple(refusals.shown),
        refused_file=str(refusals.path) if refusals.count else None,
        note=choice.note,
    )
