"""Rows of the vector index, made of movies, their passages and vectors: no model is asked, nothing else is read."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from catalog.store.chroma.collection import BATCH, passage_id
from catalog.store.chroma.shards import AnyIndex, shard_of
from catalog.store.movies import Entry, Movies
from catalog.store.vectors.by_row import StoredVectors
from catalog.store.vectors.passage_rows import PassageRow


def fill_index(
    index: AnyIndex, movies: Movies, vectors: StoredVectors, tell: Callable[[int], None] = lambda _: None
) -> None:
    """Put movies and their passages, in batches, into a new index.

    `tell` hears how many movies are done. Raises StoreError.
    """
    done = passages = 0
    for part in movies.entries(BATCH):
        tell(done)
        put_rows(index, part, vectors.movies)
        done += len(part)
    for told in movies.passages.all():
        put_passages(index, movies, told, vectors.passages)
        passages += len(told)
    if done + passages == 1:
        # Chroma's smallest threshold is 2; a single row would be written by the first reader.
        put_rows(index, part, vectors.movies)


def put_rows(index: AnyIndex, entries: Sequence[Entry], vectors: NDArray[np.float32]) -> None:
    """Upsert movies with their rows of `vectors`, shape (height, d)."""
    for start in range(0, len(entries), BATCH):
        part = entries[start : start + BATCH]
        index.put([entry.movie for entry in part], vectors[[entry.row for entry in part]])


def put_passages(index: AnyIndex, movies: Movies, passages: Sequence[PassageRow], vectors: NDArray[np.float32]) -> None:
    """Upsert passages of some movies with their places of `vectors`, shape (height, d)."""
    owners = movies.ids_at(list({passage.row for passage in passages}))
    named = [(owners[passage.row], passage.number) for passage in passages]
    index.put_passages(named, vectors[[passage.place for passage in passages]])


def passage_ids(movies: Movies, ids: Iterable[str]) -> set[str]:
    """By which ids an index has the passages of some movies."""
    owners = {row: identity for identity, row in movies.rows_of(ids).items()}
    found = movies.passages.of(sorted(owners))
    return {passage_id(owners[passage.row], passage.number) for part in found for passage in part}


def rows_by_shard(movies: Movies, shards: int) -> list[int]:
    """How many movies and passages each of so many shards will have."""
    counts = Counter(shard_of(identity, shards) for identity in movies.ids())
    for part in movies.passages.all():
        owners = movies.ids_at(list({passage.row for passage in part}))
        counts.update(shard_of(owners[passage.row], shards) for passage in part)
    return [counts[shard] for shard in range(shards)]
