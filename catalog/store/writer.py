"""The one writer: a generation is copied or begun, changed, checked and published."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from secrets import token_hex

from catalog.errors import WAY_BACK, CatalogDamaged
from catalog.identity import ModelIdentity
from catalog.movie import MAIN, Fingerprints, Movie, fingerprints
from catalog.store.chroma.server import Servers
from catalog.store.draft import Draft, Plan
from catalog.store.embedding_cache import VectorCache
from catalog.store.files import disk_errors
from catalog.store.generation import LAYOUT, Generation, GenerationInfo, damaged_files, file_digest
from catalog.store.generations import Generations
from catalog.store.integrity import is_intact
from catalog.store.lock import writer_lock
from catalog.store.movies import Edition, Entry, Movies
from catalog.store.sqlite import BATCH, check_file


class CatalogWriter:
    """The one process that may change the catalog, while it holds the lock."""

    def __init__(self, root: Path, server: Servers | None = None, *, from_nothing: bool = False) -> None:
        self.generations = Generations(root, server)
        if self.generations.catalog_name() is None:
            self.generations.name_catalog(token_hex(8))
        self.generations.drop_unfinished()
        self.current = None if from_nothing else self.generations.current()
        self.info = self.current.info(older=True) if self.current else None
        self.cache = VectorCache(root / "vectors.sqlite3")

    def fingerprints(self) -> dict[str, Fingerprints]:
        """What the last run saw, by id; empty before the first."""
        if self.info is None or self.current is None:
            return {}
        return read_fingerprints(self.current, self.info)

    def others(self, source: str) -> dict[str, str]:
        """The movies that are not of this source: the source of each, by id."""
        return {} if self.info is None or self.current is None else read_others(self.current, self.info, source)

    def movies(self, ids: Sequence[str]) -> dict[str, Movie]:
        """Those of these movies that can be looked up, by id."""
        return {} if self.info is None or self.current is None else read_movies(self.current, self.info, ids)

    def titles_of_others(self, source: str) -> dict[str, str]:
        """The titles of the movies that are not of this source, by id, as far as they can be looked up."""
        return {} if self.info is None or self.current is None else read_titles(self.current, self.info, source)

    def editions(self) -> dict[str, Edition]:
        """The publication that last changed something of a source, by its name."""
        return {} if self.info is None or self.current is None else read_editions(self.current, self.info)

    def entries(self, batch: int = BATCH) -> Iterator[list[Entry]]:
        """The movies of the generation in force, whatever its layout, in batches."""
        if self.info is not None and self.current is not None:
            yield from read_entries(self.current, self.info, batch)

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
    ) -> Draft:
        """A private generation that starts with the movies of the current one.

        Its indexes are built anew, from our own vectors, if `fresh`, if the published ones cannot be patched, or once
        the share `rebuild_after` of the vector index was changed in place: rows that were deleted or replaced never
        leave an HNSW index.
        """
        if self.current is not None and self.info is not None:
            check_movies(self.current, self.info)
        if self.generations.server is not None:
            self.generations.server.check()  # before an hour of embedding, not after it
        generation = self.generations.begin()
        try:
            movies = self._copy_movies(generation, model, template)
            movies.mark(self.editions())
        except BaseException:
            shutil.rmtree(generation.folder, ignore_errors=True)
            raise
        patch = not fresh and self.current and self.info and not self.needs_build(model, template)
        before = (self.current, self.info) if patch and self.current and self.info else None
        plan = Plan(model, template, fallback_for, before, rebuild_after)
        return Draft(self.generations, generation, movies, self.cache, plan)

    def _copy_movies(self, generation: Generation, model: ModelIdentity, template: str) -> Movies:
        if self.current is not None and self._same(model, template):
            with disk_errors(generation.movies):
                shutil.copyfile(self.current.movies, generation.movies)
            return Movies.create(generation.movies)
        movies = Movies.create(generation.movies)
        for part in self.entries():
            movies.put(replace(entry, fingerprints=fingerprints(entry.movie, template)) for entry in part)
        return movies

    def _same(self, model: ModelIdentity, template: str) -> bool:
        return self.info is not None and (self.info.model, self.info.template, self.info.layout) == (
            model,
            template,
            LAYOUT,
        )

    @cached_property
    def _intact(self) -> bool:
        """Whether everything that is built from movies and vectors is still as it was published."""
        if self.current is None or self.info is None:
            return False
        return not damaged_files(self.current) and is_intact(self.current, self.info, self.generations.server)

    def close(self) -> None:
        self.cache.close()


@contextmanager
def open_writer(root: Path, server: Servers | None = None, *, rebuild: bool = False) -> Iterator[CatalogWriter]:
    """Take the lock and open the catalog for writing; raises CatalogLocked, StoreError.

    What is published from now on has its vector index on the `server`, or, without one, in its folder.
    To `rebuild`, a catalog whose movies cannot be read any more counts as none.
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
            check_movies(generation, generation.info(older=True))
    except CatalogDamaged:
        return False
    return True


def read_entries(generation: Generation, info: GenerationInfo, batch: int = BATCH) -> Iterator[list[Entry]]:
    """The movies of a generation, whatever its layout, in batches."""
    is_ours = info.layout == LAYOUT
    with closing(
        Movies.open(generation.movies) if is_ours else Movies.open_earlier(generation.earlier_movies)
    ) as movies:
        yield from movies.entries(batch)


def read_fingerprints(generation: Generation, info: GenerationInfo) -> dict[str, Fingerprints]:
    """What the movies of a generation looked like, whatever its layout, by id."""
    if info.layout == LAYOUT:
        with closing(Movies.open(generation.movies)) as movies:
            return movies.fingerprints()
    return {entry.movie.id: entry.fingerprints for part in read_entries(generation, info) for entry in part}


def read_others(generation: Generation, info: GenerationInfo, source: str) -> dict[str, str]:
    """The movies of a generation that are not of this source: the source of each, by id."""
    if info.layout == LAYOUT:
        with closing(Movies.open(generation.movies)) as movies:
            return movies.others(source)
    return {} if source == MAIN else dict.fromkeys(read_fingerprints(generation, info), MAIN)


def read_movies(generation: Generation, info: GenerationInfo, ids: Sequence[str]) -> dict[str, Movie]:
    """The movies with these ids, by id; none of a layout in which they cannot be looked up."""
    if info.layout != LAYOUT:
        return {}
    with closing(Movies.open(generation.movies)) as movies:
        return movies.get(ids)


def read_titles(generation: Generation, info: GenerationInfo, source: str) -> dict[str, str]:
    """The titles of the movies that are not of this source, by id; none of a layout that does not tell them."""
    if info.layout != LAYOUT:
        return {}
    with closing(Movies.open(generation.movies)) as movies:
        return movies.titles_of_others(source)


def read_editions(generation: Generation, info: GenerationInfo) -> dict[str, Edition]:
    """The publication that last changed something of a source, by its name; those of other sources changed nothing."""
    if info.layout != LAYOUT:
        return {MAIN: info.edition}
    with closing(Movies.open(generation.movies)) as movies:
        return movies.editions() or {MAIN: info.edition}


def count_by_source(generation: Generation, info: GenerationInfo) -> dict[str, int]:
    """How many movies of a generation each source has, by name; raises CatalogDamaged."""
    if info.layout != LAYOUT:
        return {MAIN: info.films}
    with closing(Movies.open(generation.movies)) as movies:
        return movies.count_by_source()


def check_movies(generation: Generation, info: GenerationInfo) -> None:
    """Raise CatalogDamaged if the movies are damaged: nothing else says what they were."""
    path = generation.movies if info.layout == LAYOUT else generation.earlier_movies
    if not path.exists():
        raise CatalogDamaged(f"{path}: is missing; {WAY_BACK}")
    check_file(path)
    if info.files.get(path.name) not in (None, file_digest(path)):
        raise CatalogDamaged(f"{path}: is not the file that was published; {WAY_BACK}")
