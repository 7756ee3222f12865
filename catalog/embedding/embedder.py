"""The one interface between texts and vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from catalog.arrays import Vector, Vectors
from catalog.identity import ModelIdentity

SAME_MODEL = 0.999
"""Least cosine between two embeddings of one text by the same model in another place or precision."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a batch of documents became."""

    vectors: Vectors
    truncated: int
    """How many of the texts were longer than the model reads, and were cut."""


class Embedder(Protocol):
    """Turns texts into float32 unit vectors. Two real things meet it: local models and endpoints."""

    @property
    def identity(self) -> ModelIdentity:
        """What the catalog remembers of this model."""

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        """Embed n texts; row i belongs to text i, whatever else is in the batch."""

    def embed_query(self, text: str) -> Vector:
        """Embed one short query."""

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed several, shape (n, d): together, where that is faster, and then the same to the seventh digit."""


def embed_together(texts: Sequence[str], embedder: Embedder) -> Vector:
    """One question that is read as several texts: the direction of the sum of their embeddings, shape (d,)."""
    if len(texts) == 1:
        return embedder.embed_query(texts[0])
    return direction_of_sum(embedder.embed_queries(texts))


def direction_of_sum(vectors: Vectors) -> Vector:
    """The unit vector, shape (d,), that points where the sum of vectors, shape (n, d), does."""
    together = np.sum(vectors, axis=0)
    return np.asarray(together / np.linalg.norm(together), dtype=np.float32)


def smallest_cosine(first: Vectors, second: Vectors) -> float:
    """The smallest cosine between two models' unit vectors of the same texts, shape (n, d) each; 1 for no texts.

    One model in another precision or place gives over .999, another model of the same dimension about 0.
    """
    if first.shape != second.shape:
        return -1.0
    return float(np.einsum("nd,nd->n", first, second).min(initial=1.0))
