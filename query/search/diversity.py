"""Answers that are not all the same: maximal marginal relevance, and a cap on each series."""

import re
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from catalog.language import plain_title, without_article
from catalog.store.snapshot import Snapshot

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_PART = re.compile(r"( (part|teil|episode|chapter|vol|volume))?( ([ivx]+|\d{1,2}))$")


def diversify(snapshot: Snapshot, rows: Rows, relevance: Floats, diversity: float, franchise: int | None) -> Rows:
    """Places, shape (n,), of movies that come best first, reordered so that each also differs from those before it.

    Maximal marginal relevance (Carbonell, Goldstein 1998) on relevance, shape (n,), scaled to 0..1, and cosine
    similarity; `diversity` is 1 - lambda. Movies of a series beyond `franchise` go to the end.
    """
    order = np.arange(len(rows))
    if diversity and len(rows):
        order = _marginal(snapshot.vectors[rows], relevance, diversity)
    return _cap(snapshot, rows, order, franchise) if franchise else order


def _marginal(vectors: Floats, relevance: Floats, diversity: float) -> Rows:
    span = max(float(relevance.max() - relevance.min()), 1e-6)
    gain = (relevance - relevance.min()) / span
    nearest = np.zeros(len(vectors), dtype=np.float32)
    left = np.ones(len(vectors), dtype=bool)
    order: list[int] = []
    for _ in range(len(vectors)):
        best = int(np.argmax(np.where(left, (1 - diversity) * gain - diversity * nearest, -np.inf)))
        order.append(best)
        left[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return np.array(order, dtype=np.int64)


def _cap(snapshot: Snapshot, rows: Rows, order: Rows, franchise: int) -> Rows:
    movies = snapshot.movies.at(rows.tolist())
    seen: Counter[str] = Counter()
    kept: list[int] = []
    late: list[int] = []
    for place in order.tolist():
        series = series_of(movies[int(rows[place])].title)
        seen[series] += 1
        (kept if seen[series] <= franchise else late).append(place)
    return np.array(kept + late, dtype=np.int64)


def series_of(title: str) -> str:
    """The series a title names, without number or subtitle: "Alien 3" and "Alien: Covenant" are "alien"."""
    head = re.split(r": | - | – ", title, maxsplit=1)[0]
    return _PART.sub("", without_article(plain_title(head))) or plain_title(title)
