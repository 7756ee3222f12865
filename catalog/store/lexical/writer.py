"""The lexical index of a generation in the making: built afresh, or the one before with what changed."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.movie import Movie
from catalog.store.lexical.fields import document, schema
from catalog.store.lexical.index import damaged

if TYPE_CHECKING:
    import tantivy

_HEAP = 200_000_000
"""Bytes: enough for 65,451 movies in one segment."""

Rarity = Mapping[tuple[str, str], float]


def build_lexical(path: Path, movies: Iterable[tuple[int, Movie]], rarity: Rarity) -> None:
    """Write the index of all movies, with their rows, into a new folder."""
    path.mkdir()
    with writing(path, schema()) as writer:
        for row, movie in movies:
            writer.add_document(document(row, movie, rarity))


def patch_lexical(
    before: Path, path: Path, gone: Iterable[str], changed: Iterable[tuple[int, Movie]], rarity: Rarity
) -> None:
    """Write what the index `before` holds but for what is gone and what changed, and that anew, into a new folder."""
    copy_links(before, path)
    with writing(path, schema()) as writer:
        for identity in gone:
            writer.delete_documents_by_term("id", identity)
        for row, movie in changed:
            writer.delete_documents_by_term("id", movie.id)
            writer.add_document(document(row, movie, rarity))


def copy_links(before: Path, path: Path) -> None:
    """Share the files of an index with a new folder, by hard links: tantivy never changes a file but replaces it.

    Lock files are not shared: a lock goes by inode.
    """
    path.mkdir()
    for file in before.iterdir():
        if not file.name.startswith(".tantivy-"):
            _link(file, path / file.name)


@contextmanager
def writing(path: Path, fields: "tantivy.Schema") -> Iterator["tantivy.IndexWriter"]:
    """One commit of one thread: the same movies in the same order make the same index."""
    import tantivy

    with damaged(path):
        writer = tantivy.Index(fields, str(path), reuse=True).writer(_HEAP, num_threads=1)
        yield writer
        writer.commit()
        writer.wait_merging_threads()
    for lock in path.glob(".tantivy-*.lock"):
        lock.unlink()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
