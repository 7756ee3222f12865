"""How a question is asked: as a description, or as someone's memory of a film."""

import re

_ASKING = re.compile(
    r"\b(movies?|films?|flick|i|i'm|my|me|anyone|remember|help|ich|mir|jemand)\b|\?|\bwhere an?\b", re.IGNORECASE
)

#: Stems that such questions are full of and that say nothing about the film.
_CHATTER = frozenset(
    "movi film flick watch rememb saw seen look name find scene call help titl thing realli tri year old".split()
)


def asks(text: str) -> bool:
    """Whether someone tries to remember a film, rather than describing what it is about.

    Whoever asks like that has often searched before: the film is less well known, and the popularity
    prior saturates earlier (`fusion.popularity_prior`).
    """
    return _ASKING.search(text) is not None


def without_chatter(terms: list[str]) -> list[str]:
    """The stems that say something; all of them if nothing else is there."""
    return [term for term in terms if term not in _CHATTER] or terms
