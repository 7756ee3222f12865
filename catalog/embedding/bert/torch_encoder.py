"""The BERT family in plain torch, on packed sequences: no token of padding is ever computed.

All tokens of a batch lie in one (tokens, hidden) matrix; only attention looks at where a sequence
begins and ends, and runs on sequences of equal length together.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from catalog.arrays import Vectors
from catalog.embedding.bert.checkpoint import Checkpoint
from catalog.embedding.bert.config import Architecture, Pooling
from catalog.embedding.bert.gpu import forward as gpu
from catalog.embedding.bert.packing import Run, runs
from catalog.embedding.bert.weights import EncoderWeights, Layer, Norm, load_weights

if TYPE_CHECKING:
    from torch import Tensor, dtype

_ROWS = 1024
"""Tokens that pass through the feed-forward part together: its (rows, 2 * inner) values stay near the caches."""
_QUERIES = 1024
"""Queries whose ALiBi bias is materialised together, where the attention kernel needs it so."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """A loaded model: token ids in, unit vectors out. Safe to use from several threads."""

    weights: EncoderWeights
    kernels: bool = False
    """Whether `gpu/forward.py` does the work."""

    def embed(self, ids: Sequence[Sequence[int]]) -> Vectors:
        """Encode a batch of n token sequences into (n, hidden) unit vectors.

        Sequences of equal length should be neighbours. A row does not depend on its neighbours.
        """
        return self.begin(ids).cpu().numpy()

    def begin(self, ids: Sequence[Sequence[int]]) -> "Tensor":
        """Encode as `embed` does, and leave the vectors on the device, which may still be computing them."""
        import torch

        with torch.inference_mode():
            return torch.nn.functional.normalize(self.pooled(ids), dim=1)

    def pooled(self, ids: Sequence[Sequence[int]]) -> "Tensor":
        """(n, hidden) float32: the model's own output, not normalised."""
        import torch

        if self.kernels:
            with torch.cuda.device(self.weights.device):  # where Triton starts its kernels
                return gpu.pooled(self.weights, ids)
        spans = runs([len(sequence) for sequence in ids])
        flat = np.fromiter(itertools.chain.from_iterable(ids), dtype=np.int64)
        x = self._embeddings(torch.from_numpy(flat).to(self.weights.device), spans)
        for layer in self.weights.layers:
            qkv = layer.qkv(x.to(self.weights.precision))
            attended = _attention(qkv, spans, self.weights.architecture)
            x = self._norm(layer.out(attended).float().add_(x), layer.attention_norm)
            x = self._feed_forward(x, layer)
        return torch.cat([self._pool(x[run.start : run.stop].view(run.count, run.length, -1)) for run in spans])

    def _embeddings(self, ids: "Tensor", spans: Sequence[Run]) -> "Tensor":
        x = self.weights.words[ids].float()
        for run in spans:
            rows = x[run.start : run.stop].view(run.count, run.length, -1)
            rows += self.weights.offset[: run.length]
        return self._norm(x, self.weights.norm)

    def _feed_forward(self, x: "Tensor", layer: Layer) -> "Tensor":
        import torch

        made = []
        for rows in x.tensor_split(-(-len(x) // _ROWS)):
            inner = layer.up(rows.to(self.weights.precision))
            if self.weights.architecture.gated:
                gate, value = inner.chunk(2, dim=1)
                inner = torch.nn.functional.gelu(gate).mul_(value)
            else:
                inner = torch.nn.functional.gelu(inner)
            made.append(self._norm(layer.down(inner).float().add_(rows), layer.norm))
        return torch.cat(made)

    def _norm(self, x: "Tensor", norm: Norm) -> "Tensor":
        import torch

        return torch.nn.functional.layer_norm(
            x, x.shape[-1:], norm.weight, norm.bias, self.weights.architecture.epsilon
        )

    def _pool(self, x: "Tensor") -> "Tensor":
        return x.mean(dim=1) if self.weights.pooling == "mean" else x[:, 0]


def _attention(qkv: "Tensor", spans: Sequence[Run], architecture: Architecture) -> "Tensor":
    """(tokens, 3 * hidden) -> (tokens, hidden): each sequence attends to itself only.

    ALiBi adds -slope * |i - j|. With the keys in reverse order, j' = n - 1 - j, that depends on i + j'
    only: a view with strides (1, 1) on a vector of 2n - 1 numbers per head, instead of n * n of them.
    Reversing the keys and values changes nothing else.
    """
    import torch

    heads, size = architecture.heads, architecture.head_size
    attended = qkv.new_empty(len(qkv), architecture.hidden)
    for run in spans:
        split = qkv[run.start : run.stop].view(run.count, run.length, 3, heads, size)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        bias = None
        if architecture.slopes:
            k, v = k.flip(2), v.flip(2)
            bias = _alibi(architecture.slopes, run.length, qkv)
        out = attended[run.start : run.stop].view(run.count, run.length, heads, size).permute(0, 2, 1, 3)
        if bias is None or not qkv.is_cuda:
            out.copy_(torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias))
            continue
        for start in range(0, run.length, _QUERIES):
            # The kernels for GPUs want the bias in the queries' type and its rows at aligned addresses.
            rows = slice(start, start + _QUERIES)
            mask = bias[:, :, rows].to(qkv.dtype).contiguous()
            out[:, :, rows] = torch.nn.functional.scaled_dot_product_attention(q[:, :, rows], k, v, attn_mask=mask)
    return attended


def _alibi(slopes: Sequence[float], length: int, like: "Tensor") -> "Tensor":
    """(1, heads, length, length) float32 of -slope * |i - (length - 1 - j)|, a view that takes no memory."""
    import torch

    distance = torch.arange(1 - length, length, device=like.device).abs()
    bias = torch.tensor(slopes, dtype=torch.float32, device=like.device)[:, None] * -distance
    return bias.as_strided((1, len(slopes), length, length), (0, 2 * length - 1, 1, 1))


def load_encoder(
    checkpoint: Checkpoint, architecture: Architecture, *, pooling: Pooling, device: str, precision: "dtype"
) -> Encoder:
    """Read the weights, cast to `precision`. Raises ModelError naming a tensor with NaN."""
    weights = load_weights(checkpoint, architecture, pooling=pooling, device=device, precision=precision)
    return Encoder(weights, gpu.has_kernels(device))
