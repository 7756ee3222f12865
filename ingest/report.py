"""What a run did: one object for programs, a few lines for people."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one run of ingest; `to_dict` is what --json prints."""

    read: int
    added: int
    text_changed: int
    metadata_changed: int
    unchanged: int
    deleted: int
    refused: int
    embedded: int
    truncated: int
    repaired: int
    """Texts whose mojibake was undone."""
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

    def to_dict(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def lines(self) -> list[str]:
        """The summary for people."""
        changes = [
            (self.added, "added"),
            (self.text_changed, "text changed"),
            (self.metadata_changed, "metadata changed"),
            (self.unchanged, "unchanged"),
            (self.deleted, "deleted"),
            (self.refused, "refused"),
        ]
        lines = [
            f"{counted(self.read, 'row')} read: " + ", ".join(f"{count} {what}" for count, what in changes if count)
        ]
        if not self.read:
            lines = ["no rows read"]
        lines += [f"  refused: {reason}" for reason in self.refusals]
        if self.refused > len(self.refusals):
            lines.append(f"  ... and {self.refused - len(self.refusals)} more")
        if self.refused_file:
            lines.append(f"  all refused rows: {self.refused_file}")
        if self.truncated:
            lines.append(f"longer than the model reads, and cut: {counted(self.truncated, 'text')}")
        if self.repaired:
            lines.append(f"garbled characters repaired: {counted(self.repaired, 'text')}")
        done = f"{counted(self.films, 'film')} in the catalog, model {self.model}, {self.seconds:.1f} s"
        embedded = f"{counted(self.embedded, 'text')} embedded" if self.embedded else "nothing embedded"
        return [*lines, f"{done}, {embedded}"]


def counted(count: int, what: str) -> str:
    """`1 film`, `2 films`"""
    return f"{count} {what}{'' if count == 1 else 's'}"
