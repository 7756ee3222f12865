"""How sure it is that a film fits: measured against the catalog's own background, not a constant."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.store.background import Background
from query.lanes import Meaning, Words
from query.titles import TitleMatch

Floats = NDArray[np.float32]

#: Fitted on answerable and unanswerable questions: benchmarks/README.md, "Cut-off".
_BY_MEANING, _NARROWEST = 6.0, 1.0
_ENOUGH_WORDS = 0.4
_BIAS, _WORDS, _FAME = -4.5, 1.5, 0.9
_USUAL_FAME = 3.5
"""Of a film that is wanted, where the catalog does not say how well its films are known."""


def confidences(
    background: Background, meaning: Meaning, words: Words, titles: Sequence[TitleMatch], fame: Floats
) -> Floats:
    """0 to 1 for every film, shape (films,): the chance that it is no accident, times the chance that it is wanted.

    It is no accident, by one half, if the film stands out for this question as the nearest film stands out for
    another film; next to nothing is left of that where some film always does so by chance: both are learned when
    the catalog is published. Nor is it if the film holds much of the question's words, measured by what a word is
    worth that only one film has. Among those, films that hold more of the words, and films that are better known
    (`fusion.fame`), are wanted more often. A title that was typed is as sure as it is similar.
    """
    if background.is_empty:
        return np.ones_like(fame)
    unique = np.float32(np.log1p(len(fame)))
    held = words.scores / unique
    near = (meaning.standing - np.float32(background.near)) / np.float32(
        max(background.near - background.tail, _NARROWEST)
    )
    accident = _unlikely(_BY_MEANING * near) * np.exp(-np.square(held / np.float32(_ENOUGH_WORDS)))
    known = fame if fame.any() else np.full_like(fame, _USUAL_FAME)
    sure = (1.0 - accident) * (1.0 - _unlikely(_BIAS + _WORDS * held + _FAME * known))
    for match in titles:
        sure[match.film] = max(float(sure[match.film]), match.similarity)
    return np.asarray(sure, dtype=np.float32)


def _unlikely(evidence: NDArray[np.floating[Any]]) -> Floats:
    """One minus the logistic function."""
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(evidence, -30, 30))), dtype=np.float32)
