"""One published generation as readers have it: everything in it belongs together and never changes."""

from collections.abc import Mapping
from contextlib import closing, suppress
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from catalog.arrays import Floats
from catalog.errors import WAY_BACK, StoreError
from catalog.store.chroma.reader import IndexReader, ShardReader
from catalog.store.chroma.server import Servers
from catalog.store.generation import Generation, check_part
from catalog.store.generations import Generations
from catalog.store.integrity import open_shard
from catalog.store.lexical.index import LexicalIndex
from catalog.store.lexical.passage_words import PassageWords
from catalog.store.maintenance.film_map import FilmMap
from catalog.store.movies import Movies, Rows
from catalog.store.vectors.by_row import open_vectors
from catalog.store.vectors.moments import Moments

NAMED_LISTS = ("genre", "country", "language")
"""Lists of few values, whose names people use in a question."""


class Snapshot:
    """What a search needs of a generation, each part checked and opened when it is first needed. For any thread."""

    def __init__(self, generation: Generation, server: Servers | None = None) -> None:
        """A `server` is asked for the vector index where that is on one. Raises StoreError, CatalogDamaged."""
        self.info = generation.info()
        check_part(generation, self.info, generation.movies, WAY_BACK)
        self.movies = Movies.open(generation.movies)
        self._generation = generation
        self._server = server
        self.index = IndexReader([self._shard_reader(shard) for shard in range(len(generation.shards))])

    def _shard_reader(self, shard: int) -> ShardReader:
        generation, hurried = self._generation, self._server and self._server.for_queries()
        there = hurried is not None and generation.is_divided_as(hurried)
        probe = hurried.shards[shard].check if hurried is not None and there else None
        return ShardReader(partial(open_shard, generation, self.info, hurried, shard), probe)

    @property
    def number(self) -> int:
        return self.info.number

    @cached_property
    def lexical(self) -> LexicalIndex:
        """The inverted index of words, titles and values."""
        check_part(self._generation, self.info, self._generation.lexical)
        return LexicalIndex.open(self._generation.lexical)

    @cached_property
    def passage_words(self) -> PassageWords | None:
        """The inverted index of the words of passages; None where there are none."""
        if not self.info.passages:
            return None
        check_part(self._generation, self.info, self._generation.passage_words)
        return PassageWords.open(self._generation.passage_words)

    @cached_property
    def vectors(self) -> Floats:
        """All vectors, shape (height, d), by row; mapped: take rows, never all of it."""
        return open_vectors(self._generation.vectors, self.info.height, self.info.model.dimension)

    @cached_property
    def passage_vectors(self) -> Floats:
        """The vectors of all passages, shape (passage height, d), by place; mapped, as `vectors` are."""
        return open_vectors(self._generation.passages, self.info.passage_height, self.info.model.dimension)

    @cached_property
    def passage_places(self) -> tuple[Rows, Rows]:
        """The place of every passage, by ascending row of its movie, and these rows: looked up in SQLite, those of the
        candidates of one question took a fifth of a search.
        """
        return self.movies.passages.places()

    @cached_property
    def moments(self) -> Moments:
        """What all movies have in common."""
        check_part(self._generation, self.info, self._generation.moments)
        return Moments.load(self._generation.moments)

    @cached_property
    def named_values(self) -> Mapping[str, tuple[str, ...]]:
        """All genres, countries and languages, each as it is most often written."""
        return {field: tuple(values) for field, values in self.movies.list_values(NAMED_LISTS).items()}

    @cached_property
    def film_map(self) -> FilmMap:
        """Where each movie lies on the map; raises CatalogDamaged."""
        check_part(self._generation, self.info, self._generation.film_map)
        return FilmMap.load(self._generation.film_map)

    def warm(self, seconds: float | None = None) -> None:
        """Let the vector index read what it reads on first use; what is wrong with it shows in `index.problem`.

        A server may read a large index for longer than a search can wait: it is given so many `seconds` for an answer.
        """
        if not self.info.films:
            return
        vector = np.eye(1, self.info.model.dimension, dtype=np.float32)[0]
        if self._server is not None and seconds is not None:
            patient = self._server.within(seconds)
            for shard in range(len(self._generation.shards)):
                with (
                    suppress(StoreError),
                    closing(open_shard(self._generation, self.info, patient, shard)) as index,
                ):
                    index.nearest(vector, 1)
        self.index.reach(vector, 1)

    def close(self) -> None:
        self.index.close()
        self.movies.close()


def open_snapshot(root: Path, server: Servers | None = None) -> Snapshot:
    """The generation in force; raises CatalogMissing, CatalogDamaged, StoreError."""
    return Snapshot(Generations(root).in_force(), server)
