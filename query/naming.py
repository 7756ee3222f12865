"""Names of films from elsewhere: `tmdb:278`, `imdb:tt0111161`."""

import re
from collections.abc import Sequence

from catalog.errors import MovieNotFound
from catalog.movie import Movie
from catalog.store.catalog import Snapshot
from query.characters import whole_characters

_NAME = re.compile(r"[a-z][a-z0-9_]*:[^\s:]+")


def movie_named(snapshot: Snapshot, name: str) -> Movie:
    """The film with this id, ours or one from elsewhere; raises MovieNotFound."""
    identity = id_named(snapshot, name)
    return snapshot.records.get([identity])[identity]


def id_named(snapshot: Snapshot, name: str) -> str:
    """Our id of it."""
    name = whole_characters(name)
    (identity,) = native_names(snapshot, [name])
    if identity not in snapshot.columns.rows:
        raise MovieNotFound(f"no film has the id {name!r}")
    return identity


def native_names(snapshot: Snapshot, names: Sequence[str]) -> tuple[str, ...]:
    """Ids from elsewhere as our own; everything else as it is.

    Our own ids win: a catalog may hold ids with a colon. Raises MovieNotFound for a `tmdb:` or `imdb:`
    id that no film has; other words with a colon may be titles.
    """
    return tuple(_native(snapshot, name) for name in names)


def _native(snapshot: Snapshot, name: str) -> str:
    if not _NAME.fullmatch(name) or name in snapshot.columns.rows:
        return name
    where, _, key = name.partition(":")
    identity = snapshot.records.id_elsewhere(where, key)
    if identity is None and where in ("imdb", "tmdb"):
        raise MovieNotFound(f"no film has the id {name!r}")
    return name if identity is None else identity
