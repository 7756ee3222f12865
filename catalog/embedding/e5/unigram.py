"""XLM-RoBERTa's tokenizer: SentencePiece's unigram model (Kudo 2018, arXiv 1804.10959) over 250,000 pieces.

Written here because the tokenizers library takes half a second and 300 MB to read them, for each `query` anew. What one
question can hold of them is found in 20 ms.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import chain
from math import inf
from re import compile as pattern

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.embedding.bert.tokenizer import Tokenized, clean

Known = Mapping[str, tuple[int, float]]
"""Piece -> its number and log probability."""

_SPACE = "\u2581"
_SPACES = pattern(" +")
_WORD = pattern(f"{_SPACE}[^{_SPACE}]*")
_START, _END, _UNKNOWN = 0, 2, 3
_SPECIAL = 4
"""So many pieces at the beginning, and the last one, stand for no text, though a text may hold their names."""
_PENALTY = 10.0
"""By which an unknown character is less likely than the least likely piece."""
_LONGEST = 16
"""Characters of a piece."""
_REMEMBERED = 32
"""Characters of a word that is remembered: in languages without spaces a whole plot is one."""
_MANY = 8
"""Texts for which all pieces are read: a tenth of a second, once."""
_PREFIX = 8
"""Bytes by which pieces are told apart first."""


@dataclass(frozen=True)
class Pieces:
    """The vocabulary as it lies in a file: all pieces back to back in UTF-8."""

    text: NDArray[np.uint8]
    offsets: NDArray[np.uint32]
    """(pieces + 1,)"""
    scores: Floats
    """(pieces,) log probabilities."""

    @cached_property
    def unknown(self) -> float:
        """The score of a character that no piece holds."""
        return float(self.scores.min()) - _PENALTY

    @cached_property
    def all(self) -> Known:
        """Every piece that stands for text."""
        text, offsets, scores = self.text.tobytes(), self.offsets.tolist(), self.scores.tolist()
        return {
            text[offsets[piece] : offsets[piece + 1]].decode(): (piece, scores[piece])
            for piece in range(_SPECIAL, len(scores) - 1)
        }

    def within(self, words: Iterable[str]) -> Known:
        """The pieces that these words could be cut into: the text of a question, not of a catalog."""
        parts = {
            word[start:end]
            for word in words
            for start in range(len(word))
            for end in range(start + 1, min(len(word), start + _LONGEST) + 1)
        }
        if not parts:
            return {}
        sought = np.unique(np.array([_prefix(part.encode()) for part in parts], dtype=np.uint64))
        prefixes = self._prefixes()
        at = np.searchsorted(sought, prefixes).clip(max=len(sought) - 1)
        alike = np.flatnonzero(sought[at] == prefixes)
        texts = {piece: self.text[self.offsets[piece] : self.offsets[piece + 1]].tobytes().decode() for piece in alike}
        return {
            text: (int(piece), float(self.scores[piece]))
            for piece, text in texts.items()
            if text in parts and _SPECIAL <= piece < len(self.scores) - 1
        }

    def _prefixes(self) -> NDArray[np.uint64]:
        """The first eight bytes of every piece as one number."""
        padded = np.concatenate([self.text, np.zeros(_PREFIX, dtype=np.uint8)])
        starts, lengths = self.offsets[:-1], np.diff(self.offsets).clip(max=_PREFIX)
        numbers = np.ndarray((len(self.text) + 1,), dtype="<u8", buffer=padded, strides=(1,))[starts]
        masks = np.array([(1 << 8 * size) - 1 for size in range(_PREFIX + 1)], dtype=np.uint64)
        prefixes: NDArray[np.uint64] = numbers & masks[lengths]
        return prefixes


@dataclass(frozen=True)
class UnigramTokenizer:
    """Texts to token ids, as the model's makers cut them; cuts at a limit and never pads."""

    pieces: Pieces
    replacements: Mapping[int, str]
    """What stands for a character, by its code point: mostly Unicode's NFKC."""
    max_tokens: int

    def __call__(self, texts: Sequence[str]) -> Tokenized:
        """Tokenize texts; those over the limit keep their beginning and the end token."""
        words = [self._words(text) for text in texts]
        if len(texts) >= _MANY or "_segment" in self.__dict__:
            segment = self._segment
        else:
            segment = partial(cut, known=self.pieces.within(set(chain(*words))), unknown=self.pieces.unknown)
        room = self.max_tokens - 2
        ids = [list(chain.from_iterable(map(segment, each))) for each in words]
        return Tokenized([[_START, *each[:room], _END] for each in ids], sum(len(each) > room for each in ids))

    def _words(self, text: str) -> list[str]:
        """The text's words, each behind the mark that stands for a space: no piece reaches from one into another."""
        text = _SPACES.sub(" ", clean(text).translate(self.replacements))
        spaced = text if not text or text.startswith(" ") else f" {text}"
        return _WORD.findall(spaced.replace(" ", _SPACE))

    @cached_property
    def _segment(self) -> Callable[[str], tuple[int, ...]]:
        whole = partial(cut, known=self.pieces.all, unknown=self.pieces.unknown)
        remembered = lru_cache(maxsize=1 << 16)(whole)

        def segment(word: str) -> tuple[int, ...]:
            return whole(word) if len(word) > _REMEMBERED else remembered(word)

        return segment


def cut(word: str, *, known: Known, unknown: float) -> tuple[int, ...]:
    """The most likely way to cut a word into pieces (Viterbi 1967), as their numbers; neighbouring unknowns are one."""
    size = len(word)
    best = [0.0] + [-inf] * size
    came: list[tuple[int, int]] = [(0, 0)] * (size + 1)
    for start in range(size):
        here = best[start]
        if here + unknown > best[start + 1]:
            best[start + 1], came[start + 1] = here + unknown, (start, _UNKNOWN)
        for end in range(start + 1, min(size, start + _LONGEST) + 1):
            piece = known.get(word[start:end])
            if piece is not None and here + piece[1] > best[end]:
                best[end], came[end] = here + piece[1], (start, piece[0])
    ids: list[int] = []
    while size:
        size, piece_id = came[size]
        if piece_id != _UNKNOWN or not ids or ids[-1] != _UNKNOWN:
            ids.append(piece_id)
    return tuple(reversed(ids))


def _prefix(part: bytes) -> int:
    return int.from_bytes(part[:_PREFIX], "little")
