"""Where candidates come from: nearest vectors from Chroma, best words from the inverted index, the best known movies.

Each retriever has its own list; their union is then scored exactly. Nothing here is as long as the catalog.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats, Vector
from catalog.store.columns.conditions import EVERYTHING, Filter, Numbers, Range
from catalog.store.lexical.index import LexicalHits, LexicalIndex
from catalog.store.snapshot import Snapshot
from catalog.store.vectors.chance import best_of_each

Rows = NDArray[np.int64]

TIER_ONE, TIER_TWO = 300, 1000
"""Candidates from each retriever: what is ranked, and what is appended behind it."""
EXACT = 10_000
"""So many movies that pass a filter are all scored: cheaper than to look for the best ones among others."""
_DEEPEST = 5000
_ENOUGH = 100
"""Nearest movies left by a filter that are enough to trust the best ten of them."""
AWAY = "the vector index cannot be asked now: found by words, titles and votes alone; 'ingest verify' tells why"
_PARTLY_AWAY = (
    "shard {} of {} of the vector index cannot be asked now: its films are found by words, titles and votes alone;"
    " 'ingest verify' tells why"
)
_AT_ONCE = 16_384
"""Vectors in memory while movies are compared: 25 MB."""
_ENOUGH_FILMS = 0.8
"""Of the films wanted: some of the nearest rows may be passages of films found already, and to ask Chroma once more
costs as much as asking did."""
_STORIES = 50
"""So many stories may hold a question's words for a reason."""
_PASSAGES_A_MOVIE = 16
"""About as many as a long synopsis has."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What the retrievers look for."""

    terms: Mapping[str, float]
    questions: Sequence[Vector]
    """What a movie, or a passage of it, is to be near to."""
    likes: Sequence[Vector] = ()
    """What a movie is to be like as a whole."""
    ids: Sequence[str] = ()
    """Movies that are candidates whatever else is said."""
    more: Sequence[LexicalHits] = ()
    """Candidates that were found already."""
    keep: Filter = EVERYTHING
    told: Mapping[int, float] = field(default_factory=dict)
    """See `told_words`."""
    best_known: bool = False
    """Whether movies may be candidates for being known alone."""


class Away(NamedTuple):
    """Shards of the vector index that could not be asked."""

    shards: tuple[int, ...] = ()
    """From 1."""
    of: int = 1
    """How many there are."""

    @property
    def is_partial(self) -> bool:
        """Whether others could be asked."""
        return 0 < len(self.shards) < self.of

    @property
    def notes(self) -> tuple[str, ...]:
        """What an answer says of it."""
        if self.is_partial:
            return tuple(_PARTLY_AWAY.format(shard, self.of) for shard in self.shards)
        return (AWAY,) if self.shards else ()


NONE_AWAY = Away()


@dataclass(frozen=True, slots=True)
class Candidates:
    """Movies to be scored, by ascending row; every array has the shape (movies,)."""

    rows: Rows
    lexical: Floats
    """BM25."""
    years: Floats
    """NaN where unknown."""
    votes: Floats
    complete: bool
    """Whether no other movie passes the filter, and meets what a request wishes."""
    away: Away = NONE_AWAY
    unmet: Floats | None = None
    """How many wishes of a request each does not meet; None where there are none."""


def retrieve(snapshot: Snapshot, sought: Sought, depth: int) -> Candidates:
    """The candidates for a question, `depth` from each retriever: each with its best score by words.

    That is its own, or that of one of its passages.
    """
    told = sought.told
    if not told:
        return _candidates(snapshot, sought, depth)
    best = snapshot.movies.ids_at(list(told)[:depth])
    found = _candidates(snapshot, replace(sought, ids=[*sought.ids, *best.values()]), depth)
    scores = np.array([told.get(row, 0.0) for row in found.rows.tolist()], dtype=np.float32)
    return replace(found, lexical=np.maximum(found.lexical, scores))


def told_words(snapshot: Snapshot, terms: Mapping[str, float], common: float) -> dict[int, float]:
    """What the best passage of a movie holds of the terms, by BM25 and row, the best first.

    Of a long story one passage holds some words of any question: a share of what the stories behind the first ones hold
    is taken off.
    """
    found = snapshot.passage_words.best(terms) if snapshot.passage_words else {}
    scores = list(found.values())
    chance = common * scores[_STORIES] if len(scores) > _STORIES else 0.0
    return {row: score - chance for row, score in found.items() if score > chance}


def _candidates(snapshot: Snapshot, sought: Sought, depth: int) -> Candidates:
    lexical = snapshot.lexical
    passing = lexical.count(sought.keep)
    if sought.keep and passing <= EXACT:
        return _united([lexical.passing(sought.terms, sought.keep, passing)], passing)
    share = passing / max(lexical.movies, 1)
    near, away = _nearest(snapshot, sought, _deep(depth / max(share, 1e-6)))
    if sought.keep and not away.shards and len(lexical.score({}, near, keep=sought.keep).rows) < _ENOUGH:
        near, away = _nearest(snapshot, sought, _DEEPEST)
        if len(lexical.score({}, near, keep=sought.keep).rows) < _ENOUGH:
            return _united([lexical.passing(sought.terms, sought.keep, passing)], passing)
    parts = [lexical.score(sought.terms, [*near, *sought.ids], keep=sought.keep)]
    parts.append(lexical.best(sought.terms, depth, sought.keep))
    if sought.best_known or away.shards:
        parts += _best_known(lexical, sought)
    return _united([*parts, *sought.more], passing, away)


def _best_known(lexical: LexicalIndex, sought: Sought) -> list[LexicalHits]:
    """Those of the best known movies that hold a term, then all of them without a score."""
    known = lexical.best_known(sought.keep)
    if not len(known.rows):
        return []
    as_known = Numbers("votes", (Range(float(known.votes.min()), inf),))
    return [lexical.best(sought.terms, len(known.rows), Filter((*sought.keep.conditions, as_known))), known]


def _deep(depth: float) -> int:
    return int(min(max(depth, 1), _DEEPEST))


def _nearest(snapshot: Snapshot, sought: Sought, count: int) -> tuple[list[str], Away]:
    """Ids of the movies nearest to any of the vectors, of the shards that can be asked, and which cannot."""
    found: dict[str, None] = {}
    least = ceil(_ENOUGH_FILMS * count) if count < snapshot.lexical.movies else count
    away, shards = set[int](), 1
    asked = [(vector, False) for vector in sought.questions] + [(vector, True) for vector in sought.likes]
    for vector, whole in asked:
        reached = snapshot.index.reach(vector, count, whole=whole, least=least)
        found |= dict.fromkeys(near.id for near in reached.neighbours)
        shards = len(reached.problems)
        away |= {number for number, problem in enumerate(reached.problems, 1) if problem is not None}
    return [] if len(away) == shards else list(found), Away(tuple(sorted(away)), shards)


def _united(parts: Sequence[LexicalHits], passing: int, away: Away = NONE_AWAY) -> Candidates:
    """Each movie once, with the score that the first part has for it.

    numpy's `unique` tells the first place of each value.
    """
    rows, first = np.unique(np.concatenate([part.rows for part in parts]), return_index=True)
    scores, years, votes = (
        np.concatenate([getattr(part, name) for part in parts])[first] for name in ("scores", "years", "votes")
    )
    return Candidates(rows, scores, years, votes, len(rows) == passing, away)


def cosines(snapshot: Snapshot, rows: Rows, vectors: Floats) -> Floats:
    """Exact cosine similarity of some movies to unit vectors, shape (k, d); shape (movies, k)."""
    parts = [snapshot.vectors[part] @ vectors.T for part in _parts(rows)]
    return np.concatenate(parts) if parts else np.zeros((0, len(vectors)), dtype=np.float32)


def compare(snapshot: Snapshot, rows: Rows, vector: Vector, direction: Vector) -> tuple[Floats, Floats]:
    """Exact cosine similarity of some movies, by ascending row, to a vector, and to its direction from a mean.

    Both have the shape (movies,), and are those of what is nearest of a movie: itself, or one of its passages. From the
    second one is subtracted, for a passage, what the best of so many has by chance.
    """
    parts = [snapshot.vectors[part] for part in _parts(rows)]
    if not parts:
        return np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.float32)
    moments = snapshot.moments
    seen = np.concatenate([moments.similarity(part, direction[None])[:, 0] for part in parts])
    near = np.concatenate([part @ vector for part in parts])
    if snapshot.info.passages:
        for told in _told(snapshot, rows):
            best = best_of_each(moments.similarity(told.vectors, direction[None])[:, 0], told.starts)
            best -= np.float32(moments.spread(direction)) * moments.chance.expected(told.counts)
            seen[told.at] = np.maximum(seen[told.at], best)
            near[told.at] = np.maximum(near[told.at], best_of_each(told.vectors @ vector, told.starts))
    return near, seen


@dataclass(frozen=True, slots=True)
class _Told:
    """The passages of some movies; the movies are those of some rows that have any, at these places of the rows."""

    vectors: Floats
    """(passages, d), a movie's together."""
    at: Rows
    """(movies,)"""
    starts: Rows
    """Where the passages of each begin, (movies,)."""
    counts: Rows
    """How many each has, (movies,)."""


def _told(snapshot: Snapshot, rows: Rows) -> Iterator[_Told]:
    """The passages of movies in ascending rows, as many at a time as fit into memory."""
    places, owners = snapshot.passage_places
    firsts, ends = np.searchsorted(owners, rows, "left"), np.searchsorted(owners, rows, "right")
    for part in _parts(np.flatnonzero(ends > firsts), _AT_ONCE // _PASSAGES_A_MOVIE):
        counts = ends[part] - firsts[part]
        starts = np.cumsum(counts) - counts
        chosen = np.repeat(firsts[part] - starts, counts) + np.arange(counts.sum())
        yield _Told(snapshot.passage_vectors[places[chosen]], part, starts, counts)


def nearest_told(snapshot: Snapshot, rows: Rows, vector: Vector) -> Floats:
    """Exact cosine similarity of movies, by ascending row, to a vector, or of their nearest passage; (movies,)."""
    near = cosines(snapshot, rows, vector[None])[:, 0]
    for told in _told(snapshot, rows) if snapshot.info.passages else ():
        near[told.at] = np.maximum(near[told.at], best_of_each(told.vectors @ vector, told.starts))
    return near


def similarities(snapshot: Snapshot, rows: Rows, vectors: Floats) -> Floats:
    """Exact cosine similarity of some movies to vectors, shape (k, d), as seen from the mean movie; (movies, k)."""
    directions = snapshot.moments.directions(vectors)
    parts = [snapshot.moments.similarity(snapshot.vectors[part], directions) for part in _parts(rows)]
    return np.concatenate(parts) if parts else np.zeros((0, len(vectors)), dtype=np.float32)


def _parts(rows: Rows, size: int = _AT_ONCE) -> list[Rows]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
