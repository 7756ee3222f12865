"""The vectors of a generation as one file, vectors.npy: row i belongs to the film with number i."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged
from catalog.store.generations import Generation, GenerationInfo


def open_matrix(generation: Generation, info: GenerationInfo) -> NDArray[np.float32]:
    """The vectors of a generation, shape (films, d), mapped; raises CatalogDamaged."""
    try:
        matrix: NDArray[np.float32] = np.load(generation.matrix, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CatalogDamaged(f"{generation.matrix}: is damaged; run 'ingest verify --repair'") from error
    if matrix.shape != (info.films, info.model.dimension) or matrix.dtype != np.float32:
        raise CatalogDamaged(f"{generation.matrix}: holds {matrix.shape} instead of the catalog's vectors")
    return matrix


def write_matrix(path: Path, films: int, dimension: int, parts: Iterable[NDArray[np.float32]]) -> None:
    """Write parts of shape (n, d), n adding up to `films`; raises OSError.

    By ordinary writes: a full disk under a mapped file is a SIGBUS, which ends the process.
    """
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {**header, "shape": (films, dimension)})
        for part in parts:
            file.write(np.ascontiguousarray(part, dtype=np.float32).data)
