"""How near the best passage of a story comes to a question that it has nothing to do with.

A long story has many passages, and of many the best one is near to anything: what is expected of it is subtracted, so
that a story gains nothing by its length alone.
"""

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats

Counts = NDArray[np.int64]

_EITHER = 0.5
"""By how much the greater of two standard normal values is above either, where they have about a third in common."""


@dataclass(frozen=True, slots=True)
class Chance:
    """What the best of n passages is expected to have as a z-score: level + slope * `expected_best(n)`."""

    level: float
    slope: float
    """1 if the passages of a story had nothing to do with each other, 0 if they were all the same."""

    @classmethod
    def of(cls, best: Floats, counts: Counts) -> Self:
        """Fit by least squares to the best z-scores of stories, shape (stories, questions), of so many passages each.

        The questions have nothing to do with the stories.
        """
        expected = expected_best(counts)
        spread = float(np.square(expected - expected.mean()).sum())
        means = best.mean(axis=1, dtype=np.float64)
        if spread < 1e-6:  # all of as many passages: no slope can be told
            return cls(float(means.mean() - USUAL.slope * expected.mean()), USUAL.slope)
        slope = float(np.clip(((expected - expected.mean()) * means).sum() / spread, 0.0, 1.0))
        return cls(float(means.mean() - slope * expected.mean()), slope)

    def expected(self, counts: Counts) -> Floats:
        """Of the best of so many passages, shape (stories,), and of the better one of that and the movie itself."""
        return np.asarray(self.level + _EITHER + self.slope * expected_best(counts), dtype=np.float32)


USUAL = Chance(0.0, 0.56)
"""That of 400 films' synopses in all-MiniLM-L6-v2, for catalogs with too few passages to learn their own."""


def best_of_each(values: Floats, starts: Counts) -> Floats:
    """The greatest of each story's values, which begin at `starts` and are (passages,) or (passages, questions)."""
    return np.asarray(np.maximum.reduceat(values, starts, axis=0), dtype=np.float32)


def expected_best(counts: Counts) -> Floats:
    """The greatest of n independent standard normal values, as is expected (Blom 1958), for each n."""
    different, place = np.unique(counts, return_inverse=True)
    return np.array([_blom(int(count)) for count in different], dtype=np.float32)[place]


@lru_cache(maxsize=1024)
def _blom(count: int) -> float:
    return NormalDist().inv_cdf((count - 0.375) / (count + 0.25))
