"""From vectors to places on a plane, like films beside like films: t-SNE of who is most like whom."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.store.maintenance.neighbours import nearest

Rows = NDArray[np.int64]

_LANDMARKS = 70_000
"""Films that t-SNE arranges; of larger catalogs the others are put among them."""
_FEW = 50
"""So few films have no neighbourhoods to keep."""
_MANY = 2500
"""Films from which on a grid of forces (Linderman 2019) is faster than a tree of them (Barnes, Hut)."""
_NEIGHBOURS = 15
_EARLY, _EXAGGERATION = 125, 12.0
_STEPS = 375
"""Of 65,450 films more steps keep hardly more neighbours, and each 125 take 10 s of a core."""
_NEAR = 4
_AT_ONCE = 1 << 23
"""Similarities in memory: 32 MB."""
_PAIRS = 10_000_000_000
"""Films compared with anchors: a minute of a core; with more of both, some of the anchors do."""


def drawn(vectors: Floats, rows: Rows, landmarks: int = _LANDMARKS) -> Floats:
    """Places of some films, shape (n, 2), in any unit, from their rows, shape (n,), of unit vectors, shape (height, d).

    The same vectors give the same places on one machine; another BLAS may round otherwise.
    """
    films = len(rows)
    chosen = np.linspace(0, films - 1, min(films, landmarks)).astype(np.int64)
    arranged = _arranged(np.array(vectors[rows[chosen]], dtype=np.float32))
    if len(chosen) == films:
        return arranged
    places = np.empty((films, 2), dtype=np.float32)
    others = np.setdiff1d(np.arange(films), chosen)
    places[chosen] = arranged
    places[others] = beside(vectors, rows[others], rows[chosen], arranged)
    return places


def beside(vectors: Floats, rows: Rows, anchors: Rows, places: Floats) -> Floats:
    """Places, shape (n, 2), of some rows of vectors, shape (height, d), among those of the anchors nearest to them.

    `anchors` are rows, too, shape (m,), and `places` where they lie, shape (m, 2).
    The geometric median of the nearest, not their mean: a film like some of two groups joins one of them instead
    of lying alone in between.
    """
    step = -(-len(rows) * len(anchors) // _PAIRS) or 1
    places, known = places[::step], np.array(vectors[anchors[::step]], dtype=np.float32)
    mean = known.mean(axis=0)
    _see_from(mean, known)
    block = max(1, _AT_ONCE // len(known))
    # Taken block by block: all vectors at once would be a copy of the whole catalog.
    parts = [np.array(vectors[rows[start : start + block]]) for start in range(0, len(rows), block)]
    return np.concatenate([_beside(_see_from(mean, part), known, places) for part in parts])


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
    """Places of landmarks, shape (n, 2), by t-SNE (van der Maaten, Hinton 2008), begun from principal components.

    With equal weights for the nearest 15 (Kobak, Berens 2019). The vectors are changed.
    """
    _see_from(vectors.mean(axis=0), vectors)
    start = principal(vectors, 2)
    if len(vectors) < _FEW:
        return start
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities
    from threadpoolctl import threadpool_limits

    spread = max(float(start[:, 0].std()), 1e-12)
    with threadpool_limits(1):  # more threads add in another order, and draw another map
        alike = PrecomputedAffinities(
            _affinities(nearest(vectors, min(_NEIGHBOURS, len(vectors) // 3))), normalize=False
        )
        method = "bh" if len(vectors) < _MANY else "fft"
        begin = (start / spread * 1e-4).astype(np.float64)
        points = TSNEEmbedding(begin, alike, negative_gradient_method=method, random_state=0, n_jobs=1)
        points.optimize(_EARLY, exaggeration=_EXAGGERATION, momentum=0.5, inplace=True)
        points.optimize(_STEPS, exaggeration=1, momentum=0.8, inplace=True)
    return np.asarray(points, dtype=np.float32)


def _affinities(near: Rows) -> Any:
    """The sparse matrix, shape (n, n), of who is a neighbour of whom, either way; its sum is 1."""
    from scipy.sparse import csr_matrix

    films, count = near.shape
    ends = np.arange(0, films * count + 1, count)
    directed = csr_matrix((np.ones(films * count), near.ravel(), ends), shape=(films, films))
    mutual = directed + directed.T
    return (mutual / mutual.sum()).tocsr()


def principal(vectors: Floats, dimensions: int) -> Floats:
    """The first principal components, shape (n, at least 2), of vectors as seen from their mean, shape (n, d)."""
    _, axes = np.linalg.eigh(vectors.T @ vectors)
    axes = axes[:, ::-1][:, :dimensions]
    # The sign of an axis is arbitrary: the largest part of each points up.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.asarray(vectors @ axes, dtype=np.float32)


def _see_from(mean: Floats, vectors: Floats) -> Floats:
    """Make vectors, shape (n, d), directions from the mean film: all point into one cone, which tells nothing.

    In place, and returned: a copy of seventy thousand is 200 MB.
    """
    vectors -= mean
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-6))
    return vectors
