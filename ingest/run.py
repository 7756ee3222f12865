"""One run from a file to a published catalog: what `ingest` does, callable without the command."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from catalog.config import Config
from catalog.embedding.choose import Choice, choose_for_existing, choose_for_new
from catalog.store.catalog import CatalogWriter, open_writer
from catalog.store.history import History, RunOutcome
from ingest.address import in_force, remember, source_name, state_of, visit
from ingest.fetch import Fetched, Unchanged
from ingest.mapping import detect
from ingest.refused import Reading, Refusals
from ingest.report import Report
from ingest.source import is_url, open_rows
from ingest.sync import Kind, Outcome, Progress, SyncOptions, sync


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
    stop: Callable[[], bool] = lambda: False,
) -> Report:
    """Bring the catalog to what the source says, and record in its history how that went.

    `stop` is asked after each batch. Raises SourceError, DeletionsRefused, ModelError, StoreError,
    Stopped; the generation in force is then the one from before.
    """
    with (
        History.open(config.store.path) as history,
        history.recording(source_name(request.location)) as recording,
    ):
        report = _run(config, request, history, show, notify, stop)
        recording.outcome = RunOutcome.OK if report.published else RunOutcome.UNCHANGED
        recording.counts = _counts(report)
    return report


def _run(
    config: Config,
    request: Request,
    history: History,
    show: Callable[[Progress], None],
    notify: Callable[[str], None],
    stop: Callable[[], bool],
) -> Report:
    started = monotonic()
    with ExitStack() as stack:
        fetched = _fetched(config, request, history, stack)
        if isinstance(fetched, Unchanged):
            notify(f"{fetched.name}: gives what it gave before; nothing was read")
            return _nothing_read(config, monotonic() - started)
        location, name = (str(fetched.path), fetched.name) if fetched else (request.location, None)
        source = stack.enter_context(open_rows(location, format=request.format, name=name))
        first = source.peek()
        writer = stack.enter_context(open_writer(config.store.path, rebuild=request.rebuild))
        writer.generations.drop_old(config.sync.keep_generations, config.sync.grace)
        choice = _choose(config, writer, request, notify)
        if choice.note:
            notify(choice.note)
        refusals = stack.enter_context(Refusals(config.store.path / "refused.jsonl"))
        reading = Reading(source, detect(first), refusals, request.limit)
        outcome = sync(reading, writer, choice.embedder, _options(config, request, choice), show, stop)
        writer.generations.drop_old(config.sync.keep_generations, config.sync.grace)
    if fetched and request.complete:
        remember(request.location, fetched.validators, history, state_of(config, request.format))
    report = _report(outcome, choice, reading, refusals)
    return replace(report, seconds=round(monotonic() - started, 3))


def _fetched(config: Config, request: Request, history: History, stack: ExitStack) -> Fetched | Unchanged | None:
    """What an address gives; None for other locations."""
    if not is_url(request.location):
        return None
    state = state_of(config, request.format) if request.complete and not request.rebuild else None
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="plotseek-")))
    return visit(request.location, folder / "download", history, state)


def _counts(report: Report) -> dict[str, int]:
    """Every number of rows or films, by name."""
    values = report.to_dict().items()
    return {name: value for name, value in values if isinstance(value, int) and name not in ("generation", "published")}


def _choose(config: Config, writer: CatalogWriter, request: Request, notify: Callable[[str], None]) -> Choice:
    if writer.info is None or request.rebuild:
        return choose_for_new(config.embedding, notify)
    return choose_for_existing(config.embedding, writer.info.model, writer.info.fallback_for, notify)


def _options(config: Config, request: Request, choice: Choice) -> SyncOptions:
    return SyncOptions(
        template=config.embedding.template,
        batch=config.sync.batch,
        prune=request.prune and request.limit is None,
        allow_deletes=request.allow_deletes,
        max_delete=config.sync.max_delete,
        rebuild=request.rebuild,
        rebuild_after=config.sync.rebuild_after,
        fallback_for=choice.fallback_for,
    )


def _nothing_read(config: Config, seconds: float) -> Report:
    """The report of a run whose source did not change."""
    info = in_force(config.store.path)
    return Report(
        read=0,
        added=0,
        text_changed=0,
        metadata_changed=0,
        unchanged=0,
        deleted=0,
        refused=0,
        embedded=0,
        truncated=0,
        repaired=0,
        seconds=round(seconds, 3),
        model=info.model.name if info else "",
        films=info.films if info else 0,
        generation=info.number if info else None,
        published=False,
    )


def _report(outcome: Outcome, choice: Choice, reading: Reading, refusals: Refusals) -> Report:
    return Report(
        read=reading.read,
        added=outcome.counts.get(Kind.ADDED, 0),
        text_changed=outcome.counts.get(Kind.TEXT_CHANGED, 0),
        metadata_changed=outcome.counts.get(Kind.METADATA_CHANGED, 0),
        unchanged=outcome.counts.get(Kind.UNCHANGED, 0),
        deleted=outcome.counts.get(Kind.DELETED, 0),
        refused=refusals.count,
        embedded=outcome.embedded,
        truncated=outcome.truncated,
        repaired=reading.repaired,
        seconds=0.0,
        model=choice.embedder.identity.name,
        films=outcome.films,
        generation=outcome.generation,
        published=outcome.published,
        refusals=tuple(refusals.shown),
        refused_file=str(refusals.path) if refusals.count else None,
        note=choice.note,
    )
