"""How the lanes add up. Every weight was measured: benchmarks/README.md, "Search"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from query.eras import Era
from query.lanes import Meaning, Words
from query.phrasing import Phrasing, phrasing
from query.titles import TitleMatch

Floats = NDArray[np.float32]

_TITLE, _MISSPELT = 20.0, 15.0
"""More than everything else together: whoever types a title means it."""
_YEARS, _YEARS_OF_A_YEAR = 8.0, 3.0
"""In how many years it loses two thirds of that: people err by a few, less when they name one year."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What counts beside meaning, in standard deviations of it."""

    words: float
    """What a film gains that holds the question's words as well as any."""
    known: float
    """What a film gains for every tenfold of votes ..."""
    first: float
    """... from this logarithm of them on ..."""
    last: float = 9.0
    """... to this one."""
    doubt: float = 0.0
    """A score of words that halves what they count: one common word of a long question proves little."""
    time: float = 2.5
    """What a film of quite another time than asked loses; a told plot speaks of when it plays."""


WEIGHTS: Mapping[Phrasing, Weights] = {
    Phrasing.ASKED: Weights(words=3.0, known=0.7, first=1.5, last=4.8, time=4.0),
    Phrasing.TOLD: Weights(words=5.3, known=1.8, first=2.5, doubt=3.75, time=0.0),
    Phrasing.NAMED: Weights(words=6.0, known=0.9, first=2.0, time=5.0),
    Phrasing.OTHER: Weights(words=3.3, known=0.9, first=1.5, doubt=2.5),
}


def weights_of(text: str, *, rare_words: bool) -> Weights:
    """What counts for a question; a handful of films has no rare words, so that common ones are not doubted."""
    weights = WEIGHTS[phrasing(text)]
    return weights if rare_words else replace(weights, doubt=0.0)


def fused(
    meaning: Meaning | None, words: Words | None, titles: Sequence[TitleMatch], weights: Weights, prior: Floats
) -> Floats:
    """The relevance of every film, shape (films,)."""
    scores = prior.copy()
    if meaning is not None:
        scores += meaning.standing
    if words is not None and words.best > 0:
        scores += np.float32(weights.words / (words.best + weights.doubt)) * words.scores
    for match in titles:
        scores[match.film] += _TITLE * match.similarity if match.exact else _MISSPELT * match.similarity
    return scores


def fame(known: Floats, weights: Weights) -> Floats:
    """What each film gains by being known (`FilmColumns.known`), shape (films,)."""
    gain: Floats = np.clip(known, weights.first, weights.last)
    gain -= np.float32(weights.first)
    gain *= np.float32(weights.known)
    return gain


def out_of_time(year: Floats, asked: Era, weights: Weights) -> Floats:
    """What each film loses by being older or newer than asked, shape (films,); unknown years lie between."""
    years = _YEARS_OF_A_YEAR if asked.first == asked.last else _YEARS
    away = np.maximum(np.maximum(asked.first - year, year - asked.last), 0.0)
    return np.asarray(weights.time * (1.0 - np.exp(-np.nan_to_num(away, nan=years) / years)), dtype=np.float32)
