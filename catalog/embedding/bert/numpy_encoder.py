"""Short queries in numpy: in a process that lives for a second importing torch alone would take longer.

It reads the very files that the documents were embedded with, through the same tokenizer, the same
architecture description and the same strict loader as `torch_encoder.py`, so it cannot go stale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats, Vectors
from catalog.cores import at_most
from catalog.embedding.bert.checkpoint import Checkpoint, refuse_nan, widen
from catalog.embedding.bert.config import Architecture, Pooling

_BLOCK = 1 << 18
"""Weights that are widened and multiplied at a time, while they are in the cache."""
_CACHED = 1 << 15
"""Activations that are worked on at a time."""
_FEW_TOKENS, _FEW_THREADS = 64, 1


@dataclass(frozen=True, slots=True)
class QuickEncoder:
    """Token ids in, unit vectors out; weights are widened to float32 as they are used, and not kept."""

    checkpoint: Checkpoint
    architecture: Architecture
    pooling: Pooling
    most_tokens: ClassVar[int] = 4096
    """Of texts that are embedded together."""

    def embed(self, sequences: Sequence[Sequence[int]]) -> Vectors:
        """Encode sequences of token ids into (sequences, hidden); ModelError if the weights hold NaN.

        They are packed one behind the other, so that none is padded.
        """
        ends = np.cumsum([len(sequence) for sequence in sequences])
        if ends[-1] > _FEW_TOKENS:
            return self._embed(sequences, ends)
        # Small products: a second thread saves a quarter (9 instead of 6 ms), and where another program has one of two
        # cores, its waiting for the first costs 14 ms in the middle and 160 at worst.
        with at_most(_FEW_THREADS):
            return self._embed(sequences, ends)

    def _embed(self, sequences: Sequence[Sequence[int]], ends: NDArray[np.int_]) -> Vectors:
        x = self.embeddings(sequences)
        starts = ends - [len(sequence) for sequence in sequences]
        spans = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
        for number in range(self.architecture.layers):
            layer = f"encoder.layer.{number}."
            x = self._norm(x + self._attention(x, spans, layer), f"{layer}attention.output.LayerNorm")
            x = self._norm(x + self._feed_forward(x, layer), f"{layer}{self.architecture.names.norm}")
        pooled = np.stack([x[span].mean(axis=0) if self.pooling == "mean" else x[span.start] for span in spans])
        return self.normalized(pooled)

    def normalized(self, pooled: Floats) -> Vectors:
        """Unit vectors of what the layers made of texts, (n, hidden); ModelError if the weights hold NaN."""
        if not np.isfinite(pooled).all():
            self._refuse()
        vectors: Vectors = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return vectors

    def embeddings(self, sequences: Sequence[Sequence[int]]) -> Floats:
        """What the layers are given of token ids, one sequence behind the other, (tokens, hidden)."""
        tensors = self.checkpoint.tensors
        x = widen(tensors["embeddings.word_embeddings.weight"][[token for ids in sequences for token in ids]])
        x = x + widen(tensors["embeddings.token_type_embeddings.weight"][0])
        if self.architecture.learned_positions:
            positions = np.concatenate([np.arange(len(ids)) for ids in sequences])
            x += widen(tensors["embeddings.position_embeddings.weight"][positions])
        return self._norm(x, "embeddings.LayerNorm")

    def _attention(self, x: Floats, spans: Sequence[slice], layer: str) -> Floats:
        heads, size = self.architecture.heads, self.architecture.head_size
        q, k, v = (
            self._linear(x, f"{layer}attention.self.{part}").reshape(len(x), heads, size).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        q /= np.float32(size**0.5)
        slopes = np.array(self.architecture.slopes, dtype=np.float32)
        attended = np.empty((len(x), heads, size), dtype=np.float32)
        for span in spans:
            length = span.stop - span.start
            together = max(1, _CACHED // length**2)
            distances = _distances(length) if len(slopes) else None
            for head in range(0, heads, together):
                some = slice(head, head + together)
                scores = q[some, span] @ k[some, span].transpose(0, 2, 1)
                if distances is not None:
                    scores -= distances * slopes[some, None, None]
                attended[span, some] = (_softmax(scores) @ v[some, span]).transpose(1, 0, 2)
        return self._linear(attended.reshape(x.shape), f"{layer}attention.output.dense")

    def _feed_forward(self, x: Floats, layer: str) -> Floats:
        names, inner = self.architecture.names, self.architecture.inner
        up = self._linear(x, f"{layer}{names.up}")
        made = gelu(up[:, :inner]) * up[:, inner:] if self.architecture.gated else gelu(up)
        return self._linear(made, f"{layer}{names.down}")

    def _linear(self, x: Floats, name: str) -> Floats:
        stored = self.checkpoint.tensors[f"{name}.weight"]
        made = np.empty((len(x), len(stored)), dtype=np.float32)
        rows = max(1, _BLOCK // stored.shape[1])
        for start in range(0, len(stored), rows):
            weights = widen(stored[start : start + rows])
            made[:, start : start + rows] = (weights @ x.T).T
        if f"{name}.bias" in self.checkpoint.tensors:
            made += self.checkpoint.float32(f"{name}.bias")
        return made

    def _norm(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=1, keepdims=True)
        variance = np.square(centred).mean(axis=1, keepdims=True)
        centred /= np.sqrt(variance + np.float32(self.architecture.epsilon))
        scaled: Floats = centred * self.checkpoint.float32(f"{name}.weight") + self.checkpoint.float32(f"{name}.bias")
        return scaled

    def _refuse(self) -> None:
        for name, stored in self.checkpoint.tensors.items():
            if not np.isfinite(widen(stored)).all():
                refuse_nan(self.checkpoint.path, name)


def _distances(length: int) -> Floats:
    positions = np.arange(length, dtype=np.float32)
    return np.asarray(np.abs(positions[:, None] - positions))


def _softmax(scores: Floats) -> Floats:
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


def gelu(x: Floats) -> Floats:
    """x * (1 + erf(x / sqrt 2)) / 2, the exact form, of shape (n, inner).

    A few rows at a time: thirteen passes over memory that is no longer in the cache took most of a long query.
    """
    made = np.empty(x.shape, dtype=np.float32)
    rows = max(1, _CACHED // x.shape[1])
    for start in range(0, len(x), rows):
        _gelu(x[start : start + rows], made[start : start + rows])
    return made


def _gelu(x: Floats, made: Floats) -> None:
    """max(x, 0) - |x| (1 - erf(|x| / sqrt 2)) / 2.

    numpy has no erf; Abramowitz and Stegun 7.1.26 is within 1.5e-7 of it.
    """
    size = np.abs(x)
    z = size * np.float32(0.5**0.5)
    t = z * np.float32(0.3275911)
    t += 1
    np.reciprocal(t, out=t)
    rest = t * np.float32(1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        rest += np.float32(coefficient)
        rest *= t
    z *= z
    np.negative(z, out=z)
    rest *= np.exp(z, out=z)
    rest *= size
    rest *= np.float32(0.5)
    np.maximum(x, 0, out=made)
    made -= rest
