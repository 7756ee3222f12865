"""Answers that are not all the same: maximal marginal relevance, and a cap on each series."""

import re
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from catalog.language import plain_title, without_article
from catalog.store.catalog import Snapshot

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_DUPLICATE = 0.98
_PART = re.compile(r"( (part|teil|episode|chapter|vol|volume))?( ([ivx]+|\d{1,2}))$")


def diverse(snapshot: Snapshot, rows: Rows, relevance: Floats, diversity: float, franchise: int | None) -> Rows:
    """Reorder films, best first, so that each one also differs from those before it.

    Maximal marginal relevance (Carbonell, Goldstein 1998) on relevance scaled to 0..1 and cosine similarity;
    `diversity` is 1 - lambda. Films of a series beyond `franchise` go to the end.
    """
    if diversity:
        rows = _marginal(np.array(snapshot.matrix[rows]), rows, relevance[rows], diversity)
    return _capped(snapshot, rows, franchise) if franchise else rows


def _marginal(vectors: Floats, rows: Rows, relevance: Floats, diversity: float) -> Rows:
    span = float(relevance.max() - relevance.min()) if len(relevance) else 0.0
    gain = (relevance - relevance.min()) / max(span, 1e-6) if len(relevance) else relevance
    nearest = np.zeros(len(rows), dtype=np.float32)
    left = np.ones(len(rows), dtype=bool)
    order: list[int] = []
    for _ in range(len(rows)):
        marginal = np.where(left, (1 - diversity) * gain - diversity * nearest, -np.inf)
        best = int(np.argmax(marginal))
        order.append(best)
        left[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return rows[order]


def _capped(snapshot: Snapshot, rows: Rows, franchise: int) -> Rows:
    ids = [snapshot.columns.ids[row] for row in rows]
    movies = snapshot.records.get(ids)
    seen: Counter[str] = Counter()
    kept: list[int] = []
    late: list[int] = []
    for row, identity in zip(rows.tolist(), ids, strict=True):
        series = series_of(movies[identity].title)
        seen[series] += 1
        (kept if seen[series] <= franchise else late).append(row)
    return np.array(kept + late, dtype=np.int64)


def series_of(title: str) -> str:
    """The series a title names, without number or subtitle: "Alien 3" and "Alien: Covenant" are "alien"."""
    head = re.split(r": | - | – ", title, maxsplit=1)[0]
    return _PART.sub("", without_article(plain_title(head))) or plain_title(title)
