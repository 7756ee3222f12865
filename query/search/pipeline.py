"""Search and recommendation: candidates from the retrievers, scored exactly, cut off, ordered, a page at a time."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from catalog.arrays import Vector
from catalog.config import SearchConfig
from catalog.embedding.embedder import Embedder
from catalog.errors import ModelMismatch, UsageError
from catalog.store.columns.conditions import Filter, WithId
from catalog.store.columns.facets import SHOWN
from catalog.store.columns.facets import count_facets as count
from catalog.store.snapshot import Snapshot
from query.constraints.known_values import KnownValues, misspelt_genres, unknown_values
from query.filters import conditions_among
from query.models import NONE_FITS, NONE_PASSES, FacetCounts, Hit, SearchRequest, SearchResult
from query.search.explain import Evidence, explain, highlights
from query.search.listing import (
    check_sort,
    missing_for,
    rank_list,
    rank_near,
    rank_plain,
    sort_rows,
    why_none_passes,
    without_excluded,
)
from query.search.recommend import BY
from query.search.rerank import Ranking, behind, most_recommended, order, taken
from query.search.retrievers import TIER_ONE, TIER_TWO
from query.search.scoring import Question, Scored, find_candidates, look_up, named, score
from query.search.understanding import Understood


def search(
    request: SearchRequest,
    snapshot: Snapshot,
    embedder: Embedder,
    settings: SearchConfig,
    understood: Understood | None = None,
) -> SearchResult:
    """Answer a request about one generation; one that is only a filter keeps movies, the best known first.

    `understood` is the request as `understand` read it, where that was done before.
    Raises UsageError for an empty request or a wrong filter, MovieNotFound, ModelMismatch if the
    catalog was built with another model, and for a plain search what is wrong with the vector index.
    """
    if request.is_empty:
        raise UsageError("say what to look for: words, a film that you like, or a filter alone")
    question = _look_up(request, snapshot, embedder, settings, understood)
    ranking = rank(question, snapshot, embedder)
    request = question.request
    facets = count(snapshot.lexical, snapshot.movies, _fitting(question, snapshot, ranking)) if request.facets else None
    ranking = _sorted(question, snapshot, ranking)
    begin, end = request.offset, request.offset + (request.limit or settings.limit)
    hits = _hits(snapshot, ranking, begin, end, judged=question.analysis is not None and not question.taste.likes)
    if request.why and ranking.scored is not None:
        hits = _explain(question, snapshot, embedder, ranking, hits, begin)
    if request.highlight and question.analysis is not None:
        hits = [replace(hit, highlights=highlights(hit, question.analysis)) for hit in hits]
    notes = _said_besides(question, snapshot, ranking, some_shown=bool(hits))
    wishes, partial = question.reading.constraints, ranking.scored is not None and ranking.scored.found.away.is_partial
    return SearchResult(
        tuple(hits),
        ranking.total,
        snapshot.number,
        notes,
        ranking.complete,
        facets,
        wishes,
        question.unmatched,
        partial,
    )


def count_facets(request: SearchRequest, snapshot: Snapshot, embedder: Embedder, settings: SearchConfig) -> FacetCounts:
    """Count genres, decades and the like of the movies that fit; of the whole catalog if nothing is looked for.

    At most `limit` values of each field, if the request has one. Raises UsageError, ModelMismatch as `search` does.
    """
    question = _look_up(request.for_facets(), snapshot, embedder, settings)
    ranking = rank(question, snapshot, embedder)
    keep = _fitting(question, snapshot, ranking)
    found = count(snapshot.lexical, snapshot.movies, keep, limit=request.limit or SHOWN)
    return FacetCounts(found, ranking.total, snapshot.number)


def search_vector(request: SearchRequest, vector: Vector, snapshot: Snapshot, settings: SearchConfig) -> SearchResult:
    """The movies nearest to a vector, shape (d,) of the catalog's model, by cosine similarity alone.

    Of the request count `filter`, `exclude`, `offset` and `limit`. Raises UsageError for a wrong filter, and for a
    vector of another dimension, with NaN, or of length zero.
    """
    dimension = snapshot.info.model.dimension
    if vector.shape != (dimension,) or not np.isfinite(vector).all() or not vector.any():
        given = "" if vector.shape == (dimension,) else f"; it has the shape {vector.shape}"
        raise UsageError(f"the query vector must hold {dimension} finite numbers, not all zero{given}")
    question = named(request.with_defaults(settings), snapshot)
    ranking = rank_near(question, snapshot, np.asarray(vector / np.linalg.norm(vector), dtype=np.float32))
    hits = _hits(snapshot, ranking, request.offset, request.offset + (request.limit or settings.limit))
    return SearchResult(tuple(hits), ranking.total, snapshot.number, unmatched=question.unmatched)


def _look_up(
    request: SearchRequest,
    snapshot: Snapshot,
    embedder: Embedder,
    settings: SearchConfig,
    understood: Understood | None = None,
) -> Question:
    if request.plain and (
        len(request.likes) > 1 or request.dislikes or request.ratings or (request.likes and request.text)
    ):
        raise UsageError("--plain takes one question: words, or one film")
    check_sort(request.sort)
    if request.by not in BY:
        raise UsageError(f"by: unknown kind of likeness {request.by!r}; allowed are {', '.join(BY)}")
    if embedder.identity != snapshot.info.model:
        raise ModelMismatch(f"the catalog was built with {snapshot.info.model.name}, not {embedder.identity.name}")
    return look_up(request.with_defaults(settings), snapshot, embedder, understood)


def rank(question: Question, snapshot: Snapshot, embedder: Embedder) -> Ranking:
    """The movies that fit, best first whatever the request sorts by, but for one that is only a filter."""
    request = question.request
    if not request.text and not request.likes:
        return rank_list(question, snapshot)
    if request.plain:
        return rank_plain(question, snapshot, embedder)
    scored = score(question, snapshot, find_candidates(question, snapshot, TIER_ONE))
    best = order(question, snapshot, scored)
    ranking = taken(scored, best, _notes(question, scored, some_fit=best.fitting > 0))
    most = most_recommended(request)
    end = request.offset + (request.limit or 0) if most is None else most
    by_fit = request.sort == "relevance" or most is not None
    if scored.found.complete or (by_fit and end <= len(best.places)):
        return ranking.ending_at(most)
    further = score(question, snapshot, find_candidates(question, snapshot, TIER_TWO))
    rest = behind(order(question, snapshot, further), further, scored.found.rows)
    return ranking.followed_by(taken(further, rest, ())).ending_at(most)


def _conditions(question: Question) -> str:
    """What must hold, as a filter."""
    wishes = [each.filter for each in question.reading.constraints if each.negated or not question.wishes]
    return " ".join([question.request.filter, *(wish for wish in wishes if not wish.startswith(("like:", "-like:")))])


def _notes(question: Question, scored: Scored, *, some_fit: bool) -> tuple[str, ...]:
    alone = some_fit and question.analysis is not None and not scored.words_found and not question.titles
    by_meaning = ("no film holds a word of the question: found by meaning alone",) if alone else ()
    unmet = scored.found.unmet
    others = ("no film meets what was understood: others are shown",) if unmet is not None and unmet.all() else ()
    return (*scored.found.away.notes, *by_meaning, *others)


def _said_besides(question: Question, snapshot: Snapshot, ranking: Ranking, *, some_shown: bool) -> tuple[str, ...]:
    """What is to be told beside the movies."""
    request, taste = question.request, question.taste
    examples = chain.from_iterable(example.notes for example in (*taste.likes, *taste.dislikes))
    notes = (*examples, *question.reading.notes, *ranking.notes)
    if question.hidden and question.hidden == snapshot.info.films:
        notes = (*notes, f"{NONE_PASSES}the list of what was seen or rated: all {question.hidden} are on it")
    elif question.hidden:
        films = "one film" if question.hidden == 1 else f"{question.hidden} films"
        notes = (*notes, f"left out, as seen or rated: {films}")
    if unknown := unknown_values(request.filter, KnownValues(snapshot)):
        notes = (*notes, *unknown)
    elif not ranking.total and (why := why_none_passes(_conditions(question), snapshot.lexical)):
        notes = (*notes, why)
    elif not ranking.total and _are_more(question, ranking):
        notes = (*notes, f"{NONE_FITS}; --all (over HTTP all=true) shows what is nearest")
    if (missing := missing_for(request.sort, snapshot, ranking.rows)) is not None:
        notes = (*notes, f"sorted by nothing: no film of the answer has a value for {missing}")
    if question.analysis and ranking.scored is not None and not ranking.scored.words_found and not question.titles:
        notes = (*notes, *misspelt_genres(request.text, KnownValues(snapshot)))
    if written := conditions_among(request.text):
        notes = (*notes, f"{written} is read as words; what must hold is written apart, as a filter")
    if not some_shown and ranking.total and (request.offset < ranking.total or not ranking.complete):
        notes = (*notes, f"no more than {len(ranking.rows)} films are ranked for a question; a filter narrows it")
    return notes


def _are_more(question: Question, ranking: Ranking) -> bool:
    """Whether there are movies that were left out because they are not sure enough."""
    if ranking.scored is None or question.request.all:
        return False
    return not np.isin(ranking.scored.found.rows, question.excluded).all()


def _sorted(question: Question, snapshot: Snapshot, ranking: Ranking) -> Ranking:
    if question.request.sort == "relevance" or not (question.request.text or question.request.likes):
        return ranking
    if question.request.likes or (question.wishes and question.reading.is_request):
        ranking = ranking.at(range(ranking.total))
    rows = sort_rows(snapshot, ranking.rows.tolist(), question.request.sort)
    place = {row: place for place, row in enumerate(ranking.rows.tolist())}
    is_all = ranking.complete and len(rows) == ranking.total and len(rows) != most_recommended(question.request)
    note = () if is_all else (f"sorted are the {len(rows)} films that fit best",)
    return replace(ranking.at([place[row] for row in rows]), notes=(*ranking.notes, *note))


def _fitting(question: Question, snapshot: Snapshot, ranking: Ranking) -> Filter:
    """The movies that are counted: those ranked, or all that pass the filter."""
    if ranking.scored is None:
        return without_excluded(question, snapshot)
    return Filter((WithId(tuple(snapshot.movies.ids_at(ranking.rows[: ranking.total].tolist()).values())),))


def _hits(snapshot: Snapshot, ranking: Ranking, begin: int, end: int, *, judged: bool = False) -> list[Hit]:
    """The page; `judged` says whether its confidence was judged by the words of the question."""
    page = ranking.at(range(len(ranking.rows))[begin:end])
    rows = page.rows.tolist()
    movies = snapshot.movies.at(rows)
    nothing: list[None] = [None] * len(rows)
    scores = nothing if page.cosines is None else page.cosines.tolist()
    percents = nothing if page.fits is None else [round(100 * fit) for fit in page.fits.tolist()]
    sure = page.confidence.tolist() if judged and page.scored is not None else nothing
    of_each = zip(rows, scores, sure, percents, strict=True)
    return [Hit(movies[row], similarity, chance, fit=fit) for row, similarity, chance, fit in of_each]


def _explain(
    question: Question,
    snapshot: Snapshot,
    embedder: Embedder,
    ranking: Ranking,
    hits: Sequence[Hit],
    begin: int,
) -> list[Hit]:
    assert ranking.scored is not None  # noqa: S101
    found = ranking.scored.found
    evidence = Evidence(
        found.rows,
        ranking.scored.cosines,
        found.lexical,
        question.analysis,
        question.titles,
        question.taste,
        question.vector,
    )
    rows = ranking.rows[begin : begin + len(hits)].tolist()
    why = explain(evidence, snapshot, embedder, rows, [hit.movie for hit in hits])
    return [replace(hit, why=reason) for hit, reason in zip(hits, why, strict=True)]
