"""How alike vectors are."""

import numpy as np
from numpy.typing import ArrayLike

from catalog.arrays import Floats


def cosine_similarity(first: ArrayLike, second: ArrayLike) -> Floats:
    """The cosine of each vector of one with each of the other, -1 to 1; of a vector of length zero 0.

    Shapes (d,) and (d,) give a number, (n, d) and (d,) give (n,), (n, d) and (m, d) give (n, m).
    """
    return np.asarray(_unit(first) @ _unit(second).T)


def _unit(vectors: ArrayLike) -> Floats:
    given = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(given, axis=-1, keepdims=True)
    return np.asarray(given / np.where(lengths > 0, lengths, 1))
