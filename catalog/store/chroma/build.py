"""Rows of the vector index, made of movies and their vectors: no model is asked, nothing else is read."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from catalog.store.chroma.collection import BATCH, VectorIndex
from catalog.store.movies import Entry


def fill_index(
    index: VectorIndex,
    entries: Iterable[Sequence[Entry]],
    vectors: NDArray[np.float32],
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Put movies, in batches, with their rows of `vectors`, shape (height, d), into a new index.

    `tell` hears how many are done. Raises StoreError.
    """
    done = 0
    for part in entries:
        tell(done)
        put_rows(index, part, vectors)
        done += len(part)
    if done == 1:
        # Chroma's smallest threshold is 2; a single row would be written by the first reader.
        put_rows(index, part, vectors)


def put_rows(index: VectorIndex, entries: Sequence[Entry], vectors: NDArray[np.float32]) -> None:
    """Upsert movies with their rows of `vectors`, shape (height, d)."""
    for start in range(0, len(entries), BATCH):
        part = entries[start : start + BATCH]
        index.put([entry.movie for entry in part], vectors[[entry.row for entry in part]])
