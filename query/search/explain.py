"""Why movies were found: rank in each retriever's list, matching words, the nearest sentence, the nearest like."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.embedding.embedder import Embedder
from catalog.movie import Movie
from catalog.store.lexical.fields import movie_terms
from catalog.store.lexical.titles import TitleMatch
from catalog.store.snapshot import Snapshot
from catalog.text.folding import tokens
from catalog.text.stems import english_stem, german_stem
from query.models import Why
from query.search.query_analysis import Analysis
from query.search.recommend import Taste
from query.search.retrievers import TIER_ONE, cosines

Rows = NDArray[np.int64]

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^a-z])")
_MOST_SENTENCES = 12


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


def explain(
    evidence: Evidence, snapshot: Snapshot, embedder: Embedder, rows: Sequence[int], movies: Sequence[Movie]
) -> list[Why]:
    """What brought each of some candidates."""
    sentences = _sentences(evidence, embedder, movies)
    likes = _nearest_likes(evidence, snapshot, rows)
    return [
        Why(
            _ranks(evidence, row, movie),
            _words(evidence, snapshot, movie),
            sentence,
            like.id if like else None,
            like.title if like else None,
        )
        for row, movie, sentence, like in zip(rows, movies, sentences, likes, strict=True)
    ]


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
    held = set(movie_terms(movie)) & evidence.analysis.terms.keys()
    rarest = sorted(held, key=lambda term: (snapshot.lexical.holders("terms", term), term))
    written = _written(evidence.analysis.text, f"{movie.title} {movie.plot} {movie.plot_de or ''}")
    return tuple(dict.fromkeys(written.get(term, term.removeprefix("de:")) for term in rarest))


def _written(*texts: str) -> dict[str, str]:
    """Stem -> the word that it is of, in the first text that has one: the shortest, as most people write it."""
    found: dict[str, str] = {}
    for text in texts:
        for token in sorted(set(tokens(text)), key=lambda token: (len(token), token)):
            found.setdefault(english_stem(token), token)
            found.setdefault(f"de:{german_stem(token)}", token)
    return found


def _sentences(evidence: Evidence, embedder: Embedder, movies: Sequence[Movie]) -> list[str | None]:
    """The sentence of each plot that is nearest to the question; all are embedded together."""
    if evidence.analysis is None:
        return [None] * len(movies)
    split = [[part.strip() for part in _SENTENCE.split(movie.plot) if part.strip()] for movie in movies]
    split = [sentences[:_MOST_SENTENCES] for sentences in split]
    texts = [sentence for sentences in split if len(sentences) > 1 for sentence in sentences]
    near: dict[str, float] = {}
    if texts:
        vectors = embedder.embed_queries([evidence.analysis.text, *texts])
        near = dict(zip(texts, (vectors[1:] @ vectors[0]).tolist(), strict=True))
    return [max(sentences, key=lambda text: near.get(text, 0.0)) if sentences else None for sentences in split]


def _nearest_likes(evidence: Evidence, snapshot: Snapshot, rows: Sequence[int]) -> list[Movie | None]:
    liked = [like for like in evidence.taste.likes if like.movie is not None]
    if not liked or not rows:
        return [None] * len(rows)
    near = cosines(snapshot, np.array(rows, dtype=np.int64), np.stack([like.vector for like in liked]))
    return [liked[place].movie for place in near.argmax(axis=1).tolist()]
