"""A catalogue that is larger than the real one: its films first, then made ones that look like them, as a stream.

A made film has the title of one real film and everything else but the plot of another one; its plot are words of the
file's plots, as frequent as there, and as many as some real plot has. Its vector lies at a cosine of .6 to .8 from that
of a real film, in a random direction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Vector, Vectors
from catalog.embedding.embedder import Embedded
from catalog.identity import ModelIdentity
from catalog.movie import Movie, text_digest
from catalog.store.snapshot import Snapshot
from ingest.mapping.mapper import detect
from ingest.readers.source import open_rows
from ingest.sync.rejects import Refusals, RowReader
from ingest.sync.row_cache import Before

_BLOCK = 1000
_NEAREST, _FARTHEST = 0.8, 0.6
_MADE_UP = 10_000
"""Vectors that stand in where there is no real catalog."""


def real_films(file: Path) -> Iterator[Movie]:
    """The films of a file, as a run would read them."""
    with open_rows(str(file)) as rows, Refusals(None) as refusals:
        for film in RowReader(rows, detect(rows.peek()), refusals, None, Before()):
            assert isinstance(film, Movie)
            yield film


@dataclass(frozen=True, slots=True)
class Stock:
    """What films are made of, kept small: what is measured beside it is the catalog."""

    films: Sequence[Movie]
    """Without their plots."""
    vocabulary: Sequence[str]
    words: NDArray[np.int32]
    """All plots one after the other, as places in the vocabulary."""
    lengths: NDArray[np.int32]
    """Words of each plot."""

    @classmethod
    def of(cls, file: Path) -> "Stock":
        known: dict[str, int] = {}
        films, parts = [], []
        for film in real_films(file):
            films.append(replace(film, plot=""))
            parts.append(np.array([known.setdefault(word, len(known)) for word in film.plot.split()], dtype=np.int32))
        return cls(films, list(known), np.concatenate(parts), np.array([len(part) for part in parts], dtype=np.int32))

    def make(self) -> Iterator[Movie]:
        """Further films without end, always the same ones."""
        draw, number = np.random.default_rng(1), 0
        while True:
            titles, models, plots = draw.integers(len(self.films), size=(3, _BLOCK)).tolist()
            for title, model, plot in zip(titles, models, plots, strict=True):
                places = self.words[draw.integers(len(self.words), size=max(int(self.lengths[plot]), 5))]
                text = " ".join([self.vocabulary[place] for place in places.tolist()])
                yield replace(self.films[model], id=f"made {number}", title=self.films[title].title, plot=text)
                number += 1


def films(file: Path, count: int, stock: Stock) -> Iterator[Movie]:
    """So many films: those of the file, then made ones."""
    return islice(chain(real_films(file), stock.make()), count)


def changed(file: Path, count: int, edition: int) -> list[Movie]:
    """The first films of the file with another plot, one for each edition."""
    return [replace(film, plot=f"{film.plot} Edition {edition}.") for film in islice(real_films(file), count)]


@dataclass(frozen=True, slots=True)
class StandIn:
    """Looks up the vectors of a real catalog; what it does not hold gets one near to one of them, by its text alone."""

    identity: ModelIdentity
    vectors: Vectors
    """Of real films, mapped."""
    rows: Mapping[bytes, int]
    """Row of each text that has a vector."""
    template: str
    asked: Mapping[str, Vector] = field(default_factory=dict)
    """Vectors of questions."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> "StandIn":
        rows = {digest: row for part in snapshot.movies.digests() for row, digest in part}
        return cls(snapshot.info.model, snapshot.vectors, rows, snapshot.info.template)

    @classmethod
    def made_up(cls) -> "StandIn":
        """Without a catalog: random directions stand for real films."""
        vectors = np.random.default_rng(2).normal(size=(_MADE_UP, 384)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return cls(ModelIdentity("made up", "1", 384, 512), vectors, {}, "{title} {plot}")

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        return Embedded(np.stack([self._vector(text) for text in texts]), 0)

    def embed_query(self, text: str) -> Vector:
        found = self.asked.get(text)
        return self._vector(text) if found is None else found

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.embed_query(text) for text in texts])

    def _vector(self, text: str) -> Vector:
        digest = text_digest(text)
        if (row := self.rows.get(digest)) is not None:
            return np.asarray(self.vectors[row])
        draw = np.random.default_rng(int.from_bytes(digest, "big"))
        base = self.vectors[int(draw.integers(len(self.vectors)))]
        noise = draw.standard_normal(len(base), dtype=np.float32)
        noise -= (noise @ base) * base
        cosine = draw.uniform(_FARTHEST, _NEAREST)
        vector = cosine * base + np.sqrt(1 - cosine**2) / np.linalg.norm(noise) * noise
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
