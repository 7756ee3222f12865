"""A run without the run: the mapping that is found, the plan, and how long embedding would take. Writes nothing."""

from collections.abc import Mapping, Sequence, Set
from contextlib import AbstractContextManager, ExitStack, closing
from functools import partial
from time import perf_counter

from catalog.config import Config, EmbeddingConfig, header_values
from catalog.embedding.embedder import Embedder
from catalog.embedding.factory import at_hand
from catalog.errors import DeletionsRefused, ModelUnavailable
from catalog.identity import ModelIdentity
from catalog.movie import Fingerprints, Movie, model_text, text_digest
from catalog.store.embedding_cache import VectorCache
from catalog.store.generation import GenerationInfo
from catalog.store.generations import Generations
from catalog.store.movies import Edition, Entry
from catalog.store.vectors.passage_rows import passage_texts
from catalog.store.writer import (
    read_editions,
    read_entries,
    read_fingerprints,
    read_movies,
    read_others,
    read_titles,
)
from ingest.mapping.detect import detect_ahead
from ingest.mapping.mapper import describe
from ingest.readers.download import FetchLimits
from ingest.readers.source import Source, is_address, open_rows
from ingest.readers.waiting import never
from ingest.run import Request, before_reading, fields_of, sync_options
from ingest.sync.plan import EXAMPLES, Kind, Tally, deletions, label, note_of_replaced, plan
from ingest.sync.preview import Preview
from ingest.sync.rejects import Refusals, RowReader
from ingest.sync.row_cache import reading_state
from ingest.sync.source_file import find_source

_SAMPLE = 64
"""Texts embedded to learn the speed: a second or two."""


def dry_run(config: Config, request: Request) -> Preview:
    """Read the source and compare it with the catalog, without a lock, a history or a file of refused rows.

    Raises SourceError, ConfigError, StoreError as a run would.
    """
    with ExitStack() as stack:
        source = stack.enter_context(_opened(config, request, stack))
        field_map = detect_ahead(source.peek, fields_of(config, request))
        refusals = stack.enter_context(Refusals(None))
        stored = _Stored(config, request.source)
        state = reading_state(stored.edition, field_map, config.embedding.template)
        titles = partial(stored.titles_of_others, request.source)
        before = before_reading(config, request, state, stored.others, titles)
        reading = RowReader(source, field_map, refusals, request.limit, before)
        embedder = _at_hand(config.embedding, stored.model)
        tally, texts = Tally(), _Texts(config.embedding, embedder.identity if embedder else stored.model)
        for change in plan(reading, stored.fingerprints, config.embedding.template, request.source, stored.others):
            tally.add(change)
            if change.entry is not None and change.kind in (Kind.ADDED, Kind.TEXT_CHANGED):
                texts.add(change.entry)
    gone, refused = _gone(config, request, stored, tally.seen, reading.refused)
    own, passages = (len(digests) - stored.vectors_of(list(digests)) for digests in (texts.own, texts.passages))
    return Preview(
        mapping=tuple(describe(field_map, source.peek())),
        rows=reading.counts({**tally.counts, Kind.DELETED: len(gone)}),
        examples=_examples(tally, stored.label(gone)),
        refusals=tuple(refusals.shown),
        to_embed=own + passages,
        passages_to_embed=passages,
        estimated_seconds=_seconds(embedder, texts.sample, own + passages),
        deletions_refused=refused,
        note=note_of_replaced({name: now for name, now in tally.retold.items() if name in stored.own}, stored.movies),
    )


def _opened(config: Config, request: Request, stack: ExitStack) -> AbstractContextManager[Source]:
    """The source, fetched if it is an address."""
    if not is_address(request.location):
        return open_rows(request.location, format=request.format)
    limits, headers = FetchLimits(total=config.sync.fetch_timeout), header_values(config.sync.headers, "sync.headers")
    file = find_source(request.location, None, limits, headers, stack, never)
    assert file is not None  # noqa: S101 - it was compared with nothing
    return open_rows(file.location, format=request.format, name=file.name)


class _Stored:
    """What the catalog holds, if there is one; opened for reading only."""

    def __init__(self, config: Config, source: str) -> None:
        self._cache = config.store.path / "vectors.sqlite3"
        self._generation = Generations(config.store.path).current()
        self.fingerprints: Mapping[str, Fingerprints] = {}
        self.others: Mapping[str, str] = {}
        self.edition: Edition | None = None
        self.info: GenerationInfo | None = None
        if self._generation is not None:
            self.info = self._generation.info(older=True)
            self.fingerprints = read_fingerprints(self._generation, self.info)
            self.others = read_others(self._generation, self.info, source)
            self.edition = read_editions(self._generation, self.info).get(source)

    @property
    def own(self) -> Set[str]:
        """The ids of the movies of the source."""
        return self.fingerprints.keys() - self.others.keys()

    @property
    def model(self) -> ModelIdentity | None:
        return self.info.model if self.info else None

    def movies(self, ids: Sequence[str]) -> Mapping[str, Movie]:
        """Those of these movies that can be looked up, by id."""
        return {} if self._generation is None or self.info is None else read_movies(self._generation, self.info, ids)

    def titles_of_others(self, source: str) -> Mapping[str, str]:
        """The titles of the movies that are not of this source, by id, as far as they can be looked up."""
        return {} if self._generation is None or self.info is None else read_titles(self._generation, self.info, source)

    def vectors_of(self, digests: Sequence[bytes]) -> int:
        """How many of these texts were embedded before."""
        if self.model is None or not self._cache.exists():
            return 0
        with closing(VectorCache(self._cache, reading=True)) as cache:
            return len(cache.known(self.model, digests))

    def label(self, ids: Sequence[str]) -> list[str]:
        """Some of the films with these ids."""
        if self._generation is None or self.info is None or not ids:
            return []
        wanted = set(ids[:EXAMPLES])
        entries = (entry for part in read_entries(self._generation, self.info) for entry in part)
        return [label(entry.movie) for entry in entries if entry.movie.id in wanted]


class _Texts:
    """The distinct texts of new and changed films: digests of all, some in full."""

    def __init__(self, settings: EmbeddingConfig, model: ModelIdentity | None) -> None:
        self._template = settings.template
        self._model = model or ModelIdentity(settings.model, settings.revision, 0, settings.max_tokens)
        self.own: set[bytes] = set()
        self.passages: set[bytes] = set()
        self.sample: list[str] = []

    def add(self, entry: Entry) -> None:
        told = passage_texts(entry.movie, self._template, self._model)
        self.own.add(entry.fingerprints.text)
        self.passages.update(map(text_digest, told))
        if len(self.sample) < _SAMPLE:
            self.sample += [model_text(entry.movie, self._template), *told]


def _gone(
    config: Config, request: Request, stored: _Stored, seen: Set[str], refused: Set[str]
) -> tuple[list[str], str | None]:
    """The ids that a run would delete, and why it would refuse to."""
    options = sync_options(config, request)
    try:
        return sorted(deletions(stored.own, seen, options, refused)), None
    except DeletionsRefused as refusal:
        return sorted(stored.own - seen - refused), str(refusal)


def _examples(tally: Tally, gone: list[str]) -> dict[str, list[str]]:
    found = {kind.value: names for kind, names in tally.examples.items()}
    return found | {Kind.DELETED.value: gone} if gone else found


def _at_hand(settings: EmbeddingConfig, model: ModelIdentity | None) -> Embedder | None:
    """The model that the run would most likely use; None where it is not on this disk."""
    try:
        return at_hand(settings, model)
    except ModelUnavailable:
        return None


def _seconds(embedder: Embedder | None, sample: list[str], texts: int) -> float | None:
    """How long embedding would take, by a sample; None without the model."""
    if not texts or embedder is None:
        return None if texts else 0.0
    embedder.embed_documents(sample[:1])  # reads the weights
    started = perf_counter()
    embedder.embed_documents(sample)
    return round(texts * (perf_counter() - started) / len(sample), 1)
