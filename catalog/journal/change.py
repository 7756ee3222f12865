"""What one request wants changed in the catalog, and what became of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from catalog.errors import UsageError


class ChangeState(StrEnum):
    """How far a change is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    """Nothing of it went in: each row was refused, or the owner's check refused the new state."""


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """What one request wants changed."""

    put: tuple[Mapping[str, Any], ...] = ()
    """Films to add or to replace, as rows of a file hold them."""
    delete: tuple[str, ...] = ()
    """Ids."""
    take_over: bool = False
    """Whether films of other sources may be changed, too."""

    def to_json(self) -> str:
        """As the journal keeps it; raises UsageError for what is nested deeper than Python writes."""
        try:
            return json.dumps({"put": self.put, "delete": self.delete, "take_over": self.take_over})
        except RecursionError:
            raise UsageError("a film holds lists or objects that are nested too deep") from None

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        values = json.loads(text)
        return cls(tuple(values["put"]), tuple(values["delete"]), values["take_over"])


@dataclass(frozen=True, slots=True)
class ChangeOutcome:
    """What came of a change that a run took up."""

    state: ChangeState
    counts: Mapping[str, int] = field(default_factory=dict)
    """Films by what was done with them; those that a later change named, too, are `superseded`."""
    ids: tuple[str, ...] = ()
    """Of the films that it put or deleted: the first hundred."""
    refusals: tuple[str, ...] = ()
    """Why rows were refused, one line each: the first hundred."""
    generation: int | None = None
    """The state of the catalog that holds it."""
    reason: str | None = None
    """Why all of it was refused."""
    notes: tuple[str, ...] = ()
    """What of films that went in did not: values that could not be read, keys that look misspelt. The first hundred."""


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """A change that was accepted, and what became of it so far; times are ISO 8601, UTC."""

    number: int
    state: ChangeState
    received: str
    ended: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """Films by what was done with them; those that a later change named, too, are `superseded`."""
    ids: tuple[str, ...] = ()
    """Of the films that it put or deleted: the first hundred."""
    refusals: tuple[str, ...] = ()
    """Why rows were refused, one line each: the first hundred."""
    generation: int | None = None
    """The state of the catalog that holds it."""
    reason: str | None = None
    """Why all of it was refused, or why it still waits."""
    notes: tuple[str, ...] = ()
    """What of films that went in did not: values that could not be read, keys that look misspelt. The first hundred."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; what there is nothing to say of is left out."""
        return {name: value for name, value in asdict(self).items() if value not in (None, (), {})}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; other keys are passed over."""
        known = {name: values[name] for name in cls.__slots__ if name in values}
        lists = {name: tuple(values.get(name, ())) for name in ("ids", "refusals", "notes")}
        return cls(**{**known, **lists, "state": ChangeState(values["state"])})
