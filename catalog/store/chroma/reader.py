"""The vector index of a generation as searches ask it: opened when first needed, left alone while it is away."""

import threading
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged, ChromaUnreachable, StoreError
from catalog.store.chroma.collection import Neighbour, VectorIndex

_PROBE_EVERY = 1.0
"""Seconds between two looks whether a server that was away is back."""


class IndexReader:
    """Nearest neighbours for many threads.

    A server that does not answer in time is not asked again until a probe in the background reaches it: one question
    waits for it, not each.
    """

    def __init__(self, open_index: Callable[[], VectorIndex], probe: Callable[[], None]) -> None:
        """`open_index` raises CatalogDamaged, ChromaUnreachable, StoreError; `probe` ChromaUnreachable."""
        self._open_index = open_index
        self._probe = probe
        self._index: VectorIndex | None = None
        self._problem: StoreError | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()

    @property
    def problem(self) -> StoreError | None:
        """Why it cannot be asked now."""
        return self._problem

    def nearest(self, vector: NDArray[np.float32], count: int) -> list[Neighbour]:
        """The rows nearest to a vector, shape (d,), most similar first.

        Raises what is wrong with the index: ChromaUnreachable, CatalogDamaged, StoreError.
        """
        if self._problem is not None:
            raise self._problem
        try:
            return self._opened().nearest(vector, count)
        except StoreError as error:
            self._fail(error)
            raise

    def _opened(self) -> VectorIndex:
        with self._lock:
            if self._problem is not None:
                raise self._problem
            if self._index is None:
                self._index = self._open_index()
            return self._index

    def _fail(self, error: StoreError) -> None:
        """Remember what is wrong; only a server can come back by itself."""
        with self._lock:
            if self._problem is not None:
                return
            self._problem = error
        if isinstance(error, ChromaUnreachable) and not isinstance(error, CatalogDamaged):
            threading.Thread(target=self._wait_for_it, name="chroma probe", daemon=True).start()

    def _wait_for_it(self) -> None:
        while not self._closed.wait(_PROBE_EVERY):
            with suppress(ChromaUnreachable):
                self._probe()
                self._problem = None
                return

    def close(self) -> None:
        """Release what is open."""
        self._closed.set()
        with self._lock:
            index, self._index = self._index, None
        if index is not None:
            index.close()
