"""Files of arrays, as numpy writes them: what it cannot read is a damaged catalog."""

import struct
import tokenize
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from catalog.errors import MEND, CatalogDamaged

#: What numpy, its parser of headers and zipfile raise for flipped bits.
_UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, OverflowError, SyntaxError,
    BadZipFile, struct.error, tokenize.TokenError, zlib.error,
)  # fmt: skip


@contextmanager
def reading_arrays(path: Path) -> Iterator[None]:
    """Raise CatalogDamaged for what is raised while a file of arrays is read."""
    try:
        yield
    except _UNREADABLE as error:
        raise CatalogDamaged(f"{path}: is damaged; {MEND}") from error


@contextmanager
def open_arrays(path: Path) -> Iterator[dict[str, NDArray[Any]]]:
    """The arrays of an .npz file by name, read; raises CatalogDamaged, also for what its reader finds missing."""
    with reading_arrays(path):
        # Opened here: numpy leaves a file open that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = dict(stored)
        yield arrays
