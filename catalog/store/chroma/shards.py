"""A vector index in shards: a collection each, on servers of their own or on one.

A film is in the shard that a hash of its id names, its passages with it: so each shard ranks its films by itself, and
the best of all shards, by similarity, are the best there are.
"""

from collections import ChainMap, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any, NamedTuple, Self, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from catalog.movie import Movie
from catalog.store.chroma.collection import VectorIndex, film_of
from catalog.store.chroma.server import ChromaServer

T = TypeVar("T")


class IndexShard(NamedTuple):
    """A collection of a generation."""

    collection: str
    rows: int | None = None
    """Films and passages in it; None where it has all of them."""


def shard_of(row: str, shards: int) -> int:
    """Which of so many shards has a row, from 0: that of its film."""
    return crc32(film_of(row).encode("utf-8", "surrogatepass")) % shards


class ShardedIndex:
    """The collections of one generation, as its writer and `verify` have them: as one `VectorIndex`."""

    def __init__(self, shards: Sequence[VectorIndex]) -> None:
        self._shards = shards

    @classmethod
    def create(
        cls, servers: Sequence[ChromaServer], shards: Sequence[IndexShard], about: Mapping[str, str | int | bool]
    ) -> Self:
        """Empty collections, to be filled with exactly the rows of each; raises StoreError."""
        with ExitStack() as stack:
            made = [
                stack.enter_context(closing(VectorIndex.create(server, shard.collection, about, shard.rows or 0)))
                for server, shard in zip(servers, shards, strict=True)
            ]
            stack.pop_all()
            return cls(made)

    @property
    def where(self) -> str:
        """For messages."""
        return ", ".join(shard.where for shard in self._shards)

    def close(self) -> None:
        """Release all connections."""
        for shard in self._shards:
            shard.close()

    def put(self, movies: Sequence[Movie], vectors: NDArray[np.float32]) -> None:
        """Upsert movies with their vectors, shape (n, d)."""
        ids = [movie.id for movie in movies]
        self._on_each(ids, lambda shard, places: shard.put([movies[at] for at in places], vectors[places]))

    def put_passages(self, passages: Sequence[tuple[str, int]], vectors: NDArray[np.float32]) -> None:
        """Upsert passages, each the id of its film and its number there, with their vectors, shape (n, d)."""
        films = [film for film, _ in passages]
        self._on_each(films, lambda shard, places: shard.put_passages([passages[at] for at in places], vectors[places]))

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The stored vectors, shape (d,), by id; an id whose vector is lost is left out."""
        return dict(ChainMap(*self._on_each(ids, lambda shard, places: shard.vectors([ids[at] for at in places]))))

    def described(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The stored metadata of these movies, by id."""
        return dict(ChainMap(*self._on_each(ids, lambda shard, places: shard.described([ids[at] for at in places]))))

    def _on_each(self, rows: Sequence[str], work: Callable[[VectorIndex, list[int]], T]) -> list[T]:
        """What is done, side by side, with the places of the rows that a shard has; raises StoreError."""
        places: dict[int, list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            places[shard_of(row, len(self._shards))].append(place)
        with ThreadPoolExecutor(len(self._shards)) as pool:
            begun = [pool.submit(work, self._shards[shard], at) for shard, at in places.items()]
        return [each.result() for each in begun]


AnyIndex = VectorIndex | ShardedIndex
