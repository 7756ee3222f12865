"""Backup: the generation in force and every vector, copied while anybody reads or writes. And back again.

A backup is laid out as a catalog is, so that `store.path` may also point at one. Where the vector index is on a
Chroma server, the backup gets one in its folder, so that a copy can search.
"""

import json
import shutil
import time
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

from catalog.errors import MEND, CatalogDamaged, CatalogMissing, StoreError
from catalog.store.chroma.build import fill_index
from catalog.store.chroma.collection import VectorIndex
from catalog.store.chroma.server import Servers
from catalog.store.draft import Difference, Draft, Plan
from catalog.store.embedding_cache import VectorCache, set_aside_if_damaged
from catalog.store.files import disk_errors, sync_to_disk, write_atomically
from catalog.store.generation import LAYOUT, Generation, GenerationInfo, damaged_files, file_digests, stored_vectors
from catalog.store.generations import Generations
from catalog.store.integrity import seal_index
from catalog.store.lock import writer_lock
from catalog.store.movies import Movies
from catalog.store.runs import History, RunOutcome
from catalog.store.sqlite import copy_database, leave_wal, replace_database
from catalog.store.writer import read_entries

_MARK = "BACKUP"
_VECTORS = "vectors.sqlite3"


def back_up(root: Path, folder: Path, *, replace_other: bool = False) -> GenerationInfo:
    """Copy the generation in force and the vector cache into a new folder, or into an earlier backup.

    An earlier backup stays whole until the new one is: that is written beside it, then switched to, and only then is
    the earlier one removed. One of another catalog is kept unless told to `replace_other`. Raises CatalogMissing,
    StoreError.
    """
    catalog, backup = Generations(root), Generations(folder)
    source = catalog.in_force()
    info = source.info()
    _refuse_other_folder(folder)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / _MARK).exists():
            _mark(folder, root)
        with writer_lock(folder):
            name = catalog.catalog_name()
            is_other = _is_other(backup, root, name)
            if is_other and not replace_other:
                raise StoreError(
                    f"{folder}: is a backup of another catalog; name another folder, or repeat with --replace"
                )
            _copy_vectors(root, folder, keep_old=is_other)
            copy = _copy_generation(source, info, backup)
            if name is not None and backup.catalog_name() is None:
                backup.name_catalog(name)
            backup.switch(copy)
            if name is not None:
                backup.name_catalog(name)
            _mark(folder, root)
            backup.drop_others()
    return info


def _mark(folder: Path, root: Path) -> None:
    """Say of a folder that it holds a backup, of which catalog, and since when."""
    write_atomically(folder / _MARK, json.dumps({"of": str(root.absolute()), "made": time.time()}) + "\n")


def _is_other(backup: Generations, root: Path, name: str | None) -> bool:
    """Whether a backup is of another catalog: by its name, or, of an earlier version, by where that one was."""
    if (before := backup.catalog_name()) is not None:
        return before != name
    try:
        of = json.loads((backup.root / _MARK).read_bytes())["of"]
    except (ValueError, TypeError, LookupError):
        of = None
    return bool(backup.all()) and of != str(root.absolute())


def _refuse_other_folder(folder: Path) -> None:
    with disk_errors(folder):
        if folder.exists() and not folder.is_dir():
            raise StoreError(f"{folder}: is a file; name a folder")
        # A kill leaves BACKUP.new at most.
        others = folder.exists() and any(path.name != f"{_MARK}.new" for path in folder.iterdir())
        if others and not (folder / _MARK).exists():
            raise StoreError(f"{folder}: holds other things than a backup; name a new or an empty folder")


def _copy_vectors(root: Path, folder: Path, *, keep_old: bool) -> None:
    """Replace the backup's vectors; those of another catalog are kept as long as its films are there."""
    new = folder / f"{_VECTORS}.new"
    new.unlink(missing_ok=True)
    try:
        copy_database(root / _VECTORS, new)
        if keep_old and (folder / _VECTORS).exists():
            # Those of a cache that cannot be read are lost already.
            with closing(VectorCache(new)) as cache, suppress(CatalogDamaged):
                cache.add_all(folder / _VECTORS)
        _check_copy(new, root / _VECTORS)
        leave_wal(new)
        sync_to_disk(new)
        replace_database(new, folder / _VECTORS)
    finally:
        new.unlink(missing_ok=True)


def _check_copy(new: Path, source: Path) -> None:
    """Raise CatalogDamaged if a copy cannot be read to its end; damaged vectors in it are as good as not there."""
    try:
        with closing(VectorCache(new, reading=True)) as cache:
            cache.check()
            cache.damaged()
    except CatalogDamaged as error:
        raise CatalogDamaged(f"{source}: is damaged; the earlier backup stays, {MEND}") from error


def _copy_generation(source: Generation, info: GenerationInfo, backup: Generations) -> Generation:
    """The copy, finished; one that is there already is kept if it is of the same publication."""
    there = backup.all()
    for copy in there:
        if _is_copy(copy, info):
            return copy
    # Beside what is there, whose number it may have.
    taken = [copy.number for copy in there]
    number = max(taken) + 1 if source.number in taken else source.number
    folder = backup.root / "generations" / f"{number:04d}"
    # Not among the generations: what a kill leaves of it is never taken for one.
    new = Generation(backup.root / "unfinished" / folder.name)
    shutil.rmtree(new.folder.parent, ignore_errors=True)
    try:
        left_out = [path.name for path in source.apart]
        shutil.copytree(source.folder, new.folder, ignore=shutil.ignore_patterns(*left_out))
        _compare(new, source, info)
        if source.on_server:
            info = _build_folder_index(new, replace(info, number=number, churn=0))
        elif number != source.number:
            info = _rename_index(new, source.collection, replace(info, number=number))
        new.finish(info)
        folder.parent.mkdir(exist_ok=True)
        new.folder.replace(folder)
        sync_to_disk(folder.parent)
    finally:
        shutil.rmtree(new.folder.parent, ignore_errors=True)
    return Generation(folder)


def _is_copy(copy: Generation, info: GenerationInfo) -> bool:
    """Whether it is a whole copy of a publication."""
    with suppress(StoreError):
        return copy.info(older=True).published == info.published and not damaged_files(copy)
    return False


def _compare(copy: Generation, source: Generation, info: GenerationInfo) -> None:
    """Raise CatalogDamaged if a file is not the one that was published."""
    found = file_digests(copy)
    for name, digest in info.files.items():
        if found.get(name) != digest:
            raise CatalogDamaged(f"{source.folder / name}: is not the file that was published; run 'ingest verify'")


def _rename_index(copy: Generation, name: str, info: GenerationInfo) -> GenerationInfo:
    """Give the copied collection the name that goes by the copy's number."""
    with closing(VectorIndex.open(copy.backend(None), name)) as index:
        index.rename(copy.collection)
    return seal_index(copy, info, None)


def _build_folder_index(copy: Generation, info: GenerationInfo) -> GenerationInfo:
    vectors = stored_vectors(copy, info)
    with (
        closing(Movies.open(copy.movies)) as movies,
        closing(VectorIndex.create(copy.backend(None), copy.collection, info.about(), info.rows)) as index,
    ):
        fill_index(index, movies, vectors)
    return seal_index(copy, info, None)


def restore(folder: Path, root: Path, server: Servers | None = None, *, replace_other: bool = False) -> GenerationInfo:
    """Check a backup, and publish it as a new generation; the vectors it holds are added to the cache.

    One of an older layout has its indexes built anew, without embedding. Raises StoreError if `folder` holds no
    backup, or, unless told to `replace_other`, one of another catalog; CatalogDamaged if a file of it is damaged.
    """
    source, info = _checked(folder)
    _refuse_other_catalog(folder, root, replace_other=replace_other)
    with (
        writer_lock(root),
        History.open(root) as history,
        history.recording(f"ingest restore {folder}", "") as recording,
    ):
        _add_vectors(root, folder / _VECTORS)
        generations = Generations(root, server)
        generations.drop_unfinished()
        name = Generations(folder).catalog_name()
        if generations.catalog_name() is None:
            generations.name_catalog(name or token_hex(8))
        published = _publish(source, info, generations)
        recording.outcome, recording.counts = RunOutcome.RESTORED, {"films": published.films}
        recording.reason = f"generation {published.number} is in force"
    return published


def _refuse_other_catalog(folder: Path, root: Path, *, replace_other: bool) -> None:
    """Those of earlier versions have no name, and are taken."""
    of, name = Generations(folder).catalog_name(), Generations(root).catalog_name()
    if of is not None and name is not None and of != name and Generations(root).all() and not replace_other:
        raise StoreError(
            f"{folder}: is a backup of another catalog than {root}; to put it in the place of that one, repeat with"
            " --replace"
        )


def _publish(source: Generation, info: GenerationInfo, generations: Generations) -> GenerationInfo:
    generation = generations.begin()
    with closing(VectorCache(generations.root / _VECTORS)) as cache:
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
