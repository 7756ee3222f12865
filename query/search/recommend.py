"""More like these, less like those: similarity of movies beyond their plots."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from catalog.arrays import Floats, Vector
from catalog.movie import Movie
from catalog.store.columns.conditions import Filter, WithId
from catalog.store.lexical.fields import folded, kinds_of
from catalog.store.lexical.index import LexicalHits, LexicalIndex
from catalog.store.snapshot import Snapshot
from catalog.text.stems import english_terms
from query.search.retrievers import Candidates, similarities

Weighted = Mapping[tuple[str, str], float]

#: Fitted by logistic regression on judged recommendations: benchmarks/README.md, "Recommendations".
_KINDS, _DIRECTOR, _DECADE, _VOTES = 4.5, 2.5, -0.8, 0.14
#: What similarity counts, and what the words of a liked plot do, by what shall be alike: the story, or who likes it.
BY = {"story": (9.0, 2.0), "taste": (4.5, 0.0)}
_EVEN = 0.4
"""What share of all this a movie has whose fit is one half."""
_MOST_TERMS = 40
"""Words of a liked plot that are looked for, the rarest ones."""
_MOST_DECADES = 4.0
_DISLIKE = 0.5
"""What a dislike takes away of what the same like would give: people are surer of what they like."""
_MOST_OF_DIRECTORS = 10_000
_MOST_QUERIES = 5
"""Vectors for which the index is asked; more likes are asked by the means of so many groups."""


@dataclass(frozen=True, slots=True)
class Example:
    """Something liked or disliked: a movie of the catalog, or words."""

    vector: Vector
    movie: Movie | None = None
    weight: float = 1.0
    notes: tuple[str, ...] = ()
    """Which movie was taken for a name that several have."""


@dataclass(frozen=True, slots=True)
class Taste:
    """What someone likes and dislikes."""

    likes: tuple[Example, ...] = ()
    dislikes: tuple[Example, ...] = ()
    by: str = "taste"
    """One of BY."""
    terms: Mapping[str, float] = field(default_factory=dict)
    """What is looked for of the liked plots (`story_terms`)."""

    def __bool__(self) -> bool:
        return bool(self.likes or self.dislikes)

    def weighted(self) -> list[tuple[Example, float]]:
        """Each example with its share in the answer: likes sum to 1, dislikes to -_DISLIKE."""
        liked = sum(example.weight for example in self.likes)
        disliked = sum(example.weight for example in self.dislikes)
        return [(example, example.weight / max(liked, 1e-6)) for example in self.likes] + [
            (example, -_DISLIKE * example.weight / max(disliked, 1e-6)) for example in self.dislikes
        ]


NO_TASTE = Taste()


def query_vectors(likes: Sequence[Example]) -> list[Vector]:
    """What the index is asked for: each like, or the unit means of five groups of them by k-means."""
    vectors = [like.vector for like in likes]
    if len(vectors) <= _MOST_QUERIES:
        return vectors
    from sklearn.cluster import KMeans

    groups = KMeans(_MOST_QUERIES, n_init=3, random_state=0).fit(np.stack(vectors))
    centres = groups.cluster_centers_
    return list((centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-6)).astype(np.float32))


def shared_values(
    lexical: LexicalIndex, taste: Taste
) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """What a movie gains for each kind and for each director that it shares with the examples.

    Kinds: the cosine of two movies' vectors of inverse document frequencies; the other movie's length is divided by
    later (`LexicalIndex.weigh`).
    """
    kinds: dict[tuple[str, str], float] = defaultdict(float)
    directors: dict[tuple[str, str], float] = defaultdict(float)
    for example, share in taste.weighted():
        if example.movie is None:
            continue
        rarity = {kind: lexical.rarity(*kind) for kind in kinds_of(example.movie)}
        length = max(float(np.sqrt(sum(value**2 for value in rarity.values()))), 1e-6)
        for kind, value in rarity.items():
            kinds[kind] += share * _KINDS * value / length * value
        for director in dict.fromkeys(map(folded, example.movie.directors)):
            directors["director", director] += share * _DIRECTOR
    return kinds, directors


def story_terms(lexical: LexicalIndex, likes: Sequence[Example]) -> dict[str, float]:
    """The rarest stems of the liked movies' plots that another movie holds, with the likes' weights."""
    terms: dict[str, float] = defaultdict(float)
    for like in likes:
        if like.movie is not None:
            holders = {term: lexical.holders("terms", term) for term in english_terms(like.movie.plot)}
            shared = sorted((count, term) for term, count in holders.items() if count > 1)
            for _, term in shared[:_MOST_TERMS]:
                terms[term] += like.weight
    return terms


def alike(lexical: LexicalIndex, taste: Taste, depth: int, keep: Filter) -> list[LexicalHits]:
    """The movies that share most with the likes: kinds, directors, words of plots; they have no score."""
    found = [lexical.weigh(values, depth, keep=keep) for values in shared_values(lexical, Taste(taste.likes)) if values]
    if taste.terms:
        found.append(lexical.best(taste.terms, depth, keep))
    return [replace(hits, scores=np.zeros_like(hits.scores)) for hits in found]


def score_taste(snapshot: Snapshot, taste: Taste, found: Candidates, ids: Sequence[str], popularity: float) -> Floats:
    """How well each candidate, whose ids these are, goes with likes and dislikes, shape (movies,)."""
    weighted, (similarity, words) = taste.weighted(), BY[taste.by]
    shares = np.array([share for _, share in weighted], dtype=np.float32)
    vectors = np.stack([example.vector for example, _ in weighted])
    scores = np.float32(popularity * _VOTES) * np.log10(1.0 + found.votes)
    scores += similarity * (similarities(snapshot, found.rows, vectors) @ shares)
    for example, share in weighted:
        if example.movie is not None:
            scores += share * _decades_apart(found.years, example.movie.year)
    if taste.terms:
        scores += words * _told_alike(snapshot.lexical, taste, found, ids)
    return np.asarray(scores + _shared(snapshot.lexical, taste, found, ids), dtype=np.float32)


def even_taste(taste: Taste) -> float:
    """What `score_taste` gives a movie whose fit is one half: so much like the likes in each respect that counts."""
    similarity, words = BY[taste.by]
    liked = sum(like.weight for like in taste.likes)
    movies = sum(like.weight for like in taste.likes if like.movie is not None) / max(liked, 1e-6)
    return _EVEN * (similarity * bool(taste.likes) + movies * (_KINDS + words * bool(taste.terms)))


def _told_alike(lexical: LexicalIndex, taste: Taste, found: Candidates, ids: Sequence[str]) -> Floats:
    """BM25 of the candidates for the words of the liked plots, as a share of the best other movie's."""
    scores = np.zeros(len(ids), dtype=np.float32)
    liked = {like.movie.id for like in taste.likes if like.movie is not None}
    others = WithId(tuple(sorted(liked)), negated=True)
    best = lexical.best(taste.terms, 1, Filter((others,))).scores
    if len(best):
        hits = lexical.score(taste.terms, ids)
        scores[np.searchsorted(found.rows, hits.rows)] = hits.scores / best[0]
    return scores


def _decades_apart(years: Floats, year: int | None) -> Floats:
    away = np.abs(years - np.float32(np.nan if year is None else year)) / np.float32(10)
    return np.asarray(_DECADE * np.minimum(np.nan_to_num(away, nan=1.0), _MOST_DECADES), dtype=np.float32)


def _shared(lexical: LexicalIndex, taste: Taste, found: Candidates, ids: Sequence[str]) -> Floats:
    kinds, directors = shared_values(lexical, taste)
    scores = np.zeros(len(found.rows), dtype=np.float32)
    if kinds:
        hits = lexical.weigh(kinds, len(ids), ids=ids, per_length=True)
        scores[np.searchsorted(found.rows, hits.rows)] += hits.scores
    if directors:
        # Few movies have them: all are asked for, not each candidate.
        hits = lexical.weigh(directors, _MOST_OF_DIRECTORS)
        known = np.isin(hits.rows, found.rows)
        scores[np.searchsorted(found.rows, hits.rows[known])] += hits.scores[known]
    return scores
