"""What a question asks: how it is put, which terms to look for, what the model reads of it. Pure, but for one look."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum

from catalog.identity import ModelIdentity
from catalog.text.folding import tokens
from catalog.text.stems import english_terms, german_terms
from catalog.text.translation import is_english, is_german, knows, model_texts, translated_terms
from query.constraints.years import read_years, without_decades

Held = Callable[[Sequence[str]], AbstractSet[str]]
"""Says which terms some movie of the catalog holds."""

_ASKING = re.compile(
    r"\b(movies?|films?|flick|i|i'm|anyone|remember|help (?:me|find|finding|identify|with)|ich|jemand)\b"
    r"|^(about|with|where|in which|that|scene)\b"
    r"|^(?!(?:what|who|how|why|when|where|which|is|are|can|could|do|does|did|will|would|has|have|was|wer|wie)\b).*\?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_TOLD = re.compile(r"[.!][\"')]?\s*$")
_FEW = 2

#: Stems that memories are full of and that say nothing about the film.
_QUERY_STOPWORDS = frozenset(
    "movi film flick watch rememb saw seen look name find scene call help titl thing realli tri year old".split()
)


class Phrasing(Enum):
    """How a question is put; what it means for the weights is in `fusion.WEIGHTS`."""

    ASKED = "asked"
    """Someone tries to remember a film, often after searching elsewhere: it is known, but not to everybody."""
    TOLD = "told"
    """Whole sentences that tell a plot."""
    NAMED = "named"
    """A few words that name a topic: whoever holds them is right."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Analysis:
    """A question as the retrievers ask it."""

    text: str
    phrasing: Phrasing
    german: bool
    terms: Mapping[str, float]
    """Stems with their weights, for the lexical index."""
    all_known: bool
    """Whether the catalog holds each of its words."""
    model_texts: Sequence[str]
    """What the model reads; the sum of their embeddings is the question's."""

    @property
    def kind(self) -> str:
        """One of `questions.KINDS`."""
        if not self.german:
            return f"{self.phrasing.value}-en"
        return f"{'other' if self.phrasing is Phrasing.NAMED else self.phrasing.value}-de"


def analyze(
    text: str, model: ModelIdentity, held: Held, *, german: bool = False, like: Analysis | None = None
) -> Analysis:
    """Read a question that is not empty: `german` if it is known to be, or put `like` another."""
    how = phrasing(text) if like is None else like.phrasing
    german = german or (like is not None and like.german)
    stems = list(dict.fromkeys(english_terms(text)))
    all_known = len(held(stems)) == len(stems)
    german = german or is_german(text) or _only_lexicon_knows(text, all_known=all_known)
    texts = model_texts(text, model, german=german)
    terms = _german_terms(text, how) if german else _english_terms(text, how)
    return Analysis(text, how, german, terms, all_known, texts)


def phrasing(text: str) -> Phrasing:
    """How this question is put."""
    told = _TOLD.search(text) is not None
    few = len(set(english_terms(without_decades(text)))) <= _FEW
    if _ASKING.search(text) or (read_years(text) and not told and not few):
        return Phrasing.ASKED
    if told:
        return Phrasing.TOLD
    return Phrasing.NAMED if few else Phrasing.OTHER


def without_query_stopwords(terms: Iterable[str]) -> list[str]:
    """The stems that say something; all of them if nothing else is there."""
    given = list(terms)
    return [term for term in given if term not in _QUERY_STOPWORDS] or given


def _english_terms(text: str, how: Phrasing) -> dict[str, float]:
    terms = english_terms(without_decades(text))
    return dict.fromkeys(without_query_stopwords(terms) if how is Phrasing.ASKED else terms, 1.0)


def _german_terms(text: str, how: Phrasing) -> dict[str, float]:
    """Translations for English plots, and the words themselves for German ones."""
    rest = without_decades(text)
    translated = translated_terms(rest)
    said = without_query_stopwords(translated) if how is Phrasing.ASKED else translated
    return {term: translated[term] for term in said} | dict.fromkeys(german_terms(rest), 1.0)


def _only_lexicon_knows(text: str, *, all_known: bool) -> bool:
    """Whether the German lexicon has all words of a question, and neither the catalog nor English has.

    Of one word English alone counts: "Hai" is the name of some people, and no English word.
    """
    words = tokens(text)
    if all_known and (len(words) > 1 or all(map(is_english, words))):
        return False  # before the lexicon is read, which takes .08 s
    return bool(words) and all(map(knows, words))
