"""One short query in numpy, for a process that lives for a second: importing torch alone would take longer.

It reads the very files that the documents were embedded with, through the same tokenizer, the same
architecture description and the same strict loader as `encoder.py`, so it cannot go stale.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from catalog.embedding.architecture import Architecture, Pooling
from catalog.embedding.checkpoint import Checkpoint, refuse_nan, widen
from catalog.embedding.embedder import Vector

Floats = NDArray[np.float32]
_BLOCK = 1 << 17
"""Weights that are widened and multiplied at a time, while they are in the cache."""


@dataclass(frozen=True, slots=True)
class QuickEncoder:
    """Token ids in, a unit vector out; weights are widened to float32 as they are used, and not kept."""

    checkpoint: Checkpoint
    architecture: Architecture
    pooling: Pooling

    def embed(self, ids: Sequence[int]) -> Vector:
        """Encode one sequence of n tokens into (hidden,); ModelError if the weights hold NaN."""
        from threadpoolctl import ThreadpoolController

        # The products are small: a second thread saves a quarter (14 tokens: 11 instead of 14 ms), a third one nothing.
        with ThreadpoolController().select(internal_api="openblas").limit(limits=2):
            return self._embed(ids)

    def widened(self) -> "QuickEncoder":
        """The same with its layers in float32 in memory: for a process that answers many queries."""
        tensors = self.checkpoint.tensors
        kept = {name: widen(stored) if name.startswith("encoder.") else stored for name, stored in tensors.items()}
        return replace(self, checkpoint=replace(self.checkpoint, tensors=kept))

    def _embed(self, ids: Sequence[int]) -> Vector:
        x = self._embeddings(ids)
        for number in range(self.architecture.layers):
            layer = f"encoder.layer.{number}."
            x = self._norm(x + self._attention(x, layer), f"{layer}attention.output.LayerNorm")
            x = self._norm(x + self._feed_forward(x, layer), f"{layer}{self.architecture.names.norm}")
        pooled = x.mean(axis=0) if self.pooling == "mean" else x[0]
        if not np.isfinite(pooled).all():
            self._refuse()
        vector: Vector = pooled / np.linalg.norm(pooled)
        return vector

    def _embeddings(self, ids: Sequence[int]) -> Floats:
        tensors = self.checkpoint.tensors
        x = widen(tensors["embeddings.word_embeddings.weight"][list(ids)])
        x = x + widen(tensors["embeddings.token_type_embeddings.weight"][0])
        if self.architecture.learned_positions:
            x += widen(tensors["embeddings.position_embeddings.weight"][: len(ids)])
        return self._norm(x, "embeddings.LayerNorm")

    def _attention(self, x: Floats, layer: str) -> Floats:
        size = self.architecture.head_size
        q, k, v = (self._linear(x, f"{layer}attention.self.{part}") for part in ("query", "key", "value"))
        q /= np.float32(size**0.5)
        positions = np.arange(len(x), dtype=np.float32)
        distance = np.abs(positions[:, None] - positions)
        attended = np.empty_like(x)
        for head in range(self.architecture.heads):
            columns = slice(head * size, (head + 1) * size)
            scores = q[:, columns] @ k[:, columns].T
            if self.architecture.slopes:
                scores -= np.float32(self.architecture.slopes[head]) * distance
            attended[:, columns] = _softmax(scores) @ v[:, columns]
        return self._linear(attended, f"{layer}attention.output.dense")

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
            made[:, start : start + rows] = x @ widen(stored[start : start + rows]).T
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


def _softmax(scores: Floats) -> Floats:
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


def gelu(x: Floats) -> Floats:
    """x * (1 + erf(x / sqrt 2)) / 2, the exact form.

    numpy has no erf; Abramowitz and Stegun 7.1.26 is within 1.5e-7 of it.
    """
    z = np.abs(x) * np.float32(0.5**0.5)
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = np.full_like(t, 1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly *= t
        poly += np.float32(coefficient)
    erf = 1 - poly * t * np.exp(-z * z)
    made: Floats = 0.5 * x * (1 + np.copysign(erf, x))
    return made
