"""By what films are found besides numbers: genres, people, languages, titles, ids elsewhere.

Each value has one row: the numbers of its films. It is looked up, never searched for.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from catalog.language import fold
from catalog.movie import Movie
from catalog.store.columns import NUMBERS, Ints

#: Field of a tag -> field of the movie.
LISTS = {
    "genre": "genres",
    "keyword": "keywords",
    "director": "directors",
    "actor": "actors",
    "language": "languages",
    "country": "countries",
}

#: What a film has or has not, name -> field of the movie; sites with an id come on top.
HAS = {name: name for name in (*NUMBERS, "original_title", "plot_de", "poster")} | LISTS

_NOTHING = (None, "", ())

#: The type of film numbers on disk.
FILM = np.dtype(np.int32)


def folded(value: str) -> str:
    """How values are compared: without case, accents and repeated spaces."""
    return " ".join(fold(value).split())


def elsewhere(site: str) -> str:
    """The field of a tag that holds the id at a site."""
    return f"id:{site}"


def tags(movie: Movie) -> Iterator[tuple[str, Iterable[str]]]:
    """By field, everything the film can be found by, as it is spelt."""
    for field, name in LISTS.items():
        yield field, getattr(movie, name)
    yield "title", (movie.title, movie.original_title) if movie.original_title else (movie.title,)
    has = [name for name, attribute in HAS.items() if getattr(movie, attribute) not in _NOTHING]
    yield "has", (*has, *movie.external_ids)
    for site, identity in movie.external_ids.items():
        yield elsewhere(site), (identity,)


class Postings:
    """The films of every value, collected film by film."""

    def __init__(self) -> None:
        self._count = 0
        self._fields: dict[str, dict[str, array[int]]] = {}
        """By field, then by value as it is spelt."""

    def add(self, movie: Movie) -> None:
        """The next film: 0, 1, 2 ..."""
        number = self._count
        for field, values in tags(movie):
            known = self._fields.setdefault(field, {})
            for value in values:
                films = known.get(value)
                if films is None:
                    known[value] = array("i", (number,))
                elif films[-1] != number:
                    films.append(number)
        self._count += 1

    def rows(self) -> Iterator[tuple[str, str, str, bytes]]:
        """Field, folded value, most frequent spelling and films of every value."""
        for field, known in sorted(self._fields.items()):
            spellings: dict[str, list[str]] = {}
            for value in known:
                spellings.setdefault(folded(value), []).append(value)
            for plain in sorted(spellings):
                values = spellings[plain]
                if len(values) == 1:
                    yield field, plain, values[0], known[values[0]].tobytes()
                    continue
                _, usual = min((-len(known[value]), value) for value in values)
                every = sorted({film for value in values for film in known[value]})
                yield field, plain, usual, array("i", every).tobytes()


@dataclass(frozen=True, slots=True)
class TagIndex:
    """The values of a field and the films of each, one after the other."""

    values: list[str]
    films: Ints
    """Shape (tags of all films,)."""
    starts: NDArray[np.int64]
    """Where the films of each value begin in `films`, shape (values,)."""

    @classmethod
    def of(cls, rows: Iterable[tuple[str, bytes]]) -> Self:
        """From values and the bytes of their films; no value is without films."""
        values, blobs = [], []
        for value, films in rows:
            values.append(value)
            blobs.append(films)
        lengths = np.array([len(films) for films in blobs], dtype=np.int64) // FILM.itemsize
        return cls(values, np.frombuffer(b"".join(blobs), FILM), np.cumsum(lengths) - lengths)

    def counts(self, keep: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """How many of the films that are kept, shape (films,), have each value, shape (values,)."""
        if not self.values:
            return np.zeros(0, dtype=np.int64)
        kept = np.ones(len(self.films), dtype=np.int64) if keep is None else keep[self.films].astype(np.int64)
        return np.add.reduceat(kept, self.starts)
