"""The words of a generation: an inverted index with BM25F weights, and one of title trigrams, in SQLite.

Each term has one row: the numbers of the films that hold it and what it adds to their score. Scoring
a question is then one row read and one vector addition a term, a millisecond or two over 65,451 films.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged
from catalog.language import english_terms, fold, german_terms, grams, plain_title, without_article
from catalog.movie import Movie
from catalog.store.sqlite import BATCH, Connection, connect, connect_read_only, translated

Numbers = NDArray[np.int64]
Floats = NDArray[np.float32]

#: Saturation of a term's frequency.
_K1 = 1.2

_SCHEMA = """
CREATE TABLE terms (term TEXT PRIMARY KEY, films BLOB NOT NULL, weights BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE grams (term TEXT PRIMARY KEY, films BLOB NOT NULL, weights BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE tags (term TEXT PRIMARY KEY, films BLOB NOT NULL, weights BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE titles (title TEXT NOT NULL, film INTEGER NOT NULL);
CREATE INDEX titles_title ON titles (title);
CREATE INDEX titles_film ON titles (film);
"""


@dataclass(frozen=True, slots=True)
class Field:
    """A part of a film's text in BM25F: how much a word there counts, and how much length dilutes it."""

    weight: float
    dilution: float
    terms: Callable[[Movie], Iterable[str]]


def _names(values: Iterable[object]) -> list[str]:
    return english_terms(" ".join(str(value) for value in values if value is not None))


#: Weights and dilutions measured on the judgments of benchmarks/README.md, "Search".
FIELDS = (
    Field(1.0, 0.2, lambda movie: _names([movie.title, movie.original_title])),
    Field(1.0, 0.75, lambda movie: english_terms(movie.plot)),
    Field(1.0, 0.75, lambda movie: german_terms(movie.plot_de or "")),
    Field(0.7, 0.0, lambda movie: _names([*movie.genres, *movie.keywords])),
    Field(0.5, 0.0, lambda movie: _names([*movie.directors, *movie.actors, movie.year])),
    Field(0.3, 0.0, lambda movie: _names([*movie.languages, *movie.countries])),
)


def build_words(path: Path, films: Iterable[Movie]) -> None:
    """Write the index of films 0, 1, 2 ... to a new file."""
    titles: list[tuple[str, int]] = []
    occurrences = [_Occurrences() for _ in FIELDS]
    title_grams, film_tags = _Occurrences(), _Occurrences()
    count = 0
    for number, movie in enumerate(films):
        for field, seen in zip(FIELDS, occurrences, strict=True):
            seen.add(number, field.terms(movie))
        for title in _titles(movie):
            titles.append((title, number))
            title_grams.add(number, grams(without_article(title)))
        film_tags.add(number, movie_tags(movie))
        count = number + 1
    connection = connect(path)
    with translated(path), connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(_SCHEMA)
        connection.executemany("INSERT INTO titles VALUES (?, ?)", titles)
        connection.executemany("INSERT INTO terms VALUES (?, ?, ?)", _bm25f(occurrences, count))
        connection.executemany("INSERT INTO grams VALUES (?, ?, ?)", _shares(title_grams, count))
        connection.executemany("INSERT INTO tags VALUES (?, ?, ?)", _unit_idf(film_tags, count))
    connection.close()


def movie_tags(movie: Movie) -> list[str]:
    """What a film shares with films of its kind: genres and keywords; "by " stands before directors."""
    return [fold(tag) for tag in (*movie.genres, *movie.keywords)] + [f"by {fold(name)}" for name in movie.directors]


def _titles(movie: Movie) -> list[str]:
    names = dict.fromkeys(plain_title(title) for title in (movie.title, movie.original_title) if title)
    return [name for name in names if name]


class _Numbered(dict[str, int]):
    """Terms numbered as they come."""

    def __missing__(self, term: str) -> int:
        self[term] = number = len(self)
        return number


class _Occurrences:
    """Which term stands in which film: flat arrays, one entry an occurrence."""

    def __init__(self) -> None:
        self.terms = _Numbered()
        self._films: list[int] = []
        self._lengths: list[int] = []
        self._occurring: list[int] = []

    def add(self, film: int, terms: Iterable[str]) -> None:
        before = len(self._occurring)
        self._occurring.extend(map(self.terms.__getitem__, terms))
        self._films.append(film)
        self._lengths.append(len(self._occurring) - before)

    def arrays(self) -> tuple[Numbers, Numbers]:
        """Film and term of each occurrence."""
        return np.repeat(np.array(self._films, dtype=np.int64), self._lengths), np.array(
            self._occurring, dtype=np.int64
        )


Row = tuple[str, bytes, bytes]


def _bm25f(occurrences: list[_Occurrences], count: int) -> Iterator[Row]:
    """BM25F (Robertson, Zaragoza, Taylor 2004): frequencies weighted and diluted by field, then saturated once."""
    vocabulary = _Numbered()
    films: list[Numbers] = []
    terms: list[Numbers] = []
    frequencies: list[Floats] = []
    for field, seen in zip(FIELDS, occurrences, strict=True):
        film, term = seen.arrays()
        if not len(film):
            continue
        lengths = np.bincount(film, minlength=count)
        diluted = field.weight / (1 - field.dilution + field.dilution * lengths[film] / lengths[lengths > 0].mean())
        films.append(film)
        terms.append(np.array([vocabulary[name] for name in seen.terms], dtype=np.int64)[term])
        frequencies.append(diluted.astype(np.float32))
    if films:
        grouped = _grouped(np.concatenate(terms), np.concatenate(films), np.concatenate(frequencies), count)
        idf = np.log(1 + (count - grouped.holders + 0.5) / (grouped.holders + 0.5))
        saturated = idf * grouped.values / (_K1 + grouped.values)
        yield from _rows(list(vocabulary), grouped, saturated)


def _shares(seen: _Occurrences, count: int) -> Iterator[Row]:
    """Trigrams: what one adds to the number of shared ones is 1."""
    film, term = seen.arrays()
    grouped = _grouped(term, film, np.ones(len(film), dtype=np.float32), count)
    yield from _rows(list(seen.terms), grouped, np.ones(len(grouped.values)))


def _unit_idf(seen: _Occurrences, count: int) -> Iterator[Row]:
    """Tags by inverse document frequency, each film's of length 1: the sum over shared tags is a cosine.

    Directors stand beside them with a weight of 1.
    """
    film, term = seen.arrays()
    grouped = _grouped(term, film, np.ones(len(film), dtype=np.float32), count)
    names = list(seen.terms)
    is_director = np.array([name.startswith("by ") for name in names], dtype=bool)[grouped.terms]
    weights = np.where(is_director, 0.0, np.log(max(count, 2) / grouped.holders))
    lengths = np.sqrt(np.bincount(grouped.films, weights=weights**2, minlength=count))
    units = weights / np.maximum(lengths[grouped.films], 1e-6)
    yield from _rows(names, grouped, np.where(is_director, 1.0, units))


@dataclass(frozen=True, slots=True)
class _Grouped:
    """One entry a pair of term and film, by term, then by film."""

    terms: Numbers
    films: Numbers
    values: Floats
    holders: Numbers
    """Of each entry's term: how many films hold it."""


def _grouped(terms: Numbers, films: Numbers, values: Floats, count: int) -> _Grouped:
    pairs = terms * max(count, 1) + films
    order = np.argsort(pairs, kind="stable")
    pairs, values = pairs[order], values[order]
    first = np.flatnonzero(np.diff(pairs, prepend=-1))
    summed = np.add.reduceat(values, first).astype(np.float32) if len(first) else values
    terms, films = np.divmod(pairs[first], max(count, 1))
    holders = np.bincount(terms)[terms] if len(terms) else terms
    return _Grouped(terms, films, summed, holders)


def _rows(names: list[str], grouped: _Grouped, weights: NDArray[np.floating[Any]]) -> Iterator[Row]:
    """One row a term, its films in order."""
    films = grouped.films.astype(np.int32)
    weights = weights.astype(np.float32)
    starts = np.flatnonzero(np.diff(grouped.terms, prepend=-1))
    for start, end in pairwise([*starts.tolist(), len(films)]):
        yield names[grouped.terms[start]], films[start:end].tobytes(), weights[start:end].tobytes()


@dataclass(frozen=True, slots=True)
class Posting:
    """The films that hold a term, in order, and what it adds to their score."""

    films: NDArray[np.int32]
    weights: NDArray[np.float32]


class WordIndex:
    """The words of a published generation, for reading by any thread."""

    def __init__(self, connection: Connection, path: Path, films: int) -> None:
        self._connection = connection
        self.path = path
        self._films = films

    @classmethod
    def open(cls, path: Path, films: int) -> Self:
        if not path.exists():
            raise CatalogDamaged(f"{path}: is missing; run 'ingest verify --repair'")
        return cls(connect_read_only(path), path, films)

    def close(self) -> None:
        self._connection.close()

    def terms(self, terms: Iterable[str]) -> dict[str, Posting]:
        """The postings of those terms that some film holds."""
        return self._postings("terms", terms)

    def rarest_grams(self, terms: Iterable[str], count: int) -> dict[str, Posting]:
        """The postings of those title trigrams that the fewest films hold."""
        wanted = list(dict.fromkeys(terms))
        marks = ",".join("?" * len(wanted))
        rarest = f"SELECT term FROM grams WHERE term IN ({marks}) ORDER BY length(films), term LIMIT ?"  # noqa: S608
        return self._postings("grams", [row[0] for row in self._rows(rarest, (*wanted, count))])

    def tags(self, terms: Iterable[str]) -> dict[str, Posting]:
        """The postings of `movie_tags`."""
        return self._postings("tags", terms)

    def scores(self, postings: Mapping[str, Posting], weights: Mapping[str, float]) -> NDArray[np.float32]:
        """The weighted sum of postings over all films, shape (films,)."""
        scores = np.zeros(self._films, dtype=np.float32)
        for term, posting in postings.items():
            scores[posting.films] += np.float32(weights.get(term, 1.0)) * posting.weights
        return scores

    def titled(self, title: str) -> list[int]:
        """The films with exactly this plain title."""
        return [row[0] for row in self._rows("SELECT film FROM titles WHERE title = ? ORDER BY film", (title,))]

    def titles_of(self, films: list[int]) -> list[tuple[int, str]]:
        """The plain titles of some films."""
        found: list[tuple[int, str]] = []
        for start in range(0, len(films), BATCH):
            part = films[start : start + BATCH]
            marks = ",".join("?" * len(part))
            found += self._rows(f"SELECT film, title FROM titles WHERE film IN ({marks})", part)  # noqa: S608
        return found

    def titled_from(self, start: str, limit: int) -> list[tuple[str, int]]:
        """Plain titles that begin with `start`, and their films."""
        return self._rows(
            "SELECT title, film FROM titles WHERE title >= ? AND title < ? LIMIT ?",
            (start, f"{start}\U0010ffff", limit),
        )

    def _postings(self, table: str, terms: Iterable[str]) -> dict[str, Posting]:
        wanted = list(dict.fromkeys(terms))
        found: dict[str, Posting] = {}
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            marks = ",".join("?" * len(part))
            rows = self._rows(f"SELECT term, films, weights FROM {table} WHERE term IN ({marks})", part)  # noqa: S608
            for term, films, weights in rows:
                found[term] = Posting(np.frombuffer(films, np.int32), np.frombuffer(weights, np.float32))
        return found

    def _rows(self, statement: str, values: Iterable[object]) -> list[Any]:
        with translated(self.path):
            return self._connection.execute(statement, tuple(values)).fetchall()
