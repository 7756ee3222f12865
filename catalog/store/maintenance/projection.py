"""From vectors to places on a plane, like films beside like films: t-SNE of landmarks, the others among them."""

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats

Rows = NDArray[np.int64]

_LANDMARKS = 3000
"""Films that t-SNE arranges; its cost grows faster than their number."""
_FEW = 10
"""So few films have no neighbourhoods to keep."""
_DIMENSIONS = 50
_PERPLEXITY = 30.0
_NEAR = 4
_AT_ONCE = 1 << 23
"""Similarities in memory: 32 MB."""


def drawn(vectors: Floats, rows: Rows, landmarks: int = _LANDMARKS) -> Floats:
    """Places of some films, shape (n, 2), in any unit, from their rows, shape (n,), of unit vectors, shape (height, d).

    The same vectors give the same places on one machine; another BLAS may round otherwise.
    """
    films = len(rows)
    chosen = np.linspace(0, films - 1, min(films, landmarks)).astype(np.int64)
    anchors = np.asarray(vectors[rows[chosen]], dtype=np.float32)
    arranged = _arranged(anchors)
    if len(chosen) == films:
        return arranged
    places = np.empty((films, 2), dtype=np.float32)
    others = np.setdiff1d(np.arange(films), chosen)
    places[chosen] = arranged
    places[others] = beside(vectors, rows[others], anchors, arranged)
    return places


def beside(vectors: Floats, rows: Rows, anchors: Floats, places: Floats) -> Floats:
    """Places, shape (n, 2), of some rows of vectors, shape (height, d), among those of the anchors nearest to them.

    The anchors' vectors have the shape (m, d), their places (m, 2).
    The geometric median of the nearest, not their mean: a film like some of two groups joins one of them instead
    of lying alone in between.
    """
    mean = anchors.mean(axis=0)
    anchors = _seen_from(mean, anchors)
    block = max(1, _AT_ONCE // len(anchors))
    # Taken block by block: all vectors at once would be a copy of the whole catalog.
    parts = [rows[start : start + block] for start in range(0, len(rows), block)]
    return np.concatenate([_beside(_seen_from(mean, vectors[part]), anchors, places) for part in parts])


def _beside(vectors: Floats, anchors: Floats, places: Floats) -> Floats:
    similarities = vectors @ anchors.T
    near = np.argpartition(-similarities, min(_NEAR, len(anchors)) - 1, axis=1)[:, :_NEAR]
    weights = np.take_along_axis(similarities, near, axis=1)
    weights = np.exp((weights - weights.max(axis=1, keepdims=True)) * 12.0)
    return _medians(places[near], weights)


def _medians(points: Floats, weights: Floats) -> Floats:
    """Weighted geometric medians, shape (n, 2), of points, shape (n, k, 2), by Weiszfeld's iteration."""
    middle = (points * weights[..., None]).sum(axis=1) / weights.sum(axis=1, keepdims=True)
    for _ in range(8):
        far = np.linalg.norm(points - middle[:, None], axis=2)
        pull = weights / np.maximum(far, 1e-3)
        middle = (points * pull[..., None]).sum(axis=1) / pull.sum(axis=1, keepdims=True)
    return np.asarray(middle, dtype=np.float32)


def _arranged(vectors: Floats) -> Floats:
    """Places of landmarks, shape (n, 2): t-SNE (van der Maaten 2014), begun from their principal components."""
    components = principal(vectors, _DIMENSIONS)
    start = components[:, :2]
    if len(vectors) < _FEW:
        return start
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    spread = max(float(start[:, 0].std()), 1e-12)
    tsne = TSNE(
        init=start / spread * 1e-4,
        perplexity=min(_PERPLEXITY, (len(vectors) - 1) / 3),
        learning_rate="auto",
        max_iter=500,
        random_state=0,
        n_jobs=1,
    )
    with threadpool_limits(1):  # more threads add in another order, and draw another map
        return np.asarray(tsne.fit_transform(components), dtype=np.float32)


def principal(vectors: Floats, dimensions: int) -> Floats:
    """Seen from the mean film and brought to length 1: the first principal components, shape (n, at least 2)."""
    centred = _seen_from(vectors.mean(axis=0), vectors)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :dimensions]
    # The sign of an axis is arbitrary: the largest part of each points up.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.asarray(centred @ axes, dtype=np.float32)


def _seen_from(mean: Floats, vectors: Floats) -> Floats:
    """Directions from the mean film, shape (n, d): all embeddings point into one cone, which tells nothing."""
    centred = vectors - mean
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6), dtype=np.float32)
