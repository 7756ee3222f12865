"""What --like and --unlike mean: films of the catalog, or words."""

from collections.abc import Sequence

from catalog.errors import MovieNotFound
from catalog.store.records import Records
from query.find import find_movie, near_titles
from query.request import Example


def examples(records: Records, wanted: Sequence[str], *, strict: bool) -> tuple[Example, ...]:
    """Each id or title as a film; what names no film as words.

    With `strict`, one word, and what is nearly a title, raise MovieNotFound with a "did you mean": a slip must
    not quietly become words. Raises AmbiguousTitle.
    """
    return tuple(_example(records, name, strict=strict) for name in wanted)


def _example(records: Records, wanted: str, *, strict: bool) -> Example:
    try:
        return Example(movie_id=find_movie(records, wanted).id)
    except MovieNotFound:
        if strict and (" " not in wanted.strip() or near_titles(records, wanted)):
            raise
        return Example(text=wanted)
