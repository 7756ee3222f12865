"""The catalog as readers have it: always the generation in force."""

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from catalog.errors import MapMissing
from catalog.store.background import Background
from catalog.store.check import open_checked
from catalog.store.chroma_server import ChromaServer
from catalog.store.columns import FilmColumns
from catalog.store.generations import (
    Generation,
    Generations,
)
from catalog.store.matrix import open_matrix
from catalog.store.places import Places
from catalog.store.records import Records
from catalog.store.vectors import Neighbour, VectorIndex
from catalog.store.words import WordIndex


class Snapshot:
    """One published generation: everything a reader sees belongs together and never changes."""

    def __init__(self, generation: Generation, server: ChromaServer | None = None) -> None:
        """A `server` is asked for the vector index alone, where that is on one."""
        self.info = generation.info()
        self.records = Records.open(generation.records)
        self._generation = generation
        self._server = server
        self._index: VectorIndex | None = None
        self._lock = threading.Lock()

    @property
    def number(self) -> int:
        return self.info.number

    @property
    def index(self) -> VectorIndex:
        """The vector index, opened and looked at when it is first needed.

        Raises CatalogDamaged if it is not what was published, ChromaUnreachable.
        """
        with self._lock:
            if self._index is None:
                self._index = open_checked(self._generation, self.info, self._server)
            return self._index

    @cached_property
    def matrix(self) -> NDArray[np.float32]:
        """All vectors, shape (films, d), in the order of the films' numbers; mapped, not read."""
        return open_matrix(self._generation, self.info)

    @cached_property
    def words(self) -> WordIndex:
        """The inverted index over the films' words."""
        return WordIndex.open(self._generation.words, self.info.films)

    @cached_property
    def background(self) -> Background:
        """What all films have in common."""
        return Background.load(self._generation.background)

    @cached_property
    def places(self) -> Places:
        """Where each film lies on the map; raises MapMissing for a generation that an older version published."""
        if not self._generation.map.exists():
            raise MapMissing("this catalog has no map yet; the next ingest that changes something draws it")
        return Places.load(self._generation.map)

    @cached_property
    def columns(self) -> FilmColumns:
        """Ids, years, votes and the like of all films, as arrays."""
        return self.records.columns()

    def vector(self, identity: str) -> NDArray[np.float32]:
        """The vector, shape (d,), of a film of the catalog."""
        return np.array(self.matrix[self.columns.row(identity)])

    def cosines(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosine similarity of every film, shape (films,), to a unit vector, shape (d,): exact."""
        return np.asarray(self.matrix @ vector, dtype=np.float32)

    def nearest(self, vector: NDArray[np.float32], count: int, among: Sequence[str] | None = None) -> list[Neighbour]:
        """The films nearest to a vector, shape (d,), most similar first."""
        return self.index.nearest(vector, min(count, self.info.films), among)

    def close(self) -> None:
        self.records.close()
        if "words" in self.__dict__:
            self.words.close()
        if self._index is not None:
            self._index.close()


class Catalog:
    """A reader's way in: always the generation in force, without being restarted."""

    def __init__(self, root: Path, server: ChromaServer | None = None) -> None:
        self._generations = Generations(root, server)
        self._lock = threading.Lock()
        self._stamp = self._generations.stamp()
        self._snapshot = Snapshot(self._generations.in_force(), server)
        self._previous: Snapshot | None = None

    @classmethod
    def open(cls, root: Path, server: ChromaServer | None = None) -> Self:
        """Raises CatalogMissing if nothing has been published yet.

        Where the vector index is on a Chroma server, `nearest` needs to know it; nothing else does.
        """
        return cls(root, server)

    def snapshot(self) -> Snapshot:
        """The generation in force now.

        The one before stays open until the next switch, for the threads that still use it.
        """
        with self._lock:
            stamp = self._generations.stamp()
            if stamp != self._stamp:
                fresh = Snapshot(self._generations.in_force(), self._generations.server)
                if self._previous is not None:
                    self._previous.close()
                self._previous, self._snapshot, self._stamp = self._snapshot, fresh, stamp
            return self._snapshot

    def close(self) -> None:
        for snapshot in (self._snapshot, self._previous):
            if snapshot is not None:
                snapshot.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
