"""A generation that many threads search at the same time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from catalog.store.catalog import Snapshot
from catalog.store.generations import Generation
from query.batcher import Batcher
from query.work import Ticket

Floats = NDArray[np.float32]

_SECONDS = 60.0
"""A multiplication takes milliseconds; who waits that long waits for a machine that is down."""


class SharedSnapshot(Snapshot):
    """A snapshot whose similarities are computed for several questions in one pass over all vectors.

    The pass is bound by reading 100 MB of vectors: for eight questions it takes three times as long as
    for one. Results differ from those of a question alone in the seventh digit.
    """

    def __init__(self, generation: Generation) -> None:
        super().__init__(generation)
        self._passes: Batcher[Floats, Floats] = Batcher("similarity", self._pass)

    def cosines(self, vector: Floats) -> Floats:
        """Cosine similarity of every film, shape (films,), to a unit vector, shape (d,): exact."""
        return self._passes.ask(vector, Ticket(_SECONDS))

    def _pass(self, vectors: Sequence[Floats]) -> list[Floats]:
        if len(vectors) == 1:
            return [super().cosines(vectors[0])]
        return list(np.stack(vectors) @ self.matrix.T)

    def close(self) -> None:
        self._passes.close()
        super().close()
