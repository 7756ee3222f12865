"""How the lanes add up. Every weight was measured: benchmarks/README.md, "Search"."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from query.lanes import Meaning, Words
from query.titles import TitleMatch

Floats = NDArray[np.float32]

_WORDS = 3.5
"""A film that holds the question's words as well as any is worth so many standard deviations of meaning."""
_TITLE, _MISSPELT = 20.0, 15.0
"""More than everything else together: whoever types a title means it."""
_FAMOUS, _FAMOUS_FROM = 1.1, 2.5
_ASKED, _ASKED_FROM, _ASKED_TO = 0.9, 1.5, 4.5


def fused(meaning: Meaning | None, words: Words | None, titles: Sequence[TitleMatch], prior: Floats) -> Floats:
    """The relevance of every film, shape (films,)."""
    scores = prior.copy()
    if meaning is not None:
        scores += meaning.standing
    if words is not None and words.best > 0:
        scores += np.float32(_WORDS / words.best) * words.scores
    for match in titles:
        scores[match.film] += _TITLE * match.similarity if match.exact else _MISSPELT * match.similarity
    return scores


def popularity_prior(known: Floats, weight: float, *, asked: bool) -> Floats:
    """What a film gains by being known, from the logarithm of its votes (`FilmColumns.known`).

    A description means a well-known film more often than not, the more so the better it is known; someone's
    question means one that is known a little (see `phrasing.asks`).
    """
    if asked:
        gain = _ASKED * (np.clip(known, _ASKED_FROM, _ASKED_TO) - _ASKED_FROM)
    else:
        gain = _FAMOUS * np.maximum(known - _FAMOUS_FROM, 0.0)
    return np.asarray(weight * gain, dtype=np.float32)
