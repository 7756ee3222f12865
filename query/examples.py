"""What --like and --unlike mean: films of the catalog, or words."""

from collections.abc import Sequence

from catalog.errors import MovieNotFound
from catalog.store.catalog import Snapshot
from query.find import find_id, near_titles
from query.old_request import Example


def examples(snapshot: Snapshot, wanted: Sequence[str], *, strict: bool) -> tuple[Example, ...]:
    """Each id or title as a film; what names no film as words.

    With `strict`, one word, and what is nearly a title, raise MovieNotFound with a "did you mean": a slip must
    not quietly become words. Raises AmbiguousTitle.
    """
    return tuple(_example(snapshot, name, strict=strict) for name in wanted)


def _example(snapshot: Snapshot, wanted: str, *, strict: bool) -> Example:
    try:
        return Example(movie_id=find_id(snapshot, wanted))
    except MovieNotFound:
        if strict and (" " not in wanted.strip() or near_titles(snapshot.records, wanted)):
            raise
        return Example(text=wanted)
