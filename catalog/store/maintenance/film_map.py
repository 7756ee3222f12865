"""The map of a generation: where each movie lies. Movies keep their places from one generation to the next."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.store.maintenance.projection import beside, drawn
from catalog.store.maintenance.regions import Region, ToldAt, name_regions
from catalog.store.vectors.arrays import open_arrays

UInts = NDArray[np.uint16]
Rows = NDArray[np.int64]

_LAST = 65_535
_REDRAWN_AFTER = 0.3
"""Share of movies that were put in since the map was drawn: they can only join what is there, not found anything."""
_ANCHORS = 70_000
"""Movies that new ones are put beside, spread over the catalog: their vectors are in memory then."""


@dataclass(frozen=True, slots=True)
class FilmMap:
    """Coordinates of each movie by its row."""

    coordinates: UInts
    """Shape (height, 2): the same unit both ways, so that distances compare. Free rows lie anywhere."""
    added: int
    """Movies that were put in since the map was drawn."""
    regions: tuple[Region, ...] | None = ()
    """Parts that have a name; None for a map of an earlier version, which knew none."""

    @classmethod
    def draw(cls, vectors: Floats, rows: Rows) -> Self:
        """Of the vectors, shape (height, d), in some rows: 45 s of one core for 65,450 movies."""
        coordinates = np.zeros((len(vectors), 2), dtype=np.uint16)
        if len(rows):
            coordinates[rows] = _fitted(drawn(vectors, rows))
        return cls(coordinates, 0)

    def follow(self, vectors: Floats, rows: Rows, fresh: Rows) -> Self | None:
        """The map of the next generation: movies whose text was here stay, others are put among their neighbours.

        `fresh` are those of the `rows` whose vector is new. None if so much is new that it wants a new map, or if this
        one is of an earlier version.
        """
        if self.regions is None:
            return None
        added = self.added + len(fresh)
        if added > _REDRAWN_AFTER * len(rows) or len(fresh) == len(rows):
            return None
        coordinates = np.zeros((len(vectors), 2), dtype=np.uint16)
        kept = np.setdiff1d(rows, fresh, assume_unique=True)
        coordinates[kept] = self.coordinates[kept]
        if len(fresh):
            anchors = kept[:: -(-len(kept) // _ANCHORS)]
            put = beside(vectors, fresh, anchors, coordinates[anchors].astype(np.float32))
            coordinates[fresh] = put.astype(np.uint16)
        return type(self)(coordinates, added, self.regions)

    def named(self, rows: Rows, told_at: ToldAt) -> Self:
        """With names for the regions of the movies in some rows."""
        return replace(self, regions=name_regions(self.coordinates[rows].astype(np.float32), rows, told_at))

    def save(self, path: Path) -> None:
        """Write to a new file; raises OSError."""
        with path.open("wb") as file:
            regions = json.dumps([asdict(region) for region in self.regions or ()])
            np.savez(file, coordinates=self.coordinates, added=np.array(self.added), regions=np.array(regions))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises CatalogDamaged."""
        with open_arrays(path) as stored:
            named = json.loads(str(stored["regions"])) if "regions" in stored else None
            regions = None if named is None else tuple(Region(**region) for region in named)
            return cls(stored["coordinates"], int(stored["added"]), regions)


def _fitted(places: Floats) -> UInts:
    """Any coordinates, shape (n, 2), as large as they can be, in the middle, in the range of 16 bits."""
    low, high = places.min(axis=0), places.max(axis=0)
    size = max(float((high - low).max()), 1e-12)
    return (
        np.asarray((places - (low + high) / 2) / size * _LAST + _LAST / 2, dtype=np.float32).round().astype(np.uint16)
    )
