"""Conditions that no film can satisfy together: said at once, instead of an empty answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from catalog.store.columns.conditions import Condition, Numbers, Range, Tagged, WithId
from catalog.store.lexical.fields import LISTS
from query.constraints.ranges import EVERYTHING, common, outside

#: Tags of which a film may have several; of an id elsewhere it has one.
_SEVERAL = (*LISTS, "title", "has")


@dataclass(frozen=True, slots=True)
class Stated:
    """A condition where it was written."""

    condition: Condition
    at: int
    """Position in the text, from 0."""
    text: str


def find_contradiction(stated: Sequence[Stated]) -> tuple[Stated, Stated] | None:
    """The first condition that cannot hold after those before it, and the one it clashes with; None if all can."""
    if not impossible([part.condition for part in stated]):
        return None
    conditions = [part.condition for part in stated]
    late = next(place for place in range(len(stated)) if impossible(conditions[: place + 1]))
    alone = (place for place in range(late) if impossible([conditions[place], conditions[late]]))
    return stated[late], stated[next(alone, max(late - 1, 0))]


def impossible(conditions: Iterable[Condition]) -> bool:
    """Whether no film whatever can satisfy all of them."""
    fields: dict[str, list[Condition]] = {}
    for condition in conditions:
        fields.setdefault(_field(condition), []).append(condition)
    absent = {
        name for part in fields.get("has", []) if isinstance(part, Tagged) and part.negated for name in part.folded
    }
    return any(
        any(not part.negated for part in group) and (field.removeprefix("id:") in absent or _none_left(field, group))
        for field, group in fields.items()
    )


def _field(condition: Condition) -> str:
    return "id" if isinstance(condition, WithId) else condition.field


def _none_left(field: str, group: Sequence[Condition]) -> bool:
    numbers = [part for part in group if isinstance(part, Numbers)]
    return _no_number_left(field, numbers) if numbers else _no_value_left(field, group)


def _no_number_left(field: str, group: Sequence[Numbers]) -> bool:
    left: tuple[Range, ...] = EVERYTHING
    for part in group:
        gaps = outside(field, part.ranges)
        left = common(left, gaps if part.negated else outside(field, gaps))  # twice: sorted, and none overlaps
    return not left


def _no_value_left(field: str, group: Sequence[Condition]) -> bool:
    wanted = [_values(part) for part in group if not part.negated]
    refused = frozenset[str]().union(*(_values(part) for part in group if part.negated))
    if field not in _SEVERAL:
        wanted = [frozenset.intersection(*wanted)]
    return any(values <= refused for values in wanted)


def _values(condition: Condition) -> frozenset[str]:
    if isinstance(condition, WithId):
        return frozenset(condition.ids)
    return frozenset(condition.folded if isinstance(condition, Tagged) else ())
