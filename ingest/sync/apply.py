"""Bring the catalog to what a file says: plan (pure), then apply, and report.

The order of work is what makes a kill harmless: films into a private generation, vectors into the
cache batch by batch, then index, check, publish. Whatever was acknowledged is found by the next run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from catalog.embedding.embedder import Embedder
from catalog.identity import ModelIdentity
from catalog.movie import Movie
from catalog.store.draft import Difference, Draft
from catalog.store.movies import Entry
from catalog.store.writer import CatalogWriter
from ingest.sync.hook import run_check
from ingest.sync.plan import (
    EmbeddedTexts,
    EmbedTexts,
    Kind,
    PlannedChange,
    SyncOptions,
    Tally,
    deletions,
    note_of_replaced,
    plan,
)
from ingest.sync.questions import embed_questions
from ingest.sync.row_cache import RememberedRow

_PUT = 500


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: shown, never stored."""

    stage: str
    done: int
    total: int | None = None


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """What a run did."""

    counts: Mapping[Kind, int]
    embedded: int
    """Texts the model read."""
    truncated: int
    generation: int | None
    """The generation in force afterwards; None if there is none yet."""
    published: bool
    films: int
    examples: Mapping[Kind, list[str]]
    note: str | None = None
    """What looks like a mistake, one line."""


def sync(
    movies: Iterable[Movie | RememberedRow],
    writer: CatalogWriter,
    embedder: Embedder,
    options: SyncOptions,
    show: Callable[[Progress], None] = lambda _: None,
    refused: Set[str] = frozenset(),
) -> SyncOutcome:
    """Make the catalog hold exactly these films of the source; publish only if something changed.

    Films of other sources stay, but for those that are among `movies`, which are moved: whoever reads a source refuses
    the others before. `show` hears where the run is, after each batch for one, and may raise to stop it. `refused` are
    ids of movies that are there, but cannot be read now: what the catalog holds of them stays. It may be filled while
    the movies are read. Raises DeletionsRefused, CheckFailed, ModelError, StoreError, and whatever reading the movies
    or `show` raises; in each case the generation in force stays what it was.
    """
    stored, others = writer.fingerprints(), writer.others(options.source)
    draft = _LazyDraft(writer, embedder.identity, options)
    tally = Tally()
    try:
        _put(plan(movies, stored, options.template, options.source, others), draft, tally, show)
        gone = deletions(stored.keys() - others.keys(), tally.seen, options, refused)
        gone |= options.remove & stored.keys()
        tally.counts[Kind.DELETED] = len(gone)
        draft.remove(gone)
        if draft.empty:
            return _nothing_published(writer, tally)
        note = note_of_replaced({name: now for name, now in tally.retold.items() if name not in others}, writer.movies)
        difference = _difference(tally, gone, options.source, others)
        embedded, truncated = embed_missing(
            draft.open(), embedder, options.batch, show, difference.embed, options.embed
        )
        check = partial(_check, options.check, show) if options.check else None
        info = draft.open().publish(difference, lambda done: show(Progress("indexing", done)), check)
    except BaseException:
        draft.discard()
        raise
    return SyncOutcome(tally.counts, embedded, truncated, info.number, True, info.films, tally.examples, note)


def _put(changes: Iterable[PlannedChange], draft: "_LazyDraft", tally: Tally, show: Callable[[Progress], None]) -> None:
    """Count what is planned, and put what is to be stored into the draft."""
    for change in changes:
        tally.add(change)
        if change.entry is not None:
            draft.put(change.entry)
        show(Progress("reading", len(tally.seen)))


def _difference(tally: Tally, gone: frozenset[str], source: str, others: Mapping[str, str]) -> Difference:
    """What changes, and the sources whose films it changes."""
    moved = (others[name] for name in tally.embed | tally.metadata | gone if name in others)
    return Difference(frozenset(tally.embed), frozenset(tally.metadata), gone, frozenset({source, *moved}))


def _check(command: Sequence[str], show: Callable[[Progress], None], store: Path) -> None:
    run_check(command, store, lambda: show(Progress("checking", 0)))


def _nothing_published(writer: CatalogWriter, tally: Tally) -> SyncOutcome:
    info = writer.info
    number, films = (info.number, info.films) if info else (None, 0)
    return SyncOutcome(tally.counts, 0, 0, number, False, films, tally.examples)


def embed_missing(
    draft: Draft,
    embedder: Embedder,
    batch: int,
    show: Callable[[Progress], None] = lambda _: None,
    changed: frozenset[str] = frozenset(),
    embed: EmbedTexts | None = None,
) -> tuple[int, int]:
    """Embed every text of the draft that no vector is known for; returns how many, and how many were cut.

    `changed` are the ids of movies whose text is new to the catalog; `embed` embeds in place of this process.
    """
    embedded = truncated = done = 0
    missing = draft.without_vector(changed)
    starts = range(0, len(missing), batch)
    parts = (draft.texts(missing[start : start + batch]) for start in starts)
    for made in (embed or partial(_embed_here, embedder))(parts):
        draft.remember(made.vectors)
        embedded += made.read
        truncated += made.truncated
        done += len(made.vectors)
        show(Progress("embedding", done, len(missing)))
    embed_questions(draft, embedder)
    return embedded, truncated


def _embed_here(embedder: Embedder, parts: Iterable[Mapping[bytes, str]]) -> Iterator[EmbeddedTexts]:
    for texts in parts:
        answer = embedder.embed_documents(list(texts.values()))
        yield EmbeddedTexts(dict(zip(texts, answer.vectors, strict=True)), len(texts), answer.truncated)


class _LazyDraft:
    """A draft that is begun with the first change, because a run without changes must cost nothing."""

    def __init__(self, writer: CatalogWriter, model: ModelIdentity, options: SyncOptions) -> None:
        self._writer = writer
        self._model = model
        self._options = options
        self._waiting: list[Entry] = []
        self._draft: Draft | None = None
        if options.rebuild or writer.needs_build(model, options.template):
            self.open()

    @property
    def empty(self) -> bool:
        return self._draft is None and not self._waiting

    def open(self) -> Draft:
        """The draft, with everything put so far in it."""
        if self._draft is None:
            options = self._options
            self._draft = self._writer.begin(
                self._model,
                options.template,
                options.fallback_for,
                fresh=options.rebuild,
                rebuild_after=options.rebuild_after,
            )
        if self._waiting:
            self._draft.movies.put(self._waiting)
            self._waiting = []
        return self._draft

    def put(self, entry: Entry) -> None:
        self._waiting.append(entry)
        if len(self._waiting) >= _PUT:
            self.open()

    def remove(self, ids: Set[str]) -> None:
        if ids:
            self.open().movies.remove(ids)

    def discard(self) -> None:
        if self._draft is not None:
            self._draft.discard()
