"""The vector index of a generation as searches ask it: opened when first needed, left alone while it is away."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged, StoreError
from catalog.store.chroma.collection import Neighbour, VectorIndex

_PROBE_EVERY = 1.0
"""Seconds between two looks whether what failed works again."""
_AT_ONCE = 32
"""Questions to shards that wait for an answer at the same time."""


class Reached(NamedTuple):
    """What the shards that can be asked know."""

    neighbours: list[Neighbour]
    problems: tuple[StoreError | None, ...]
    """What is wrong with each shard."""


class IndexReader:
    """Nearest neighbours in all shards of an index, for many threads."""

    def __init__(self, shards: "Sequence[ShardReader]") -> None:
        self._shards = shards
        self._pool = ThreadPoolExecutor(_AT_ONCE, "chroma shards") if len(shards) > 1 else None

    @property
    def problem(self) -> StoreError | None:
        """Why it, or a shard of it, cannot be asked now."""
        return next((shard.problem for shard in self._shards if shard.problem is not None), None)

    @property
    def changes(self) -> int:
        """How many times a shard went away, or came back: between two looks all was as before if this was."""
        return sum(shard.changes for shard in self._shards)

    def nearest(self, vector: NDArray[np.float32], count: int, *, whole: bool = False) -> list[Neighbour]:
        """The films nearest to a vector, shape (d,), most similar first, as `VectorIndex.nearest` has them.

        Raises what is wrong with the index, or a shard of it: ChromaUnreachable, CatalogDamaged, StoreError.
        """
        found = self.reach(vector, count, whole=whole)
        for problem in filter(None, found.problems):
            raise problem
        return found.neighbours

    def reach(
        self, vector: NDArray[np.float32], count: int, *, whole: bool = False, least: int | None = None
    ) -> Reached:
        """The same of the shards that can be asked; `least` as `VectorIndex.nearest` has it, of each shard."""

        def ask(shard: ShardReader) -> list[Neighbour] | StoreError:
            try:
                return shard.nearest(vector, count, whole=whole, least=least)
            except StoreError as error:
                return error

        answers = list(map(ask, self._shards) if self._pool is None else self._pool.map(ask, self._shards))
        known = [answer for answer in answers if isinstance(answer, list)]
        near = known[0] if len(known) == 1 else sorted(chain(*known), key=lambda film: (-film.similarity, film.id))
        return Reached(near[:count], tuple(None if isinstance(answer, list) else answer for answer in answers))

    def close(self) -> None:
        """Release what is open."""
        for shard in self._shards:
            shard.close()
        if self._pool is not None:
            self._pool.shutdown()


class ShardReader:
    """Nearest neighbours in one shard, or in an index that is not divided.

    What fails is not asked again until it is opened, or a server reached, in the background: one question waits for
    it, not each. Only a folder that is damaged stays so.
    """

    def __init__(self, open_index: Callable[[], VectorIndex], probe: Callable[[], None] | None = None) -> None:
        """`open_index` raises CatalogDamaged, ChromaUnreachable, StoreError; `probe` asks whether a server is there."""
        self._open_index = open_index
        self._probe = probe
        self._index: VectorIndex | None = None
        self._problem: StoreError | None = None
        self.changes = 0
        """How many times it went away, or came back."""
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
            self.changes += 1
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
            self.changes += 1

    def close(self) -> None:
        """Release what is open."""
        self._closed.set()
        with self._lock:
            index, self._index = self._index, None
        if index is not None:
            index.close()
