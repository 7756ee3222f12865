"""The vectors of a generation as one file, vectors.npy: the row of a movie is the row of its vector.

Those of passages are in another one, passages.npy.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.errors import MEND, CatalogDamaged
from catalog.store.vectors.arrays import reading_arrays

_UNIT = 1e-3
"""How far from 1 the square of a vector's length may be."""
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """All vectors of a generation, mapped: take rows, never all of them."""

    movies: Floats
    """By row, shape (height, d)."""
    passages: Floats
    """By place, shape (passage height, d)."""


def open_vectors(path: Path, height: int, dimension: int) -> Floats:
    """All vectors, shape (height, dimension), mapped, not read; none need no file. Raises CatalogDamaged."""
    if not height and not path.exists():
        return np.empty((0, dimension), dtype=np.float32)
    with reading_arrays(path):
        vectors: Floats = np.load(path, mmap_mode="r", allow_pickle=False)
    if vectors.shape != (height, dimension) or vectors.dtype != np.float32:
        raise CatalogDamaged(f"{path}: holds {vectors.shape} instead of the catalog's vectors; {MEND}")
    # As a plain array: each row taken of a memmap is wrapped anew.
    return vectors.view(np.ndarray)


def unit_vectors(vectors: Floats) -> NDArray[np.bool_]:
    """Which of these vectors, shape (n, d), are of length 1 and without NaN or infinity; shape (n,)."""
    with np.errstate(all="ignore"):
        squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    return np.asarray(np.abs(squares - 1.0) < _UNIT)


def same_vector(one: Floats, other: Floats) -> bool:
    """Whether two vectors, shape (d,), are equal but for rounding: Chroma gives back the float32 it was given."""
    return one.shape == other.shape and bool(np.allclose(one, other, atol=_ROUNDING))


def write_vectors(
    path: Path, height: int, dimension: int, parts: Iterable[Mapping[int, Floats]], before: Path | None = None
) -> None:
    """Write vectors, shape (dimension,), by row, into a new file, perhaps a copy of another one; raises OSError.

    Rows ascend. What no part holds stays what it was `before`, or is zero. By ordinary writes: a full disk under a
    mapped file is a SIGBUS, which ends the process.
    """
    if before is not None:
        copyfile(before, path)
    with path.open("r+b" if before is not None else "wb") as file:
        _write_header(file, height, dimension)
        begin, width = file.tell(), 4 * dimension
        for part in parts:
            for row, vectors in _runs(part):
                file.seek(begin + row * width)
                file.write(vectors.data)
        file.truncate(begin + height * width)


def _write_header(file: BinaryIO, height: int, dimension: int) -> None:
    """numpy pads headers so that a greater height takes no more room."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False}
    np.lib.format.write_array_header_1_0(file, {**header, "shape": (height, dimension)})


def _runs(part: Mapping[int, Floats]) -> Iterator[tuple[int, Floats]]:
    """Rows that follow each other, written together: the first one, and their vectors."""
    rows = np.fromiter(part.keys(), dtype=np.int64, count=len(part))
    if not len(rows):
        return
    vectors = np.stack(list(part.values())).astype(np.float32, copy=False)
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    for start, end in zip([0, *breaks.tolist()], [*breaks.tolist(), len(rows)], strict=True):
        yield int(rows[start]), vectors[start:end]
