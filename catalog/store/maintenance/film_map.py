"""The map of a generation: where each movie lies. Movies keep their places from one generation to the next."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.store.maintenance.projection import beside, drawn
from catalog.store.vectors.arrays import open_arrays

UInts = NDArray[np.uint16]
Rows = NDArray[np.int64]

_LAST = 65_535
_REDRAWN_AFTER = 0.3
"""Share of movies that were put in since the map was drawn: they can only join what is there, not found anything."""
_ANCHORS = 10_000
"""Movies that new ones are put beside, spread over the catalog: thrice as many as the map was drawn with."""


@dataclass(frozen=True, slots=True)
class FilmMap:
    """Coordinates of each movie by its row."""

    coordinates: UInts
    """Shape (height, 2): the same unit both ways, so that distances compare. Free rows lie anywhere."""
    added: int
    """Movies that were put in since the map was drawn."""

    @classmethod
    def draw(cls, vectors: Floats, rows: Rows) -> Self:
        """Of the vectors, shape (height, d), in some rows: 13 s of one core for 65,451 movies."""
        coordinates = np.zeros((len(vectors), 2), dtype=np.uint16)
        if len(rows):
            coordinates[rows] = _fitted(drawn(vectors, rows))
        return cls(coordinates, 0)

    def follow(self, vectors: Floats, rows: Rows, fresh: Rows) -> Self | None:
        """The map of the next generation: movies whose text was here stay, others are put among their neighbours.

        `fresh` are those of the `rows` whose vector is new. None if so much is new that it wants a new map.
        """
        added = self.added + len(fresh)
        if added > _REDRAWN_AFTER * len(rows) or len(fresh) == len(rows):
            return None
        coordinates = np.zeros((len(vectors), 2), dtype=np.uint16)
        kept = np.setdiff1d(rows, fresh, assume_unique=True)
        coordinates[kept] = self.coordinates[kept]
        if len(fresh):
            anchors = kept[:: -(-len(kept) // _ANCHORS)]
            put = beside(vectors, fresh, vectors[anchors], coordinates[anchors].astype(np.float32))
            coordinates[fresh] = put.astype(np.uint16)
        return type(self)(coordinates, added)

    def save(self, path: Path) -> None:
        """Write to a new file; raises OSError."""
        with path.open("wb") as file:
            np.savez(file, coordinates=self.coordinates, added=np.array(self.added))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises CatalogDamaged."""
        with open_arrays(path) as stored:
            return cls(stored["coordinates"], int(stored["added"]))


def _fitted(places: Floats) -> UInts:
    """Any coordinates, shape (n, 2), as large as they can be, in the middle, in the range of 16 bits."""
    low, high = places.min(axis=0), places.max(axis=0)
    size = max(float((high - low).max()), 1e-12)
    return (
        np.asarray((places - (low + high) / 2) / size * _LAST + _LAST / 2, dtype=np.float32).round().astype(np.uint16)
    )
