"""What a run would do: one object for programs, a few lines for people."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from ingest.mapping.mapper import FieldSource
from ingest.report import RowCounts, plural
from ingest.schedule.durations import spell_length

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run of the same request would do; `to_dict` is what --json prints."""

    mapping: tuple[FieldSource, ...]
    rows: RowCounts
    examples: dict[str, list[str]]
    """Some films of each kind of change."""
    refusals: tuple[str, ...]
    to_embed: int
    """Distinct texts without a vector."""
    passages_to_embed: int
    """Those of them that are passages of long stories and German plots."""
    estimated_seconds: float | None
    """For embedding them, by a sample; None where the model is not on this disk."""
    deletions_refused: str | None
    """Why the run would delete nothing and exit 3."""
    note: str | None = None
    """What looks like a mistake, one line."""
    dry_run: bool = True

    def to_dict(self) -> dict[str, Any]:
        """One flat object of JSON values."""
        values = asdict(self)
        return {"mapping": values.pop("mapping"), **values.pop("rows"), **values}

    def lines(self) -> list[str]:
        """For people."""
        lines = ["fields found:"]
        width = max((len(found.field) for found in self.mapping), default=0)
        for found in self.mapping:
            example = next((str(value) for value in found.examples), "")
            cut = f"{example[:_SHOWN]}..." if len(example) > _SHOWN else example
            columns = ", ".join(found.sources)
            lines.append(f"  {found.field:<{width}}  from {columns}" + (f": {cut}" if cut else ""))
        rows = self.rows
        lines.append(f"{plural(rows.read, 'row')} read, {rows.refused} of them refused; the run would find:")
        for kind, count in rows.kinds().items():
            named = ", ".join(self.examples.get(kind.replace(" ", "_"), []))
            lines.append(f"  {count} {kind}" + (f": {named}" if named else ""))
        lines += [f"  refused: {reason}" for reason in self.refusals]
        lines += rows.lines()
        passages = plural(self.passages_to_embed, "passage")
        told = f" ({passages} of long stories and German plots)" if self.passages_to_embed else ""
        lines.append(f"{plural(self.to_embed, 'text')} to embed{told}{self._time()}")
        if self.deletions_refused:
            lines.append(f"refused: {self.deletions_refused}")
        if self.note:
            lines.append(self.note)
        return [*lines, "nothing was written"]

    def _time(self) -> str:
        if not self.to_embed:
            return ""
        if self.estimated_seconds is None:
            return "; how long that takes is not known before the model is here"
        return f", about {spell_length(timedelta(seconds=self.estimated_seconds), 2)}"
