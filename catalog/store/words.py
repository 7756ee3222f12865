"""The words of a generation: an inverted index with BM25F weights, and one of title trigrams, in SQLite.

Each term has one row: the numbers of the films that hold it and what it adds to their score. Scoring
a question is then one row read and one vector addition a term, a millisecond or two over 65,451 films.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged
from catalog.language import english_terms, fold, german_terms, grams, plain_title, without_article
from catalog.movie import Movie
from catalog.store.occurrences import Numbers, Occurrences
from catalog.store.sqlite import Connection, connect, connect_read_only, marked, translated

Floats = NDArray[np.float32]

_WAY_BACK = "run 'ingest verify --repair'"

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


def _titles(movie: Movie) -> list[str]:
    names = dict.fromkeys(plain_title(title) for title in (movie.title, movie.original_title) if title)
    return [name for name in names if name]


def _title_grams(movie: Movie) -> list[str]:
    return [gram for title in _titles(movie) for gram in grams(without_article(title))]


def movie_tags(movie: Movie) -> list[str]:
    """What a film shares with films of its kind: genres and keywords; "by " stands before directors."""
    return [fold(tag) for tag in (*movie.genres, *movie.keywords)] + [f"by {fold(name)}" for name in movie.directors]


#: What the index is built from: every list of terms by name, and what reads it off a film.
LISTS: Mapping[str, Callable[[Movie], Iterable[str]]] = {
    **{f"field {number}": field.terms for number, field in enumerate(FIELDS)},
    "titles": _titles,
    "grams": _title_grams,
    "kinds": movie_tags,
}


def build_words(path: Path, lists: Mapping[str, Occurrences]) -> None:
    """Write the index of films 0, 1, 2 ... to a new file, from LISTS read off each of them."""
    titles = lists["titles"]
    fields = [lists[f"field {number}"] for number in range(len(FIELDS))]
    connection = connect(path)
    with translated(path), connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(_SCHEMA)
        pairs = zip(titles.terms.tolist(), titles.films().tolist(), strict=True)
        named = sorted((titles.vocabulary[term], film) for term, film in pairs)
        connection.executemany("INSERT INTO titles VALUES (?, ?)", named)
        connection.executemany("INSERT INTO terms VALUES (?, ?, ?)", _bm25f(fields, len(titles.lengths)))
        connection.executemany("INSERT INTO grams VALUES (?, ?, ?)", _shares(lists["grams"]))
        connection.executemany("INSERT INTO tags VALUES (?, ?, ?)", _unit_idf(lists["kinds"]))
    connection.close()


Row = tuple[str, bytes, bytes]


def _bm25f(fields: Sequence[Occurrences], count: int) -> Iterator[Row]:
    """BM25F (Robertson, Zaragoza, Taylor 2004): frequencies weighted and diluted by field, then saturated once."""
    vocabulary = sorted(set().union(*(seen.vocabulary for seen in fields)))
    places = {term: place for place, term in enumerate(vocabulary)}
    films: list[Numbers] = []
    terms: list[Numbers] = []
    frequencies: list[Floats] = []
    for field, seen in zip(FIELDS, fields, strict=True):
        if not len(seen.terms):
            continue
        film, lengths = seen.films(), seen.lengths
        diluted = field.weight / (1 - field.dilution + field.dilution * lengths[film] / lengths[lengths > 0].mean())
        films.append(film)
        terms.append(np.array([places[term] for term in seen.vocabulary], dtype=np.int64)[seen.terms])
        frequencies.append(diluted.astype(np.float32))
    if films:
        grouped = _grouped(np.concatenate(terms), np.concatenate(films), np.concatenate(frequencies), count)
        idf = np.log(1 + (count - grouped.holders + 0.5) / (grouped.holders + 0.5))
        saturated = idf * grouped.values / (_K1 + grouped.values)
        yield from _rows(vocabulary, grouped, saturated)


def _shares(seen: Occurrences) -> Iterator[Row]:
    """Trigrams: what one adds to the number of shared ones is 1."""
    grouped = _counted(seen)
    yield from _rows(seen.vocabulary, grouped, np.ones(len(grouped.values)))


def _unit_idf(seen: Occurrences) -> Iterator[Row]:
    """Tags by inverse document frequency, each film's of length 1: the sum over shared tags is a cosine.

    Directors stand beside them with a weight of 1.
    """
    grouped, count = _counted(seen), len(seen.lengths)
    is_director = np.array([name.startswith("by ") for name in seen.vocabulary], dtype=bool)[grouped.terms]
    weights = np.where(is_director, 0.0, np.log(max(count, 2) / grouped.holders))
    lengths = np.sqrt(np.bincount(grouped.films, weights=weights**2, minlength=count))
    units = weights / np.maximum(lengths[grouped.films], 1e-6)
    yield from _rows(seen.vocabulary, grouped, np.where(is_director, 1.0, units))


@dataclass(frozen=True, slots=True)
class _Grouped:
    """One entry a pair of term and film, by term, then by film."""

    terms: Numbers
    films: Numbers
    values: Floats
    holders: Numbers
    """Of each entry's term: how many films hold it."""


def _counted(seen: Occurrences) -> _Grouped:
    terms = seen.terms.astype(np.int64)
    return _grouped(terms, seen.films(), np.ones(len(terms), dtype=np.float32), len(seen.lengths))


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
    bounds = pairwise([*starts.tolist(), len(films)])
    for term, (start, end) in zip(grouped.terms[starts].tolist(), bounds, strict=True):
        yield names[term], films[start:end].tobytes(), weights[start:end].tobytes()


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
            raise CatalogDamaged(f"{path}: is missing; {_WAY_BACK}")
        return cls(connect_read_only(path), path, films)

    def close(self) -> None:
        self._connection.close()

    def terms(self, terms: Iterable[str]) -> dict[str, Posting]:
        """The postings of those terms that some film holds."""
        return self._postings("terms", terms)

    def held(self, terms: Iterable[str]) -> set[str]:
        """Those of the terms that some film holds."""
        wanted = list(dict.fromkeys(terms))
        found: set[str] = set()
        for marks, part in marked(wanted):
            found |= {row[0] for row in self._rows(f"SELECT term FROM terms WHERE term IN ({marks})", part)}  # noqa: S608
        return found

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
            # A quarter of the time of `scores[films] += ...`, with the same sums.
            np.add.at(scores, posting.films, np.float32(weights.get(term, 1.0)) * posting.weights)
        return scores

    def titled(self, titles: Sequence[str]) -> list[int]:
        """The films with exactly one of these plain titles, in the titles' order."""
        marks = ",".join("?" * len(titles))
        rows = self._rows(f"SELECT title, film FROM titles WHERE title IN ({marks})", titles)  # noqa: S608
        return [film for _, film in sorted((titles.index(title), film) for title, film in rows)]

    def titles_of(self, films: list[int]) -> list[tuple[int, str]]:
        """The plain titles of some films."""
        found: list[tuple[int, str]] = []
        for marks, part in marked(films):
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
        for marks, part in marked(wanted):
            rows = self._rows(f"SELECT term, films, weights FROM {table} WHERE term IN ({marks})", part)  # noqa: S608
            for term, films, weights in rows:
                found[term] = Posting(np.frombuffer(films, np.int32), np.frombuffer(weights, np.float32))
        return found

    def _rows(self, statement: str, values: Iterable[object]) -> list[Any]:
        with translated(self.path, _WAY_BACK):
            return self._connection.execute(statement, tuple(values)).fetchall()
