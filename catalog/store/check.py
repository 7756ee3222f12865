"""A generation compared with the truth before it is published, as a reader would find it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged, StoreError
from catalog.store.generations import Generation, GenerationInfo, index_digests
from catalog.store.matrix import open_matrix
from catalog.store.records import Records
from catalog.store.vectors import VectorIndex

#: A published generation is compared with the truth at so many films.
_SAMPLE = 100

#: Cosine similarity of a stored vector with itself; float32 keeps it above this.
_SAME = 0.9999


def check_generation(generation: Generation, info: GenerationInfo, sample: int = _SAMPLE) -> None:
    """Compare records, matrix and index: ids, counts, and vectors of a sample, read back and found again.

    Raises CatalogDamaged with the first difference.
    """
    records = Records.open(generation.records)
    try:
        ids = records.ids()
    finally:
        records.close()
    index = VectorIndex.open(generation.chroma, info.collection)
    try:
        if len(ids) != info.films:
            raise CatalogDamaged(f"{generation.records}: holds {len(ids)} films instead of {info.films}")
        if difference := index.ids().symmetric_difference(ids):
            raise CatalogDamaged(f"{generation.chroma}: {len(difference)} ids differ, {min(difference)!r} for one")
        matrix = open_matrix(generation, info)
        rows = np.linspace(0, len(ids) - 1, min(sample, len(ids)), dtype=int) if ids else np.zeros(0, dtype=int)
        _compare_vectors(index, [ids[row] for row in rows], np.asarray(matrix[rows]), generation)
    finally:
        index.close()


def _compare_vectors(index: VectorIndex, ids: list[str], vectors: NDArray[np.float32], generation: Generation) -> None:
    stored = index.vectors(ids)
    for identity, vector in zip(ids, vectors, strict=True):
        if identity not in stored or float(stored[identity] @ vector) < _SAME:
            raise CatalogDamaged(f"{generation.chroma}: the vector of film {identity!r} is lost or another one")
        found = index.nearest(vector, 1)
        if not found or found[0].similarity < _SAME:
            raise CatalogDamaged(f"{generation.chroma}: film {identity!r} is not found by its own vector")


def verified(generation: Generation, info: GenerationInfo) -> GenerationInfo:
    """Check a generation as a reader would find it; the check's open is what flushes Chroma's log."""
    check_generation(generation, info)
    files = index_digests(generation)
    if not files and info.films:
        raise StoreError(f"{generation.chroma}: Chroma wrote no index files")
    return replace(info, index_files=files)
