"""A condition that was read out of a question. Light to import: answers carry it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a film shall be, as far as the words of a question say so."""

    field: str
    """A field of filters, or "like": then the value is the title of a movie."""
    operator: str
    """":"; years are ranges. ">" or "<" where a bound is not included: "rated over 7"."""
    values: tuple[str, ...]
    """As the catalog spells them; a movie shall have one of them."""
    negated: bool
    words: tuple[int, int]
    """Where it stands in the question: the first character, and the one behind the last."""

    @property
    def filter(self) -> str:
        """The filter that keeps exactly the movies that are meant: `-genre:Comedy`."""
        return f"{'-' if self.negated else ''}{self.field}{self.operator}{','.join(map(_quoted, self.values))}"


def _quoted(value: str) -> str:
    """The value, in quotes where a filter needs them."""
    if value.isascii() and not set(value) & set(' ",\t\n'):
        return value
    return '"' + value.replace('"', '""') + '"'
