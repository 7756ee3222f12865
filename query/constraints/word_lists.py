"""The word lists of `lexicon/`: a line an entry, its columns parted by bars, their words by commas. All folded."""

import re
from functools import cache
from pathlib import Path

from catalog.text.folding import fold

_WORD = re.compile(r"[^\W_]+")
_ENDINGS = ("", "e", "er", "en", "em", "es")
_INFLECTED = ("isch", "iert", "reich", "ig", "lich", "sch")


@cache
def read_table(name: str) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """The columns of each line of a file; comments are left out."""
    lines = (Path(__file__).parent / "lexicon" / name).read_text(encoding="utf-8").splitlines()
    return tuple(
        tuple(tuple(word.strip() for word in column.split(",") if word.strip()) for column in line.split("|"))
        for line in lines
        if line.strip() and not line.startswith("#")
    )


def phrase(name: str) -> str:
    """A name as the words of a question are compared: "Sci-Fi" is "sci fi"."""
    return " ".join(_WORD.findall(fold(name)))


def inflected(word: str) -> list[str]:
    """A German adjective with its endings; any other word alone."""
    return [word + ending for ending in _ENDINGS] if word.endswith(_INFLECTED) else [word]
