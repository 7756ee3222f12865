"""A matrix at 4 bits a weight, widened to float32 as it is read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats

BLOCK = 32
"""Consecutive weights of a row that share a scale."""
BLOCK_BYTES = 18


@dataclass(frozen=True, slots=True)
class Quantized:
    """llama.cpp's format q4_0: blocks of a scale in float16 and 16 bytes.

    Byte j holds weight j in its low half and weight j + 16 in its high one; a weight is (half - 8) * scale. Scales may
    be negative.
    """

    blocks: NDArray[np.uint8]
    """(rows, columns / 32 * 18)"""
    shape: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Floats:
        """The chosen rows in float32, (n, columns); one row, (columns,)."""
        chosen = self.blocks[rows]
        blocks = chosen.reshape(-1, BLOCK_BYTES)
        packed = blocks[:, 2:]
        made = np.empty((len(blocks), BLOCK), dtype=np.float32)
        np.bitwise_and(packed, 15, out=made[:, : BLOCK // 2], casting="unsafe")
        np.right_shift(packed, 4, out=made[:, BLOCK // 2 :], casting="unsafe")
        made -= 8
        made *= np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
        return made.reshape(*chosen.shape[:-1], self.shape[1])
