"""A text without case and accents that still knows where each of its letters stands in the question."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from catalog.text.folding import fold

#: A point ends a sentence, but not behind "Dr".
_WORD = re.compile(r"[^\W_]+|[,;:()!?]|(?<=\w\w)(?<!\bdr|\bmr|\bms|\bst|\bvs)(?<!\bmrs)\.(?=\s|$)|--?(?=\s)|[–—]")


@dataclass(frozen=True)
class FoldedText:
    """A question and its folded letters: "ß" becomes two of them, an accent of its own none."""

    raw: str

    @cached_property
    def folded(self) -> str:
        return "".join(letters for letters, _ in self._letters)

    @cached_property
    def words(self) -> tuple[tuple[int, int], ...]:
        """Begin and end of every word and every sign that parts them, in the folded text."""
        return tuple(found.span() for found in _WORD.finditer(self.folded))

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """A part of the folded text, which is not empty, as it stands in the question."""
        return self._places[start], self._places[end - 1] + 1

    def blanked(self, parts: Sequence[tuple[int, int]]) -> str:
        """The folded text with "_" for every letter of some parts of the question."""
        letters = zip(self.folded, self._places, strict=True)
        return "".join("_" if any(start <= at < end for start, end in parts) else each for each, at in letters)

    @cached_property
    def _letters(self) -> tuple[tuple[str, int], ...]:
        if self.raw.isascii():  # then each letter stays one: 80 calls less for a question
            return tuple((letter, place) for place, letter in enumerate(fold(self.raw)))
        return tuple((fold(letter), place) for place, letter in enumerate(self.raw))

    @cached_property
    def _places(self) -> tuple[int, ...]:
        return tuple(place for letters, place in self._letters for _ in letters)
