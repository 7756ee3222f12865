"""German questions over English plots: recognised, and translated word by word.

The English model reads a German question badly, and an English word index not at all. A word-by-word
gloss is poor English, but names its things: enough for both.
"""

import re
from collections.abc import Iterator
from functools import cache

from catalog.identity import ModelIdentity
from catalog.text.folding import fold, tokens
from catalog.text.stems import english_stem, english_terms, german_stem
from catalog.text.stopwords import german_stopwords, read_list

_UMLAUT = re.compile("[äöüßÄÖÜ]")
_GERMAN = frozenset(
    "der die das und ein eine einen einem einer eines ist nicht mit von zu den dem des auf fur im sich als auch wird"
    " werden wurde bei nach aus uber sie er ihr seine seiner ihre um zum zur wenn dass oder vom".split()
)
_ENGLISH = frozenset(
    "the and of to is with for on his who he she they by from at that it when where what about".split()
)
_SECOND = 0.5
"""Weight of a word's further meanings."""
_SHORTEST_PART = 3
_SHORTEST_COMPOUND = 7
_JOINTS = ("", "s", "n", "es", "en", "er")


def is_german(text: str) -> bool:
    """Whether the function words and umlauts of a text speak for German; one word alone is looked up."""
    words = tokens(text)
    umlauts = min(len(_UMLAUT.findall(text)), 4)
    evidence = sum(word in _GERMAN for word in words) + 0.5 * umlauts - sum(word in _ENGLISH for word in words)
    return evidence > 0


def gloss(text: str) -> str:
    """The text word by word in English, first meanings, function words left out."""
    return " ".join(part[0] if part else word for word, parts in _translated(text) for part in parts or [()])


def model_texts(text: str, model: ModelIdentity, *, german: bool) -> list[str]:
    """What a model reads of a question; the sum of their embeddings is the question's.

    One that reads no German reads a German question better with its word-by-word translation.
    """
    return [text, gloss(text) or text] if german and not model.reads_german else [text]


def translated_terms(text: str) -> dict[str, float]:
    """English stems with weights: the words themselves (names stay names) and their translations."""
    weights: dict[str, float] = {}
    for word, parts in _translated(text):
        if stem := english_stem(word):
            weights[stem] = 1.0
        for meanings in parts:
            for rank, meaning in enumerate(meanings):
                for term in english_terms(meaning):
                    weights[term] = max(weights.get(term, 0.0), _SECOND if rank else 1.0)
    return weights


def knows(word: str) -> bool:
    """Whether the lexicon has a word, or its parts."""
    return bool(_meanings(fold(word)))


def is_english(word: str) -> bool:
    """Whether the lexicon has a folded word as the meaning of another."""
    return word in _english_words()


def _translated(text: str) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Each word that means something, with the meanings of it, or of its parts."""
    for word in tokens(text.replace("-", " ")):
        if word not in german_stopwords():
            yield word, _meanings(word)


def _meanings(word: str) -> list[tuple[str, ...]]:
    found = _look_up(word)
    return [found] if found else _compound(word)


def _look_up(word: str) -> tuple[str, ...]:
    exact, stems = _lexicon()
    return exact.get(word) or stems.get(german_stem(word)) or ()


def _compound(word: str) -> list[tuple[str, ...]]:
    """The meanings of a compound's parts, the longest known last part first: "Raumschiffkapitän"."""
    if len(word) < _SHORTEST_COMPOUND:
        return []
    for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
        tail = _look_up(word[cut:])
        if not tail:
            continue
        for joint in _JOINTS:
            head = word[:cut].removesuffix(joint) if word[:cut].endswith(joint) else ""
            if len(head) < _SHORTEST_PART:
                continue
            if first := _look_up(head):
                return [first, tail]
            if inner := _compound(head):
                return [*inner, tail]
    return []


@cache
def _lexicon() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """The lexicon by folded word, and by German stem."""
    exact: dict[str, tuple[str, ...]] = {}
    stems: dict[str, tuple[str, ...]] = {}
    for line in read_list("german-english.txt"):
        word, _, meanings = line.partition(":")
        found = tuple(meaning.strip() for meaning in meanings.split(",") if meaning.strip())
        key = word.strip().replace("-", "")
        exact.setdefault(key, found)
        stems.setdefault(german_stem(key), found)
    return exact, stems


@cache
def _english_words() -> frozenset[str]:
    exact, _ = _lexicon()
    return frozenset(word for meanings in exact.values() for meaning in meanings for word in tokens(meaning))
