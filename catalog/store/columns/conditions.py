"""What movies can be asked to be like: the parser of filters makes conditions, the lexical index meets them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Numbers:
    """The film has a number, and it lies in one of the ranges.

    Negated it holds for the other films: those without a number too.
    """

    field: str
    """One of `fields.NUMBERS`."""
    ranges: tuple[Range, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Tagged:
    """The film has one of the values."""

    field: str
    """One of `fields.LISTS`, or the field of a `fields.movie_tags`."""
    folded: tuple[str, ...]
    """As `fields.folded` makes them."""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class WithId:
    """The film is one of these."""

    ids: tuple[str, ...]
    negated: bool = False


Condition = Numbers | Tagged | WithId


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that must all hold; all films pass the empty one."""

    conditions: tuple[Condition, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.conditions)


EVERYTHING = Filter()
"""Keeps all movies."""
