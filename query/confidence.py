"""How sure it is that a film fits: measured against the catalog's own background, not a constant."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.store.background import Background
from query.lanes import Meaning, Words
from query.titles import TitleMatch

Floats = NDArray[np.float32]

#: Logistic regression on answerable and unanswerable questions: benchmarks/README.md, "Cut-off".
_WORDS_BIAS, _WORDS = -9.0, 4.0
_NARROWEST = 0.25


def confidences(background: Background, meaning: Meaning, words: Words, titles: Sequence[TitleMatch]) -> Floats:
    """0 to 1 for every film, shape (films,): that words, or meaning, or the title say so.

    Meaning says so with one half for a film that stands out for this question as the nearest film stands out
    for another film, and with next to nothing for one that stands out as some film always does by chance: both
    are learned when the catalog is published.
    """
    by_words = _logistic(_WORDS_BIAS + _WORDS * np.log1p(words.scores))
    scale = max((background.near - background.tail) / 4, _NARROWEST)
    by_meaning = _logistic((meaning.standing - background.near) / scale)
    sure = 1.0 - (1.0 - by_words) * (1.0 - by_meaning)
    for match in titles:
        sure[match.film] = max(float(sure[match.film]), match.similarity)
    return np.asarray(sure, dtype=np.float32)


def _logistic(evidence: NDArray[np.floating[Any]]) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(evidence, -30, 30))), dtype=np.float32)
