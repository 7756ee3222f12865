"""The encoder's forward pass on an NVIDIA GPU: torch's matrix products, and `kernels.py` for all between them.

Where the packed sequences begin and end is told to the kernels once a batch; their attention works on every
length at a time, and computes ALiBi's bias from the distance instead of reading it.
"""

import itertools
import logging
from collections.abc import Sequence
from subprocess import SubprocessError
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from catalog.embedding.bert import packing as packed
from catalog.embedding.bert.config import Architecture
from catalog.embedding.bert.weights import EncoderWeights, Norm

if TYPE_CHECKING:
    from torch import Tensor, device

_OLDEST = (8, 0)
"""Compute capability that Triton supports: Ampere."""
_MOST_TOKENS, _FEWEST_TOKENS = 65_536, 4096
"""Of a batch."""

log = logging.getLogger("plotseek.embedding")


def has_kernels(device: str) -> bool:
    """Whether they run there: on an NVIDIA GPU, by Triton, which comes with torch for Linux and wants a C compiler."""
    import torch

    if not device.startswith("cuda") or torch.version.hip or torch.cuda.get_device_capability(device) < _OLDEST:
        return False
    try:
        from catalog.embedding.bert.gpu import kernels

        with torch.cuda.device(device):
            kernels.gated(torch.zeros(1, 2, device=device))
    except (ImportError, OSError, RuntimeError, SubprocessError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        log.warning("the GPU works through torch alone, three to five times as slowly: %s", reason)
        return False
    return True


def most_tokens(architecture: Architecture, device: "device") -> int:
    """How many a batch may hold: by half of the memory that is free, 4 bytes for each value that is alive at a time."""
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    values = 5 * architecture.hidden + 3 * architecture.inner
    return max(_FEWEST_TOKENS, min(_MOST_TOKENS, free // 2 // (4 * values)))


def pooled(weights: EncoderWeights, ids: Sequence[Sequence[int]]) -> "Tensor":
    """(n, hidden) float32: the model's own output, not normalised, on the GPU, perhaps still being computed."""
    import torch

    from catalog.embedding.bert.gpu import kernels

    shape = weights.architecture
    counts = [len(sequence) for sequence in ids]

    def there(values: NDArray[np.generic]) -> "Tensor":
        # From memory that is not pinned, a copy waits until the GPU has done what it was given before.
        return torch.from_numpy(values).pin_memory().to(weights.device, non_blocking=True)

    def add_norm(x: "Tensor", y: "Tensor", norm: Norm) -> tuple["Tensor", "Tensor"]:
        narrow = torch.empty(x.shape, dtype=weights.precision, device=x.device)
        return kernels.add_norm(x, y, norm.weight, norm.bias, shape.epsilon, narrow), narrow

    tokens = there(np.fromiter(itertools.chain.from_iterable(ids), dtype=np.int64))
    tiles = there(np.array(packed.tiles(counts, kernels.QUERIES), dtype=np.int32))
    lengths = there(np.array(counts, dtype=np.int64))
    slopes = there(np.array(shape.slopes, dtype=np.float32)) if shape.slopes else None
    offset = weights.offset
    if shape.learned_positions:
        offset = offset[there(np.concatenate([np.arange(count) for count in counts]))]

    x, narrow = add_norm(weights.words[tokens], offset, weights.norm)
    for layer in weights.layers:
        qkv = layer.qkv(narrow)
        attended = kernels.attention(qkv, tiles, slopes, shape.heads)
        x, narrow = add_norm(layer.out(attended), x, layer.attention_norm)
        inner = layer.up(narrow)
        inner = kernels.gated(inner) if shape.gated else torch.nn.functional.gelu(inner)
        x, narrow = add_norm(layer.down(inner), x, layer.norm)
    if weights.pooling == "cls":
        return x[lengths.cumsum(0) - lengths]
    # "unsafe" leaves out a check of the lengths, which waits for the GPU.
    return torch.segment_reduce(x, "mean", lengths=lengths, axis=0, unsafe=True)
