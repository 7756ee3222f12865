"""What a run did: one object for programs, a few lines for people."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from catalog.movie import MAIN
from catalog.tables import html_of


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows of a source, and what their movies are beside what the catalog holds."""

    read: int
    added: int = 0
    text_changed: int = 0
    metadata_changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    refused: int = 0
    repaired: int = 0
    """Texts whose mojibake was undone."""
    unreadable: Mapping[str, int] = field(default_factory=dict)
    """Values that say something, but not what their field holds (the year "abc"), by field."""
    first_unreadable: Mapping[str, str] = field(default_factory=dict)
    """The first of them and its row, `'abc', line 4`, by field."""

    def kinds(self) -> dict[str, int]:
        """The kinds of change that occur, as people read them."""
        names = ("added", "text_changed", "metadata_changed", "unchanged", "deleted", "refused")
        return {name.replace("_", " "): count for name in names if (count := getattr(self, name))}

    def lines(self) -> list[str]:
        """What people should know of values that were mended or left out."""
        lines = []
        if self.repaired:
            lines.append(f"garbled characters repaired: {plural(self.repaired, 'text')}")
        if self.unreadable:
            lines.append(f"could not be read and were left out: {', '.join(self._unreadable())}")
        return lines

    def _unreadable(self) -> list[str]:
        """`year of 2 films (first: line 4)`"""
        told = [f"{name} of {plural(count, 'film')}" for name, count in sorted(self.unreadable.items())]
        first = [self.first_unreadable.get(name) for name in sorted(self.unreadable)]
        return [f"{what} (first: {place})" if place else what for what, place in zip(told, first, strict=True)]


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one run of ingest; `to_dict` is what --json prints."""

    rows: RowCounts
    embedded: int
    truncated: int
    seconds: float
    model: str
    films: int
    """In the catalog afterwards."""
    generation: int | None
    published: bool
    refusals: tuple[str, ...] = field(default=())
    """The first of them, one line each."""
    refused_file: str | None = None
    note: str | None = None
    source: str = MAIN
    """Whose films these are."""

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        kinds = ", ".join(f"{name.replace(' ', '_')}={count}" for name, count in self.rows.kinds().items())
        return f"Report({kinds}; films={self.films}, model={self.model!r})"

    def _repr_html_(self) -> str:
        return html_of([self.rows.kinds()], list(self.rows.kinds()), self.lines())

    def to_dict(self) -> dict[str, Any]:
        """One flat object of JSON values."""
        values = asdict(self)
        return {**values.pop("rows"), **values, "refusals": list(self.refusals)}

    def counts(self) -> dict[str, int]:
        """Every number of rows, movies or texts, by name."""
        rows = {**asdict(self.rows), "unreadable": sum(self.rows.unreadable.values())}
        del rows["first_unreadable"]
        return {**rows, "embedded": self.embedded, "truncated": self.truncated, "films": self.films}

    def lines(self) -> list[str]:
        """The summary for people."""
        kinds = ", ".join(f"{count} {name}" for name, count in self.rows.kinds().items())
        lines = [f"{plural(self.rows.read, 'row')} read: {kinds}" if self.rows.read else "no rows read"]
        lines += [f"  refused: {reason}" for reason in self.refusals]
        if self.rows.refused > len(self.refusals):
            lines.append(f"  ... and {self.rows.refused - len(self.refusals)} more")
        if self.refused_file:
            lines.append(f"  all refused rows: {self.refused_file}")
        if self.truncated:
            lines.append(f"longer than the model reads, and cut: {plural(self.truncated, 'text')}")
        lines += self.rows.lines()
        whose = "" if self.source == MAIN else f"source {self.source}; "
        done = f"{whose}{plural(self.films, 'film')} in the catalog, model {self.model}, {self.seconds:.1f} s"
        embedded = f"{plural(self.embedded, 'text')} embedded" if self.embedded else "nothing embedded"
        return [*lines, f"{done}, {embedded}"]


def plural(count: int, what: str) -> str:
    """`1 film`, `2 films`"""
    return f"{count} {what}{'' if count == 1 else 's'}"
