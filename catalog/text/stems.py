"""Texts as terms: stems of the words that mean something, in English and German (Snowball)."""

from functools import cache

from catalog.text.folding import tokens
from catalog.text.stopwords import english_stopwords, german_stopwords


def english_terms(text: str) -> list[str]:
    """Stems of the words that mean something."""
    stems = _english()
    return [term for token in tokens(text) if (term := stems[token])]


def german_terms(text: str) -> list[str]:
    """German stems, marked with "de:", so that "die" and "war" never meet the English words."""
    stems = _german()
    return [f"de:{term}" for token in tokens(text) if (term := stems[token])]


def english_stem(token: str) -> str:
    """Snowball's English stem of a folded word; "" for a function word."""
    return _english()[token]


def german_stem(token: str) -> str:
    """Snowball's German stem of a folded word; "" for a function word."""
    return _german()[token]


class _Stems(dict[str, str]):
    """The stem of every token met so far; a catalog has a hundred times more tokens than different ones."""

    def __init__(self, language: str, stopwords: frozenset[str]) -> None:
        from Stemmer import Stemmer

        super().__init__(dict.fromkeys(stopwords, ""))
        self._stem = Stemmer(language).stemWord

    def __missing__(self, token: str) -> str:
        self[token] = stem = str(self._stem(token))
        return stem


@cache
def _english() -> _Stems:
    return _Stems("english", english_stopwords())


@cache
def _german() -> _Stems:
    return _Stems("german", german_stopwords())
