"""By what films are found besides numbers: genres, people, languages, titles, ids elsewhere.

Each value has one row: the numbers of its films. It is looked up, never searched for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from catalog.language import fold
from catalog.movie import Movie
from catalog.store.columns import NUMBERS, Ints
from catalog.store.occurrences import Occurrences

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


def film_tags(movie: Movie) -> Iterator[str]:
    """Everything the film can be found by, as it is spelt: the field, a NUL, the value."""
    for field, name in LISTS.items():
        yield from (f"{field}\0{value}" for value in getattr(movie, name))
    yield f"title\0{movie.title}"
    if movie.original_title:
        yield f"title\0{movie.original_title}"
    yield from (f"has\0{name}" for name, attribute in HAS.items() if getattr(movie, attribute) not in _NOTHING)
    for site, identity in movie.external_ids.items():
        yield f"has\0{site}"
        yield f"{elsewhere(site)}\0{identity}"


def tag_rows(seen: Occurrences) -> Iterator[tuple[str, str, str, bytes]]:
    """Field, folded value, most frequent spelling and films of every value, from the `film_tags` of all films."""
    films, ends = seen.holders()
    spellings: dict[tuple[str, str], list[tuple[str, Ints]]] = {}
    for tag, (start, end) in zip(seen.vocabulary, pairwise([0, *ends.tolist()]), strict=True):
        field, _, value = tag.partition("\0")
        spellings.setdefault((field, folded(value)), []).append((value, films[start:end]))
    for (field, plain), values in sorted(spellings.items()):
        if len(values) == 1:
            ((usual, holders),) = values
        else:
            _, usual = min((-len(holders), value) for value, holders in values)
            holders = np.unique(np.concatenate([holders for _, holders in values]))
        yield field, plain, usual, holders.tobytes()


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
