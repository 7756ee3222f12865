"""A generation that many threads search at the same time."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from catalog.store.catalog import Snapshot
from catalog.store.generations import Generation
from query.batcher import Batcher
from query.work import Ticket

Floats = NDArray[np.float32]

_REMEMBERED = 16
"""Similarities of the last vectors, 4 bytes a film: the next page of an answer, its facets, another filter."""
_ROWS = 16_384
"""Films multiplied at a time: their products stay in the cache until they are copied, each question's to its own."""
_SECONDS = 60.0
"""A multiplication takes milliseconds; who waits that long waits for a machine that is down."""


class SharedSnapshot(Snapshot):
    """A snapshot whose similarities are computed for several questions in one pass over all vectors.

    The pass is bound by reading 100 MB of vectors: for eight questions it takes twice as long as for one.
    Results differ from those of a question alone in the seventh digit.
    """

    def __init__(self, generation: Generation) -> None:
        super().__init__(generation)
        self._last: OrderedDict[bytes, Floats] = OrderedDict()
        self._last_lock = threading.Lock()
        self._passes: Batcher[Floats, Floats] = Batcher("similarity", self._pass)

    def cosines(self, vector: Floats) -> Floats:
        """Cosine similarity of every film, shape (films,), to a unit vector, shape (d,): exact."""
        key = vector.tobytes()
        with self._last_lock:
            if (known := self._last.get(key)) is not None:
                self._last.move_to_end(key)
                return known
        found = self._passes.ask(vector, Ticket(_SECONDS))
        found.flags.writeable = False
        with self._last_lock:
            self._last[key] = found
            if len(self._last) > _REMEMBERED:
                self._last.popitem(last=False)
        return found

    def _pass(self, vectors: Sequence[Floats]) -> list[Floats]:
        if len(vectors) == 1:
            return [super().cosines(vectors[0])]
        asked = np.stack(vectors).T
        found = [np.empty(len(self.matrix), dtype=np.float32) for _ in vectors]
        for start in range(0, len(self.matrix), _ROWS):
            products = self.matrix[start : start + _ROWS] @ asked
            for similarities, column in zip(found, products.T, strict=True):
                similarities[start : start + _ROWS] = column
        return found

    def close(self) -> None:
        self._passes.close()
        super().close()
