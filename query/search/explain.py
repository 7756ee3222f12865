"""Why movies were found: rank in each retriever's list, matching words, the nearest sentence, the nearest like.

And where in a long story the passage stands that fits.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats, Vector
from catalog.embedding.embedder import Embedder
from catalog.movie import Movie
from catalog.store.lexical.fields import movie_terms
from catalog.store.lexical.titles import TitleMatch
from catalog.store.snapshot import Snapshot
from catalog.store.vectors.passage_rows import movie_passages
from catalog.text.folding import fold, tokens
from catalog.text.passages import SPLITTER, Passage, sentences
from catalog.text.stems import english_stem, english_terms, german_stem
from query.models import Hit, Why
from query.search.query_analysis import Analysis
from query.search.recommend import Taste
from query.search.retrievers import TIER_ONE, cosines

Rows = NDArray[np.int64]

_MOST_SENTENCES = 12
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the retrievers said of all candidates; every array has the shape (candidates,)."""

    rows: Rows
    dense: Floats
    """Cosine similarity to the question."""
    lexical: Floats
    analysis: Analysis | None
    titles: Sequence[TitleMatch]
    taste: Taste
    vector: Vector | None = None
    """Of the question, shape (d,)."""


def explain(
    evidence: Evidence, snapshot: Snapshot, embedder: Embedder, rows: Sequence[int], movies: Sequence[Movie]
) -> list[Why]:
    """What brought each of some candidates."""
    told = _nearest_passages(evidence, snapshot, dict(zip(rows, movies, strict=True)))
    plots = [{"plot": movie.plot, **({"plot_de": movie.plot_de} if movie.plot_de else {})} for movie in movies]
    near = _nearest_sentences(evidence, embedder, [*(told[row].text for row in told), *chain(*map(dict.values, plots))])
    marked = [{name: near[text] for name, text in texts.items() if text in near} for texts in plots]
    nearest = [
        near.get(told[row].text if row in told else texts["plot"]) for row, texts in zip(rows, plots, strict=True)
    ]
    likes = _nearest_likes(evidence, snapshot, rows)
    reasons = [
        Why(
            _ranks(evidence, row, movie),
            _words(evidence, snapshot, movie),
            sentence,
            like.id if like else None,
            like.title if like else None,
            sentences=of_plots,
        )
        for row, movie, sentence, like, of_plots in zip(rows, movies, nearest, likes, marked, strict=True)
    ]
    return [_with_passage(why, told.get(row)) for row, why in zip(rows, reasons, strict=True)]


def _with_passage(why: Why, passage: Passage | None) -> Why:
    if passage is None:
        return why
    into_story = None if passage.german else round((passage.start + passage.end) / 2, 2)
    return replace(why, passage=passage.text, into_story=into_story)


def _nearest_passages(evidence: Evidence, snapshot: Snapshot, movies: Mapping[int, Movie]) -> dict[int, Passage]:
    """By row of a movie, its passage nearest to the question, where that is nearer than the movie as a whole."""
    if evidence.vector is None or not snapshot.info.passages or snapshot.info.splitter != SPLITTER:
        return {}
    rows = np.array(sorted(movies), dtype=np.int64)
    best = dict(zip(rows.tolist(), cosines(snapshot, rows, evidence.vector[None])[:, 0].tolist(), strict=True))
    numbers: dict[int, int] = {}
    for part in snapshot.movies.passages.of(rows.tolist()):
        near = snapshot.passage_vectors[[each.place for each in part]] @ evidence.vector
        for each, similarity in zip(part, near.tolist(), strict=True):
            if similarity > best[each.row]:
                best[each.row], numbers[each.row] = similarity, each.number
    model = snapshot.info.model
    return {row: movie_passages(movies[row], model)[number - 1] for row, number in numbers.items()}


def _ranks(evidence: Evidence, row: int, movie: Movie) -> dict[str, int]:
    ranks: dict[str, int] = {}
    if evidence.analysis is None:
        return ranks
    place = int(np.searchsorted(evidence.rows, row))
    if (rank := int((evidence.dense > evidence.dense[place]).sum()) + 1) <= TIER_ONE:
        ranks["dense"] = rank
    if evidence.lexical[place] > 0:
        ranks["lexical"] = int((evidence.lexical > evidence.lexical[place]).sum()) + 1
    for rank, match in enumerate(evidence.titles, 1):
        if match.id == movie.id:
            ranks["title"] = rank
    return ranks


def _words(evidence: Evidence, snapshot: Snapshot, movie: Movie) -> tuple[str, ...]:
    """The words of the question that the movie holds, the rarest first: as asked, or else as the movie has them."""
    if evidence.analysis is None:
        return ()
    held = {*movie_terms(movie), *english_terms(movie.synopsis or "")} & evidence.analysis.terms.keys()
    rarest = sorted(held, key=lambda term: (snapshot.lexical.holders("terms", term), term))
    written = _written(
        evidence.analysis.text, f"{movie.title} {movie.plot} {movie.plot_de or ''} {movie.synopsis or ''}"
    )
    return tuple(dict.fromkeys(written.get(term, term.removeprefix("de:")) for term in rarest))


def highlights(hit: Hit, analysis: Analysis) -> dict[str, tuple[tuple[int, int], ...]]:
    """Where words of a question stand in title and plot: the first character of each, and the one behind the last.

    And in the passage that `why` shows, if it does.
    """
    movie, passage = hit.movie, hit.why.passage if hit.why else None
    texts = {"title": movie.title, "plot": movie.plot, "plot_de": movie.plot_de or "", "passage": passage or ""}
    found = {
        name: tuple(
            match.span()
            for match in _WORD.finditer(text)
            if (token := fold(match[0]))
            and ((english_stem(token) or None) in analysis.terms or f"de:{german_stem(token)}" in analysis.terms)
        )
        for name, text in texts.items()
    }
    return {name: spans for name, spans in found.items() if spans}


def _written(*texts: str) -> dict[str, str]:
    """Stem -> the word that it is of, in the first text that has one: the shortest, as most people write it."""
    found: dict[str, str] = {}
    for text in texts:
        for token in sorted(set(tokens(text)), key=lambda token: (len(token), token)):
            found.setdefault(english_stem(token), token)
            found.setdefault(f"de:{german_stem(token)}", token)
    return found


def _nearest_sentences(evidence: Evidence, embedder: Embedder, told: Sequence[str]) -> dict[str, str]:
    """By text, its sentence that is nearest to the question; all are embedded together. Nothing without words."""
    if evidence.analysis is None:
        return {}
    split = {text: parts for text in told if (parts := sentences(text)[:_MOST_SENTENCES])}
    texts = list(dict.fromkeys(part for parts in split.values() if len(parts) > 1 for part in parts))
    near: dict[str, float] = {}
    if texts:
        vectors = embedder.embed_queries([evidence.analysis.text, *texts])
        near = dict(zip(texts, (vectors[1:] @ vectors[0]).tolist(), strict=True))
    return {text: max(parts, key=lambda part: near.get(part, 0.0)) for text, parts in split.items()}


def _nearest_likes(evidence: Evidence, snapshot: Snapshot, rows: Sequence[int]) -> list[Movie | None]:
    liked = [like for like in evidence.taste.likes if like.movie is not None]
    if not liked or not rows:
        return [None] * len(rows)
    near = cosines(snapshot, np.array(rows, dtype=np.int64), np.stack([like.vector for like in liked]))
    return [liked[place].movie for place in near.argmax(axis=1).tolist()]
