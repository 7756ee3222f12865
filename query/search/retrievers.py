"""Where candidates come from: nearest vectors from Chroma, best words from the inverted index, the best known movies.

Each retriever has its own list; their union is then scored exactly. Nothing here is as long as the catalog.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats, Vector
from catalog.errors import StoreError
from catalog.store.columns.conditions import EVERYTHING, Filter, Numbers, Range
from catalog.store.lexical.index import LexicalHits, LexicalIndex
from catalog.store.snapshot import Snapshot

Rows = NDArray[np.int64]

TIER_ONE, TIER_TWO = 300, 1000
"""Candidates from each retriever: what is ranked, and what is appended behind it."""
EXACT = 10_000
"""So many movies that pass a filter are all scored: cheaper than to look for the best ones among others."""
_DEEPEST = 5000
_ENOUGH = 100
"""Nearest movies left by a filter that are enough to trust the best ten of them."""
AWAY = "the vector index cannot be asked now: found by words, titles and votes alone; 'ingest verify' tells why"
_AT_ONCE = 16_384
"""Vectors in memory while movies are compared: 25 MB."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What the retrievers look for."""

    terms: Mapping[str, float]
    vectors: Sequence[Vector]
    ids: Sequence[str] = ()
    """Movies that are candidates whatever else is said."""
    more: Sequence[LexicalHits] = ()
    """Candidates that were found already."""
    keep: Filter = EVERYTHING
    best_known: bool = False
    """Whether movies may be candidates for being known alone."""


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
    notes: tuple[str, ...] = ()
    unmet: Floats | None = None
    """How many wishes of a request each does not meet; None where there are none."""


def retrieve(snapshot: Snapshot, sought: Sought, depth: int) -> Candidates:
    """The candidates for a question, `depth` from each retriever."""
    lexical = snapshot.lexical
    passing = lexical.count(sought.keep)
    if sought.keep and passing <= EXACT:
        return _united([lexical.passing(sought.terms, sought.keep, passing)], passing)
    share = passing / max(lexical.movies, 1)
    near, notes = _nearest(snapshot, sought.vectors, _deep(depth / max(share, 1e-6)))
    if sought.keep and not notes and len(lexical.score({}, near, keep=sought.keep).rows) < _ENOUGH:
        near, notes = _nearest(snapshot, sought.vectors, _DEEPEST)
        if len(lexical.score({}, near, keep=sought.keep).rows) < _ENOUGH:
            return _united([lexical.passing(sought.terms, sought.keep, passing)], passing)
    parts = [lexical.score(sought.terms, [*near, *sought.ids], keep=sought.keep)]
    parts.append(lexical.best(sought.terms, depth, sought.keep))
    if sought.best_known or notes:
        parts += _best_known(lexical, sought)
    return _united([*parts, *sought.more], passing, notes)


def _best_known(lexical: LexicalIndex, sought: Sought) -> list[LexicalHits]:
    """Those of the best known movies that hold a term, then all of them without a score."""
    known = lexical.best_known(sought.keep)
    if not len(known.rows):
        return []
    as_known = Numbers("votes", (Range(float(known.votes.min()), inf),))
    return [lexical.best(sought.terms, len(known.rows), Filter((*sought.keep.conditions, as_known))), known]


def _deep(depth: float) -> int:
    return int(min(max(depth, 1), _DEEPEST))


def _nearest(snapshot: Snapshot, vectors: Iterable[Vector], count: int) -> tuple[list[str], tuple[str, ...]]:
    """Ids of the movies nearest to any of the vectors; without an index a note instead."""
    found: dict[str, None] = {}
    for vector in vectors:
        try:
            found |= dict.fromkeys(neighbour.id for neighbour in snapshot.index.nearest(vector, count))
        except StoreError:
            return [], (AWAY,)
    return list(found), ()


def _united(parts: Sequence[LexicalHits], passing: int, notes: tuple[str, ...] = ()) -> Candidates:
    """Each movie once, with the score that the first part has for it.

    numpy's `unique` tells the first place of each value.
    """
    rows, first = np.unique(np.concatenate([part.rows for part in parts]), return_index=True)
    scores, years, votes = (
        np.concatenate([getattr(part, name) for part in parts])[first] for name in ("scores", "years", "votes")
    )
    return Candidates(rows, scores, years, votes, len(rows) == passing, notes)


def cosines(snapshot: Snapshot, rows: Rows, vectors: Floats) -> Floats:
    """Exact cosine similarity of some movies to unit vectors, shape (k, d); shape (movies, k)."""
    parts = [snapshot.vectors[part] @ vectors.T for part in _parts(rows)]
    return np.concatenate(parts) if parts else np.zeros((0, len(vectors)), dtype=np.float32)


def compare(snapshot: Snapshot, rows: Rows, vector: Vector, direction: Vector) -> tuple[Floats, Floats]:
    """Exact cosine similarity of some movies to a vector, and to its direction from a mean; both (movies,)."""
    parts = [snapshot.vectors[part] for part in _parts(rows)]
    if not parts:
        return np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.float32)
    seen = [snapshot.moments.similarity(part, direction[None])[:, 0] for part in parts]
    return np.concatenate([part @ vector for part in parts]), np.concatenate(seen)


def similarities(snapshot: Snapshot, rows: Rows, vectors: Floats) -> Floats:
    """Exact cosine similarity of some movies to vectors, shape (k, d), as seen from the mean movie; (movies, k)."""
    directions = snapshot.moments.directions(vectors)
    parts = [snapshot.moments.similarity(snapshot.vectors[part], directions) for part in _parts(rows)]
    return np.concatenate(parts) if parts else np.zeros((0, len(vectors)), dtype=np.float32)


def _parts(rows: Rows) -> list[Rows]:
    return [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
