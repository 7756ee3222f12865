"""The vector index of a generation as searches ask it: opened when first needed, left alone while it is away."""

import threading
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged, StoreError
from catalog.store.chroma.collection import Neighbour, VectorIndex

_PROBE_EVERY = 1.0
"""Seconds between two looks whether what failed works again."""


class IndexReader:
    """Nearest neighbours for many threads.

    What fails is not asked again until it is opened, or a server reached, in the background: one question waits for
    it, not each. Only a folder that is damaged stays so.
    """

    def __init__(self, open_index: Callable[[], VectorIndex], probe: Callable[[], None] | None = None) -> None:
        """`open_index` raises CatalogDamaged, ChromaUnreachable, StoreError; `probe` asks whether a server is there."""
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

    def nearest(
        self, vector: NDArray[np.float32], count: int, *, whole: bool = False, least: int | None = None
    ) -> list[Neighbour]:
        """The films nearest to a vector, shape (d,), most similar first, as `VectorIndex.nearest` has them.

        Raises what is wrong with the index: ChromaUnreachable, CatalogDamaged, StoreError.
        """
        if self._problem is not None:
            raise self._problem
        try:
            return self._opened().nearest(vector, count, whole=whole, least=least)
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
        """Remember what is wrong; what is on disk does not mend itself."""
        with self._lock:
            if self._problem is not None:
                return
            self._problem = error
        if self._probe is not None or not isinstance(error, CatalogDamaged):
            threading.Thread(target=self._wait_for_it, name="chroma probe", daemon=True).start()

    def _wait_for_it(self) -> None:
        while not self._closed.wait(_PROBE_EVERY):
            with suppress(StoreError):
                if self._probe is not None:
                    self._probe()
                self._try_again()
                return

    def _try_again(self) -> None:
        with self._lock:
            if self._index is None and not self._closed.is_set():
                self._index = self._open_index()
            self._problem = None

    def close(self) -> None:
        """Release what is open."""
        self._closed.set()
        with self._lock:
            index, self._index = self._index, None
        if index is not None:
            index.close()
