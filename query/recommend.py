"""More like these, less like those: similarity of films beyond their plots."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.embedding.embedder import Embedder, Vector
from catalog.store.catalog import Snapshot
from catalog.store.words import movie_tags
from query.lanes import query_vector
from query.old_request import Example

Floats = NDArray[np.float32]

#: Fitted by logistic regression on judged recommendations: benchmarks/README.md, "Recommendations".
_MEANING, _TAGS, _DIRECTOR, _DECADE, _VOTES = 4.5, 4.5, 2.5, -0.8, 0.14
_MOST_DECADES = 4.0
_DISLIKE = 0.5
"""What a dislike takes away of what the same like would give: people are surer of what they like."""


@dataclass(frozen=True, slots=True)
class Liked:
    """One example, as every film of the catalog is similar to it."""

    example: Example
    vector: Vector
    similarity: Floats


def liked(snapshot: Snapshot, examples: Sequence[Example], embedder: Embedder) -> list[Liked]:
    """Each example with its similarity to all films."""
    return [_liked(snapshot, example, embedder) for example in examples]


def recommendation(snapshot: Snapshot, likes: Sequence[Liked], unlikes: Sequence[Liked], popularity: float) -> Floats:
    """How well each film goes with likes and dislikes, shape (films,)."""
    scores = np.float32(popularity * _VOTES) * snapshot.columns.known
    if likes:
        scores += _mean(likes)
    if unlikes:
        scores -= np.float32(_DISLIKE) * _mean(unlikes)
    return scores


def _mean(examples: Sequence[Liked]) -> Floats:
    weight = sum(example.example.weight for example in examples)
    total = sum(example.example.weight * example.similarity for example in examples)
    return np.asarray(total / max(weight, 1e-6), dtype=np.float32)


def _liked(snapshot: Snapshot, example: Example, embedder: Embedder) -> Liked:
    if example.movie_id is None:
        vector = query_vector(snapshot, example.text or "", embedder)
        return Liked(example, vector, _MEANING * _similarity(snapshot, vector))
    vector = snapshot.vector(example.movie_id)
    return Liked(example, vector, _similar_films(snapshot, example.movie_id, vector))


def _similarity(snapshot: Snapshot, vector: Vector) -> Floats:
    """Cosine similarity as seen from the mean film."""
    return snapshot.background.similarity(snapshot.cosines(vector), vector)


def _similar_films(snapshot: Snapshot, identity: str, vector: Vector) -> Floats:
    columns = snapshot.columns
    row = columns.row(identity)
    scores = np.float32(_MEANING) * _similarity(snapshot, vector)
    scores += _shared_tags(snapshot, identity, row)
    decades = np.abs(columns.year - columns.year[row]) / np.float32(10)
    decades[np.isnan(decades)] = 1.0
    scores += np.float32(_DECADE) * np.minimum(decades, np.float32(_MOST_DECADES))
    return scores


def _shared_tags(snapshot: Snapshot, identity: str, row: int) -> Floats:
    """Cosine of genres and keywords by rarity, and a shared director."""
    movie = snapshot.records.get([identity])[identity]
    postings = snapshot.words.tags(movie_tags(movie))
    weights: dict[str, float] = {}
    for term, posting in postings.items():
        own = float(posting.weights[np.searchsorted(posting.films, row)])
        weights[term] = _DIRECTOR if term.startswith("by ") else _TAGS * own
    return snapshot.words.scores(postings, weights)
