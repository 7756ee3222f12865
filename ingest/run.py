"""One run from a file to a published catalog: what `ingest` does, callable without the command."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from time import monotonic

from catalog.config import Config, Limits, fitting, header_values
from catalog.embedding.factory import (
    Choice,
    Plots,
    choose_for_existing,
    choose_for_new,
    note_of_fallback,
    note_of_language,
)
from catalog.errors import SourceError, SourceRolledBack, UsageError
from catalog.movie import MAIN, check_source
from catalog.store.chroma.server import configured_server
from catalog.store.generation import GenerationInfo
from catalog.store.generations import Generations
from catalog.store.movies import Edition
from catalog.store.runs import History, RunOutcome, remove_history
from catalog.store.vectors.sample import KNOWN, Known, cached_vectors
from catalog.store.writer import CatalogWriter, open_writer, read_editions
from ingest.distributed.fleet import Fleet
from ingest.mapping.detect import detect_ahead, note_of_scores
from ingest.readers.download import FetchLimits
from ingest.readers.source import STDIN, check_format, check_there, open_rows
from ingest.readers.waiting import Stop, never, raise_if
from ingest.report import Report, plural
from ingest.servers.media_server import key_of, server_at
from ingest.sync.apply import Progress, SyncOutcome, sync
from ingest.sync.language import plots_of_source, some_plots
from ingest.sync.plan import Kind, SyncOptions
from ingest.sync.rejects import Refusals, RowReader
from ingest.sync.row_cache import Before, reading_state, recall_rows, remember_rows, rows_file
from ingest.sync.source_cache import (
    Origin,
    Seen,
    recall,
    remember,
    remember_origin,
    rolled_back_origin,
    source_name,
    state_of,
    whole_in_force,
)
from ingest.sync.source_file import SourceFile, find_source


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
    source: str = MAIN
    """Whose films these are: those of other sources stay as they are."""
    take_over: bool = False
    """Move films that belong to another source."""
    shards: Path | None = None
    """A folder of all machines of a Ray cluster, which embeds; None to embed here."""
    name: str | None = None
    """What the location is called in messages and in the history, where it is a temporary file."""

    def __post_init__(self) -> None:
        """Raises UsageError for an option of another type, or out of its range."""
        for item in fields(self):
            limits = Limits(minimum=1) if item.name == "limit" else None
            try:
                object.__setattr__(self, item.name, fitting(getattr(self, item.name), item.type, limits))
            except ValueError as error:
                raise UsageError(f"{item.name}: {error}") from None
        check_source(self.source)

    @property
    def origin(self) -> Origin:
        """What is read, and for whom."""
        return Origin(self.location, self.source)

    @property
    def called(self) -> str:
        """The location as it may be shown."""
        return self.name or source_name(self.location)

    @property
    def complete(self) -> bool:
        """Whether the catalog holds exactly what the source says afterwards."""
        return self.limit is None and self.prune


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears where a run is, and may stop it."""

    show: Callable[[Progress], None]
    notify: Callable[[str], None]
    stop: Stop

    def show_or_stop(self, progress: Progress) -> None:
        self.show(progress)
        raise_if(self.stop)


def check_ahead(config: Config, request: Request) -> str | None:
    """One line if the source is not there now, but may be when it is read.

    Raises UsageError, ConfigError, SourceError for what can never be read.
    """
    check_format(request.format)
    header_values(config.sync.headers, "sync.headers")
    if server := server_at(request.location):
        key_of(server)
    try:
        check_there(request.location)
    except SourceError as missing:
        if "://" in request.location:
            raise
        return str(missing)
    return None


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
    started = monotonic()
    with _tidied(config.store.path), ExitStack() as stack:
        history = stack.enter_context(History.open(config.store.path, notify))
        recording = stack.enter_context(history.recording(request.called, request.source))
        report = _run(config, request, history, Listener(show, notify, stop))
        recording.outcome = RunOutcome.OK if report.published else RunOutcome.UNCHANGED
        recording.counts = report.counts()
    return replace(report, seconds=round(monotonic() - started, 3))


@contextmanager
def _tidied(root: Path) -> Iterator[None]:
    """A first run that could not read its source leaves no folder behind: a mistyped name shall make no catalog."""
    was_there = root.exists()
    try:
        yield
    except (SourceError, UsageError):
        if not was_there:
            remove_history(root)
        raise


def _run(config: Config, request: Request, history: History, listener: Listener) -> Report:
    server = configured_server(config.store)
    info = whole_in_force(config.store.path, server) if request.complete and not request.rebuild else None
    before = recall(request.origin, history, _state(config, request) if info else None)
    with ExitStack() as stack:
        file = _find_changed(config, request, history, before, stack, listener.stop)
        if file is not None:
            return _read(config, request, file, history, listener)
    assert before is not None and info is not None  # noqa: S101, PT018 - or there would be something to read
    return _as_before(config, request, before, info, listener.notify)


def _find_changed(
    config: Config, request: Request, history: History, before: Seen | None, stack: ExitStack, stop: Stop
) -> SourceFile | None:
    """The source, unless it says what it said `before`; raises SourceRolledBack if that was rolled back."""
    anew = request.again or request.rebuild
    known = before or (None if anew else rolled_back_origin(request.origin, history, config, request.format))
    limits = FetchLimits(total=config.sync.fetch_timeout)
    headers = header_values(config.sync.headers, "sync.headers")
    file = find_source(request.location, known.validators if known else None, limits, headers, stack, stop)
    if file is None and before is None:
        raise SourceRolledBack(
            f"{request.called}: says what was published of it and rolled back;"
            " nothing was read; mend it, or repeat with --again"
        )
    return file


def _read(config: Config, request: Request, file: SourceFile, history: History, listener: Listener) -> Report:
    """Read the source, and bring the catalog to what it says."""
    root = config.store.path
    with ExitStack() as stack:
        opened = open_rows(file.location, format=request.format, name=file.name or request.name, stop=listener.stop)
        source = stack.enter_context(opened)
        field_map = detect_ahead(source.peek, fields_of(config, request))
        writer = stack.enter_context(open_writer(root, configured_server(config.store), rebuild=request.rebuild))
        writer.generations.drop_old(config.sync.keep_generations, config.sync.grace)
        plots = partial(plots_of_source, file.location, request.format, source, field_map)
        choice = choose_model(config, None if request.rebuild else writer, plots, listener)
        language = note_of_language(choice.embedder.identity, lambda: some_plots(source.peek(), field_map))
        score = note_of_scores(field_map)
        for note in filter(None, (choice.note, language, score)):
            listener.notify(note)
        refusals = stack.enter_context(Refusals(refused_file(root, request.source)))
        way = partial(reading_state, fields=field_map, template=config.embedding.template)
        state = way(writer.editions().get(request.source))
        titles = partial(writer.titles_of_others, request.source)
        before = before_reading(config, request, state, writer.others(request.source), titles)
        reading = RowReader(source, field_map, refusals, request.limit, before)
        options = sync_options(config, request, choice.fallback_for)
        if request.shards is not None:
            options = replace(options, embed=Fleet(config.embedding, choice, request.shards).embed)
        outcome = sync(reading, writer, choice.embedder, options, listener.show_or_stop, reading.refused)
        if outcome.note:
            listener.notify(outcome.note)
        told = "; ".join(filter(None, (choice.note, score, outcome.note, _note_of_deletions(outcome)))) or None
        report = replace(_report(outcome, choice, reading, refusals, request.source), note=told)
        if generation := Generations(root).current():
            info = generation.info()
            edition = read_editions(generation, info).get(request.source)
            read_in = state_of(config, request.format, edition)
            seen = Seen(read_in, file.validators, report.rows, report.refusals)
            # First of all: a rollback shall find it, whatever else may fail.
            _remember(request, history, seen, info.edition if outcome.published else None, reading.foreign)
            if request.complete and (outcome.published or reading.rows != before.rows):
                remember_rows(rows_file(root, request.source), way(edition), reading.rows)
        writer.generations.drop_old(config.sync.keep_generations, config.sync.grace)
    return report


def _remember(request: Request, history: History, seen: Seen, published: Edition | None, foreign: int) -> None:
    """Note what the source gave, and the edition that was published of it.

    Not where movies of other sources were among it: these may be free the next time, though nothing here changed.
    """
    if request.location == STDIN:
        return
    if published:
        remember_origin(request.origin, history, published, seen)
    if request.complete and not foreign:
        remember(request.origin, history, seen)


def _state(config: Config, request: Request) -> str:
    """What the outcome of a run depends on now, besides what is read."""
    generation = Generations(config.store.path).in_force()
    edition = read_editions(generation, generation.info(older=True)).get(request.source)
    return state_of(config, request.format, edition)


def fields_of(config: Config, request: Request) -> Mapping[str, str | Sequence[str]]:
    """The columns that were configured, which are those of files: a media server's are known."""
    return {} if server_at(request.location) else config.catalog.fields


def before_reading(
    config: Config, request: Request, state: str, others: Mapping[str, str], titles: Callable[[], Mapping[str, str]]
) -> Before:
    """What is known of rows and movies before the source is read."""
    rows = recall_rows(rows_file(config.store.path, request.source), state)
    return Before(rows, {} if request.take_over else others, titles)


def refused_file(root: Path, source: str) -> Path:
    """Beside the generations: the refused rows of the last run of a source that read it."""
    return root / ("refused.jsonl" if source == MAIN else f"refused-{source}.jsonl")


def choose_model(config: Config, writer: CatalogWriter | None, plots: Plots, listener: Listener) -> Choice:
    """The model of the catalog that `writer` has, or one for a new catalog."""
    if writer is None or writer.info is None:
        return choose_for_new(config.embedding, listener.notify, listener.stop, plots)
    known, info = partial(_known, writer), writer.info
    return choose_for_existing(config.embedding, info.model, info.fallback_for, known, listener.notify, listener.stop)


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
        source=request.source,
    )


def _as_before(
    config: Config, request: Request, before: Seen, info: GenerationInfo, notify: Callable[[str], None]
) -> Report:
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
        refusals=before.refusals,
        refused_file=str(refused_file(config.store.path, request.source)) if rows.refused else None,
        note=note,
        source=request.source,
    )


def _note_of_deletions(outcome: SyncOutcome) -> str | None:
    """What to tell of films that went, which somebody may not have meant."""
    count = outcome.counts.get(Kind.DELETED, 0)
    return f"deleted as not among these: {plural(count, 'film')}; --no-prune keeps such" if count else None


def _report(outcome: SyncOutcome, choice: Choice, reading: RowReader, refusals: Refusals, source: str) -> Report:
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
        source=source,
    )
