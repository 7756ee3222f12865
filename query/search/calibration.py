"""How sure it is that a movie fits: measured against what all movies have in common, not a constant."""

from math import inf

import numpy as np

from catalog.arrays import Floats
from catalog.store.columns.conditions import Filter, Numbers, Range
from catalog.store.lexical.index import LexicalIndex
from catalog.store.vectors.moments import Moments

#: Measured on answerable and unanswerable questions: benchmarks/README.md, "Cut-off".
_BY_SIMILARITY, _NARROWEST = 4.0, 0.08
_ENOUGH_WORDS = 0.4
_BIAS, _WORDS, _POPULARITY = -4.5, 1.5, 0.9
_UNKNOWN = 0.5
"""What is left of a movie that fits, where nobody knows it: it is wanted less often, but no less right."""


def confidences(
    moments: Moments, movies: int, similarity: Floats, lexical: Floats, prior: Floats, *, votes_known: bool
) -> Floats:
    """0 to 1, shape (n,): the chance that a movie is no accident, less for what is hardly ever wanted. Titles aside.

    It is no accident, by one half, if the movie is as similar to the question as the nearest movie is to another one;
    next to nothing is left of that where one movie in a hundred is as similar: both are learned when the catalog is
    published. Nor is it if the movie holds much of the question's words, measured by what a word is worth that only
    one of the catalog's `movies` has. Among those, movies that hold more of the words, and movies that are better
    known (`fusion.popularity_prior`), are wanted more often: where the catalog says how well they are (`votes_known`).
    """
    if moments.is_empty:
        return np.ones_like(similarity)
    held = lexical / np.float32(np.log1p(movies))
    scale = _BY_SIMILARITY / max(moments.nearest_similarity - moments.p99_similarity, _NARROWEST)
    near = np.asarray(scale * (similarity - moments.nearest_similarity), dtype=np.float32)
    accident = _unlikely(near) * np.exp(-np.square(held / _ENOUGH_WORDS))
    sure = 1.0 - accident
    if votes_known:
        sure *= 1.0 - (1.0 - _UNKNOWN) * _unlikely(
            np.float32(_POPULARITY) * prior + np.float32(_WORDS) * held + np.float32(_BIAS)
        )
    return np.asarray(sure, dtype=np.float32)


def has_votes(lexical: LexicalIndex, votes: Floats, fewest: int) -> bool:
    """Whether any movie has `fewest` votes: one of those whose `votes` these are, or else one of the catalog."""
    if votes.max(initial=0.0) >= fewest:
        return True
    return lexical.count(Filter((Numbers("votes", (Range(fewest, inf),)),))) > 0


def _unlikely(evidence: Floats) -> Floats:
    """One minus the logistic function."""
    with np.errstate(over="ignore"):  # to infinity, of which nothing is left
        return np.asarray(1.0 / (1.0 + np.exp(evidence)), dtype=np.float32)
