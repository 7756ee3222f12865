"""The family of encoders that plotseek computes itself: BERT with its layer norms after each sum.

One description serves the torch encoder, the numpy query encoder and the strict loader. `jina.py`
and `plain.py` make it from a config.json.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from catalog.errors import ModelError

_MOST_NUMBER = 10_000_000
_MOST = {"num_hidden_layers": 1000, "num_attention_heads": 1000}
Shape = tuple[int, ...]
Pooling = Literal["mean", "cls"]


@dataclass(frozen=True, slots=True)
class LayerNames:
    """What a checkpoint calls the feed-forward part of a layer."""

    up: str
    down: str
    norm: str


@dataclass(frozen=True, slots=True)
class Architecture:
    """Everything about an encoder except its weights.

    x = LayerNorm(word[ids] + token_type[0] (+ position[0..n-1]))
    each layer:  x = LayerNorm(x + Wo attention(x) + bo);  x = LayerNorm(x + Wdown f(Wup x) + bdown)
    f is gelu(a + b), or gelu(g) * u for the two halves g, u of a gated layer without bias.
    """

    family: str
    vocabulary: int
    hidden: int
    inner: int
    layers: int
    heads: int
    epsilon: float
    context: int
    """The most tokens one text may have."""
    gated: bool
    names: LayerNames
    slopes: tuple[float, ...]
    """ALiBi: head h adds -slopes[h] * |i - j| to its scores. Empty: learned positions instead."""
    token_types: int = 2
    pooler_optional: bool = False

    @property
    def head_size(self) -> int:
        return self.hidden // self.heads

    @property
    def learned_positions(self) -> bool:
        return not self.slopes

    def required(self) -> dict[str, Shape]:
        """Name and shape of every tensor that a checkpoint must hold."""
        hidden = self.hidden
        found: dict[str, Shape] = {
            "embeddings.word_embeddings.weight": (self.vocabulary, hidden),
            "embeddings.token_type_embeddings.weight": (self.token_types, hidden),
            **_affine("embeddings.LayerNorm", hidden),
        }
        if self.learned_positions:
            found["embeddings.position_embeddings.weight"] = (self.context, hidden)
        for number in range(self.layers):
            found |= self._layer(f"encoder.layer.{number}.")
        return found if self.pooler_optional else found | self._pooler()

    def optional(self) -> dict[str, Shape]:
        """Tensors that may be there, and are not used."""
        found = self._pooler() if self.pooler_optional else {}
        return found | ({"embeddings.position_ids": (1, self.context)} if self.learned_positions else {})

    def _pooler(self) -> dict[str, Shape]:
        return _linear("pooler.dense", self.hidden, self.hidden)

    def _layer(self, layer: str) -> dict[str, Shape]:
        hidden, inner = self.hidden, self.inner
        found: dict[str, Shape] = {}
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            found |= _linear(f"{layer}attention.{name}", hidden, hidden)
        found |= _affine(f"{layer}attention.output.LayerNorm", hidden)
        if self.gated:
            found[f"{layer}{self.names.up}.weight"] = (2 * inner, hidden)
        else:
            found |= _linear(f"{layer}{self.names.up}", inner, hidden)
        found |= _linear(f"{layer}{self.names.down}", hidden, inner)
        return found | _affine(f"{layer}{self.names.norm}", hidden)


def _linear(name: str, outputs: int, inputs: int) -> dict[str, Shape]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _affine(name: str, size: int) -> dict[str, Shape]:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def read_json(path: Path) -> dict[str, Any]:
    """One JSON object of a model folder; ModelError if it is missing or something else."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; the folder is not a complete model") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read as JSON ({error}); fetch the model again") from None
    if not isinstance(values, dict):
        raise ModelError(f"{path}: expected a JSON object; fetch the model again")
    return values


def positive(config: Mapping[str, Any], key: str) -> int:
    """A whole number above 0, and not absurdly large, from config.json. Raises ModelError naming the key."""
    value = config.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ModelError(f"config.json: {key} is {value!r}, expected a whole number above 0")
    if value > (most := _MOST.get(key, _MOST_NUMBER)):
        raise ModelError(f"config.json: {key} is above {most:,}, which no model has; fetch the model again")
    return value


def epsilon(config: Mapping[str, Any]) -> float:
    """The layer norms' epsilon: a small number above 0, or ModelError."""
    value = config.get("layer_norm_eps", 1e-12)
    if not isinstance(value, float) or not 0 < value < 1:
        raise ModelError(f"config.json: layer_norm_eps is {value!r}, expected a number between 0 and 1")
    return value


def divisible_heads(config: Mapping[str, Any]) -> int:
    """The number of attention heads, which must divide the hidden size."""
    heads, hidden = positive(config, "num_attention_heads"), positive(config, "hidden_size")
    if hidden % heads:
        raise ModelError(f"config.json: hidden_size {hidden} cannot be divided among {heads} attention heads")
    return heads
