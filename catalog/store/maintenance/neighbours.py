"""The films most like each film, found among those of nearby groups: comparing all with all takes ten times as long."""

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Vectors

Rows = NDArray[np.int64]

_IN_A_GROUP = 256
_MOST_GROUPS = 256
_LOOKED_INTO = 24
"""Groups in which the neighbours of a film are looked for: two of three of the nearest 15 are found in 65,450 films."""
_SAMPLE = 64
"""Films a group, from which the groups are learned."""
_ROUNDS = 8
_AT_ONCE = 1024


def nearest(vectors: Vectors, count: int) -> Rows:
    """Places of the films most like each, shape (n, count), itself left out, of unit vectors, shape (n, d).

    `count` is less than n. Up to 6,144 films every other film is looked at.
    """
    centres = group_centres(vectors, min(max(len(vectors) // _IN_A_GROUP, 1), _MOST_GROUPS))
    own = np.concatenate(
        [(vectors[start : start + _AT_ONCE] @ centres.T).argmax(axis=1) for start in range(0, len(vectors), _AT_ONCE)]
    )
    members = [np.flatnonzero(own == group) for group in range(len(centres))]
    found = np.empty((len(vectors), count), dtype=np.int64)
    for group, similarity in enumerate(centres @ centres.T):
        similarity[group] = np.inf
        among = _members_near(members, np.argsort(-similarity, kind="stable"), count)
        for start in range(0, len(members[group]), _AT_ONCE):
            some = members[group][start : start + _AT_ONCE]
            found[some] = _nearest(vectors, some, among, count)
    return found


def _members_near(members: list[Rows], groups: Rows, count: int) -> Rows:
    """The films of the nearest groups, more than `count`."""
    sizes = np.array([len(members[group]) for group in groups])
    enough = int(np.searchsorted(np.cumsum(sizes), count + 1)) + 1
    return np.concatenate([members[group] for group in groups[: max(_LOOKED_INTO, enough)]])


def _nearest(vectors: Vectors, some: Rows, among: Rows, count: int) -> Rows:
    similarities = vectors[some] @ vectors[among].T
    similarities[some[:, None] == among[None]] = -np.inf
    return among[np.argpartition(-similarities, count - 1, axis=1)[:, :count]]


def group_centres(vectors: Vectors, count: int) -> Vectors:
    """Centres, shape (count, d), of groups of unit vectors: spherical k-means (Dhillon, Modha 2001) of a sample."""
    some = vectors[:: max(1, len(vectors) // (_SAMPLE * count))]
    centres = some[np.linspace(0, len(some) - 1, count).astype(np.int64)]
    for _ in range(_ROUNDS):
        own = (some @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, own, some)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, np.float32(1e-6)), centres)  # an empty one stays
    return np.asarray(centres, dtype=np.float32)
