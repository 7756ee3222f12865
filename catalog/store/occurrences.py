"""Which term stands in which film: flat arrays, so that an index over all films is a few passes of numpy."""

import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Occurrences:
    """The terms of every film, film after film, a term as often as it stands there."""

    vocabulary: list[str]
    terms: Ints
    """Places in the vocabulary, shape (occurrences,)."""
    lengths: Ints
    """How many of them belong to each film, shape (films,)."""

    def films(self) -> Numbers:
        """The film of each occurrence."""
        return np.repeat(np.arange(len(self.lengths), dtype=np.int64), self.lengths)

    def chosen(self, films: Numbers) -> "Occurrences":
        """Those of some films, in the order asked for.

        Terms that none of them has leave the vocabulary, and the others are sorted: whatever way films
        came together, the same films have the same arrays.
        """
        lengths = self.lengths[films]
        starts = np.cumsum(self.lengths, dtype=np.int64) - self.lengths
        begins = np.cumsum(lengths, dtype=np.int64) - lengths
        terms = self.terms[np.repeat(starts[films] - begins, lengths) + np.arange(lengths.sum(dtype=np.int64))]
        used = np.flatnonzero(np.bincount(terms, minlength=len(self.vocabulary)))
        in_order = sorted((self.vocabulary[term], term) for term in used.tolist())
        places = np.zeros(len(self.vocabulary), dtype=np.int32)
        places[[term for _, term in in_order]] = np.arange(len(in_order), dtype=np.int32)
        return Occurrences([term for term, _ in in_order], places[terms], lengths)

    def holders(self) -> tuple[Ints, Numbers]:
        """The films of each term, in order and each once, term after term; and where each term's end, (terms,)."""
        count = max(len(self.lengths), 1)
        pairs = np.sort(self.terms.astype(np.int64) * count + self.films())  # np.unique takes ten times as long
        terms, films = np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], count)
        ends = np.searchsorted(terms, np.arange(len(self.vocabulary)), side="right")
        return films.astype(np.int32), ends

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """For the disk."""
        vocabulary = np.frombuffer(json.dumps(self.vocabulary).encode(), np.uint8)
        return {"vocabulary": vocabulary, "terms": self.terms, "lengths": self.lengths}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """The inverse of `to_arrays`."""
        vocabulary = json.loads(arrays["vocabulary"].tobytes())
        return cls(vocabulary, arrays["terms"].astype(np.int32), arrays["lengths"].astype(np.int32))


class OccurrencesDraft:
    """Occurrences, collected film by film, perhaps behind those of other films."""

    def __init__(self, before: Occurrences | None = None) -> None:
        self._before = before
        self._numbers = _Numbered(before.vocabulary if before else ())
        self._terms = array("i")
        self._lengths = array("i")

    def add(self, terms: Iterable[str]) -> None:
        """Of the next film."""
        length = len(self._terms)
        self._terms.extend(map(self._numbers.__getitem__, terms))
        self._lengths.append(len(self._terms) - length)

    def done(self) -> Occurrences:
        terms, lengths = np.array(self._terms, dtype=np.int32), np.array(self._lengths, dtype=np.int32)
        if self._before is not None:
            terms = np.concatenate([self._before.terms, terms])
            lengths = np.concatenate([self._before.lengths, lengths])
        return Occurrences(list(self._numbers), terms, lengths)


class _Numbered(dict[str, int]):
    """Terms numbered as they come."""

    def __init__(self, terms: Sequence[str]) -> None:
        super().__init__(zip(terms, range(len(terms)), strict=True))

    def __missing__(self, term: str) -> int:
        self[term] = number = len(self)
        return number
