"""How the lanes add up. Every weight was measured: benchmarks/README.md, "Search"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from query.eras import Era
from query.lanes import Meaning, Words
from query.phrasing import Phrasing
from query.titles import TitleMatch

Floats = NDArray[np.float32]

_TITLE, _MISSPELT = 20.0, 15.0
"""More than everything else together: whoever types a title means it."""
_ERA, _ERA_YEARS = 2.5, 8.0
"""What a film of quite another time loses, and in how many years: people err by a few."""


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


WEIGHTS: Mapping[Phrasing, Weights] = {
    Phrasing.ASKED: Weights(words=3.0, known=0.6, first=1.5, last=4.5),
    Phrasing.TOLD: Weights(words=3.5, known=1.8, first=3.0),
    Phrasing.NAMED: Weights(words=6.0, known=0.9, first=1.5),
    Phrasing.OTHER: Weights(words=3.0, known=0.9, first=1.5),
}


def fused(
    meaning: Meaning | None, words: Words | None, titles: Sequence[TitleMatch], weights: Weights, prior: Floats
) -> Floats:
    """The relevance of every film, shape (films,)."""
    scores = prior.copy()
    if meaning is not None:
        scores += meaning.standing
    if words is not None and words.best > 0:
        scores += np.float32(weights.words / words.best) * words.scores
    for match in titles:
        scores[match.film] += _TITLE * match.similarity if match.exact else _MISSPELT * match.similarity
    return scores


def fame(known: Floats, weights: Weights) -> Floats:
    """What each film gains by being known (`FilmColumns.known`), shape (films,)."""
    gain: Floats = np.clip(known, weights.first, weights.last)
    gain -= np.float32(weights.first)
    gain *= np.float32(weights.known)
    return gain


def out_of_time(year: Floats, asked: Era) -> Floats:
    """What each film loses by being older or newer than asked, shape (films,); unknown years lie between."""
    away = np.maximum(np.maximum(asked.first - year, year - asked.last), 0.0)
    return np.asarray(_ERA * (1.0 - np.exp(-np.nan_to_num(away, nan=_ERA_YEARS) / _ERA_YEARS)), dtype=np.float32)
