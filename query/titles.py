"""The title lane: exact, and misspelt within what a hand slips."""

from dataclasses import dataclass

import numpy as np

from catalog.language import grams, plain_title, without_article
from catalog.store.words import WordIndex

_LONGEST = 80
_CANDIDATES = 200
_SPARE = 4


@dataclass(frozen=True, slots=True)
class TitleMatch:
    """A film whose title is what was typed, or nearly."""

    film: int
    similarity: float
    """1 for the title itself, .98 but for an article, less for every slip."""
    slips: int = 0
    """Letters that are wrong, missing, too many, or swapped."""

    @property
    def exact(self) -> bool:
        return self.similarity > 0.97


def exact_titles(index: WordIndex, text: str) -> list[TitleMatch]:
    """Films with this title, but for case, accents, signs and a leading article."""
    typed = plain_title(text)
    if found := index.titled([typed]):
        return [TitleMatch(film, 1.0) for film in dict.fromkeys(found)]
    core = without_article(typed)
    return [TitleMatch(film, 0.98) for film in dict.fromkeys(index.titled(_with_articles(core)))]


def _with_articles(core: str) -> list[str]:
    return [core] + [f"{article} {core}" for article in ("the", "a", "an", "der", "die", "das", "le", "la")]


def _allowed(length: int) -> int:
    """Slips forgiven: none in three letters, three in a long title."""
    return 0 if length < 4 else 1 if length < 8 else 2 if length < 16 else 3


def misspelt_titles(index: WordIndex, text: str) -> list[TitleMatch]:
    """Films whose title is a few slips away, best first: by shared trigrams, then by optimal string alignment.

    Titles are compared with and without their article: both "godfahter" and "teh godfather" are slips.
    """
    whole = plain_title(text)
    typed = without_article(whole)
    allowed = _allowed(len(typed))
    if not allowed or len(typed) > _LONGEST:
        return []
    # A slip spoils four trigrams at most, so that some of the rarest are left: few films to look at.
    rarest = index.rarest_grams(grams(typed), 4 * allowed + _SPARE)
    shared = index.scores(rarest, {})
    sharing = np.flatnonzero(shared >= max(len(rarest) - 4 * allowed, 1))
    candidates = sharing[np.argsort(-shared[sharing], kind="stable")[:_CANDIDATES]]
    matches: dict[int, TitleMatch] = {}
    for film, title in index.titles_of(candidates.tolist()):
        slips = _slips(whole, typed, title, allowed)
        similarity = 0.95 - slips / len(typed)
        if slips <= allowed and (film not in matches or matches[film].similarity < similarity):
            matches[film] = TitleMatch(film, similarity, slips)
    return sorted(matches.values(), key=lambda match: (-match.similarity, match.film))


def _slips(whole: str, typed: str, title: str, allowed: int) -> int:
    """How many letters to change, or more than `allowed`; `typed` is `whole` without its article."""
    from rapidfuzz.distance import OSA

    bare = OSA.distance(typed, without_article(title), score_cutoff=allowed)
    return min(bare, OSA.distance(whole, title, score_cutoff=allowed))
