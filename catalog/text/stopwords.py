"""Function words, which say nothing of what happens in a film, and the other word lists of `lexicon/`."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from catalog.text.folding import fold

_FOLDER = Path(__file__).parent / "lexicon"


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
