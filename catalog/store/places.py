"""The map of a generation: where each film lies. Films keep their places from one generation to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged
from catalog.store.projection import beside, drawn

Floats = NDArray[np.float32]
UInts = NDArray[np.uint16]

_LAST = 65_535
_REDRAWN_AFTER = 0.3
"""Share of films that were put in since the map was drawn: they can only join what is there, not found anything."""
_ANCHORS = 10_000
"""Films that new ones are put beside, spread over the catalog: thrice as many as the map was drawn with."""


@dataclass(frozen=True, slots=True)
class Places:
    """A place for each film, in the order of the films' numbers."""

    places: UInts
    """Shape (films, 2): the same unit both ways, so that distances compare."""
    added: int
    """Films that were put in since the map was drawn."""

    @classmethod
    def of(cls, vectors: Floats) -> Self:
        """Draw the map of all vectors, shape (films, d): 13 s of one core for 65,451 films."""
        return cls(_fitted(drawn(vectors)) if len(vectors) else np.zeros((0, 2), dtype=np.uint16), 0)

    def followed(self, before: Sequence[bytes], digests: Sequence[bytes], vectors: Floats) -> Self | None:
        """The map of the next generation: films whose text was here stay, others are put among their neighbours.

        `before` are the digests of the films here, `digests` those of the next generation, `vectors` its vectors,
        shape (films, d). None if so much is new that it wants a new map.
        """
        rows = {digest: row for row, digest in enumerate(before)}
        origin = np.array([rows.get(digest, -1) for digest in digests], dtype=np.int64)
        fresh = np.flatnonzero(origin < 0)
        added = self.added + len(fresh)
        if added > _REDRAWN_AFTER * len(digests) or len(fresh) == len(digests):
            return None
        places = np.empty((len(digests), 2), dtype=np.float32)
        kept = np.flatnonzero(origin >= 0)
        places[kept] = self.places[origin[kept]]
        if len(fresh):
            anchors = kept[:: -(-len(kept) // _ANCHORS)]
            places[fresh] = beside(np.asarray(vectors[fresh]), np.asarray(vectors[anchors]), places[anchors])
        return type(self)(places.astype(np.uint16), added)

    def save(self, path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, places=self.places, added=np.array(self.added))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises CatalogDamaged."""
        try:
            # Opened here: numpy leaves a file open that it cannot read.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return cls(stored["places"], int(stored["added"]))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise CatalogDamaged(f"{path}: is damaged; run 'ingest verify --repair'") from error


def _fitted(places: Floats) -> UInts:
    """Any places, shape (films, 2), as large as they can be, in the middle, in the range of 16 bits."""
    low, high = places.min(axis=0), places.max(axis=0)
    size = max(float((high - low).max()), 1e-12)
    return (
        np.asarray((places - (low + high) / 2) / size * _LAST + _LAST / 2, dtype=np.float32).round().astype(np.uint16)
    )
