"""Texts as terms: folded, without function words, stemmed; English and German. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "lexicon"
_TOKEN = re.compile(r"[^\W_]+")
_PLAIN = str.maketrans(
    {"ß": "ss", "½": " 1/2", "’": "'", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "\xad": ""}
)
_POSSESSIVE = re.compile(r"'(s\b)?")


def fold(text: str) -> str:
    """Lower case, no accents, ß as ss: "Größe" and "grosse" become the same."""
    plain = text.lower().translate(_PLAIN)
    if plain.isascii():
        return plain
    return "".join(letter for letter in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(letter))


def tokens(text: str) -> list[str]:
    """The folded words and numbers of a text; "dog's" is "dog", "don't" is "dont"."""
    folded = fold(text)
    return _TOKEN.findall(_POSSESSIVE.sub("", folded) if "'" in folded else folded)


def english_terms(text: str) -> list[str]:
    """Stems of the words that mean something."""
    stems = _english()
    return [term for token in tokens(text) if (term := stems[token])]


def german_terms(text: str) -> list[str]:
    """The same for German; marked, so that "die" and "war" never meet the English words."""
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


@cache
def english_stopwords() -> frozenset[str]:
    return frozenset(read_list("english-stopwords.txt"))


@cache
def german_stopwords() -> frozenset[str]:
    return frozenset(read_list("german-stopwords.txt"))


def read_list(name: str) -> Iterable[str]:
    """The folded lines of a lexicon file, comments left out."""
    lines = (_FOLDER / name).read_text(encoding="utf-8").splitlines()
    return (fold(line.strip()) for line in lines if line.strip() and not line.startswith("#"))


_ARTICLE = re.compile(r"^(the|a|an|der|die|das|ein|eine|le|la|les|el|il|lo|los) (?=.)")


def plain_title(title: str) -> str:
    """A title as people type it: folded, signs as spaces, "&" as "and"; "$" stays, having nothing else."""
    folded = fold(title)
    words = _TOKEN.findall(folded.replace("&", " and ").replace("1/2", " 1 2 "))
    return " ".join(words or folded.split())


def without_article(title: str) -> str:
    """A plain title without its leading article."""
    return _ARTICLE.sub("", title)
