"""Backup: the generation in force and every vector, copied while anybody reads or writes. And back again.

A backup is laid out as a catalog is, so that `store.path` may also point at one. An index on a Chroma server
is not in it: it is built again from what is.
"""

import json
import shutil
import time
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from catalog.errors import CatalogDamaged, CatalogMissing, StoreError
from catalog.store.build import build_index
from catalog.store.cache import VectorCache, set_aside_if_damaged
from catalog.store.check import verified
from catalog.store.chroma_server import ChromaServer
from catalog.store.disk import disk_errors, sync_to_disk, write_atomically
from catalog.store.generations import Generation, GenerationInfo, Generations, damaged_files
from catalog.store.lock import writer_lock
from catalog.store.records import Records
from catalog.store.sqlite import copy_database
from catalog.store.vectors import VectorIndex

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
            copy = _copy_generation(source, folder)
            if damaged := damaged_files(copy):
                path, wrong = next(iter(damaged.items()))
                raise CatalogDamaged(f"{path}: {wrong}, copied so from {source.folder}; run 'ingest verify' there")
            backup.switch(copy)
            backup.drop_others()
    return info


def is_without_index(root: Path, generation: Generation) -> bool:
    """Whether this is a backup of a catalog whose index is on a server."""
    return (root / _MARK).exists() and not generation.on_server and not generation.chroma.exists()


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


def _copy_generation(source: Generation, folder: Path) -> Generation:
    """The copy, finished; one that is there already is kept if it is the same."""
    copy = Generation(folder / "generations" / source.folder.name)
    if copy.published and copy.info_file.read_bytes() == source.info_file.read_bytes() and not damaged_files(copy):
        return copy
    new = Generation(copy.folder.with_name(f"{copy.folder.name}.new"))
    shutil.rmtree(new.folder, ignore_errors=True)
    try:
        _copy_files(source, new)
        shutil.copyfile(source.info_file, new.info_file)
        for path in (*new.folder.rglob("*"), new.folder):
            sync_to_disk(path)
        with suppress(FileNotFoundError):
            shutil.rmtree(copy.folder)
        new.folder.replace(copy.folder)
    finally:
        shutil.rmtree(new.folder, ignore_errors=True)
    return copy


def _copy_files(source: Generation, target: Generation) -> None:
    """Everything but generation.json; Chroma's SQLite as SQLite copies it, since every reader writes a line there."""
    chroma_sqlite = f"{source.chroma_sqlite.name}*"
    left_out = shutil.ignore_patterns(source.info_file.name, source.collection_file.name, chroma_sqlite)
    shutil.copytree(source.folder, target.folder, ignore=left_out, dirs_exist_ok=True)
    if source.chroma.exists():
        copy_database(source.chroma_sqlite, target.chroma_sqlite)


def restore(folder: Path, root: Path, server: ChromaServer | None = None) -> GenerationInfo:
    """Check a backup, and publish it as a new generation; the vectors it holds are added to the cache.

    Raises StoreError if `folder` holds no backup, CatalogDamaged if a file of it is damaged.
    """
    source = _checked(folder)
    before = source.info()
    with writer_lock(root):
        _add_vectors(root, folder / _VECTORS)
        generations = Generations(root, server)
        generations.drop_unfinished()
        target = generations.begin()
        info = replace(before, number=target.number, published=time.time())
        try:
            with disk_errors(target.folder):
                _copy_files(source, target)
                info = _restored_index(source, target, info, server)
            info = verified(target, info, server)
            generations.publish(target, info)
        except BaseException:
            generations.discard(target)
            raise
    return info


def _checked(folder: Path) -> Generation:
    try:
        source = Generations(folder).in_force()
    except CatalogMissing:
        raise StoreError(f"{folder}: holds no finished backup; name a folder that 'ingest backup' wrote") from None
    source.info()
    for path, wrong in damaged_files(source).items():
        raise CatalogDamaged(f"{path}: {wrong}; nothing was restored, take another backup")
    return source


def _add_vectors(root: Path, backup: Path) -> None:
    if not backup.exists():
        raise CatalogDamaged(f"{backup}: is missing; nothing was restored, take another backup")
    set_aside_if_damaged(root / _VECTORS)
    with closing(VectorCache(root / _VECTORS)) as cache:
        cache.add_all(backup)


def _restored_index(
    source: Generation, target: Generation, info: GenerationInfo, server: ChromaServer | None
) -> GenerationInfo:
    """The copied index under its new name; one that is not in the backup, or shall be on a server, is built."""
    if target.chroma.exists() and not target.on_server:
        index = VectorIndex.open(target.place(server), source.collection)
        try:
            index.rename(target.collection)
        finally:
            index.close()
        return info
    shutil.rmtree(target.chroma, ignore_errors=True)
    with closing(Records.open(target.records)) as records:
        build_index(target, info, records, server)
    return replace(info, churn=0)
