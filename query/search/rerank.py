"""Candidates that fit, in their order: best first, or such that not all are the same."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.store.snapshot import Snapshot
from catalog.text.folding import plain_title, without_article
from query.models import SearchRequest
from query.search.calibration import fits
from query.search.scoring import Question, Scored

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST_ALIKE = 50
"""Movies that are recommended, unless more are asked for: every movie is like another in some measure."""
_NOWHERE = np.float32(np.inf)
"""The tier of movies that are not shown."""
_POOL = 200
"""Movies looked at when a page is re-ordered for diversity or capped by franchise."""
_PART = re.compile(r"( (part|teil|episode|chapter|vol|volume))?( ([ivx]+|\d{1,2}))$")


@dataclass(frozen=True, slots=True)
class Ranking:
    """Movies that fit, best first; every array has the shape (movies,)."""

    rows: Rows
    cosines: Floats | None
    """None where nothing is compared."""
    confidence: Floats
    total: int
    complete: bool
    notes: tuple[str, ...] = ()
    scored: Scored | None = None
    fits: Floats | None = None
    """0 to 1, how well each fits; None where nothing but a similarity, or nothing at all, orders them."""

    def at(self, places: Sequence[int]) -> Self:
        """The movies in these places, in this order."""
        chosen = np.array(places, dtype=np.int64)
        cosines = None if self.cosines is None else self.cosines[chosen]
        fits = None if self.fits is None else self.fits[chosen]
        return replace(self, rows=self.rows[chosen], cosines=cosines, confidence=self.confidence[chosen], fits=fits)

    def ending_at(self, most: int | None) -> Self:
        """The first `most` alone, of which all count that meet what was wished; as it is without a number."""
        if most is None:
            return self
        ended = self.at(range(min(most, len(self.rows))))
        wishes = self.scored is not None and self.scored.found.unmet is not None
        total = min(self.total, most) if wishes else len(ended.rows)
        return replace(ended, total=total, complete=total == len(ended.rows))

    def followed_by(self, tail: "Ranking") -> Self:
        """With further movies behind; the total stays."""
        return replace(
            self,
            rows=np.concatenate([self.rows, tail.rows]),
            cosines=_joined(self.cosines, tail.cosines),
            confidence=np.concatenate([self.confidence, tail.confidence]),
            scored=tail.scored,
            fits=None if (fits := _joined(self.fits, tail.fits)) is None else _falling(fits),
        )


def _joined(head: Floats | None, tail: Floats | None) -> Floats | None:
    return None if head is None or tail is None else np.concatenate([head, tail])


@dataclass(frozen=True, slots=True)
class Order:
    """Which candidates come first: places among them, shape (shown,)."""

    places: Rows
    fits: Floats
    """0 to 1, shape (shown,): how well each fits, none better than the one before it."""
    fitting: int
    """How many of them count as fitting."""


def most_recommended(request: SearchRequest) -> int | None:
    """Where an answer to examples ends, so that its `total` is what pages lead to; None for one that doesn't end."""
    return max(MOST_ALIKE, request.limit or 0) if request.likes and not request.all else None


def taken(scored: Scored, order: Order, notes: tuple[str, ...]) -> Ranking:
    """The candidates in their order."""
    found, places = scored.found, order.places
    rows, cosines, confidence = found.rows[places], scored.cosines[places], scored.confidence[places]
    return Ranking(rows, cosines, confidence, order.fitting, found.complete, notes, scored, order.fits)


def behind(order: Order, scored: Scored, others: Rows) -> Order:
    """What is left of an order without other rows; none of it counts as fitting."""
    new = ~np.isin(scored.found.rows[order.places], others)
    return Order(order.places[new], order.fits[new], 0)


def _falling(fits: Floats) -> Floats:
    """No movie fits better than one that comes before it, for its variety, or because it was found at once."""
    return np.asarray(np.minimum.accumulate(fits), dtype=np.float32)


def order(question: Question, snapshot: Snapshot, scored: Scored) -> Order:
    """The candidates, best first; equal ones by row, so that pages never overlap.

    Of a request that names what is wanted those fit that meet it, of one with examples the best; others come
    behind.
    """
    request, rows = question.request, scored.found.rows
    shown = ~np.isin(rows, question.excluded)
    sure = shown if request.all else shown & (scored.confidence >= (request.min_confidence or 0.0))
    tiers = _tiers(sure, scored.found.unmet)
    places = np.flatnonzero(shown & (tiers < _NOWHERE))
    places = places[np.lexsort((rows[places], -scored.relevance[places], tiers[places]))]
    fitting = int((tiers[places] == tiers[places].min(initial=_NOWHERE)).sum())
    if (most := most_recommended(request)) is not None:
        fitting = min(fitting, most)
    if request.diversity or request.franchise:
        pool = places[: min(fitting, _POOL)]
        kept = diversify(snapshot, rows[pool], scored.relevance[pool], request.diversity or 0.0, request.franchise)
        places = np.concatenate([pool[kept], places[len(pool) :]])
    behind_others = None if scored.found.unmet is None else tiers[places]
    return Order(places, _falling(fits(scored.relevance[places], scored.even, behind_others)), fitting)


def _tiers(sure: Mask, unmet: Floats | None) -> Floats:
    """Which movies come before which, shape (movies,): what is sure and meets all wishes, what meets them, others."""
    if unmet is None:
        return np.where(sure, np.float32(0), _NOWHERE)
    return np.where(sure, np.where(unmet == 0, np.float32(0), 1 + unmet), np.where(unmet == 0, 1, _NOWHERE))


def diversify(snapshot: Snapshot, rows: Rows, relevance: Floats, diversity: float, franchise: int | None) -> Rows:
    """Places, shape (n,), of movies that come best first, reordered so that each also differs from those before it.

    Maximal marginal relevance (Carbonell, Goldstein 1998) on relevance, shape (n,), scaled to 0..1, and cosine
    similarity; `diversity` is 1 - lambda. Movies of a series beyond `franchise` go to the end.
    """
    order = np.arange(len(rows))
    if diversity and len(rows):
        order = _marginal(snapshot.vectors[rows], relevance, diversity)
    return _cap(snapshot, rows, order, franchise) if franchise else order


def _marginal(vectors: Floats, relevance: Floats, diversity: float) -> Rows:
    span = max(float(relevance.max() - relevance.min()), 1e-6)
    gain = (relevance - relevance.min()) / span
    nearest = np.zeros(len(vectors), dtype=np.float32)
    left = np.ones(len(vectors), dtype=bool)
    order: list[int] = []
    for _ in range(len(vectors)):
        best = int(np.argmax(np.where(left, (1 - diversity) * gain - diversity * nearest, -np.inf)))
        order.append(best)
        left[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return np.array(order, dtype=np.int64)


def _cap(snapshot: Snapshot, rows: Rows, order: Rows, franchise: int) -> Rows:
    movies = snapshot.movies.at(rows.tolist())
    seen: Counter[str] = Counter()
    kept: list[int] = []
    late: list[int] = []
    for place in order.tolist():
        series = series_of(movies[int(rows[place])].title)
        seen[series] += 1
        (kept if seen[series] <= franchise else late).append(place)
    return np.array(kept + late, dtype=np.int64)


def series_of(title: str) -> str:
    """The series a title names, without number or subtitle: "Alien 3" and "Alien: Covenant" are "alien"."""
    head = re.split(r": | - | – ", title, maxsplit=1)[0]
    return _PART.sub("", without_article(plain_title(head))) or plain_title(title)
