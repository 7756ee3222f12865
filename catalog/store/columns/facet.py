"""How many films of an answer have which value of a field. Light to import: a command reads it from a service."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value, how many films have it, and the filter that keeps exactly these."""

    value: str
    count: int
    filter: str


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of a field: of lists the most frequent first, of numbers the highest."""

    field: str
    values: tuple[FacetValue, ...]
    total: int
    """How many values there are, shown or not."""
