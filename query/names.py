"""Which movie of the catalog someone means: by our id, one from elsewhere (`tmdb:278`), or a title."""

import re
from collections.abc import Sequence

import numpy as np

from catalog.embedding.embedder import Vector
from catalog.errors import AmbiguousTitle, MovieNotFound
from catalog.movie import Movie
from catalog.store.columns.conditions import Filter, Tagged
from catalog.store.lexical.fields import elsewhere, folded
from catalog.store.snapshot import Snapshot
from catalog.text.folding import plain_title
from query.characters import whole_characters
from query.search.titles import misspelt_titles

_NAME = re.compile(r"[a-z][a-z0-9_]*:[^\s:]+")
_CANDIDATES = 10
_SUGGESTIONS = 3
_SHORTEST = 4
"""Letters from which on a beginning is worth suggesting what follows."""


def movie_named(snapshot: Snapshot, name: str) -> Movie:
    """The movie with this id, ours or one from elsewhere; raises MovieNotFound."""
    name = whole_characters(name)
    identity = native_id(snapshot, name)
    movie = snapshot.movies.get([identity]).get(identity)
    if movie is None:
        raise MovieNotFound(f"no film has the id {name!r}")
    return movie


def native_id(snapshot: Snapshot, name: str) -> str:
    """An id from elsewhere as our own; everything else as it is.

    Our own ids win: a catalog may hold ids with a colon. Raises MovieNotFound for a `tmdb:` or `imdb:` id that no
    movie has; other words with a colon may be titles.
    """
    if not _NAME.fullmatch(name) or snapshot.movies.rows_of([name]):
        return name
    where, _, key = name.partition(":")
    rows = snapshot.lexical.rows(Filter((Tagged(elsewhere(where), (folded(key),)),)), 1).tolist()
    if not rows:
        if where in ("imdb", "tmdb"):
            raise MovieNotFound(f"no film has the id {name!r}")
        return name
    return snapshot.movies.ids_at(rows)[rows[0]]


def find_movie(snapshot: Snapshot, wanted: str) -> Movie:
    """The movie with this id, or else with this title.

    Raises AmbiguousTitle with the candidates, MovieNotFound with the nearest titles.
    """
    identity = native_id(snapshot, wanted)
    if movie := snapshot.movies.get([identity]).get(identity):
        return movie
    found = titled(snapshot, wanted)
    if len(found) > 1:
        names = "; ".join(f"{movie.title} ({movie.year or '?'}): id {movie.id}" for movie in found[:_CANDIDATES])
        raise AmbiguousTitle(f"{len(found)} films are called {wanted!r}, choose one by its id: {names}")
    if not found:
        near = list(dict.fromkeys([*near_titles(snapshot, wanted), *_titles_from(snapshot, wanted)]))[:_SUGGESTIONS]
        meant = "; did you mean " + " or ".join(map(repr, near)) + "?" if near else ""
        raise MovieNotFound(f"no film has the id or title {wanted!r}{meant}")
    return found[0]


def titled(snapshot: Snapshot, title: str) -> list[Movie]:
    """The movies with exactly this title or original title, but for case, accents and signs, oldest first."""
    plain = plain_title(title)
    entries = snapshot.lexical.titled([plain], 1000) if plain else []
    movies = snapshot.movies.get([entry.id for entry in entries if plain in entry.whole]).values()
    return sorted(movies, key=lambda movie: (movie.year or 0, movie.id))


def near_titles(snapshot: Snapshot, wanted: str) -> list[str]:
    """The titles that `wanted` may be a misspelling of, nearest first."""
    matches = misspelt_titles(snapshot.lexical, wanted)[:_CANDIDATES]
    movies = snapshot.movies.get([match.id for match in matches])
    return list(dict.fromkeys(movies[match.id].title for match in matches))[:_SUGGESTIONS]


def _titles_from(snapshot: Snapshot, wanted: str) -> list[str]:
    """Some titles that begin with what was typed, the best known first."""
    start = plain_title(wanted)
    rows = snapshot.lexical.titled_from(start, _SUGGESTIONS) if len(start) >= _SHORTEST else []
    headings = snapshot.movies.headings_at(rows)
    return [headings[row].title for row in rows]


def native_ids(snapshot: Snapshot, names: Sequence[str]) -> tuple[str, ...]:
    """Each name as `native_id` has it."""
    return tuple(native_id(snapshot, name) for name in names)


def movie_vector(snapshot: Snapshot, identity: str) -> Vector:
    """The vector of a movie of the catalog, shape (d,)."""
    row = snapshot.movies.rows_of([identity])[identity]
    return np.array(snapshot.vectors[row])
