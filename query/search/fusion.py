"""How the retrievers' scores add up. Every weight was measured: benchmarks/README.md, "Search"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.store.lexical.titles import TitleMatch
from catalog.store.snapshot import Snapshot

Rows = NDArray[np.int64]

TITLE, MISSPELT_TITLE = 20.0, 15.0
"""More than everything else together: whoever types a title means it."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What counts beside the dense score, in standard deviations of it."""

    lexical: float
    """What a movie gains that holds the question's words as well as any."""
    popularity: float
    """What a movie gains for every tenfold of votes ..."""
    first: float
    """... from this logarithm of them on ..."""
    last: float = 9.0
    """... to this one."""
    order: float = 1.0
    """How much of that counts for the order; all of it counts for how sure it is that a movie is wanted."""
    saturation: float = 0.0
    """A lexical score that halves what it counts: one common word of a long question proves little."""
    common: float = 0.5
    """Of the words of passages: what is taken off, as a share of what many stories hold of the question by chance."""
    wishes: float = 2.5
    """What a movie loses that misses a wish, as one of quite another time; a told plot speaks of when it plays."""


_TRANSLATED = 0.8
"""Of all meanings that a German word may have, a long story holds many."""
_ASKED = Weights(lexical=4.2, popularity=0.7, first=1.5, last=4.8, saturation=2.5, wishes=4.0)
_OTHER = Weights(lexical=3.3, popularity=0.9, first=1.5, saturation=2.5)

WEIGHTS: Mapping[str, Weights] = {
    "asked-en": _ASKED,
    "asked-de": replace(_ASKED, common=_TRANSLATED),
    "told-en": Weights(lexical=5.3, popularity=1.8, first=2.5, saturation=3.75, wishes=0.0),
    "told-de": Weights(
        lexical=7.0, popularity=1.8, first=2.5, order=0.5, saturation=2.5, common=_TRANSLATED, wishes=0.0
    ),
    "named-en": Weights(lexical=6.0, popularity=0.9, first=2.0, wishes=5.0),
    "other-en": _OTHER,
    "other-de": replace(_OTHER, common=_TRANSLATED),
}
"""By the kind of the question, one of `questions.KINDS`."""


def weights_of(kind: str, *, rare_words: bool) -> Weights:
    """What counts for a question; a handful of movies has no rare words, so that common ones are not doubted."""
    weights = WEIGHTS[kind]
    return weights if rare_words else replace(weights, saturation=0.0)


def fuse(z_scores: Floats, lexical: Floats, best: float, weights: Weights, prior: Floats) -> Floats:
    """The relevance of movies, shape (movies,), titles aside; `best` is the best lexical score of the whole catalog."""
    relevance = prior + z_scores
    if best > 0:
        relevance += np.float32(weights.lexical / (best + weights.saturation)) * lexical
    return np.asarray(relevance, dtype=np.float32)


def popularity_prior(log_votes: Floats, weights: Weights) -> Floats:
    """What movies gain by being known, shape (movies,)."""
    gain = np.clip(log_votes, weights.first, weights.last) - np.float32(weights.first)
    return np.asarray(gain * np.float32(weights.popularity), dtype=np.float32)


def fewest_votes(weights: Weights) -> int:
    """From how many votes on a movie gains."""
    return int(10.0**weights.first)


def add_titles(
    titles: Sequence[TitleMatch], snapshot: Snapshot, rows: Rows, prior: Floats, relevance: Floats, sure: Floats
) -> None:
    """Let movies whose title was typed gain, in place: they are as sure as the titles are similar.

    Between movies that are all called so the plot says nothing: the best known comes first, by `prior`, as all the
    other arrays of shape (movies,).
    """
    known = snapshot.movies.rows_of([match.id for match in titles])
    most = np.float32(relevance.max(initial=0.0))
    for match in titles:
        place = int(np.searchsorted(rows, known[match.id]))
        if place < len(rows) and rows[place] == known[match.id]:
            if match.is_exact:
                relevance[place] = most + TITLE * match.similarity + prior[place]
            else:
                relevance[place] += MISSPELT_TITLE * match.similarity
            sure[place] = max(float(sure[place]), match.similarity)
