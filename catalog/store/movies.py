"""The movies of a generation, in our own SQLite.

SQLite is the truth. The indexes beside it can be rebuilt from this file and the embedding cache without embedding
anything. A movie keeps its row, the place of its vector, as long as it stays; a row that became free is given away
again.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from catalog.errors import WAY_BACK, CatalogDamaged
from catalog.movie import MAIN, Fingerprints, Movie, passages_digest
from catalog.store.lexical.fields import KINDS, NUMBERS, folded, inverse_document_frequency, listed_values
from catalog.store.sqlite import (
    BATCH,
    Connection,
    check,
    connect,
    connect_read_only,
    free_numbers,
    has_table,
    marked,
    translated,
)
from catalog.store.vectors.passage_rows import SCHEMA as PASSAGES
from catalog.store.vectors.passage_rows import PassageRows

Rows = NDArray[np.int64]
Edition = tuple[int, float]
"""Number and time of a publication, see `GenerationInfo.edition`."""

_SCHEMA = """
CREATE TABLE movies (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    title_key TEXT NOT NULL,
    year INTEGER,
    rating REAL,
    votes INTEGER,
    runtime INTEGER,
    movie TEXT NOT NULL,
    text_digest BLOB NOT NULL,
    metadata_digest BLOB NOT NULL,
    source TEXT NOT NULL DEFAULT 'main'
);
CREATE INDEX movies_title ON movies (title_key, row);
CREATE TABLE list_values (
    field TEXT NOT NULL,
    folded TEXT NOT NULL,
    value TEXT NOT NULL,
    movies INTEGER NOT NULL,
    PRIMARY KEY (field, folded, value)
) WITHOUT ROWID;
CREATE TABLE sources (name TEXT PRIMARY KEY, number INTEGER NOT NULL, published REAL NOT NULL) WITHOUT ROWID;
"""
_SOURCES_ADDED = """
ALTER TABLE movies ADD COLUMN source TEXT NOT NULL DEFAULT 'main';
CREATE TABLE sources (name TEXT PRIMARY KEY, number INTEGER NOT NULL, published REAL NOT NULL) WITHOUT ROWID;
"""
"""What a file lacks that was written before movies remembered their source."""
_SYNOPSES = """
CREATE TABLE IF NOT EXISTS synopses (row INTEGER PRIMARY KEY, digest BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A movie as it is stored: itself, and what it looked like to the last run."""

    movie: Movie
    fingerprints: Fingerprints
    row: int = -1
    """-1 for one that is not stored yet."""
    source: str = MAIN
    """Whose it is: only a run of this source changes or deletes it."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The little of a movie that a list shows."""

    id: str
    title: str
    year: int | None
    genres: tuple[str, ...]


class Movies:
    """The movies of one generation. A published file is opened read-only and never changes."""

    def __init__(self, connection: Connection, path: Path, place: str = "row") -> None:
        """`place` is the column by which the movies are in order."""
        self._connection = connection
        self.path = path
        self._place = place
        self.passages = PassageRows(connection, path)
        self._has_synopses = has_table(connection, path, "synopses")

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new file, or a private copy; it is private until its generation is published, so it is synced once."""
        connection = connect(path)
        with translated(path):
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA synchronous = OFF")
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                connection.executescript(_SCHEMA)
            elif not _has_sources(connection):
                connection.executescript(_SOURCES_ADDED)
            connection.executescript(_SYNOPSES + PASSAGES)
        return cls(connection, path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """A published file, for reading by any thread."""
        if not path.exists():
            raise CatalogDamaged(f"{path}: is missing; {WAY_BACK}")
        return cls(connect_read_only(path), path)

    @classmethod
    def open_earlier(cls, path: Path) -> Self:
        """A file of layouts 1 to 3, of which only `entries` can be read."""
        return cls(connect_read_only(path), path, "number")

    def close(self) -> None:
        self._connection.close()

    def count(self) -> int:
        return int(self._rows("SELECT count(*) FROM movies")[0][0])

    def height(self) -> int:
        """One more than the last row: rows that are free in between are counted."""
        return int(self._rows("SELECT coalesce(max(row), -1) + 1 FROM movies")[0][0])

    def fingerprints(self) -> dict[str, Fingerprints]:
        """What every movie looked like, by id."""
        rows = self._rows("SELECT row, id, text_digest, metadata_digest FROM movies")
        told = dict(self._rows("SELECT row, digest FROM synopses")) if self._has_synopses else {}
        return {identity: Fingerprints(text, metadata, told.get(row, b"")) for row, identity, text, metadata in rows}

    def others(self, source: str) -> dict[str, str]:
        """The movies that are not of this source: the source of each, by id."""
        return dict(
            self._rows(f"SELECT id, {self._source} FROM movies WHERE {self._source} <> ?", (source,))  # noqa: S608
        )

    def titles_of_others(self, source: str) -> dict[str, str]:
        """The titles of the movies that are not of this source, by id."""
        return dict(self._rows(f"SELECT id, title FROM movies WHERE {self._source} <> ?", (source,)))  # noqa: S608

    def count_by_source(self) -> dict[str, int]:
        """How many movies each source has, by name."""
        return dict(self._rows(f"SELECT {self._source}, count(*) FROM movies GROUP BY 1 ORDER BY 1"))  # noqa: S608

    def editions(self) -> dict[str, Edition]:
        """The publication that last changed something of a source, by its name; empty for a file that knows of none."""
        if self._source != "source":
            return {}
        rows = self._rows("SELECT name, number, published FROM sources")
        return {name: (number, published) for name, number, published in rows}

    @cached_property
    def _source(self) -> str:
        """The column, or, in a file of an earlier version, what stands for it."""
        with translated(self.path):
            return "source" if _has_sources(self._connection) else f"'{MAIN}'"

    def ids(self) -> list[str]:
        """All ids, in the order of the rows."""
        return [row[0] for row in self._rows("SELECT id FROM movies ORDER BY row")]

    def rows(self) -> Rows:
        """All rows that hold a movie, in order."""
        return np.array([row for (row,) in self._rows("SELECT row FROM movies ORDER BY row")], dtype=np.int64)

    def digests(self) -> Iterator[list[tuple[int, bytes]]]:
        """Row and digest of every movie's text, in order, in batches."""
        last = -1
        while part := self._rows(
            "SELECT row, text_digest FROM movies WHERE row > ? ORDER BY row LIMIT ?", (last, 10 * BATCH)
        ):
            yield part
            last = part[-1][0]

    def digests_at(self, rows: Sequence[int]) -> Iterator[list[tuple[int, bytes]]]:
        """Row and text digest of the movies in these rows, which ascend, in batches."""
        for marks, part in marked(rows):
            yield self._rows(f"SELECT row, text_digest FROM movies WHERE row IN ({marks}) ORDER BY row", part)  # noqa: S608

    def entries(self, batch: int = BATCH) -> Iterator[list[Entry]]:
        """All movies, in the order of the rows, in batches."""
        last, place = -1, self._place
        while rows := self._rows(
            f"SELECT {place}, movie, text_digest, metadata_digest, {self._source} FROM movies"  # noqa: S608
            f" WHERE {place} > ? ORDER BY {place} LIMIT ?",
            (last, batch),
        ):
            yield [_entry(*row) for row in rows]
            last = rows[-1][0]

    def entries_at(self, rows: Sequence[int]) -> list[Entry]:
        """The movies in these rows, as they are stored."""
        found = []
        for marks, part in marked(rows):
            found += self._rows(
                f"SELECT row, movie, text_digest, metadata_digest, {self._source} FROM movies"  # noqa: S608
                f" WHERE row IN ({marks}) ORDER BY row",
                part,
            )
        return [_entry(*row) for row in found]

    def at(self, rows: Sequence[int]) -> dict[int, Movie]:
        """The movies in these rows; rows without one are left out."""
        return {row: _movie(text) for row, text in self._by_row("movie", rows)}

    def ids_at(self, rows: Sequence[int]) -> dict[int, str]:
        """The ids of the movies in these rows."""
        return dict(self._by_row("id", rows))

    def headings_at(self, rows: Sequence[int]) -> dict[int, Heading]:
        """What a list of movies shows of those in these rows."""
        columns = "id, title, year, json_extract(movie, '$.genres')"
        found: dict[int, Heading] = {}
        for marks, part in marked(rows):
            for row, identity, title, year, genres in self._rows(
                f"SELECT row, {columns} FROM movies WHERE row IN ({marks})",  # noqa: S608
                part,
            ):
                found[row] = Heading(identity, title, year, tuple(json.loads(genres or "[]")))
        return found

    def numbers_at(self, field: str, rows: Sequence[int]) -> dict[int, float | None]:
        """One of NUMBERS of the movies in these rows."""
        assert field in NUMBERS  # noqa: S101
        return dict(self._by_row(field, rows))

    def titles_at(self, rows: Sequence[int]) -> dict[int, str]:
        """The titles by which movies are sorted."""
        return dict(self._by_row("title_key", rows))

    def get(self, ids: Sequence[str]) -> dict[str, Movie]:
        """The movies with these ids; unknown ids are left out."""
        found: dict[str, Movie] = {}
        for marks, part in marked(ids):
            rows = self._rows(f"SELECT id, movie FROM movies WHERE id IN ({marks})", part)  # noqa: S608
            found.update({identity: _movie(text) for identity, text in rows})
        return found

    def rows_of(self, ids: Iterable[str]) -> dict[str, int]:
        """The rows of the movies with these ids; unknown ids are left out."""
        found: dict[str, int] = {}
        for marks, part in marked(list(ids)):
            found.update(self._rows(f"SELECT id, row FROM movies WHERE id IN ({marks})", part))  # noqa: S608
        return found

    def by_title(self, after: tuple[str, int] | None, count: int, *, descending: bool) -> list[tuple[str, int]]:
        """Sorting title and row of the next `count` movies in the order of their titles."""
        compare, order = ("<", "DESC") if descending else (">", "ASC")
        where, values = ("", ()) if after is None else (f"WHERE (title_key, row) {compare} (?, ?)", after)
        return self._rows(
            f"SELECT title_key, row FROM movies {where} ORDER BY title_key {order}, row {order} LIMIT ?",  # noqa: S608
            (*values, count),
        )

    def spellings(self, field: str, values: Sequence[str]) -> dict[str, str]:
        """How folded values of a list are most often written."""
        found: dict[str, tuple[int, str]] = {}
        for marks, part in marked(values):
            for plain, value, movies in self._rows(
                f"SELECT folded, value, movies FROM list_values WHERE field = ? AND folded IN ({marks})",  # noqa: S608
                (field, *part),
            ):
                found[plain] = min(found.get(plain, (0, value)), (-movies, value))
        return {plain: value for plain, (_, value) in found.items()}

    def list_values(self, fields: Sequence[str]) -> dict[str, list[str]]:
        """All values of some lists, each once, as it is most often written."""
        found: dict[str, list[str]] = {field: [] for field in fields}
        for marks, part in marked(fields):
            # SQLite takes a column that stands beside max() from the row that has the most.
            statement = (
                f"SELECT field, value, max(movies) FROM list_values WHERE field IN ({marks}) GROUP BY field, folded"  # noqa: S608
            )
            for field, value, _ in self._rows(statement, part):
                found[field].append(value)
        return found

    def values_ending(self, field: str, ending: str) -> dict[str, int]:
        """The values of a list whose folded form ends so, and how many movies have each, the most frequent first."""
        return dict(
            self._rows(
                "SELECT value, max(movies) FROM list_values WHERE field = ? AND substr(folded, ?) = ?"
                " GROUP BY folded ORDER BY max(movies) DESC, folded",
                (field, -len(ending), ending),
            )
        )

    def rarity(self) -> dict[tuple[str, str], float]:
        """The inverse document frequency of each genre and keyword, by field and folded value."""
        count = self.count()
        rows = self._rows(
            "SELECT field, folded, sum(movies) FROM list_values WHERE field IN (?, ?) GROUP BY field, folded", KINDS
        )
        return {(field, plain): inverse_document_frequency(count, min(held, count)) for field, plain, held in rows}

    def put(self, entries: Iterable[Entry]) -> None:
        """Insert movies into free rows, or replace those with the same ids, which keep theirs."""
        stored = list({entry.movie.id: entry for entry in entries}.values())
        with translated(self.path), self._connection:
            before = self.get([entry.movie.id for entry in stored])
            new = [entry.movie.id for entry in stored if entry.movie.id not in before]
            rows = dict(zip(new, free_numbers(self._connection, "movies", "row", len(new)), strict=True))
            self._connection.executemany(
                "INSERT INTO movies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET title = excluded.title, title_key = excluded.title_key,"
                " year = excluded.year, rating = excluded.rating, votes = excluded.votes, runtime = excluded.runtime,"
                " movie = excluded.movie, text_digest = excluded.text_digest,"
                " metadata_digest = excluded.metadata_digest, source = excluded.source",
                [_values(rows.get(entry.movie.id), entry) for entry in stored],
            )
            self._count(before.values(), (entry.movie for entry in stored))
            self._note_told([movie.id for movie in before.values() if passages_digest(movie)], stored)

    def remove(self, ids: Iterable[str]) -> None:
        """Forget movies; their rows are free from now on."""
        gone = list(ids)
        with translated(self.path), self._connection:
            self._count(self.get(gone).values(), ())
            for table in ("passages", "synopses"):
                self._connection.executemany(
                    f"DELETE FROM {table} WHERE row = (SELECT row FROM movies WHERE id = ?)",  # noqa: S608
                    [(identity,) for identity in gone],
                )
            self._connection.executemany("DELETE FROM movies WHERE id = ?", [(identity,) for identity in gone])

    def mark(self, editions: Mapping[str, Edition]) -> None:
        """Note which publication last changed something of each of these sources."""
        with translated(self.path), self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO sources VALUES (?, ?, ?)",
                [(name, *edition) for name, edition in editions.items()],
            )

    def check(self) -> None:
        """Raise CatalogDamaged if SQLite finds the file damaged."""
        check(self._connection, self.path)

    def _note_told(self, before: Iterable[str], entries: Iterable[Entry]) -> None:
        """Keep the fingerprints of what passages are made of in place of those that movies had before, by id."""
        self._connection.executemany(
            "DELETE FROM synopses WHERE row = (SELECT row FROM movies WHERE id = ?)", [(each,) for each in before]
        )
        told = [(entry.fingerprints.passages, entry.movie.id) for entry in entries if entry.fingerprints.passages]
        self._connection.executemany("INSERT INTO synopses SELECT row, ? FROM movies WHERE id = ?", told)

    def _count(self, before: Iterable[Movie], after: Iterable[Movie]) -> None:
        """Keep the numbers of movies that have each value of a list."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for movie in after:
            counts.update(list(listed_values(movie)))
        for movie in before:
            counts.subtract(list(listed_values(movie)))
        self._connection.executemany(
            "INSERT INTO list_values VALUES (?, ?, ?, ?)"
            " ON CONFLICT (field, folded, value) DO UPDATE SET movies = movies + excluded.movies",
            [(*value, number) for value, number in counts.items() if number],
        )
        if min(counts.values(), default=0) < 0:
            self._connection.execute("DELETE FROM list_values WHERE movies <= 0")

    def _by_row(self, column: str, rows: Sequence[int]) -> Iterator[tuple[int, Any]]:
        for marks, part in marked(rows):
            yield from self._rows(f"SELECT row, {column} FROM movies WHERE row IN ({marks})", part)  # noqa: S608

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        with translated(self.path):
            return self._connection.execute(statement, values).fetchall()


def _values(row: int | None, entry: Entry) -> tuple[object, ...]:
    movie = entry.movie
    return (
        row,
        movie.id,
        movie.title,
        folded(movie.title),
        movie.year,
        movie.rating,
        movie.votes,
        movie.runtime,
        json.dumps(movie.to_dict(), ensure_ascii=False),
        entry.fingerprints.text,
        entry.fingerprints.metadata,
        entry.source,
    )


def _entry(row: int, text: str, digest: bytes, metadata: bytes, source: str) -> Entry:
    movie = _movie(text)
    return Entry(movie, Fingerprints(digest, metadata, passages_digest(movie)), row, source)


def _has_sources(connection: Connection) -> bool:
    return any(column[1] == "source" for column in connection.execute("PRAGMA table_info(movies)"))


def _movie(text: str) -> Movie:
    try:
        values: Mapping[str, Any] = json.loads(text)
        return Movie.from_dict(values)
    except (ValueError, TypeError) as error:
        raise CatalogDamaged(f"the record of a movie is damaged ({error}); {WAY_BACK}") from error
