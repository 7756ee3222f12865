"""A generation in the making: movies first, then vectors, then the indexes, then publish."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from time import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.errors import CatalogDamaged, CheckFailed
from catalog.identity import ModelIdentity
from catalog.movie import Movie, model_text, text_digest
from catalog.store.chroma.build import fill_index, passage_ids, put_passages, put_rows, rows_by_shard
from catalog.store.chroma.collection import BATCH, VectorIndex
from catalog.store.chroma.shards import AnyIndex, IndexShard, ShardedIndex
from catalog.store.embedding_cache import VectorCache
from catalog.store.files import disk_errors
from catalog.store.generation import Generation, GenerationInfo, file_digests, stored_vectors
from catalog.store.generations import Generations, as_catalog
from catalog.store.integrity import seal_index
from catalog.store.lexical.fields import ANALYSIS
from catalog.store.lexical.passage_words import Told, build_passage_words, patch_passage_words
from catalog.store.lexical.writer import build_lexical, patch_lexical
from catalog.store.maintenance.film_map import FilmMap
from catalog.store.movies import Entry, Movies
from catalog.store.vectors.by_row import StoredVectors, write_vectors
from catalog.store.vectors.moments import FEWEST, Moments
from catalog.store.vectors.passage_rows import PassageRow, movie_passages, passage_texts
from catalog.store.vectors.questions import example_vectors, missing_questions
from catalog.text.passages import SPLITTER
from catalog.text.translation import is_german

Rows = NDArray[np.int64]

_SAMPLE = 4000
"""Movies of whose plots the language is told: at 65,451 movies a tenth of a second."""
_FEWEST_OF_A_LANGUAGE = 20
"""In that sample: one movie in two hundred."""
_LEXICAL_REBUILD = 0.2
"""Share of documents replaced after which the lexical index is built anew: what went still counts for rarity."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a run changes, by id; the movies themselves are in the draft."""

    embed: frozenset[str] = frozenset()
    """New movies, and movies whose text changed."""
    metadata: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    """Whose movies these are, or were."""

    def __len__(self) -> int:
        return len(self.embed) + len(self.metadata) + len(self.gone)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a draft is made."""

    model: ModelIdentity
    template: str
    fallback_for: str | None
    before: tuple[Generation, GenerationInfo] | None
    """The generation whose indexes may be copied and changed; None to build everything afresh."""
    rebuild_after: float = 0.5
    """Share of the vector index that was changed in place after which it is built afresh."""


class Unread(NamedTuple):
    """A text that the model has to read."""

    row: int
    """Of the movie."""
    passage: int = 0
    """Which of its passages, from 1; 0 for what is read of the movie itself."""


class Draft:
    """A private generation; nobody sees it until it is published."""

    def __init__(
        self, generations: Generations, generation: Generation, movies: Movies, cache: VectorCache, plan: Plan
    ) -> None:
        self._generations = generations
        self._generation = generation
        self.movies = movies
        self._cache = cache
        self._plan = plan
        self._splitter = plan.before[1].splitter if plan.before else 0
        self._tell: Callable[[int], None] = lambda _: None

    @property
    def model(self) -> ModelIdentity:
        return self._plan.model

    @property
    def fallback_for(self) -> str | None:
        """The configured model that could not be had when the catalog was first built."""
        return self._plan.fallback_for

    def _split_stories(self, changed: frozenset[str]) -> None:
        """Find the passages of the `changed` movies; of all where those of before were cut otherwise."""
        before, self._splitter = self._splitter, SPLITTER
        for entries in self._entries(changed) if before == SPLITTER else self.movies.entries(BATCH):
            texts = {entry.row: self._passage_texts(entry.movie) for entry in entries}
            if self.movies.passages.count() or any(texts.values()):
                self.movies.passages.put({row: list(map(text_digest, told)) for row, told in texts.items()})

    def without_vector(self, changed: frozenset[str] = frozenset()) -> list[Unread]:
        """What still has to be embedded, of movies and of the passages that this finds: each distinct text once.

        Of the `changed` movies alone where all others keep the vectors of the generation before.
        """
        self._split_stories(changed)
        missing: dict[bytes, Unread] = {}
        own = ([(Unread(row), digest) for row, digest in part] for part in self._to_read(changed))
        told = ([(Unread(each.row, each.number), each.digest) for each in part] for part in self._passages(changed))
        for part in chain(own, told):
            known = self._cache.known(self._plan.model, [digest for _, digest in part])
            for unread, digest in part:
                if digest not in known:
                    missing.setdefault(digest, unread)
        return sorted(missing.values())

    def texts(self, unread: Sequence[Unread]) -> dict[bytes, str]:
        """What the model is to read, by digest."""
        movies = self.movies.at([each.row for each in unread])
        told = {each.row: self._passage_texts(movies[each.row]) for each in unread if each.passage}
        texts = (
            told[each.row][each.passage - 1] if each.passage else model_text(movies[each.row], self._plan.template)
            for each in unread
        )
        return {text_digest(text): text for text in texts}

    def _passage_texts(self, movie: Movie) -> list[str]:
        return passage_texts(movie, self._plan.template, self._plan.model)

    def missing_questions(self) -> list[tuple[str, list[str]]]:
        """The example questions that still have to be embedded, by kind; none for a handful of movies."""
        if self.movies.count() < FEWEST:
            return []
        return list(missing_questions(self._cache, self._plan.model))

    def remember(self, vectors: dict[bytes, Floats]) -> None:
        """Acknowledge vectors: from now on no kill can lose them."""
        self._cache.put(self._plan.model, vectors)

    def publish(
        self,
        difference: Difference,
        tell: Callable[[int], None] = lambda _: None,
        check: Callable[[Path], None] | None = None,
    ) -> GenerationInfo:
        """Build vectors and indexes, compare them with the truth, and put the generation in force.

        `tell` hears how many movies of the index are done, and may raise to stop. `check` is given a folder
        that is laid out as a catalog with the new generation in force, and may raise to refuse it.
        """
        self._tell = tell
        with disk_errors(self._generation.folder):
            info = self._build(difference)
            self.movies.close()
            if check is not None:
                built = file_digests(self._generation)
                with as_catalog(self._generation, info) as root:
                    check(root)
                if changed := dict(built.items() ^ file_digests(self._generation).items()):
                    name = min(changed)
                    raise CheckFailed(
                        f"{self._generation.folder / name}: was changed by sync.check, which may only read"
                    )
            self._generations.publish(self._generation, info)
        return info

    def discard(self) -> None:
        """Throw the draft away; vectors that were remembered stay."""
        self.movies.close()
        self._generations.discard(self._generation)

    def _build(self, difference: Difference) -> GenerationInfo:
        info = GenerationInfo(
            number=self._generation.number,
            model=self._plan.model,
            template=self._plan.template,
            fallback_for=self._plan.fallback_for,
            films=self.movies.count(),
            churn=0,
            published=time(),
            height=self.movies.height(),
            analysis=ANALYSIS,
            passages=self.movies.passages.count(),
            passage_height=self.movies.passages.height(),
            splitter=self._splitter,
        )
        before = None if self._plan.before is None else self._plan.before[0].vectors
        parts = self._parts(self._to_read(difference.embed))
        write_vectors(self._generation.vectors, info.height, info.model.dimension, parts, before)
        if info.passages:
            self._write_passages(info, difference.embed)
        vectors = stored_vectors(self._generation, info)
        rows = self.movies.rows()
        self._write_moments(vectors, rows, difference)
        changed = sorted(self.movies.rows_of(difference.embed).values())
        self._write_map(vectors.movies, rows, np.array(changed, dtype=np.int64))
        info = self._write_lexical(info, difference)
        if info.passages:
            self._write_passage_words(info, difference)
        self.movies.mark(dict.fromkeys(difference.sources, info.edition))
        self.movies.check()
        info = self._patch_index(info, difference) or self._build_index(info)
        self._tell(info.films)
        return info

    def _to_read(self, changed: frozenset[str]) -> Iterator[list[tuple[int, bytes]]]:
        """Row and digest of the movies whose vectors come from the cache, in order, in batches."""
        if self._plan.before is None:
            return self.movies.digests()
        return self.movies.digests_at(sorted(self.movies.rows_of(changed).values()))

    @property
    def _keeps_passages(self) -> bool:
        """Whether passages that did not change are those of the generation before."""
        return self._plan.before is not None and self._plan.before[1].splitter == self._splitter

    def _passages(self, changed: frozenset[str]) -> Iterator[list[PassageRow]]:
        """The passages whose vectors come from the cache, in batches."""
        if self._keeps_passages:
            return self.movies.passages.of(sorted(self.movies.rows_of(changed).values()))
        return self.movies.passages.all()

    def _parts(self, wanted: Iterable[Sequence[tuple[int, bytes]]]) -> Iterator[dict[int, Floats]]:
        """Vectors by row, of texts by their digests; raises CatalogDamaged if the cache lacks one."""
        for part in wanted:
            vectors = self._cache.get(self._plan.model, [digest for _, digest in part])
            missing = sum(digest not in vectors for _, digest in part)
            if missing:
                raise CatalogDamaged(f"{self._cache.path}: {missing} vectors are missing; run ingest again")
            yield {row: vectors[digest] for row, digest in part}

    def _write_passages(self, info: GenerationInfo, changed: frozenset[str]) -> None:
        before = self._plan.before[0].passages if self._plan.before and self._keeps_passages else None
        wanted = ([(each.place, each.digest) for each in part] for part in self._passages(changed))
        write_vectors(
            self._generation.passages,
            info.passage_height,
            info.model.dimension,
            self._parts(wanted),
            before if before and before.exists() else None,
        )

    def _write_moments(self, vectors: StoredVectors, rows: Rows, difference: Difference) -> None:
        """Those of before, where no vector came or went: learning them takes a second of 65,451 movies.

        Nor where the cache lost the example questions: their means are then nowhere else.
        """
        examples = example_vectors(self._cache, self._plan.model)
        if self._plan.before is not None and self._keeps_passages and not difference.embed and not difference.gone:
            moments = Moments.load(self._plan.before[0].moments)
            if len(examples) in (0, len(moments.questions)):
                shutil.copyfile(self._plan.before[0].moments, self._generation.moments)
                return
        moments = Moments.of(vectors.movies, rows, examples, self._languages(rows))
        moments = moments.with_chance(vectors.passages, self.movies.passages.places(), examples)
        moments.save(self._generation.moments)

    def _languages(self, rows: Rows) -> list[Rows]:
        """Of movies spread over the catalog the rows of those whose plots are not German, and of those whose are.

        Nothing unless both are many.
        """
        plots = self.movies.at(rows[:: -(-len(rows) // _SAMPLE) or 1].tolist())
        german = [row for row, movie in plots.items() if is_german(movie.plot)]
        known = [np.array(sorted(each), dtype=np.int64) for each in (plots.keys() - set(german), german)]
        return known if min(map(len, known)) >= _FEWEST_OF_A_LANGUAGE else []

    def _write_map(self, vectors: Floats, rows: Rows, fresh: Rows) -> None:
        drawn = None
        if self._plan.before is not None and self._plan.before[0].film_map.exists():
            try:
                drawn = FilmMap.load(self._plan.before[0].film_map).follow(vectors, rows, fresh)
            except CatalogDamaged:
                drawn = None  # drawn anew, it is whole again
        if drawn is None or len(fresh):
            drawn = (drawn or FilmMap.draw(vectors, rows)).named(rows, self._plots_and_genres)
        drawn.save(self._generation.film_map)

    def _plots_and_genres(self, rows: Sequence[int]) -> list[tuple[str, Sequence[str]]]:
        return [(movie.plot, movie.genres) for movie in self.movies.at(rows).values()]

    def _write_lexical(self, info: GenerationInfo, difference: Difference) -> GenerationInfo:
        """The lexical index of before with what changed, or a new one."""
        path, rarity, before = self._generation.lexical, self.movies.rarity(), self._plan.before
        if before is not None and before[1].analysis == ANALYSIS:
            churn = before[1].lexical_churn + len(difference)
            if churn <= _LEXICAL_REBUILD * info.films:
                changed = self._entries(difference.embed | difference.metadata)
                pairs = ((entry.row, entry.movie) for part in changed for entry in part)
                patch_lexical(before[0].lexical, path, difference.gone, pairs, rarity)
                return replace(info, lexical_churn=churn)
        pairs = ((entry.row, entry.movie) for part in self.movies.entries() for entry in part)
        build_lexical(path, pairs, rarity)
        return info

    def _write_passage_words(self, info: GenerationInfo, difference: Difference) -> None:
        """The index of before with what changed, where that of movies was patched, too, or a new one."""
        path, before = self._generation.passage_words, self._plan.before
        if before is not None and before[1].passages and self._keeps_passages and info.lexical_churn:
            changed = self._told(self._entries(difference.embed | difference.metadata))
            patch_passage_words(before[0].passage_words, path, difference.gone, changed)
        else:
            _, owners = self.movies.passages.places()
            rows = np.unique(owners).tolist()
            parts = (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
            build_passage_words(path, self._told(map(self.movies.entries_at, parts)))

    def _told(self, parts: Iterable[Sequence[Entry]]) -> Iterator[Told]:
        """Movies with their passages."""
        model = self._plan.model
        return ((entry.row, entry.movie, movie_passages(entry.movie, model)) for part in parts for entry in part)

    def _entries(self, ids: frozenset[str]) -> Iterator[list[Entry]]:
        """The draft's movies with these ids, in the order of their rows, in batches."""
        rows = sorted(self.movies.rows_of(ids).values())
        for start in range(0, len(rows), BATCH):
            yield self.movies.entries_at(rows[start : start + BATCH])

    def _patch_index(self, info: GenerationInfo, difference: Difference) -> GenerationInfo | None:
        """The copied and changed vector index, checked; None if it has to be built instead."""
        before = self._plan.before
        if before is None or info.films < 2 or self._generation.on_server or before[0].on_server:
            # A server copies no collection, and what readers search there is never changed in place.
            return None
        if before[1].passages + info.passages and not self._keeps_passages:
            return None
        with closing(Movies.open(before[0].movies)) as movies:
            stale = passage_ids(movies, difference.embed | difference.gone)
        fresh = passage_ids(self.movies, difference.embed)
        churn = before[1].churn + len(difference.embed) + len(difference.gone) + len(stale | fresh)
        if churn > self._plan.rebuild_after * info.rows:
            return None
        try:
            self._change_copy(before[0], info, difference, stale)
            return seal_index(self._generation, replace(info, churn=churn), None)
        except CatalogDamaged:
            # The copy carried a fault that its files' digests do not show; our own vectors do not.
            shutil.rmtree(self._generation.chroma)
            return None

    def _change_copy(
        self, before: Generation, info: GenerationInfo, difference: Difference, stale: AbstractSet[str]
    ) -> None:
        shutil.copytree(before.chroma, self._generation.chroma)
        vectors = stored_vectors(self._generation, info)
        with closing(VectorIndex.open(self._generation.backend(None), before.collection)) as index:
            index.rename(self._generation.collection, info.about())
            # Chroma takes six times as long to overwrite a vector as to forget it and take in another one.
            index.remove(sorted(difference.gone | difference.embed | stale))
            done = 0
            for part in self._entries(difference.embed):
                put_rows(index, part, vectors.movies)
                self._tell(done := done + len(part))
            for told in self._passages(difference.embed):
                put_passages(index, self.movies, told, vectors.passages)
            for part in self._entries(difference.metadata):
                index.put_metadata([entry.movie for entry in part])
                self._tell(done := done + len(part))
            index.flush_on_open(info.rows)

    def _build_index(self, info: GenerationInfo) -> GenerationInfo:
        with closing(self._create_index(info)) as index:
            fill_index(index, self.movies, stored_vectors(self._generation, info), self._tell)
        return seal_index(self._generation, info, self._generations.server)

    def _create_index(self, info: GenerationInfo) -> AnyIndex:
        server, generation = self._generations.server, self._generation
        if server is None or len(server.shards) == 1:
            return VectorIndex.create(generation.backend(server), generation.collection, info.about(), info.rows)
        rows = rows_by_shard(self.movies, len(server.shards))
        shards = [IndexShard(shard.collection, count) for shard, count in zip(generation.shards, rows, strict=True)]
        generation.name_shards(shards)
        return ShardedIndex.create(server.shards, shards, info.about())
