"""The one writer: a generation is copied or begun, changed, checked and published."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import time

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged
from catalog.identity import ModelIdentity
from catalog.movie import Fingerprints, fingerprints, model_text, text_digest
from catalog.store.background import Background
from catalog.store.build import about, build_index, put_films
from catalog.store.cache import VectorCache
from catalog.store.check import is_intact, verified
from catalog.store.chroma_server import ChromaServer
from catalog.store.columns import FilmColumns
from catalog.store.disk import disk_errors
from catalog.store.forward import TAGS, Forward, kept_forward, read_films
from catalog.store.generations import (
    LAYOUT,
    Generation,
    GenerationInfo,
    Generations,
    as_catalog,
    damaged_files,
    file_digest,
)
from catalog.store.lock import writer_lock
from catalog.store.matrix import write_matrix
from catalog.store.places import Places
from catalog.store.records import Entry, Records
from catalog.store.sqlite import WAY_BACK, check_file
from catalog.store.tags import tag_rows
from catalog.store.vectors import BATCH, VectorIndex
from catalog.store.words import build_words


@dataclass(frozen=True, slots=True)
class Difference:
    """What a run changes, by id; the films themselves are in the draft's records."""

    embed: frozenset[str] = frozenset()
    """New films, and films whose text changed."""
    metadata: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.embed) + len(self.metadata) + len(self.gone)


class CatalogWriter:
    """The one process that may change the catalog, while it holds the lock."""

    def __init__(self, root: Path, server: ChromaServer | None = None, *, from_nothing: bool = False) -> None:
        self.generations = Generations(root, server)
        self.generations.drop_unfinished()
        self.current = None if from_nothing else self.generations.current()
        self.info = self.current.info(older=True) if self.current else None
        self.cache = VectorCache(root / "vectors.sqlite3")

    def fingerprints(self) -> dict[str, Fingerprints]:
        """What the last run saw, by id; empty before the first."""
        if self.current is None:
            return {}
        records = Records.open(self.current.records)
        try:
            return records.fingerprints()
        finally:
            records.close()

    def needs_build(self, model: ModelIdentity, template: str) -> bool:
        """Whether what is published cannot be patched: another model, template or layout, or it is damaged."""
        return self.info is not None and not (self._same(model, template) and self._intact)

    def begin(
        self,
        model: ModelIdentity,
        template: str,
        fallback_for: str | None,
        *,
        fresh: bool = False,
        rebuild_after: float = 0.5,
    ) -> "Draft":
        """A private generation that starts as the current one is.

        Its index is built anew, from our own vectors, if `fresh`, if the published one cannot be
        patched, or once the share `rebuild_after` of it was changed in place: rows that were deleted
        or replaced never leave an HNSW index.
        """
        if self.current is not None and self.info is not None:
            _check_records(self.current, self.info)
        if self.generations.server is not None:
            self.generations.server.check()  # before an hour of embedding, not after it
        generation = self.generations.begin()
        try:
            records = self._copied_records(generation, template, refresh=not self._same(model, template))
        except BaseException:
            shutil.rmtree(generation.folder, ignore_errors=True)
            raise
        fresh = fresh or self.info is None or self.needs_build(model, template)
        return Draft(self, generation, records, model, template, fallback_for, fresh, rebuild_after)

    def _copied_records(self, generation: Generation, template: str, *, refresh: bool) -> Records:
        if self.current is None:
            return Records.create(generation.records)
        if not refresh:
            with disk_errors(generation.records):
                shutil.copyfile(self.current.records, generation.records)
            return Records.create(generation.records)
        records = Records.create(generation.records)
        with closing(Records.open(self.current.records)) as before:
            for entries in before.entries():
                records.put(Entry(entry.movie, fingerprints(entry.movie, template)) for entry in entries)
        return records

    def _same(self, model: ModelIdentity, template: str) -> bool:
        return self.info is not None and (self.info.model, self.info.template, self.info.layout) == (
            model,
            template,
            LAYOUT,
        )

    @cached_property
    def _intact(self) -> bool:
        """Whether everything that is built from films and vectors is still as it was published."""
        if self.current is None or self.info is None:
            return False
        return is_intact(self.current, self.info, self.generations.server) and not damaged_files(self.current)

    def close(self) -> None:
        self.cache.close()


@contextmanager
def open_writer(root: Path, server: ChromaServer | None = None, *, rebuild: bool = False) -> Iterator[CatalogWriter]:
    """Take the lock and open the catalog for writing; raises CatalogLocked, StoreError.

    What is published from now on has its vector index on the `server`, or, without one, in its folder.
    To `rebuild`, a catalog whose films cannot be read any more counts as none.
    """
    with writer_lock(root):
        writer = CatalogWriter(root, server, from_nothing=rebuild and not _readable(root))
        try:
            yield writer
        finally:
            writer.close()


def _readable(root: Path) -> bool:
    try:
        if generation := Generations(root).current():
            _check_records(generation, generation.info(older=True))
            with closing(Records.open(generation.records)) as records:
                records.count()
    except CatalogDamaged:
        return False
    return True


def _check_records(generation: Generation, info: GenerationInfo) -> None:
    """Raise CatalogDamaged if the films are damaged: nothing else says what they were."""
    path = generation.records
    if not path.exists():
        raise CatalogDamaged(f"{path}: is missing; {WAY_BACK}")
    check_file(path)
    if info.files.get(path.name) not in (None, file_digest(path)):
        raise CatalogDamaged(f"{path}: is not the file that was published; {WAY_BACK}")


class Draft:
    """A generation in the making: records first, then vectors, then the index, then publish."""

    def __init__(
        self,
        writer: CatalogWriter,
        generation: Generation,
        records: Records,
        model: ModelIdentity,
        template: str,
        fallback_for: str | None,
        fresh: bool,
        rebuild_after: float,
    ) -> None:
        self._writer = writer
        self._generation = generation
        self.records = records
        self.model = model
        self._template = template
        self.fallback_for = fallback_for
        self._fresh = fresh
        self._rebuild_after = rebuild_after
        self._tell: Callable[[int], None] = lambda _: None

    def without_vector(self) -> list[int]:
        """The numbers of the first films of those distinct texts that still have to be embedded, in order."""
        digests, numbers = self.records.digests(), self.records.numbers()
        first = dict(zip(reversed(digests), reversed(numbers), strict=True))
        known = self._writer.cache.known(self.model, list(first))
        return sorted(number for digest, number in first.items() if digest not in known)

    def texts(self, numbers: Sequence[int]) -> dict[bytes, str]:
        """What the model reads of the films with these numbers, by digest."""
        texts = (model_text(movie, self._template) for movie in self.records.numbered(numbers))
        return {text_digest(text): text for text in texts}

    def remember(self, vectors: dict[bytes, NDArray[np.float32]]) -> None:
        """Acknowledge vectors: from now on no kill can lose them."""
        self._writer.cache.put(self.model, vectors)

    def publish(
        self,
        difference: Difference,
        tell: Callable[[int], None] = lambda _: None,
        check: Callable[[Path], None] | None = None,
    ) -> GenerationInfo:
        """Build matrix and index, compare them with the truth, and put the generation in force.

        `tell` hears how many films of the index are done, and may raise to stop. `check` is given a folder
        that is laid out as a catalog with the new generation in force, and may raise to refuse it.
        """
        self._tell = tell
        with disk_errors(self._generation.folder):
            info = self._built_and_verified(difference)
            self.records.close()
            if check is not None:
                with as_catalog(self._generation, info) as root:
                    check(root)
            self._writer.generations.publish(self._generation, info)
        return info

    def _built_and_verified(self, difference: Difference) -> GenerationInfo:
        self.records.close_gaps()
        films = self.records.count()
        self._write_matrix(films)
        self._write_indexes()
        self._write_map()
        self.records.check()
        info = GenerationInfo(
            number=self._generation.number,
            model=self.model,
            template=self._template,
            fallback_for=self.fallback_for,
            films=films,
            churn=0,
            published=time(),
        )
        info = self._patched(info, difference) or self._built(info)
        self._tell(films)
        return info

    def _patched(self, info: GenerationInfo, difference: Difference) -> GenerationInfo | None:
        """The copied and changed index, verified; None if it has to be built instead."""
        before = self._writer.info
        if self._fresh or before is None or info.films < 2 or self._generation.on_server:
            # A server copies no collection, and what readers search there is never changed in place.
            return None
        churn = before.churn + len(difference.embed) + len(difference.gone)
        if churn > self._rebuild_after * info.films:
            return None
        try:
            self._patch_index(info, difference)
            return verified(self._generation, replace(info, churn=churn), None)
        except CatalogDamaged:
            # The copy carried a fault that its files' digests do not show; our own vectors do not.
            shutil.rmtree(self._generation.chroma)
            return None

    def _built(self, info: GenerationInfo) -> GenerationInfo:
        server = self._writer.generations.server
        build_index(self._generation, info, self.records, server, self._tell)
        return verified(self._generation, info, server)

    def discard(self) -> None:
        """Throw the draft away; vectors that were remembered stay."""
        self.records.close()
        self._writer.generations.discard(self._generation)

    def _write_matrix(self, films: int) -> None:
        """Row i of the matrix is the vector of the film with number i."""
        write_matrix(self._generation.matrix, films, self.model.dimension, self._rows(films))

    def _rows(self, films: int) -> Iterator[NDArray[np.float32]]:
        digests = self.records.digests()
        for start in range(0, films, 5000):
            part = digests[start : start + 5000]
            vectors = self._writer.cache.get(self.model, part)
            missing = [digest for digest in part if digest not in vectors]
            if missing:
                raise CatalogDamaged(f"{self._writer.cache.path}: {len(missing)} vectors are missing; run ingest again")
            yield np.stack([vectors[digest] for digest in part])

    def _write_indexes(self) -> None:
        """By what films are found besides their vectors; only films that changed are read for it."""
        Background.of(np.load(self._generation.matrix, mmap_mode="r")).save(self._generation.background)
        forward = read_films(self.records, self._forward_before())
        forward.save(self._generation.forward)
        columns = FilmColumns.of(self.records.ids(), self.records.titles(), forward.numbers)
        self.records.put_index(columns, tag_rows(forward.lists[TAGS]))
        build_words(self._generation.words, forward.lists)

    def _write_map(self) -> None:
        vectors = np.load(self._generation.matrix, mmap_mode="r")
        (self._followed_map(vectors) or Places.of(vectors)).save(self._generation.map)

    def _followed_map(self, vectors: NDArray[np.float32]) -> Places | None:
        """The current map with what is new in it; None if it has to be drawn."""
        current = self._writer.current
        if current is None or self._fresh or not current.map.exists():
            return None
        try:
            before = Places.load(current.map)
        except CatalogDamaged:
            return None  # drawn anew, it is whole again
        with closing(Records.open(current.records)) as records:
            return before.followed(records.digests(), self.records.digests(), vectors)

    def _forward_before(self) -> Forward | None:
        current, info = self._writer.current, self._writer.info
        return None if self._fresh or current is None or info is None else kept_forward(current, info.files)

    def _patch_index(self, info: GenerationInfo, difference: Difference) -> None:
        current = self._writer.current
        if current is None:
            raise CatalogDamaged("there is no index to patch")
        shutil.copytree(current.chroma, self._generation.chroma)
        index = VectorIndex.open(self._generation.place(None), current.collection)
        try:
            index.rename(self._generation.collection, about(info))
            self._patch(index, difference)
            index.flush_on_open()
        finally:
            index.close()

    def _patch(self, index: VectorIndex, difference: Difference) -> None:
        # Chroma takes six times as long to overwrite a vector as to forget it and take in another one.
        index.remove(sorted(difference.gone | difference.embed))
        matrix = np.load(self._generation.matrix, mmap_mode="r")
        done = 0
        for numbers in _parts(self.records.numbers_of(difference.embed)):
            put_films(index, list(self.records.numbered(numbers)), matrix[numbers], self._template)
            self._tell(done := done + len(numbers))
        for numbers in _parts(self.records.numbers_of(difference.metadata)):
            index.put_metadata(list(self.records.numbered(numbers)))
            self._tell(done := done + len(numbers))


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """As many at a time as Chroma takes well."""
    return (numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH))
