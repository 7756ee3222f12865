"""How a question is put: as someone's memory of a film, as a told plot, in a few words, or otherwise."""

import re
from collections.abc import Iterable
from enum import Enum

from catalog.language import english_terms
from query.eras import era, without_decades

_ASKING = re.compile(
    r"\b(movies?|films?|flick|i|i'm|anyone|remember|help (?:me|find|finding|identify|with)|ich|jemand)\b"
    r"|^(about|with|where|in which|that|scene)\b"
    r"|^(?!(?:what|who|how|why|when|where|which|is|are|can|could|do|does|did|will|would|has|have|was|wer|wie)\b).*\?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_TOLD = re.compile(r"[.!][\"')]?\s*$")
_FEW = 2

#: Stems that memories are full of and that say nothing about the film.
_CHATTER = frozenset(
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


def phrasing(text: str) -> Phrasing:
    """How this question is put."""
    told = _TOLD.search(text) is not None
    few = len(set(english_terms(without_decades(text)))) <= _FEW
    if _ASKING.search(text) or (era(text) and not told and not few):
        return Phrasing.ASKED
    if told:
        return Phrasing.TOLD
    return Phrasing.NAMED if few else Phrasing.OTHER


def without_chatter(terms: Iterable[str]) -> list[str]:
    """The stems that say something; all of them if nothing else is there."""
    given = list(terms)
    return [term for term in given if term not in _CHATTER] or given
