"""Titles as someone types them: those that begin so before those of which a later word does, the best known first."""

from dataclasses import dataclass

from catalog.store.snapshot import Snapshot
from catalog.text.folding import plain_title

_LATER = 3
"""Letters from which on a later word is looked for."""
_FORGIVING = 4
"""Letters from which on a typing error is forgiven: of fewer, too many titles are one error away."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A movie that someone may mean."""

    id: str
    title: str
    year: int | None = None


def suggest(snapshot: Snapshot, typed: str, count: int) -> list[Suggestion]:
    """The movies that someone who types this may mean."""
    start = plain_title(typed)
    if not start:
        return []
    rows = snapshot.lexical.titled_from(start, count)
    if len(rows) < count and len(start) >= _LATER:
        rows += snapshot.lexical.titled_from(start, count, later=True)
    if len(rows) < count and len(start) >= _FORGIVING:
        rows += snapshot.lexical.titled_from(start, count, distance=1)
    rows = list(dict.fromkeys(rows))[:count]
    shown = snapshot.movies.headings_at(rows)
    return [Suggestion(shown[row].id, shown[row].title, shown[row].year) for row in rows]
