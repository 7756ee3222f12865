"""The conditions of a filter as a query of the lexical index."""

from collections.abc import Iterator
from math import isinf
from typing import TYPE_CHECKING

from catalog.store.columns.conditions import Condition, Filter, Numbers, Range, WithId
from catalog.store.lexical.fields import LISTS, tag

if TYPE_CHECKING:
    import tantivy


def filter_query(schema: "tantivy.Schema", wanted: Filter) -> "tantivy.Query":
    """Matches the movies for which all conditions hold, each with a score of 0."""
    from tantivy import Occur, Query

    clauses = [
        (Occur.MustNot if condition.negated else Occur.Must, _matching(schema, condition))
        for condition in wanted.conditions
    ]
    if all(condition.negated for condition in wanted.conditions):
        clauses.append((Occur.Must, Query.all_query()))
    return Query.const_score_query(Query.boolean_query(clauses), 0.0)


def _matching(schema: "tantivy.Schema", condition: Condition) -> "tantivy.Query":
    """The movies for which a condition holds, before negation."""
    from tantivy import Occur, Query

    if isinstance(condition, Numbers):
        parts = [(Occur.Should, part) for part in _ranges(schema, condition)]
        return Query.boolean_query(parts) if parts else Query.empty_query()
    if isinstance(condition, WithId):
        return Query.term_set_query(schema, "id", list(condition.ids))
    if condition.field in LISTS:
        return Query.term_set_query(schema, condition.field, list(condition.folded))
    return Query.term_set_query(schema, "tags", [tag(condition.field, value) for value in condition.folded])


def _ranges(schema: "tantivy.Schema", condition: Numbers) -> Iterator["tantivy.Query"]:
    from tantivy import FieldType, Query

    is_float = condition.field == "rating"
    kind = FieldType.Float if is_float else FieldType.Integer
    for part in condition.ranges:
        low, high = _bounds(part, whole=not is_float)
        if low is None and high is None:
            yield Query.term_query(schema, "tags", tag("has", condition.field), index_option="basic")
        else:
            yield Query.range_query(schema, condition.field, kind, low, high)


def _bounds(part: Range, *, whole: bool) -> tuple[float | None, float | None]:
    """None for what is not bounded; integers are 64 bits wide, and a number of more bounds nothing."""
    low, high = (None if isinf(number) or abs(number) >= 2**63 else number for number in (part.low, part.high))
    if whole:
        return None if low is None else int(low), None if high is None else int(high)
    return low, high
