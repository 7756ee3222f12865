"""Which movie of the catalog someone means: by our id, one from elsewhere (`tmdb:278`), or a title."""

import re
from collections.abc import Sequence

import numpy as np

from catalog.arrays import Vector
from catalog.errors import MovieNotFound
from catalog.movie import Movie
from catalog.store.columns.conditions import Filter, Tagged
from catalog.store.lexical.fields import elsewhere, folded
from catalog.store.lexical.titles import exact_titles, misspelt_titles
from catalog.store.snapshot import Snapshot
from catalog.text.folding import plain_title, tokens, whole_characters
from catalog.text.stems import english_terms
from query.models import name_of

_NAME = re.compile(r"[a-z][a-z0-9_]*:[^\s:]+")
_DATED = re.compile(r"(?P<title>.+?)\s*\((?P<year>\d{4})\)")
_CANDIDATES = 10
_SUGGESTIONS = 3
_LOOKED_AT = 100
"""Films that hold the words, of which those are suggested that have them in the title."""
_SHORTEST = 4
"""Letters from which on a beginning is worth suggesting what follows."""


def movie_named(snapshot: Snapshot, name: str) -> Movie:
    """The movie with this id, ours or one from elsewhere, and no title: what is deleted is named exactly.

    Raises MovieNotFound.
    """
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


def find_movies(snapshot: Snapshot, wanted: object) -> list[Movie]:
    """The movie with this id, or else those that are called so, the best known first; never none.

    "Matrix" is also "The Matrix", "Alien (1979)" the one of that year. Raises MovieNotFound with the nearest titles,
    UsageError for what is no name.
    """
    wanted = name_of(wanted, "film")
    identity = native_id(snapshot, wanted)
    if movie := snapshot.movies.get([identity]).get(identity):
        return [movie]
    if found := _titled(snapshot, wanted):
        return found
    near = [*near_titles(snapshot, wanted), *_titles_from(snapshot, wanted), *_titles_with(snapshot, wanted)]
    shown = list(dict.fromkeys(near))[:_SUGGESTIONS]
    meant = "; did you mean " + " or ".join(map(repr, shown)) + "?" if shown else ""
    raise MovieNotFound(f"no film has the id or title {wanted!r}{meant}")


def which_of(found: Sequence[Movie], wanted: str) -> tuple[str, ...]:
    """A note, if several movies are called like that: which one was taken, and how to name another."""
    if len(found) < 2:
        return ()
    others = "; ".join(f"{movie.title} ({movie.year or '?'}): {movie.id}" for movie in found[1:_CANDIDATES])
    taken = f"{found[0].title} ({found[0].year or '?'})"
    return (f"{len(found)} films are called {wanted!r}: taken was {taken}, id {found[0].id}; others by id: {others}",)


def _titled(snapshot: Snapshot, wanted: str) -> list[Movie]:
    """The movies with this title or original title, but for case, accents, signs and an article, best known first."""
    dated = _DATED.fullmatch(wanted.strip())
    title, year = (dated["title"], int(dated["year"])) if dated else (wanted, None)
    matches = exact_titles(snapshot.lexical, wanted)
    if not matches and dated:
        matches = exact_titles(snapshot.lexical, title)
    else:
        year = None
    movies = snapshot.movies.get([match.id for match in matches]).values()
    kept = [movie for movie in movies if year is None or movie.year == year]
    return sorted(kept, key=lambda movie: (-(movie.votes or 0), movie.year or 0, movie.id))


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


def _titles_with(snapshot: Snapshot, wanted: str) -> list[str]:
    """Some titles that hold the words that were typed: "Totoro" is part of one."""
    words = set(tokens(wanted))
    rows = snapshot.lexical.best(dict.fromkeys(english_terms(wanted), 1.0), _LOOKED_AT).rows.tolist()
    headings = snapshot.movies.headings_at(rows)
    titles = (headings[row].title for row in rows)
    return [title for title in titles if words <= set(tokens(title))][:_SUGGESTIONS]


def movie_vector(snapshot: Snapshot, identity: str) -> Vector:
    """The vector of a movie of the catalog, shape (d,)."""
    row = snapshot.movies.rows_of([identity])[identity]
    return np.array(snapshot.vectors[row])
