"""How sure it is that a movie fits, and how well: measured against what all movies have in common."""

from math import inf

import numpy as np

from catalog.arrays import Floats
from catalog.store.columns.conditions import Filter, Numbers, Range
from catalog.store.lexical.index import LexicalIndex
from catalog.store.vectors.moments import Moments
from query.search.fusion import Weights, popularity_prior

#: Measured on answerable and unanswerable questions: benchmarks/README.md, "Cut-off".
_BY_SIMILARITY, _NARROWEST = 4.0, 0.08
_ENOUGH_WORDS = 0.4
_BIAS, _WORDS, _POPULARITY = -4.5, 1.5, 0.9
_UNKNOWN = 0.5
"""What is left of a movie that fits, where nobody knows it: it is wanted less often, but no less right."""
_BY_RELEVANCE = 0.5
"""How fast the fit falls with the relevance: of a film that is two standard deviations nearer it is .73, not .5."""
_KNOWN = 4.0
"""Logarithm of the votes of a film that is well known."""


def even_relevance(moments: Moments, direction: Floats, weights: Weights, popularity: float) -> float:
    """The relevance of a movie whose fit is one half, for a question in this direction, shape (d,).

    It is as similar to the question as the nearest movie is to another one, well known where `popularity` counts, and
    holds none of its words. It depends on the question and the catalog alone, not on filters or pages.
    """
    near = np.array([0.0 if moments.is_empty else moments.nearest_similarity], dtype=np.float32)
    standing = 0.0 if moments.is_empty else float(moments.z_scores(near, direction)[0])
    known = popularity_prior(np.array([_KNOWN], dtype=np.float32), weights)
    return standing + weights.order * popularity * float(known[0])


def fits(relevance: Floats, even: float, tiers: Floats | None) -> Floats:
    """0 to 1, shape (n,): how well movies fit, by what they are ordered by. Where movies come in `tiers`, from 0, each
    of these has half the range of the one before: (1/2, 1], (1/4, 1/2], ...
    """
    fit = 1.0 - _unlikely(np.float32(_BY_RELEVANCE) * (relevance - np.float32(even)))
    if tiers is not None:
        fit = (1.0 + fit) / np.exp2(1.0 + tiers)
    return np.asarray(fit, dtype=np.float32)


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
