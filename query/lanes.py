"""The lanes: each looks at the whole catalog in its own way and scores every film.

All arrays have one entry a film, in the order of the films' numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from catalog.embedding.embedder import Embedder, Vector
from catalog.identity import ModelIdentity
from catalog.language import english_terms, german_terms, tokens
from catalog.store.background import standing
from catalog.store.catalog import Snapshot
from catalog.store.words import Posting
from query.eras import without_decades
from query.german import gloss, is_german, knows, translated_terms
from query.phrasing import Phrasing, phrasing, without_chatter
from query.titles import TitleMatch, exact_titles, misspelt_titles

Floats = NDArray[np.float32]

ENGLISH_ONLY = frozenset({"bundled"})
"""Models that read a German question better with its English gloss."""


_TITLE_LETTERS = (8, 40)
"""Shorter texts come near a title by chance, longer ones are descriptions."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Similarity of meaning."""

    cosines: Floats
    similarity: Floats
    """Cosine as seen from the mean film."""
    standing: Floats
    """The same in standard deviations over the catalog."""


@dataclass(frozen=True, slots=True)
class Words:
    """BM25F over the words of the question."""

    scores: Floats
    best: float
    postings: Mapping[str, Posting] = field(default_factory=dict)


def query_vector(snapshot: Snapshot, text: str, embedder: Embedder) -> Vector:
    """The question's embedding; a German one for an English model goes together with its gloss."""
    return vector_of(query_texts(snapshot, text, embedder.identity), embedder)


def vector_of(texts: Sequence[str], embedder: Embedder) -> Vector:
    """The embedding of what the model reads of one question (`query_texts`)."""
    if len(texts) == 1:
        return embedder.embed_query(texts[0])
    together = np.sum(embedder.embed_queries(texts), axis=0)
    return np.asarray(together / np.linalg.norm(together), dtype=np.float32)


def query_texts(snapshot: Snapshot, text: str, model: ModelIdentity) -> list[str]:
    """What the model reads of a question."""
    if model.name not in ENGLISH_ONLY or not _reads_german(snapshot, text):
        return [text]
    return [text, gloss(text) or text]


def meaning(snapshot: Snapshot, vector: Vector) -> Meaning:
    """Exact, over all films: fusion needs the similarity of every film that any lane finds."""
    cosines = snapshot.cosines(vector)
    similarity = snapshot.background.similarity(cosines, vector)
    return Meaning(cosines, similarity, standing(similarity))


def words(snapshot: Snapshot, text: str) -> Words:
    """Terms of the question over title, plot, people, genres, year, language and country."""
    weights = _german_terms(text) if _reads_german(snapshot, text) else _english_terms(text)
    postings = snapshot.words.terms(weights)
    scores = snapshot.words.scores(postings, weights)
    return Words(scores, float(scores.max(initial=0.0)), postings)


def _english_terms(text: str) -> dict[str, float]:
    terms = english_terms(without_decades(text))
    return dict.fromkeys(without_chatter(terms) if phrasing(text) is Phrasing.ASKED else terms, 1.0)


def _german_terms(text: str) -> dict[str, float]:
    """Translations for English plots, and the words themselves for German ones."""
    rest = without_decades(text)
    return translated_terms(rest) | dict.fromkeys(german_terms(rest), 1.0)


def _reads_german(snapshot: Snapshot, text: str) -> bool:
    """Whether a question is German: by its function words, or because only the lexicon knows its words."""
    if is_german(text):
        return True
    words = tokens(text)
    if not words or not all(map(knows, words)):
        return False
    terms = set(english_terms(text))
    return len(snapshot.words.held(terms)) < len(terms)


def titles(snapshot: Snapshot, text: str) -> list[TitleMatch]:
    """Films that are called like this.

    Where all words are known, only a title of several words that is one slip away counts: otherwise "cars" would be
    a slip of "Cats" for everyone who looks for cars.
    """
    if found := exact_titles(snapshot.words, text):
        return found
    terms = set(english_terms(text))
    if len(snapshot.words.held(terms)) < len(terms):
        return misspelt_titles(snapshot.words, text)
    if not _TITLE_LETTERS[0] <= len(text) <= _TITLE_LETTERS[1] or len(text.split()) < 2:
        return []
    return [match for match in misspelt_titles(snapshot.words, text) if match.slips == 1]
