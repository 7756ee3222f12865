"""A generation that many threads search at the same time."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from catalog.store.catalog import Snapshot
from catalog.store.generations import Generation
from query.last_used import LastUsed
from query.tiles import Tiles

Floats = NDArray[np.float32]

_REMEMBERED = 64
"""Similarities of the last vectors, 4 bytes a film: compared ahead, or for the next page, facets, another filter."""


class SharedSnapshot(Snapshot):
    """A snapshot whose similarities can be computed for several questions in one pass over all vectors.

    They differ from those of a question alone in the seventh digit.
    """

    def __init__(self, generation: Generation) -> None:
        super().__init__(generation)
        self._last: LastUsed[bytes, Floats] = LastUsed(_REMEMBERED)

    def cosines(self, vector: Floats) -> Floats:
        """Cosine similarity of every film, shape (films,), to a unit vector, shape (d,): exact; read-only."""
        key = vector.tobytes()
        if (known := self._last.get(key)) is not None:
            return known
        return self._remembered(key, super().cosines(vector))

    def compare(self, vectors: Sequence[Floats]) -> None:
        """Compute the `cosines` of several vectors ahead, in one pass."""
        fresh = {key: vector for vector in vectors if self._last.get(key := vector.tobytes()) is None}
        if len(fresh) == 1:
            self.cosines(*fresh.values())
        elif fresh:
            for key, cosines in zip(fresh, self.tiles.products(list(fresh.values())), strict=True):
                self._remembered(key, cosines)

    @cached_property
    def tiles(self) -> Tiles:
        """The matrix once more, in memory, for `compare`."""
        return Tiles.of(self.matrix)

    def _remembered(self, key: bytes, cosines: Floats) -> Floats:
        cosines.flags.writeable = False
        self._last.put(key, cosines)
        return cosines
