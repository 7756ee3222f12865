"""How sure it is that a film fits: measured against the catalog's own background, not a constant."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.store.background import Background
from query.lanes import Meaning, Words
from query.titles import TitleMatch

Floats = NDArray[np.float32]

#: Measured on answerable and unanswerable questions: benchmarks/README.md, "Cut-off".
_BY_MEANING, _NARROWEST = 4.0, 0.08
_ENOUGH_WORDS = 0.4
_BIAS, _WORDS, _FAME = -4.5, 1.5, 0.9
_UNKNOWN = 0.5
"""What is left of a film that fits, where nobody knows it: it is wanted less often, but no less right."""


def confidences(
    background: Background, meaning: Meaning, words: Words, titles: Sequence[TitleMatch], fame: Floats
) -> Floats:
    """0 to 1 for every film, shape (films,): the chance that it is no accident, less for what is hardly ever wanted.

    It is no accident, by one half, if the film is as similar to the question as the nearest film is to another film;
    next to nothing is left of that where one film in a hundred is as similar: both are learned when the catalog is
    published. Nor is it if the film holds much of the question's words, measured by what a word is worth that only one
    film has. Among those, films that hold more of the words, and films that are better known (`fusion.fame`), are
    wanted more often. A title that was typed is as sure as it is similar.
    """
    if background.is_empty:
        return np.ones_like(fame)
    held = words.scores / np.float32(np.log1p(len(fame)))
    scale = max(background.near - background.usual, _NARROWEST)
    near = (meaning.similarity - np.float32(background.near)) / np.float32(scale)
    accident = _unlikely(_BY_MEANING * near) * np.exp(-np.square(held / np.float32(_ENOUGH_WORDS)))
    sure = 1.0 - accident
    if fame.any():  # else the catalog does not say how well its films are known
        wanted = 1.0 - _unlikely(_BIAS + _WORDS * held + _FAME * fame)
        sure *= _UNKNOWN + (1.0 - _UNKNOWN) * wanted
    for match in titles:
        sure[match.film] = max(float(sure[match.film]), match.similarity)
    return np.asarray(sure, dtype=np.float32)


def _unlikely(evidence: NDArray[np.floating[Any]]) -> Floats:
    """One minus the logistic function."""
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(evidence, -30, 30))), dtype=np.float32)
