"""How sure it is that a film fits: measured against the catalog's own background, not a constant."""

from collections.abc import Sequence

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
    # In place: each array of its own costs as much as what is done with it.
    held = words.scores / np.float32(np.log1p(len(fame)))
    scale = _BY_MEANING / max(background.near - background.usual, _NARROWEST)
    sure = meaning.similarity * np.float32(scale)
    sure -= np.float32(scale * background.near)
    accident = _unlikely(sure)
    alone = np.square(held)
    alone *= np.float32(-(_ENOUGH_WORDS**-2))
    accident *= np.exp(alone, out=alone)
    sure = np.subtract(1.0, accident, out=accident)
    if fame.any():  # else the catalog does not say how well its films are known
        wanted = np.multiply(fame, np.float32(_FAME), out=alone)
        held *= np.float32(_WORDS)
        wanted += held
        wanted += np.float32(_BIAS)
        unwanted = _unlikely(wanted)
        unwanted *= np.float32(_UNKNOWN - 1.0)
        unwanted += 1.0
        sure *= unwanted
    for match in titles:
        sure[match.film] = max(float(sure[match.film]), match.similarity)
    return sure


def _unlikely(evidence: Floats) -> Floats:
    """One minus the logistic function, in place."""
    with np.errstate(over="ignore"):  # to infinity, of which nothing is left
        np.exp(evidence, out=evidence)
    evidence += 1.0
    return np.reciprocal(evidence, out=evidence)
