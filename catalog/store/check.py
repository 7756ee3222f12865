"""A generation compared with the truth before it is published, as a reader would find it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged, StoreError
from catalog.store.chroma_server import ChromaServer
from catalog.store.generations import Generation, GenerationInfo, index_digests
from catalog.store.matrix import open_matrix
from catalog.store.records import Records
from catalog.store.vectors import VectorIndex

#: A published generation is compared with the truth at so many films.
_SAMPLE = 100
#: And at so many whenever it is opened on a server, whose files cannot be looked at.
_GLANCE = 10

#: Cosine similarity of a stored vector with itself; float32 keeps it above this.
_SAME = 0.9999

_MEND = "run 'ingest verify --repair'"


def check_generation(
    generation: Generation, info: GenerationInfo, server: ChromaServer | None, sample: int = _SAMPLE
) -> None:
    """Compare records, matrix and index: ids, counts, and vectors of a sample, read back and found again.

    Raises CatalogDamaged with the first difference, ChromaUnreachable.
    """
    ids = _ids(generation)
    index = VectorIndex.open(generation.place(server), generation.collection)
    try:
        if len(ids) != info.films:
            raise CatalogDamaged(f"{generation.records}: holds {len(ids)} films instead of {info.films}")
        if difference := index.ids().symmetric_difference(ids):
            raise CatalogDamaged(f"{index.where}: {len(difference)} ids differ, {min(difference)!r} for one")
        _compare_vectors(index, ids, open_matrix(generation, info), sample)
    finally:
        index.close()


def open_checked(generation: Generation, info: GenerationInfo, server: ChromaServer | None) -> VectorIndex:
    """The index of a published generation, after a look that takes no time.

    In a folder, at its files: a broken index can take the whole process down. On a server, at the count
    and at some vectors: what is broken there may be silent. Raises CatalogDamaged, ChromaUnreachable.
    """
    if not generation.on_server and index_digests(generation) != info.index_files:
        raise CatalogDamaged(f"{generation.chroma}: the vector index is damaged; {_MEND}")
    index = VectorIndex.open(generation.place(server), generation.collection)
    try:
        if generation.on_server:
            _glance(index, generation, info)
    except BaseException:
        index.close()
        raise
    return index


def is_intact(generation: Generation, info: GenerationInfo, server: ChromaServer | None) -> bool:
    """Whether the index is where it is configured to be, and looks as it was published; raises ChromaUnreachable."""
    if generation.on_server != (server is not None):
        return False
    if not generation.on_server:
        return index_digests(generation) == info.index_files
    try:
        open_checked(generation, info, server).close()
    except CatalogDamaged:
        return False
    return True


def _glance(index: VectorIndex, generation: Generation, info: GenerationInfo) -> None:
    if (count := index.count()) != info.films:
        raise CatalogDamaged(
            f"{index.where}: collection {generation.collection} holds {count} films instead of {info.films}; {_MEND}"
        )
    _compare_vectors(index, _ids(generation), open_matrix(generation, info), _GLANCE)


def _ids(generation: Generation) -> list[str]:
    records = Records.open(generation.records)
    try:
        return records.ids()
    finally:
        records.close()


def _compare_vectors(index: VectorIndex, ids: list[str], matrix: NDArray[np.float32], sample: int) -> None:
    """Films spread over the catalog: what the index holds of them, and what it finds by their vectors."""
    rows = np.linspace(0, len(ids) - 1, min(sample, len(ids)), dtype=int) if ids else np.zeros(0, dtype=int)
    chosen = [ids[row] for row in rows]
    stored = index.vectors(chosen)
    for identity, vector in zip(chosen, np.asarray(matrix[rows]), strict=True):
        if identity not in stored or float(stored[identity] @ vector) < _SAME:
            raise CatalogDamaged(f"{index.where}: the vector of film {identity!r} is lost or another one; {_MEND}")
        found = index.nearest(vector, 1)
        if not found or found[0].similarity < _SAME:
            raise CatalogDamaged(f"{index.where}: film {identity!r} is not found by its own vector; {_MEND}")


def verified(generation: Generation, info: GenerationInfo, server: ChromaServer | None) -> GenerationInfo:
    """Check a generation as a reader would find it; the check's open is what flushes Chroma's log."""
    check_generation(generation, info, server)
    files = index_digests(generation)
    if not generation.on_server and not files and info.films:
        raise StoreError(f"{generation.chroma}: Chroma wrote no index files")
    return replace(info, index_files=files)
