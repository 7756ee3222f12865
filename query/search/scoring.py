"""A request about one generation, and what each candidate is worth to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats, Vector
from catalog.embedding.embedder import Embedder, embed_together
from catalog.errors import MovieNotFound, UsageError
from catalog.printable import brief
from catalog.store.columns.conditions import Condition, Filter
from catalog.store.lexical.titles import TitleMatch
from catalog.store.snapshot import Snapshot
from catalog.text.folding import tokens
from query.constraints.reader import QuestionReading
from query.filters import parse_filter
from query.models import SearchRequest
from query.names import find_movies, movie_vector, near_titles, which_of
from query.search.calibration import confidences, even_relevance, has_votes
from query.search.fusion import WEIGHTS, add_titles, fewest_votes, fuse, popularity_prior, weights_of
from query.search.query_analysis import Analysis, analyze
from query.search.recommend import NO_TASTE, Example, Taste, alike, even_taste, query_vectors, score_taste, story_terms
from query.search.retrievers import Candidates, Sought, compare, cosines, retrieve, told_words
from query.search.understanding import Understood, understand
from query.search.wishes import first_those, missed, wished
from query.watched.matching import match
from query.watched.ratings import resolve

Rows = NDArray[np.int64]

NOTHING_READ = QuestionReading("")


@dataclass(frozen=True, slots=True)
class Question:
    """A request with its names, words and conditions looked up in one generation."""

    request: SearchRequest
    keep: Filter
    """What must hold: the filter, what the text negates, and all that it wishes where nothing else is looked for."""
    excluded: Rows
    """Rows that must not be in the answer: those left out, and those given as examples."""
    taste: Taste = NO_TASTE
    analysis: Analysis | None = None
    vector: Vector | None = None
    """Of the words, shape (d,)."""
    titles: tuple[TitleMatch, ...] = ()
    reading: QuestionReading = NOTHING_READ
    wishes: tuple[Condition, ...] = ()
    """What the text wishes, besides what must hold."""
    unmatched: tuple[str, ...] = ()
    """Of what was seen, rated or left out, that which is no movie of the catalog."""
    hidden: int = 0
    """How many movies are left out since they were seen or rated."""
    told: Mapping[int, float] = field(default_factory=dict)
    """What passages hold of the words, by the row of their movie, the best first."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What candidates are worth; every array has the shape (candidates,), by ascending row."""

    found: Candidates
    relevance: Floats
    cosines: Floats
    confidence: Floats
    even: float = 0.0
    """The relevance of a movie whose fit is one half."""
    words_found: bool = True
    """Whether some movie of the catalog holds a word of the question."""


def look_up(
    request: SearchRequest, snapshot: Snapshot, embedder: Embedder, understood: Understood | None = None
) -> Question:
    """A request as it was understood before, or else is now.

    Raises UsageError for a wrong filter or rating, and for a movie that is liked and disliked, MovieNotFound.
    """
    must = parse_filter(request.filter).conditions
    found = understood or understand(request, snapshot, embedder.identity)
    resolved = resolve(found.request, snapshot)
    request, reading, analysis = resolved.request, found.reading, found.analysis
    likes = [_example(snapshot, name, embedder, strict=True) for name in request.likes]
    dislikes = [_example(snapshot, name, embedder, strict=False) for name in request.dislikes]
    _refuse_both(likes[: len(found.request.likes)], dislikes[: len(found.request.dislikes)])
    shown = [example.movie.id for example in (*likes, *dislikes) if example.movie is not None]
    excluded, unknown = _left_out(snapshot, request.exclude, shown)
    by = "taste" if analysis else request.by  # words beside likes tell the story that is wanted
    wishes = wished(reading.constraints)
    must += wished(reading.constraints, negated=True)
    if wishes and not request.text and not request.likes:
        must, wishes = (*must, *wishes), ()
    return Question(
        request,
        Filter(must),
        excluded,
        Taste(tuple(likes), tuple(dislikes), by, story_terms(snapshot.lexical, likes) if by == "story" else {}),
        analysis,
        None if analysis is None else embed_together(analysis.model_texts, embedder),
        found.titles,
        reading,
        wishes,
        (*resolved.unmatched, *unknown),
        resolved.hidden,
        {} if analysis is None else told_words(snapshot, analysis.terms, WEIGHTS[analysis.kind].common),
    )


def _refuse_both(likes: Sequence[Example], dislikes: Sequence[Example]) -> None:
    disliked = {example.movie.id for example in dislikes if example.movie is not None}
    for example in likes:
        if example.movie is not None and example.movie.id in disliked:
            raise UsageError(f"{example.movie.title!r} is liked and disliked: name it once")


def named(request: SearchRequest, snapshot: Snapshot) -> Question:
    """A request whose words nobody reads: its filter, and what must not be in the answer. Raises UsageError."""
    excluded, unknown = _left_out(snapshot, request.exclude)
    return Question(request, parse_filter(request.filter), excluded, unmatched=unknown)


def _left_out(snapshot: Snapshot, names: Sequence[str], ids: Sequence[str] = ()) -> tuple[Rows, tuple[str, ...]]:
    """Ascending rows of the movies that are named, and of those with these ids; and the names that no movie has."""
    found = match(snapshot, names)
    rows = snapshot.movies.rows_of([*ids, *found.values()])
    return np.array(sorted(rows.values()), dtype=np.int64), tuple(name for name in names if name not in found)


def _example(snapshot: Snapshot, name: str, embedder: Embedder, *, strict: bool) -> Example:
    """A movie by its id or title; what names no movie is words, which a note says.

    With `strict`, one word, and what is nearly a title, raise MovieNotFound with a "did you mean": a slip must
    not quietly become words.
    """
    try:
        found = find_movies(snapshot, name)
    except MovieNotFound as error:
        if strict and name.strip().replace("-", "").isalpha():
            hint = "one word is taken for a title; several, or words in text, are looked for in plots"
            raise MovieNotFound(f"{error}; {hint}") from None
        if strict and (" " not in name.strip() or near_titles(snapshot, name)):
            raise
        analysis = analyze(name, embedder.identity, snapshot.lexical.held)
        told = f"no film is called {brief(name)}: it is read as words"
        return Example(embed_together(analysis.model_texts, embedder), notes=(told,))
    return Example(movie_vector(snapshot, found[0].id), found[0], notes=which_of(found, name))


def find_candidates(question: Question, snapshot: Snapshot, depth: int) -> Candidates:
    """The movies to score, `depth` from each retriever and for each like; as many of those that a request wishes."""
    found = _retrieve(question, question.keep, snapshot, depth)
    if not (question.wishes and question.reading.is_request):
        return found
    wished_for = Filter((*question.keep.conditions, *question.wishes))
    return first_those(_retrieve(question, wished_for, snapshot, depth), found, question.wishes, snapshot)


def _retrieve(question: Question, keep: Filter, snapshot: Snapshot, depth: int) -> Candidates:
    depth += len(question.excluded)
    ids = [match.id for match in question.titles]
    more = alike(snapshot.lexical, question.taste, depth, keep) if question.taste.likes else []
    if question.analysis is not None:  # then their words count, too
        rows = np.concatenate([hits.rows for hits in more]).tolist() if more else []
        ids, more = [*ids, *snapshot.movies.ids_at(rows).values()], []
    vectors = query_vectors(question.taste.likes)
    terms = question.analysis.terms if question.analysis else {}
    known = question.analysis is not None and (question.request.popularity or 0.0) > 0
    own = [] if question.vector is None else [question.vector]
    return retrieve(snapshot, Sought(terms, own, vectors, ids, more, keep, question.told, best_known=known), depth)


def score(question: Question, snapshot: Snapshot, found: Candidates) -> Scored:
    """Score candidates: by the words, by the examples, or by both together."""
    by_text = _score_text(question, snapshot, found) if question.analysis else None
    if not question.taste and by_text is not None:
        return by_text
    ids = snapshot.movies.ids_at(found.rows.tolist())
    popularity = question.request.popularity or 0.0
    candidates = [ids[row] for row in found.rows.tolist()]
    taste, even = score_taste(snapshot, question.taste, found, candidates, popularity), even_taste(question.taste)
    if by_text is None:
        liked = np.stack([like.vector for like in question.taste.likes])
        near = cosines(snapshot, found.rows, liked).mean(axis=1)
        return Scored(found, taste, near, np.ones_like(taste), even)
    # Words beside likes shift the answer; what fits is not for them alone to say.
    sure = np.ones_like(taste) if question.taste.likes else by_text.confidence
    return replace(by_text, relevance=by_text.relevance + taste, confidence=sure, even=by_text.even + even)


def _score_text(question: Question, snapshot: Snapshot, found: Candidates) -> Scored:
    analysis, vector, moments = question.analysis, question.vector, snapshot.moments
    assert analysis is not None  # noqa: S101 - the caller looked
    assert vector is not None  # noqa: S101
    direction = moments.question_direction(vector, analysis.kind, len(tokens(analysis.text)))
    near, similarity = compare(snapshot, found.rows, vector, direction)
    best = _best_lexical(question, analysis, snapshot, found)
    weights = weights_of(analysis.kind, rare_words=not moments.is_empty)
    log_votes, popularity = np.log10(1.0 + found.votes), question.request.popularity or 0.0
    gain = popularity_prior(log_votes, weights)
    prior = np.float32(weights.order * popularity) * gain
    if question.wishes and not question.reading.is_request:
        prior = prior - np.float32(weights.wishes) * missed(question.wishes, found, snapshot)
    relevance = fuse(moments.z_scores(similarity, direction), found.lexical, best, weights, prior)
    known = has_votes(snapshot.lexical, found.votes, fewest_votes(weights))
    sure = confidences(moments, snapshot.info.films, similarity, found.lexical, gain, votes_known=known)
    add_titles(question.titles, snapshot, found.rows, np.float32(popularity) * log_votes, relevance, sure)
    even = even_relevance(moments, direction, weights, popularity * known)
    return Scored(found, relevance, near, sure, even, best > 0)


def _best_lexical(question: Question, analysis: Analysis, snapshot: Snapshot, found: Candidates) -> float:
    """Of the whole catalog, so that a movie's score does not depend on a filter that keeps it."""
    if not question.keep:
        return float(found.lexical.max(initial=0.0))
    own = float(snapshot.lexical.best(analysis.terms, 1).scores.max(initial=0.0))
    return max(own, *question.told.values(), 0.0)
