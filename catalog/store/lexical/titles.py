"""Titles as they are typed: exact ones, and misspelt ones within a few typing errors."""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.store.lexical.index import LexicalIndex, TitleEntry
from catalog.text.folding import plain_title, without_article

_LONGEST = 80
_CANDIDATES = 200
_MOST_ERRORS = 2
"""The index looks no further."""
_LETTERS = (8, 40)
"""Shorter texts come near a title by chance, longer ones are descriptions."""
_ARTICLE = 0.02
"""What a title is less similar by an article more or less."""
_ARTICLES = ("the", "a", "an", "der", "die", "das", "le", "la")


@dataclass(frozen=True, slots=True)
class TitleMatch:
    """A movie whose title is what was typed, or nearly."""

    id: str
    similarity: float
    """1 for the title itself, .98 but for an article, less for every typing error."""
    edit_distance: int = 0
    """Letters that are wrong, missing, too many, or swapped."""

    @property
    def is_exact(self) -> bool:
        return self.similarity > 0.97


def match_titles(index: LexicalIndex, text: str, *, all_known: bool) -> list[TitleMatch]:
    """Movies that are called like this, best first.

    Where the catalog holds all words, only a title of several words that is one error away counts: otherwise "cars"
    would be an error in "Cats" for everyone who looks for cars.
    """
    if found := exact_titles(index, text):
        return found
    if not all_known:
        return misspelt_titles(index, text)
    if not _LETTERS[0] <= len(text) <= _LETTERS[1] or len(text.split()) < 2:
        return []
    return [match for match in misspelt_titles(index, text) if match.edit_distance == 1]


def exact_titles(index: LexicalIndex, text: str) -> list[TitleMatch]:
    """Movies with this title, but for case, accents, signs and, a little less alike, a leading article."""
    typed = plain_title(text)
    if not typed or len(typed) > _LONGEST:
        return []
    core = without_article(typed)
    entries = index.titled([typed, core, *(f"{article} {core}" for article in _ARTICLES)], _CANDIDATES)
    return [TitleMatch(entry.id, 1.0 if typed in entry.whole else 0.98) for entry in entries]


def misspelt_titles(index: LexicalIndex, text: str) -> list[TitleMatch]:
    """Movies whose title is a few typing errors away, best first, by optimal string alignment.

    Titles are compared with and without their article: both "godfahter" and "teh godfather" are errors in one.
    """
    whole = plain_title(text)
    typed = without_article(whole)
    allowed = _allowed(len(typed))
    if not allowed or len(typed) > _LONGEST:
        return []
    entries: dict[str, TitleEntry] = {}
    for form in dict.fromkeys((typed, whole)):
        entries |= {entry.id: entry for entry in index.titled_nearly(form, allowed, _CANDIDATES)}
    matches = []
    for entry in entries.values():
        distance = _edit_distance((typed, whole), entry.titles, allowed)
        if distance <= allowed:
            with_article = _edit_distance((whole,), entry.whole, allowed) <= distance
            similarity = 0.95 - distance / len(typed) - (0.0 if with_article else _ARTICLE)
            matches.append(TitleMatch(entry.id, similarity, distance))
    return sorted(matches, key=lambda match: (-match.similarity, match.id))


def _allowed(length: int) -> int:
    """Typing errors forgiven: none in three letters, two in a long title."""
    return 0 if length < 4 else 1 if length < 8 else _MOST_ERRORS


def _edit_distance(typed: Sequence[str], titles: Sequence[str], allowed: int) -> int:
    """How many letters to change, or more than `allowed`."""
    from rapidfuzz.distance import OSA

    return min(OSA.distance(form, title, score_cutoff=allowed) for form in typed for title in titles)
