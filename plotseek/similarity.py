"""How alike vectors are."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from catalog.arrays import Floats
from catalog.errors import UsageError
from catalog.printable import brief


def cosine_similarity(first: ArrayLike, second: ArrayLike) -> Any:
    """The cosine of each vector of one with each of the other, -1 to 1; of a vector of length zero 0.

    Shapes (d,) and (d,) give a float, (n, d) and (d,) give (n,), (n, d) and (m, d) give (n, m). Raises UsageError for
    what are no vectors, and for vectors of different lengths.
    """
    one, other = _unit(first), _unit(second)
    if one.shape[-1] != other.shape[-1]:
        raise UsageError(f"vectors of {one.shape[-1]} and of {other.shape[-1]} numbers have no cosine")
    cosines = np.clip(one @ other.T, -1, 1)
    return cosines if cosines.ndim else float(cosines)


def _unit(vectors: ArrayLike) -> Floats:
    try:
        given = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError):
        given = np.zeros((), dtype=np.float32)
    if given.ndim not in (1, 2):
        shape = f" of shape {given.shape}" if given.ndim else ""
        raise UsageError(f"cosine_similarity takes vectors of shape (d,) or (n, d), not {brief(vectors)}{shape}")
    lengths = np.linalg.norm(given, axis=-1, keepdims=True)
    return np.asarray(given / np.where(lengths > 0, lengths, 1))
