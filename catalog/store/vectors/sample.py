"""What proves which model built a catalog: some of its texts, and the vectors it holds of them."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from catalog.identity import ModelIdentity
from catalog.movie import model_text, text_digest
from catalog.store.embedding_cache import VectorCache
from catalog.store.movies import Entry
from catalog.store.snapshot import Snapshot

KNOWN = 3
"""Movies that are enough: another model of the same dimension has cosines near 0 with each."""

Known = tuple[list[str], NDArray[np.float32]]
"""Texts as the model read them, and their vectors, shape (texts, d)."""


def known_vectors(snapshot: Snapshot) -> Known:
    """Of a published generation, whatever is beside it."""
    entries = next(snapshot.movies.entries(KNOWN), [])
    texts = [model_text(entry.movie, snapshot.info.template) for entry in entries]
    return texts, np.array(snapshot.vectors[[entry.row for entry in entries]])


def cached_vectors(entries: Iterable[Entry], cache: VectorCache, model: ModelIdentity, template: str) -> Known:
    """For a writer, whose generation may be damaged: some of its movies, with vectors of the cache."""
    texts = [model_text(entry.movie, template) for entry in entries]
    vectors = cache.get(model, [text_digest(text) for text in texts])
    found = [text for text in texts if text_digest(text) in vectors]
    empty: NDArray[np.float32] = np.empty((0, model.dimension), dtype=np.float32)
    return found, np.stack([vectors[text_digest(text)] for text in found]) if found else empty
