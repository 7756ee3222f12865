"""An encoder's weights as torch tensors: what the forward passes on a processor and on a GPU both read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from catalog.embedding.bert.checkpoint import Checkpoint, Stored, refuse_nan
from catalog.embedding.bert.config import Architecture, Pooling
from catalog.embedding.bert.quantized import Quantized

if TYPE_CHECKING:
    from torch import Tensor, device, dtype


@dataclass(frozen=True, slots=True)
class Affine:
    """A linear layer."""

    weight: "Tensor"
    bias: "Tensor | None"

    def __call__(self, x: "Tensor") -> "Tensor":
        """(tokens, inputs) -> (tokens, outputs)"""
        import torch

        return torch.nn.functional.linear(x, self.weight, self.bias)


@dataclass(frozen=True, slots=True)
class Norm:
    """A layer norm, in float32."""

    weight: "Tensor"
    bias: "Tensor"


@dataclass(frozen=True, slots=True)
class Layer:
    """The tensors of one layer; query, key and value are one matrix."""

    qkv: Affine
    out: Affine
    attention_norm: Norm
    up: Affine
    down: Affine
    norm: Norm


@dataclass(frozen=True, slots=True)
class QuantizedRows:
    """The rows of a table at 4 bits, on a processor: widened whole, 250,000 words of 384 numbers are 384 MB."""

    table: Quantized

    def __getitem__(self, ids: "Tensor") -> "Tensor":
        """(n,) -> (n, hidden) float32"""
        import torch

        return torch.from_numpy(self.table[ids.numpy()])


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """Everything that an encoder computes with, on one device."""

    architecture: Architecture
    words: "Tensor | QuantizedRows"
    """(vocabulary, hidden), as stored: rows are widened when they are looked up."""
    offset: "Tensor"
    """(1, hidden) or (context, hidden): token type 0, plus the positions where they are learned."""
    norm: Norm
    layers: tuple[Layer, ...]
    pooling: Pooling
    device: "device"
    precision: "dtype"
    """Of the matrix products; sums and layer norms are always float32."""


def load_weights(
    checkpoint: Checkpoint, architecture: Architecture, *, pooling: Pooling, device: str, precision: "dtype"
) -> EncoderWeights:
    """Read the weights, cast to `precision`. Raises ModelError naming a tensor with NaN."""
    return _Loader(checkpoint, architecture, device, precision).weights(pooling)


@dataclass(frozen=True, slots=True)
class _Loader:
    checkpoint: Checkpoint
    architecture: Architecture
    device: str
    precision: "dtype"

    def weights(self, pooling: Pooling) -> EncoderWeights:
        import torch

        offset = self._read("embeddings.token_type_embeddings.weight", torch.float32)[:1]
        if self.architecture.learned_positions:
            offset = offset + self._read("embeddings.position_embeddings.weight", torch.float32)
        return EncoderWeights(
            architecture=self.architecture,
            words=self._words("embeddings.word_embeddings.weight"),
            offset=offset,
            norm=self._norm("embeddings.LayerNorm"),
            layers=tuple(self._layer(f"encoder.layer.{number}.") for number in range(self.architecture.layers)),
            pooling=pooling,
            device=torch.device(self.device),
            precision=self.precision,
        )

    def _words(self, name: str) -> "Tensor | QuantizedRows":
        stored = self.checkpoint.tensors[name]
        return QuantizedRows(stored) if isinstance(stored, Quantized) and self.device == "cpu" else self._read(name)

    def _layer(self, layer: str) -> Layer:
        import torch

        names, dtype = self.architecture.names, self.precision
        parts = [self._affine(f"{layer}attention.self.{part}", dtype) for part in ("query", "key", "value")]
        biases = [part.bias for part in parts if part.bias is not None]
        return Layer(
            qkv=Affine(torch.cat([part.weight for part in parts]), torch.cat(biases)),
            out=self._affine(f"{layer}attention.output.dense", dtype),
            attention_norm=self._norm(f"{layer}attention.output.LayerNorm"),
            up=self._affine(f"{layer}{names.up}", dtype),
            down=self._affine(f"{layer}{names.down}", dtype),
            norm=self._norm(f"{layer}{names.norm}"),
        )

    def _norm(self, name: str) -> Norm:
        import torch

        return Norm(*(self._read(f"{name}.{part}", torch.float32) for part in ("weight", "bias")))

    def _affine(self, name: str, dtype: "dtype") -> Affine:
        bias = f"{name}.bias"
        has_bias = bias in self.checkpoint.tensors
        return Affine(self._read(f"{name}.weight", dtype), self._read(bias, dtype) if has_bias else None)

    def _read(self, name: str, dtype: "dtype | None" = None) -> "Tensor":
        import torch

        tensor = _tensor(self.checkpoint.tensors[name])
        if not torch.isfinite(tensor.sum(dtype=torch.float32)):
            refuse_nan(self.checkpoint.path, name)
        return tensor.to(self.device, dtype or tensor.dtype)


def _tensor(stored: Stored | Quantized) -> "Tensor":
    import torch

    if isinstance(stored, Quantized):
        return torch.from_numpy(stored[:])
    if stored.dtype == np.uint16:
        return torch.from_numpy(stored.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(stored)
