"""How questions are put, by examples of each kind: what these have in common says nothing of any film."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

KINDS = ("asked-en", "told-en", "named-en", "other-en", "asked-de", "told-de", "other-de")
"""Remembered, told, named in a word or two, or put otherwise; in English or German."""

_FILE = Path(__file__).parent / "lexicon" / "questions.txt"


@cache
def example_questions() -> Mapping[str, tuple[str, ...]]:
    """The examples of each of KINDS."""
    found: dict[str, list[str]] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            found[line[2:].strip()] = []
        elif line.strip():
            found[next(reversed(found))].append(line.strip())
    return MappingProxyType({kind: tuple(found[kind]) for kind in KINDS})
