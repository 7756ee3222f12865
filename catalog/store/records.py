"""The films of a generation, in our own SQLite.

SQLite is the truth. The Chroma collection beside it is an index that can be rebuilt from this file
and the vector cache without embedding anything.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from catalog.errors import CatalogDamaged
from catalog.movie import Fingerprints, Movie
from catalog.store.columns import NUMBER, FilmColumns, Ints, within
from catalog.store.conditions import Condition, Filter, Numbers, WithId
from catalog.store.sqlite import BATCH, WAY_BACK, Connection, check, connect, connect_read_only, marked, translated
from catalog.store.tags import FILM, TagIndex, elsewhere, folded

_SCHEMA = """
CREATE TABLE movies (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    year INTEGER,
    movie TEXT NOT NULL,
    text_digest BLOB NOT NULL,
    metadata_digest BLOB NOT NULL
);
CREATE INDEX movies_title ON movies (title COLLATE NOCASE);
CREATE TABLE columns (name TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE tags (
    field TEXT NOT NULL,
    folded TEXT NOT NULL,
    value TEXT NOT NULL,
    films BLOB NOT NULL,
    PRIMARY KEY (field, folded)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A film as it is stored: itself, and what it looked like to the last run."""

    movie: Movie
    fingerprints: Fingerprints


class Records:
    """The films of one generation. A published file is opened read-only and never changes."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self.path = path
        self._tag_indexes: dict[str, TagIndex] = {}

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new file; it is private until its generation is published, so it is synced once, at the end."""
        connection = connect(path)
        with translated(path):
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA synchronous = OFF")
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                connection.executescript(_SCHEMA)
        return cls(connection, path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """A published file, for reading by any thread."""
        if not path.exists():
            raise CatalogDamaged(f"{path}: is missing; {WAY_BACK}")
        return cls(connect_read_only(path), path)

    def close(self) -> None:
        self._connection.close()

    def count(self) -> int:
        return int(self._rows("SELECT count(*) FROM movies")[0][0])

    def fingerprints(self) -> dict[str, Fingerprints]:
        """What every film looked like, by id."""
        rows = self._rows("SELECT id, text_digest, metadata_digest FROM movies")
        return {identity: Fingerprints(text, metadata) for identity, text, metadata in rows}

    def ids(self) -> list[str]:
        """All ids, in order of arrival."""
        return [row[0] for row in self._rows("SELECT id FROM movies ORDER BY number")]

    def digests(self) -> list[bytes]:
        """The digest of every film's text, in order of arrival."""
        return [row[0] for row in self._rows("SELECT text_digest FROM movies ORDER BY number")]

    def numbers(self) -> list[int]:
        """The number of every film, in order of arrival: with gaps, until they are closed."""
        return [row[0] for row in self._rows("SELECT number FROM movies ORDER BY number")]

    def metadata_digests(self) -> list[bytes]:
        """The digest of everything kept about each film, in order of arrival."""
        return [row[0] for row in self._rows("SELECT metadata_digest FROM movies ORDER BY number")]

    def numbered(self, numbers: Sequence[int]) -> Iterator[Movie]:
        """The films with these numbers, which ascend and exist."""
        for marks, part in marked(numbers):
            rows = self._rows(f"SELECT movie FROM movies WHERE number IN ({marks}) ORDER BY number", part)  # noqa: S608
            yield from (_movie(text) for (text,) in rows)

    def numbers_of(self, ids: Iterable[str]) -> list[int]:
        """The numbers of the films with these ids, in order; unknown ids are left out."""
        rows = self._rows(
            "SELECT number FROM movies WHERE id IN (SELECT value FROM json_each(?)) ORDER BY number",
            (json.dumps(list(ids)),),
        )
        return [row[0] for row in rows]

    def id_elsewhere(self, site: str, identity: str) -> str | None:
        """Our id of the film that another site, "imdb" for one, knows by this id."""
        films = self._tagged(elsewhere(site), [folded(identity)])
        rows = self._rows("SELECT id FROM movies WHERE number = ?", (int(films.min()),)) if len(films) else []
        return str(rows[0][0]) if rows else None

    def entries(self, batch: int = BATCH) -> Iterator[list[Entry]]:
        """All films, in order of arrival, in batches."""
        last = -1
        while True:
            rows = self._rows(
                "SELECT number, movie, text_digest, metadata_digest FROM movies"
                " WHERE number > ? ORDER BY number LIMIT ?",
                (last, batch),
            )
            if not rows:
                return
            last = rows[-1][0]
            yield [Entry(_movie(text), Fingerprints(digest, metadata)) for _, text, digest, metadata in rows]

    def get(self, ids: Sequence[str]) -> dict[str, Movie]:
        """The films with these ids; unknown ids are left out."""
        found: dict[str, Movie] = {}
        for marks, part in marked(ids):
            rows = self._rows(f"SELECT id, movie FROM movies WHERE id IN ({marks})", part)  # noqa: S608
            found.update({identity: _movie(text) for identity, text in rows})
        return found

    def titled(self, title: str) -> list[Movie]:
        """The films with exactly this title or original title, but for case, oldest first."""
        rows = self._rows(
            "SELECT movie FROM movies WHERE title = ?1 COLLATE NOCASE"
            " OR lower(json_extract(movie, '$.original_title')) = lower(?1) ORDER BY year, number",
            (title,),
        )
        return [_movie(row[0]) for row in rows]

    def titles(self) -> list[str]:
        """All titles, in order of arrival."""
        return [row[0] for row in self._rows("SELECT title FROM movies ORDER BY number")]

    def columns(self) -> FilmColumns:
        """What is known of all films at once."""
        try:
            return FilmColumns.from_bytes(dict(self._rows("SELECT name, data FROM columns")))
        except (KeyError, ValueError) as error:
            raise CatalogDamaged(f"{self.path}: is damaged (columns: {error}); {WAY_BACK}") from error

    def matching(self, wanted: Filter) -> Ints | None:
        """The numbers, in order, of the films for which all conditions hold; None, which is all, without conditions.

        Every condition is a set of films, looked up or compared by itself; the sets meet as arrays.
        """
        if not wanted.conditions:
            return None
        keep = np.ones(self.count(), dtype=bool)
        for condition in wanted.conditions:
            held = np.zeros(len(keep), dtype=bool)
            held[self._holders(condition)] = True
            keep &= held != condition.negated
        return np.flatnonzero(keep).astype(np.int32)

    def tag_index(self, field: str) -> TagIndex:
        """All values of a field and their films; read once, then kept."""
        if field not in self._tag_indexes:
            rows = self._rows("SELECT value, films FROM tags WHERE field = ? ORDER BY folded", (field,))
            self._tag_indexes[field] = TagIndex.of(rows)
        return self._tag_indexes[field]

    def _holders(self, condition: Condition) -> Ints:
        """The films for which it holds, before negation; in any order, maybe repeated."""
        if isinstance(condition, Numbers):
            rows = self._rows("SELECT data FROM columns WHERE name = ?", (condition.field,))
            if not rows:
                raise CatalogDamaged(f"{self.path}: is damaged (no column {condition.field!r}); {WAY_BACK}")
            return within(np.frombuffer(rows[0][0], NUMBER), condition.ranges)
        if isinstance(condition, WithId):
            rows = self._rows(
                "SELECT number FROM movies WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(condition.ids),)
            )
            return np.array([row[0] for row in rows], dtype=np.int32)
        return self._tagged(condition.field, condition.folded)

    def _tagged(self, field: str, values: Sequence[str]) -> Ints:
        """The films with one of these folded values; those with several come several times."""
        rows = self._rows(
            "SELECT films FROM tags WHERE field = ? AND folded IN (SELECT value FROM json_each(?))",
            (field, json.dumps(values)),
        )
        return np.frombuffer(b"".join(films for (films,) in rows), FILM)

    def put(self, entries: Iterable[Entry]) -> None:
        """Insert films, or replace those with the same ids."""
        rows = [
            (
                entry.movie.id,
                entry.movie.title,
                entry.movie.year,
                json.dumps(entry.movie.to_dict(), ensure_ascii=False),
                entry.fingerprints.text,
                entry.fingerprints.metadata,
            )
            for entry in entries
        ]
        with translated(self.path), self._connection:
            self._connection.executemany(
                "INSERT INTO movies (id, title, year, movie, text_digest, metadata_digest) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET title = excluded.title, year = excluded.year, movie = excluded.movie,"
                " text_digest = excluded.text_digest, metadata_digest = excluded.metadata_digest",
                rows,
            )

    def remove(self, ids: Iterable[str]) -> None:
        with translated(self.path), self._connection:
            self._connection.executemany("DELETE FROM movies WHERE id = ?", [(identity,) for identity in ids])

    def close_gaps(self) -> None:
        """Number the films 0, 1, 2 ... again, so that a film's number is the row of its vector."""
        moved = [(row, number) for row, number in enumerate(self.numbers()) if row != number]
        with translated(self.path), self._connection:
            self._connection.executemany("UPDATE movies SET number = ? WHERE number = ?", moved)

    def put_index(self, columns: FilmColumns, tags: Iterable[tuple[str, str, str, bytes]]) -> None:
        """Write anew by what films are ordered and found: `tags` are field, folded value, spelling and films.

        A row for each tag of each film, kept up to date, cost 13 s for a first run or a first film gone
        and nothing for a change in place, but took 16 ms instead of 0.3 ms to read the films of a genre.
        """
        with translated(self.path), self._connection:
            self._connection.execute("DELETE FROM columns")
            self._connection.executemany("INSERT INTO columns VALUES (?, ?)", columns.to_bytes().items())
            self._connection.execute("DELETE FROM tags")
            self._connection.executemany("INSERT INTO tags VALUES (?, ?, ?, ?)", tags)

    def check(self) -> None:
        """Raise CatalogDamaged if SQLite finds the file damaged."""
        check(self._connection, self.path)

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        with translated(self.path):
            return self._connection.execute(statement, values).fetchall()


def _movie(text: str) -> Movie:
    try:
        return Movie.from_dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise CatalogDamaged(f"the record of a film is damaged ({error}); {WAY_BACK}") from error
