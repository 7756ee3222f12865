"""Which film of the catalog someone means by an id or a title."""

from catalog.errors import AmbiguousTitle, MovieNotFound
from catalog.store.catalog import Snapshot
from catalog.store.records import Records

_CANDIDATES = 10
_SUGGESTIONS = 3
_LEAST_RATIO = 80
"""Of 100: one slip in five letters."""


def find_id(snapshot: Snapshot, wanted: str) -> str:
    """The id of the film with this id, or else with this title.

    Raises AmbiguousTitle with the candidates, MovieNotFound with the nearest titles.
    """
    if wanted in snapshot.columns.rows:
        return wanted
    found = snapshot.records.titled(wanted)
    if len(found) > 1:
        names = "; ".join(f"{movie.title} ({movie.year or '?'}): id {movie.id}" for movie in found[:_CANDIDATES])
        raise AmbiguousTitle(f"{len(found)} films are called {wanted!r}, choose one by its id: {names}")
    if not found:
        near = near_titles(snapshot.records, wanted)
        meant = "; did you mean " + " or ".join(map(repr, near)) + "?" if near else ""
        raise MovieNotFound(f"no film has the id or title {wanted!r}{meant}")
    return found[0].id


def near_titles(records: Records, wanted: str) -> list[str]:
    """The titles that `wanted` may be a slip of, nearest first."""
    from rapidfuzz import fuzz, process, utils

    near = process.extract(
        wanted,
        set(records.titles()),
        scorer=fuzz.ratio,
        processor=utils.default_process,
        limit=_SUGGESTIONS,
        score_cutoff=_LEAST_RATIO,
    )
    return [name for name, *_ in sorted(near, key=lambda match: (-match[1], match[0]))]
