"""Search and its single retrievers as the evaluation asks them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.config import SearchConfig
from catalog.embedding.embedder import Embedder, embed_together
from catalog.store.columns.conditions import EVERYTHING, Filter, WithId
from catalog.store.lexical.titles import match_titles
from catalog.store.snapshot import Snapshot
from query.evaluation.prepared import PreparedEmbedder
from query.evaluation.runner import Answer, JudgedQuery, Ranker
from query.models import SearchRequest
from query.names import movie_vector
from query.search.pipeline import rank
from query.search.query_analysis import analyze
from query.search.scoring import Question, find_candidates, look_up, score
from query.search.understanding import understand

Rows = NDArray[np.int64]


# The same few pools are asked for thousands of times.
@lru_cache(maxsize=4)
def _inside(pool: frozenset[str] | None) -> Filter:
    return EVERYTHING if pool is None else Filter((WithId(tuple(sorted(pool))),))


def whole_search(snapshot: Snapshot, model: Embedder, settings: SearchConfig, *, literal: bool = False) -> Ranker:
    """Search as it is configured, but for the cut-off: what is not shown would have no rank."""
    embedder = PreparedEmbedder(model)

    def request(question: JudgedQuery) -> SearchRequest:
        likes = () if question.movie_id is None else (question.movie_id,)
        asked = SearchRequest(question.text, likes=likes, all=True, limit=question.limit, literal=literal)
        return asked.with_defaults(settings)

    def looked_up(question: JudgedQuery) -> Question:
        found = look_up(request(question), snapshot, embedder)
        return replace(found, keep=Filter((*found.keep.conditions, *_inside(question.pool).conditions)))

    def prepare(questions: Sequence[JudgedQuery]) -> None:
        analyses = [understand(request(asked), snapshot, embedder.identity).analysis for asked in questions]
        embedder.prepare([text for analysis in analyses if analysis for text in analysis.model_texts])

    def ask(question: JudgedQuery) -> Answer:
        ranking = rank(looked_up(question), snapshot, embedder)
        return _answer(snapshot, ranking.rows[: question.limit], ranking.confidence)

    def rate(question: JudgedQuery) -> Answer:
        found = looked_up(question)
        scored = score(found, snapshot, find_candidates(found, snapshot, question.limit))
        return _answer(snapshot, scored.found.rows, scored.relevance)

    return Ranker(ask, ask, rate, prepare)


def single_retrievers(snapshot: Snapshot, embedder: Embedder) -> dict[str, Ranker]:
    """Each retriever alone, by name; only the dense one recommends. It scans all vectors: it is the ground truth."""

    def dense(question: JudgedQuery) -> Answer:
        if question.movie_id is not None:
            vector = movie_vector(snapshot, question.movie_id)
        else:
            analysis = analyze(question.text, embedder.identity, snapshot.lexical.held)
            vector = embed_together(analysis.model_texts, embedder)
        rows = _rows(snapshot, question)
        near = snapshot.vectors[rows] @ vector
        best = np.argsort(-near, kind="stable")[: question.limit + 1]
        return _answer(snapshot, rows[best], near[best])

    def lexical(question: JudgedQuery) -> Answer:
        terms = analyze(question.text, embedder.identity, snapshot.lexical.held).terms
        hits = snapshot.lexical.best(terms, question.limit, _inside(question.pool))
        return _answer(snapshot, hits.rows, hits.scores)

    def title(question: JudgedQuery) -> Answer:
        analysis = analyze(question.text, embedder.identity, snapshot.lexical.held)
        matches = match_titles(snapshot.lexical, question.text, all_known=analysis.all_known)
        return Answer([match.id for match in matches], [match.similarity for match in matches])

    return {"dense": Ranker(dense, dense, dense), "lexical": Ranker(lexical), "title": Ranker(title)}


def _rows(snapshot: Snapshot, question: JudgedQuery) -> Rows:
    """The rows to rank, but for the question's own movie."""
    ids = snapshot.movies.ids() if question.pool is None else question.pool
    rows = snapshot.movies.rows_of(identity for identity in ids if identity != question.movie_id)
    return np.array(sorted(rows.values()), dtype=np.int64)


def _answer(snapshot: Snapshot, rows: Rows, values: Floats) -> Answer:
    ids = snapshot.movies.ids_at(rows.tolist())
    return Answer([ids[row] for row in rows.tolist()], values[: len(rows)].tolist())
