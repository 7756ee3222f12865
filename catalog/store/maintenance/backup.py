"""Backup: the generation in force and every vector, copied while anybody reads or writes. And back again.

A backup is laid out as a catalog is, so that `store.path` may also point at one. Where the vector index is on a
Chroma server, the backup gets one in its folder, so that a copy can search.
"""

import json
import shutil
import time
from contextlib import closing, suppress
from pathlib import Path

from catalog.errors import CatalogDamaged, CatalogMissing, StoreError
from catalog.store.chroma.build import fill_index
from catalog.store.chroma.collection import BATCH, VectorIndex
from catalog.store.chroma.server import ChromaServer
from catalog.store.draft import Difference, Draft, Plan
from catalog.store.embedding_cache import VectorCache, set_aside_if_damaged
from catalog.store.files import disk_errors, sync_to_disk, write_atomically
from catalog.store.generation import LAYOUT, Generation, GenerationInfo, damaged_files, file_digests
from catalog.store.generations import Generations
from catalog.store.integrity import seal_index
from catalog.store.lock import writer_lock
from catalog.store.movies import Movies
from catalog.store.sqlite import copy_database
from catalog.store.vectors.by_row import open_vectors
from catalog.store.writer import read_entries

_MARK = "BACKUP"
_VECTORS = "vectors.sqlite3"


def back_up(root: Path, folder: Path) -> GenerationInfo:
    """Copy the generation in force and the vector cache into a new folder, or into an earlier backup.

    An earlier backup stays whole until the new one is. Raises CatalogMissing, StoreError.
    """
    source = Generations(root).in_force()
    info = source.info()
    _refuse_other_folder(folder)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / _MARK, json.dumps({"of": str(root.absolute()), "made": time.time()}) + "\n")
        with writer_lock(folder):
            _copy_vectors(root, folder)
            backup = Generations(folder)
            copy = _copy_generation(source, info, folder)
            backup.switch(copy)
            backup.drop_others()
    return info


def _refuse_other_folder(folder: Path) -> None:
    with disk_errors(folder):
        if folder.exists() and not folder.is_dir():
            raise StoreError(f"{folder}: is a file; name a folder")
        if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
            raise StoreError(f"{folder}: holds other things than a backup; name a new or an empty folder")


def _copy_vectors(root: Path, folder: Path) -> None:
    new = folder / f"{_VECTORS}.new"
    new.unlink(missing_ok=True)
    try:
        copy_database(root / _VECTORS, new)
        sync_to_disk(new)
        new.replace(folder / _VECTORS)
    finally:
        new.unlink(missing_ok=True)


def _copy_generation(source: Generation, info: GenerationInfo, folder: Path) -> Generation:
    """The copy, finished; one that is there already is kept if it is of the same publication."""
    copy = Generation(folder / "generations" / source.folder.name)
    if copy.published and copy.info(older=True).published == info.published and not damaged_files(copy):
        return copy
    # Not among the generations: what a kill leaves of it is never taken for one.
    new = Generation(folder / "unfinished" / source.folder.name)
    shutil.rmtree(new.folder.parent, ignore_errors=True)
    try:
        left_out = shutil.ignore_patterns(source.info_file.name, source.collection_file.name)
        shutil.copytree(source.folder, new.folder, ignore=left_out)
        _compare(new, source, info)
        if source.on_server:
            info = _build_folder_index(new, info)
        new.finish(info)
        copy.folder.parent.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            shutil.rmtree(copy.folder)
        new.folder.replace(copy.folder)
        sync_to_disk(copy.folder.parent)
    finally:
        shutil.rmtree(new.folder.parent, ignore_errors=True)
    return copy


def _compare(copy: Generation, source: Generation, info: GenerationInfo) -> None:
    """Raise CatalogDamaged if a file is not the one that was published."""
    found = file_digests(copy)
    for name, digest in info.files.items():
        if found.get(name) != digest:
            raise CatalogDamaged(f"{source.folder / name}: is not the file that was published; run 'ingest verify'")


def _build_folder_index(copy: Generation, info: GenerationInfo) -> GenerationInfo:
    vectors = open_vectors(copy.vectors, info.height, info.model.dimension)
    with (
        closing(Movies.open(copy.movies)) as movies,
        closing(VectorIndex.create(copy.backend(None), copy.collection, info.about(), info.films)) as index,
    ):
        fill_index(index, movies.entries(BATCH), vectors)
    return seal_index(copy, info, None)


def restore(folder: Path, root: Path, server: ChromaServer | None = None) -> GenerationInfo:
    """Check a backup, and publish it as a new generation; the vectors it holds are added to the cache.

    One of an older layout has its indexes built anew, without embedding. Raises StoreError if `folder` holds no
    backup, CatalogDamaged if a file of it is damaged.
    """
    source, info = _checked(folder)
    with writer_lock(root):
        _add_vectors(root, folder / _VECTORS)
        generations = Generations(root, server)
        generations.drop_unfinished()
        generation = generations.begin()
        with closing(VectorCache(root / _VECTORS)) as cache:
            movies = _copy_movies(source, info, generation)
            plan = Plan(info.model, info.template, info.fallback_for, (source, info) if info.layout == LAYOUT else None)
            draft = Draft(generations, generation, movies, cache, plan)
            try:
                return draft.publish(Difference())
            except BaseException:
                draft.discard()
                raise


def _copy_movies(source: Generation, info: GenerationInfo, generation: Generation) -> Movies:
    """The movies of a backup; those of this layout keep their rows, which its vectors and indexes go by."""
    try:
        if info.layout == LAYOUT:
            with disk_errors(generation.movies):
                shutil.copyfile(source.movies, generation.movies)
            return Movies.create(generation.movies)
        movies = Movies.create(generation.movies)
        for part in read_entries(source, info):
            movies.put(part)
    except BaseException:
        shutil.rmtree(generation.folder, ignore_errors=True)
        raise
    return movies


def _checked(folder: Path) -> tuple[Generation, GenerationInfo]:
    try:
        source = Generations(folder).in_force()
    except CatalogMissing:
        raise StoreError(f"{folder}: holds no finished backup; name a folder that 'ingest backup' wrote") from None
    info = source.info(older=True)
    for path, wrong in damaged_files(source).items():
        raise CatalogDamaged(f"{path}: {wrong}; nothing was restored, take another backup")
    return source, info


def _add_vectors(root: Path, backup: Path) -> None:
    if not backup.exists():
        raise CatalogDamaged(f"{backup}: is missing; nothing was restored, take another backup")
    set_aside_if_damaged(root / _VECTORS)
    with closing(VectorCache(root / _VECTORS)) as cache:
        cache.add_all(backup)
