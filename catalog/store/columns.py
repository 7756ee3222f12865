"""What is known of all films at once, as arrays: for scores, for the order of answers, for filters."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from catalog.errors import UsageError
from catalog.language import fold
from catalog.store.conditions import Range

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Numbers64 = NDArray[np.float64]

#: Fields of a film that hold one number.
NUMBERS = ("year", "rating", "votes", "runtime")

#: By what films can be sorted besides relevance; "-" before it for descending.
SORTS = (*NUMBERS, "title")

#: The types on disk: 64 bits, so that a rating equals the 7.1 that somebody types.
NUMBER, _PLACE = np.dtype("<f8"), np.dtype("<i4")


@dataclass(frozen=True)
class FilmColumns:
    """One value a film in the order of the films' numbers; every array has the shape (films,)."""

    ids: list[str]
    id_order: Ints
    """The place of each film's id among all ids, sorted as text: breaks ties."""
    title_order: Ints
    """The place of each film's title among all of them, case and accents aside; the same for equal ones."""
    numbers: Mapping[str, Numbers64]
    """NUMBERS, NaN where unknown."""

    @cached_property
    def rows(self) -> dict[str, int]:
        """A film's number by its id."""
        return {identity: row for row, identity in enumerate(self.ids)}

    @cached_property
    def year(self) -> Floats:
        """NaN where unknown; so is the rating."""
        return self.numbers["year"].astype(np.float32)

    @cached_property
    def rating(self) -> Floats:
        return self.numbers["rating"].astype(np.float32)

    @cached_property
    def votes(self) -> Floats:
        """0 where unknown, as scores want it."""
        return np.nan_to_num(self.numbers["votes"]).astype(np.float32)

    @classmethod
    def of(cls, ids: list[str], titles: Iterable[str], numbers: Mapping[str, Numbers64]) -> Self:
        """From each film's id, title and NUMBERS, in the order of the films' numbers."""
        return cls(ids, _places(ids), _places([fold(title) for title in titles]), numbers)

    @cached_property
    def known(self) -> Floats:
        """The decimal logarithm of one more than the votes: how well known a film is."""
        return np.asarray(np.log10(1.0 + self.votes), dtype=np.float32)

    def row(self, identity: str) -> int:
        """The number of a film of the catalog; raises KeyError for another one."""
        return self.rows[identity]

    def sort_keys(self, sort: str, rows: NDArray[np.int64] | Ints) -> tuple[Numbers64, ...]:
        """Keys of some films for `numpy.lexsort`, the first one last: unknown values come last either way.

        Raises UsageError for what is not one of SORTS, with or without "-".
        """
        name = check_sort(sort).removeprefix("-")
        values = self.title_order.astype(np.float64) if name == "title" else self.numbers[name]
        return (-values[rows] if sort.startswith("-") else values[rows],)

    def to_bytes(self) -> dict[str, bytes]:
        """Every column by name, for the disk."""
        return {
            "ids": json.dumps(self.ids).encode(),
            "id_order": self.id_order.astype(_PLACE).tobytes(),
            "title_order": self.title_order.astype(_PLACE).tobytes(),
            **{name: values.astype(NUMBER).tobytes() for name, values in self.numbers.items()},
        }

    @classmethod
    def from_bytes(cls, data: Mapping[str, bytes]) -> Self:
        """The inverse of `to_bytes`; raises KeyError or ValueError for damaged data."""
        return cls(
            json.loads(data["ids"]),
            np.frombuffer(data["id_order"], _PLACE),
            np.frombuffer(data["title_order"], _PLACE),
            {name: np.frombuffer(data[name], NUMBER) for name in NUMBERS},
        )


def _places(texts: Sequence[str]) -> Ints:
    order = {text: place for place, text in enumerate(sorted(set(texts)))}
    return np.array([order[text] for text in texts], dtype=np.int32)


def check_sort(sort: str) -> str:
    """Return it, or raise UsageError."""
    if sort.removeprefix("-") not in SORTS:
        raise UsageError(f"sort: unknown field {sort!r}; allowed are relevance, {', '.join(SORTS)}, and '-' before one")
    return sort


def within(values: NDArray[np.float64], ranges: tuple[Range, ...]) -> Ints:
    """Where values, shape (films,), lie in one of the ranges; NaN lies in none."""
    held = np.zeros(len(values), dtype=bool)
    for part in ranges:
        held |= (values >= part.low) & (values <= part.high)
    return np.flatnonzero(held).astype(np.int32)
