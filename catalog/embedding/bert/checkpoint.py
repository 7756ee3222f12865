"""model.safetensors, read strictly and without copying: the file is mapped into memory.

The format: 8 bytes with the header's length, a JSON header {name: {dtype, shape, data_offsets}}, then
the numbers (https://github.com/huggingface/safetensors). Read here rather than by the package because
the query encoder wants bfloat16 without torch, and single rows of the word embeddings.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from catalog.embedding.bert.config import Architecture, Shape
from catalog.embedding.bert.quantized import Quantized
from catalog.errors import ModelError

Stored = NDArray[Any]
"""float32, float16, or uint16 holding the bits of bfloat16 (numpy has no such type)."""

_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}
_LARGEST_HALF = 65504.0
_MOST_HEADER_BYTES = 100_000_000
_FAMILIES = {
    "up_gated_layer": "a later Jina BERT (jina-embeddings-v2-base-code)",
    "layer_norm_q": "a later Jina BERT with query and key norms (jina-embeddings-v2-base-code)",
    "intermediate.dense": "a plain BERT",
    "mlp.gated_layers": "a Jina BERT v2",
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors that an architecture needs, as stored."""

    path: Path
    tensors: Mapping[str, Stored | Quantized]

    def float32(self, name: str) -> NDArray[np.float32]:
        """A tensor in float32: the mapped one itself where it is stored so."""
        return widen(self.tensors[name])


def widen(stored: Stored | Quantized) -> NDArray[np.float32]:
    """Stored numbers as float32, exactly; float32 itself is not copied.

    numpy casts float16 one number at a time, 3 ns each. Moving the bits where float32 has them and
    scaling by the difference of the exponents' biases takes 0.5 ns while the numbers are in the cache.
    """
    if isinstance(stored, Quantized):
        return stored[:]
    if stored.dtype == np.uint16:
        bits = stored.astype(np.uint32)
        bits <<= 16
        return bits.view(np.float32)
    if stored.dtype != np.float16:
        return stored.astype(np.float32, copy=False)
    shifted = stored.view(np.int16).astype(np.int32)
    shifted <<= 13
    shifted &= ~0x7000_0000  # the sign, extended into three bits too many
    made = shifted.view(np.float32)
    made *= np.float32(2.0**112)
    beyond = made.size and (made.max() > _LARGEST_HALF or made.min() < -_LARGEST_HALF)
    return stored.astype(np.float32) if beyond else made  # infinity and NaN have no such exponent


def open_checkpoint(path: Path, architecture: Architecture) -> Checkpoint:
    """Map a checkpoint that holds exactly the architecture's tensors.

    Raises ModelError naming the first tensor that is missing, unexpected, misshaped or of another
    dtype; and for a file that is cut off or no safetensors at all. NaN is looked for by the readers of
    the numbers, who have them at hand.
    """
    start, header = _header(path)
    names = {name.removeprefix("bert."): name for name in header}
    _check_names(path, architecture, set(names))
    data = np.memmap(path, dtype=np.uint8, mode="c")
    required = architecture.required()
    tensors = {name: _tensor(path, data[start:], names[name], header[names[name]]) for name in required}
    for name, shape in required.items():
        _check_shape(path, name, tensors[name].shape, shape)
    return Checkpoint(path, tensors)


def refuse_nan(path: Path, name: str) -> NoReturn:
    raise ModelError(f"{path}: tensor {name} holds NaN or infinity; fetch the model again")


def _header(path: Path) -> tuple[int, dict[str, Any]]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_MOST_HEADER_BYTES, path.stat().st_size - 8):
                raise ModelError(f"{path}: no safetensors file, or cut off; fetch the model again")
            header = json.loads(file.read(length))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; the folder is not a complete model") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: no safetensors file ({error}); fetch the model again") from None
    if not isinstance(header, dict):
        raise ModelError(f"{path}: no safetensors file; fetch the model again")
    header.pop("__metadata__", None)
    return 8 + length, header


def _check_names(path: Path, architecture: Architecture, names: set[str]) -> None:
    required = architecture.required().keys()
    missing = [name for name in required if name not in names]
    unexpected = sorted(names - required - architecture.optional().keys())
    if not missing and not unexpected:
        return
    family = next((f"this is {kind}, " for part, kind in _FAMILIES.items() if any(part in n for n in unexpected)), "")
    wrong = f"unexpected tensor {unexpected[0]}" if unexpected else f"tensor {missing[0]} is missing"
    more = len(missing) + len(unexpected) - 1
    others = f" (and {more} more)" if more else ""
    raise ModelError(f"{path}: {family}not the {architecture.family} that config.json describes: {wrong}{others}")


def _tensor(path: Path, data: NDArray[np.uint8], name: str, entry: Any) -> Stored:
    try:
        dtype, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    except (KeyError, TypeError, ValueError):
        raise ModelError(f"{path}: the entry of tensor {name} is damaged; fetch the model again") from None
    if dtype not in _DTYPES:
        raise ModelError(f"{path}: tensor {name} is stored as {dtype}; only F32, F16 and BF16 are read")
    whole = all(isinstance(number, int) and number >= 0 for number in (*shape, begin, end))
    if not whole or end - begin != math.prod(shape) * _DTYPES[dtype].itemsize:
        raise ModelError(f"{path}: the entry of tensor {name} is damaged; fetch the model again")
    if end > len(data):
        raise ModelError(f"{path}: cut off, tensor {name} is not complete; fetch the model again")
    # numpy and torch want numbers at their natural addresses, which an odd header length can spoil.
    return np.require(data[begin:end].view(_DTYPES[dtype]), requirements="A").reshape(shape)


def _check_shape(path: Path, name: str, found: Shape, expected: Shape) -> None:
    if found != expected:
        raise ModelError(f"{path}: tensor {name} has shape {list(found)}, config.json asks for {list(expected)}")
