"""Search and recommendation: lanes, fusion, filters, cut-off, hits. Functions that take what they use."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.embedding.embedder import Embedder, Vector
from catalog.errors import ModelMismatch, UsageError
from catalog.store.catalog import Snapshot
from catalog.store.facets import count_facets
from query.confidence import confidences
from query.diversity import diverse
from query.eras import era
from query.explain import Evidence, explain
from query.fusion import fame, fused, out_of_time, weights_of
from query.lanes import Meaning, Words, meaning, query_vector, titles, words
from query.models import FacetCounts, Hit, SearchResult
from query.old_request import SearchRequest
from query.recommend import Liked, liked, recommendation
from query.titles import TitleMatch

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

#: Hits looked at when a page is re-ordered for diversity or capped by franchise.
_POOL = 200
#: Blocks for each film that is wanted: with fewer, more films are as good as the worst block's best.
_BLOCKS = 4


@dataclass(frozen=True, slots=True)
class Scored:
    """Every film of the catalog as one question sees it."""

    relevance: Floats
    cosines: Floats
    confidence: Floats
    meaning: Meaning | None = None
    words: Words | None = None
    titles: tuple[TitleMatch, ...] = ()
    likes: tuple[Liked, ...] = ()
    notes: tuple[str, ...] = ()


def search(request: SearchRequest, snapshot: Snapshot, embedder: Embedder) -> SearchResult:
    """Answer a question about one generation; one that is only a filter keeps films, the best known first.

    Raises UsageError for an empty or contradictory request, ModelMismatch if the catalog was built
    with another model.
    """
    if not request.text.strip() and not request.likes and not request.filter:
        raise UsageError("say what to look for: words, or a film that you like")
    _check(request, snapshot, embedder)
    scored = _scored(request, snapshot, embedder)
    allowed = _allowed(request, snapshot, scored)
    page = _ranked(request, snapshot, scored, allowed)[request.offset : request.offset + request.limit]
    hits = _hits(snapshot, scored, page)
    if request.why:
        evidence = Evidence(request.text, scored.meaning, scored.words, scored.titles, scored.likes)
        hits = [
            replace(hit, why=explain(evidence, embedder, int(row), hit.movie))
            for row, hit in zip(page, hits, strict=True)
        ]
    return SearchResult(tuple(hits), int(np.count_nonzero(allowed)), snapshot.number, scored.notes)


def facets(request: SearchRequest, snapshot: Snapshot, embedder: Embedder) -> FacetCounts:
    """Count genres, decades and the like of all films that fit, on whatever page; of the whole catalog if nothing
    is looked for but what a filter keeps.

    Raises UsageError, ModelMismatch as `search` does.
    """
    numbers = _fitting(request, snapshot, embedder)
    counted = count_facets(snapshot.records, snapshot.columns, numbers)
    return FacetCounts(counted, len(numbers), snapshot.number)


def _fitting(request: SearchRequest, snapshot: Snapshot, embedder: Embedder) -> Ints:
    """Numbers of the films that `search` counts as its total."""
    _check(request, snapshot, embedder)
    scored = _scored(request, snapshot, embedder)
    return np.flatnonzero(_allowed(request, snapshot, scored)).astype(np.int32)


def search_vector(snapshot: Snapshot, vector: Vector, limit: int = 10) -> list[Hit]:
    """The films nearest to a vector, shape (d,) of the catalog's model, most similar first.

    Raises UsageError for a vector of another dimension, with NaN, or of length zero.
    """
    dimension = snapshot.info.model.dimension
    if vector.shape != (dimension,) or not np.isfinite(vector).all() or not vector.any():
        raise UsageError(f"the query vector must hold {dimension} finite numbers, not all zero")
    near = snapshot.nearest(np.asarray(vector / np.linalg.norm(vector), dtype=np.float32), limit)
    movies = snapshot.records.get([neighbour.id for neighbour in near])
    return [Hit(movies[neighbour.id], neighbour.similarity) for neighbour in near]


def _check(request: SearchRequest, snapshot: Snapshot, embedder: Embedder) -> None:
    if request.plain and (len(request.likes) > 1 or request.unlikes or (request.likes and request.text.strip())):
        raise UsageError("--plain takes one question: words, or one film")
    if embedder.identity != snapshot.info.model:
        raise ModelMismatch(f"the catalog was built with {snapshot.info.model.name}, not {embedder.identity.name}")


def _scored(request: SearchRequest, snapshot: Snapshot, embedder: Embedder) -> Scored:
    if not request.text.strip() and not request.likes:
        return Scored(
            snapshot.columns.votes, np.zeros_like(snapshot.columns.votes), np.ones_like(snapshot.columns.votes)
        )
    if request.plain:
        vector = _plain_vector(request, snapshot, embedder)
        cosines = snapshot.cosines(vector)
        return Scored(cosines, cosines, np.ones_like(cosines))
    text = request.text.strip()
    by_text = _by_text(request, text, snapshot, embedder) if text else None
    if by_text is not None and not request.likes and not request.unlikes:
        return by_text
    return _with_examples(request, by_text, snapshot, embedder)


def _plain_vector(request: SearchRequest, snapshot: Snapshot, embedder: Embedder) -> Vector:
    if request.likes and request.likes[0].movie_id is not None:
        return snapshot.vector(request.likes[0].movie_id)
    return embedder.embed_query(request.text or request.likes[0].text or "")


def _by_text(request: SearchRequest, text: str, snapshot: Snapshot, embedder: Embedder) -> Scored:
    by_meaning = meaning(snapshot, query_vector(snapshot, text, embedder))
    by_words = words(snapshot, text)
    by_title = titles(snapshot, text)
    weights = weights_of(text, rare_words=not snapshot.background.is_empty)
    gain = fame(snapshot.columns.known, weights)
    prior = np.float32(request.popularity) * gain
    if asked := era(text):
        prior -= out_of_time(snapshot.columns.year, asked, weights)
    notes = [] if by_words.best > 0 or by_title else ["no film holds a word of the question: found by meaning alone"]
    return Scored(
        relevance=fused(by_meaning, by_words, by_title, weights, prior),
        cosines=by_meaning.cosines,
        confidence=confidences(snapshot.background, by_meaning, by_words, by_title, gain),
        meaning=by_meaning,
        words=by_words,
        titles=tuple(by_title),
        notes=tuple(notes),
    )


def _with_examples(request: SearchRequest, by_text: Scored | None, snapshot: Snapshot, embedder: Embedder) -> Scored:
    likes = liked(snapshot, request.likes, embedder)
    unlikes = liked(snapshot, request.unlikes, embedder)
    relevance = recommendation(snapshot, likes, unlikes, request.popularity)
    if by_text is not None:
        # Words beside examples shift the answer; what fits is not for them alone to say.
        sure = np.ones_like(by_text.confidence) if likes else by_text.confidence
        return replace(by_text, relevance=by_text.relevance + relevance, confidence=sure, likes=tuple(likes))
    cosines = [snapshot.cosines(like.vector) for like in likes]
    mean = cosines[0] if len(cosines) == 1 else np.asarray(np.mean(cosines, axis=0), dtype=np.float32)
    return Scored(relevance, mean, np.ones_like(mean), likes=tuple(likes))


def _allowed(request: SearchRequest, snapshot: Snapshot, scored: Scored) -> NDArray[np.bool_]:
    """Which films may be in the answer: filters, exclusions, no film given as an example, nothing that does not fit."""
    allowed = np.ones(snapshot.info.films, dtype=bool)
    numbers = snapshot.records.matching(request.filter)
    if numbers is not None:
        allowed[:] = False
        allowed[numbers] = True
    examples = {example.movie_id for example in (*request.likes, *request.unlikes) if example.movie_id}
    for identity in examples | request.exclude:
        row = snapshot.columns.rows.get(identity)
        if row is not None:
            allowed[row] = False
    if not request.show_all:
        allowed &= scored.confidence >= request.least_confidence
    return allowed


def _ranked(
    request: SearchRequest, snapshot: Snapshot, scored: Scored, allowed: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Rows of the films that fit, best first, as far as the page; equal ones by id, so that pages never overlap."""
    if request.sort != "relevance":
        rows = np.flatnonzero(allowed)
        keys: list[NDArray[Any]] = [snapshot.columns.id_order[rows], *snapshot.columns.sort_keys(request.sort, rows)]
        return rows[np.lexsort(keys)]
    rows = _best(allowed, scored.relevance, max(request.offset + request.limit, _POOL))
    ranked = rows[np.lexsort((snapshot.columns.id_order[rows], -scored.relevance[rows]))]
    if request.plain or not (request.diversity or request.franchise):
        return ranked
    pool = diverse(snapshot, ranked[:_POOL], scored.relevance, request.diversity, request.franchise)
    return np.concatenate([pool, ranked[_POOL:]])


def _best(allowed: NDArray[np.bool_], relevance: Floats, count: int) -> NDArray[np.int64]:
    """Rows of the `count` best films that are allowed and of all that equal the last of them; some more at times.

    Sorting 65,451 films takes 8 ms, partitioning them half a millisecond. The maxima of blocks of films take a
    tenth of that: as many blocks as films are wanted hold a film each that is no worse than the worst maximum.
    """
    fitting = np.where(allowed, relevance, -np.inf)
    size = len(fitting) // (_BLOCKS * count)
    if size > 1:
        maxima = fitting[: len(fitting) // size * size].reshape(-1, size).max(axis=1)
        least = np.partition(maxima, -count)[-count]
        return np.flatnonzero((fitting >= least) & allowed)
    return np.flatnonzero(allowed)


def _hits(snapshot: Snapshot, scored: Scored, rows: Sequence[int] | NDArray[np.int64]) -> list[Hit]:
    ids = [snapshot.columns.ids[row] for row in rows]
    movies = snapshot.records.get(ids)
    return [
        Hit(movies[identity], float(scored.cosines[row]), float(scored.confidence[row]))
        for identity, row in zip(ids, rows, strict=True)
    ]
