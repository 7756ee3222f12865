"""Search and recommendation as functions that take what they use."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.embedding.embedder import Embedder
from catalog.errors import ModelMismatch, UsageError
from catalog.movie import Movie
from catalog.store.catalog import Snapshot
from catalog.store.vectors import Neighbour


@dataclass(frozen=True, slots=True)
class Hit:
    """A film that was found."""

    movie: Movie
    score: float
    """Cosine similarity, -1 to 1."""


def search(snapshot: Snapshot, embedder: Embedder, text: str, limit: int = 10) -> list[Hit]:
    """The films nearest in meaning to a text, most similar first; equal ones by id.

    Raises UsageError for an empty text, ModelMismatch if the catalog was built with another model.
    """
    if not text.strip():
        raise UsageError("the query is empty; say what happens in the film")
    if embedder.identity != snapshot.info.model:
        raise ModelMismatch(f"the catalog was built with {snapshot.info.model.name}, not {embedder.identity.name}")
    return search_vector(snapshot, embedder.embed_query(text), limit)


def search_vector(snapshot: Snapshot, vector: NDArray[np.float32], limit: int = 10) -> list[Hit]:
    """The films nearest to a vector, shape (d,) of the catalog's model, most similar first.

    Raises UsageError for a vector of another dimension, with NaN, or of length zero.
    """
    dimension = snapshot.info.model.dimension
    if vector.shape != (dimension,) or not np.isfinite(vector).all() or not vector.any():
        raise UsageError(f"the query vector must hold {dimension} finite numbers, not all zero")
    return _hits(snapshot, snapshot.nearest(np.asarray(vector, dtype=np.float32), limit))


def recommend(snapshot: Snapshot, movie: Movie, limit: int = 10) -> list[Hit]:
    """The films most similar to one of the catalog, itself left out."""
    neighbours = snapshot.nearest(snapshot.vector(movie.id), limit + 1)
    return _hits(snapshot, [near for near in neighbours if near.id != movie.id][:limit])


def _hits(snapshot: Snapshot, neighbours: Sequence[Neighbour]) -> list[Hit]:
    movies = snapshot.records.get([near.id for near in neighbours])
    return [Hit(movies[near.id], near.similarity) for near in neighbours]
