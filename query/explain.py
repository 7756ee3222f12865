"""Why a film was found: lanes and ranks, matching words, the nearest sentence, the nearest liked film."""

import re
from dataclasses import dataclass

import numpy as np

from catalog.embedding.embedder import Embedder
from catalog.movie import Movie
from query.lanes import Meaning, Words
from query.models import Why
from query.recommend import Liked
from query.titles import TitleMatch

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^a-z])")
_MOST_SENTENCES = 12


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the lanes said of all films."""

    text: str
    meaning: Meaning | None
    words: Words | None
    titles: tuple[TitleMatch, ...]
    likes: tuple[Liked, ...]


def explain(evidence: Evidence, embedder: Embedder, row: int, movie: Movie) -> Why:
    """What brought one film."""
    return Why(
        lanes=_ranks(evidence, row),
        words=_words(evidence, row),
        sentence=_sentence(evidence, embedder, movie),
        nearest_like=_nearest_like(evidence, row),
    )


def _ranks(evidence: Evidence, row: int) -> dict[str, int]:
    ranks: dict[str, int] = {}
    if evidence.meaning is not None:
        standing = evidence.meaning.standing
        ranks["meaning"] = int((standing > standing[row]).sum()) + 1
    if evidence.words is not None and evidence.words.scores[row] > 0:
        scores = evidence.words.scores
        ranks["words"] = int((scores > scores[row]).sum()) + 1
    for rank, match in enumerate(evidence.titles, 1):
        if match.film == row:
            ranks["title"] = rank
    return ranks


def _words(evidence: Evidence, row: int) -> tuple[str, ...]:
    if evidence.words is None:
        return ()
    found = []
    for term, posting in evidence.words.postings.items():
        place = int(np.searchsorted(posting.films, row))
        if place < len(posting.films) and posting.films[place] == row:
            found.append((-float(posting.weights[place]), term.removeprefix("de:")))
    return tuple(dict.fromkeys(term for _, term in sorted(found)))


def _sentence(evidence: Evidence, embedder: Embedder, movie: Movie) -> str | None:
    if not evidence.text.strip():
        return None
    sentences = [part.strip() for part in _SENTENCE.split(movie.plot) if part.strip()][:_MOST_SENTENCES]
    if len(sentences) < 2:
        return sentences[0] if sentences else None
    query = embedder.embed_query(evidence.text)
    closeness = [float(embedder.embed_query(sentence) @ query) for sentence in sentences]
    return sentences[int(np.argmax(closeness))]


def _nearest_like(evidence: Evidence, row: int) -> str | None:
    films = [like for like in evidence.likes if like.example.movie_id is not None]
    if not films:
        return None
    return max(films, key=lambda like: float(like.similarity[row])).example.movie_id
