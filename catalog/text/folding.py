"""Texts folded: lower case, no accents, the words of a text, a title as people type it. Pure."""

import re
import unicodedata

_TOKEN = re.compile(r"[^\W_]+")
_PLAIN = str.maketrans(
    {"ß": "ss", "½": " 1/2", "’": "'", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "\xad": ""}
)
_POSSESSIVE = re.compile(r"'(s\b)?")
_ARTICLE = re.compile(r"^(the|a|an|der|die|das|ein|eine|le|la|les|el|il|lo|los) (?=.)")


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


def plain_title(title: str) -> str:
    """A title as people type it: folded, signs as spaces, "&" as "and"; "$" stays, having nothing else."""
    folded = fold(title)
    words = _TOKEN.findall(folded.replace("&", " and ").replace("1/2", " 1 2 "))
    return " ".join(words or folded.split())


def without_article(title: str) -> str:
    """A plain title without its leading article."""
    return _ARTICLE.sub("", title)


def whole_characters(text: str) -> str:
    """The text with "?" for half a character: JSON and command lines can hold one, databases and models cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
