"""Search and its single lanes as the evaluation asks them."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from catalog.config import SearchConfig
from catalog.embedding.embedder import Embedder
from catalog.store.catalog import Snapshot
from catalog.store.conditions import Filter, WithId
from query.evaluate import Answer, Ask, Question, Ranker
from query.lanes import meaning, query_vector, titles, words
from query.old_request import Example, SearchRequest
from query.recommend import liked, recommendation
from query.search import search

Floats = NDArray[np.float32]


def whole_search(snapshot: Snapshot, embedder: Embedder, settings: SearchConfig) -> Ranker:
    """Search as it is configured, but for the cut-off: what is not shown would have no rank."""
    base = SearchRequest(show_all=True, popularity=settings.popularity, diversity=settings.diversity)

    # The same few pools are asked for thousands of times.
    @lru_cache(maxsize=2)
    def inside(pool: frozenset[str] | None) -> Filter:
        return Filter() if pool is None else Filter((WithId(tuple(sorted(pool))),))

    def ask(question: Question) -> Answer:
        likes = () if question.movie_id is None else (Example(movie_id=question.movie_id),)
        request = replace(base, text=question.text, likes=likes, filter=inside(question.pool), limit=question.limit)
        hits = search(request, snapshot, embedder).hits
        return Answer([hit.movie.id for hit in hits], [hit.confidence for hit in hits])

    def rated(question: Question) -> Floats:
        likes = liked(snapshot, (Example(movie_id=question.movie_id),), embedder)
        return recommendation(snapshot, likes, (), settings.popularity)

    return Ranker(ask, ask, _ranking(snapshot, rated))


def single_lanes(snapshot: Snapshot, embedder: Embedder) -> dict[str, Ranker]:
    """Each lane alone, by name; only meaning can recommend."""

    def by_meaning(question: Question) -> Floats:
        if question.movie_id is not None:
            return snapshot.cosines(snapshot.vector(question.movie_id))
        return meaning(snapshot, query_vector(snapshot, question.text, embedder)).cosines

    def by_title(question: Question) -> Floats:
        scores = np.zeros(snapshot.info.films, dtype=np.float32)
        for match in titles(snapshot, question.text):
            scores[match.film] = match.similarity
        return scores

    near = _ranking(snapshot, by_meaning)
    return {
        "meaning": Ranker(near, near, near),
        "words": Ranker(_ranking(snapshot, lambda question: words(snapshot, question.text).scores, above=0.0)),
        "title": Ranker(_ranking(snapshot, by_title, above=0.0)),
    }


def _ranking(snapshot: Snapshot, scored: Callable[[Question], Floats], above: float = -np.inf) -> Ask:
    """Films by a score of every film, shape (films,), as far as it is above a limit; equal ones in order of arrival."""
    rows = snapshot.columns.rows

    @lru_cache(maxsize=2)
    def inside(pool: frozenset[str]) -> NDArray[np.int64]:
        return np.array(sorted(rows[film] for film in pool if film in rows), dtype=np.int64)

    def ask(question: Question) -> Answer:
        scores = scored(question)
        allowed = np.arange(len(scores)) if question.pool is None else inside(question.pool)
        allowed = allowed[scores[allowed] > above]
        # One more than asked for: the film itself is left out.
        best = allowed[np.argsort(-scores[allowed], kind="stable")][: question.limit + 1]
        kept = [row for row in best if snapshot.columns.ids[row] != question.movie_id][: question.limit]
        return Answer([snapshot.columns.ids[row] for row in kept], [float(scores[row]) for row in kept])

    return ask
