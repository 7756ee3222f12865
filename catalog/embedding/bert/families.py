"""The families of encoders that are computed here without remote code, told by their config.json.

Jina BERT v2 (`jinaai/jina-embeddings-v2-base-de` and its sisters; Guenther et al. 2023, arXiv 2310.19923): BERT with
symmetric ALiBi instead of positions, and a gated feed-forward part (GEGLU) whose first half is the gate. Plain BERT
with learned positions (Devlin et al. 2018, arXiv 1810.04805): all-MiniLM-L6-v2 and many more.
"""

from collections.abc import Mapping
from typing import Any

from catalog.embedding.bert.config import Architecture, LayerNames, divisible_heads, epsilon, positive
from catalog.errors import ModelError

_EXPECTED = {"position_embedding_type": "alibi", "feed_forward_type": "geglu", "hidden_act": "gelu"}


def is_jina(config: Mapping[str, Any]) -> bool:
    """Whether a config.json describes a Jina BERT v2, in the one variant that is known."""
    return config.get("model_type") == "bert" and config.get("position_embedding_type") == "alibi"


def jina_architecture(config: Mapping[str, Any]) -> Architecture:
    """The Jina BERT v2 that a config.json describes; ModelError names the setting that differs."""
    for key, value in _EXPECTED.items():
        if config.get(key) != value:
            raise ModelError(f"config.json: {key} is {config.get(key)!r}, a Jina BERT v2 model has {value!r}")
    heads = divisible_heads(config)
    return Architecture(
        family="Jina BERT v2",
        vocabulary=positive(config, "vocab_size"),
        hidden=positive(config, "hidden_size"),
        inner=positive(config, "intermediate_size"),
        layers=positive(config, "num_hidden_layers"),
        heads=heads,
        epsilon=epsilon(config),
        context=positive(config, "max_position_embeddings"),
        gated=True,
        names=LayerNames(up="mlp.gated_layers", down="mlp.wo", norm="mlp.layernorm"),
        slopes=alibi_slopes(heads),
        token_types=positive(config, "type_vocab_size"),
    )


def is_bert(config: Mapping[str, Any]) -> bool:
    """Whether a config.json describes a plain BERT, in the one variant that is computed here."""
    return (
        config.get("model_type") == "bert"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and config.get("hidden_act") == "gelu"
        and "feed_forward_type" not in config
        and "auto_map" not in config
    )


def bert_architecture(config: Mapping[str, Any]) -> Architecture:
    """The plain BERT that a config.json describes; ModelError names the setting that is impossible."""
    return Architecture(
        family="BERT",
        vocabulary=positive(config, "vocab_size"),
        hidden=positive(config, "hidden_size"),
        inner=positive(config, "intermediate_size"),
        layers=positive(config, "num_hidden_layers"),
        heads=divisible_heads(config),
        epsilon=epsilon(config),
        context=positive(config, "max_position_embeddings"),
        gated=False,
        names=LayerNames(up="intermediate.dense", down="output.dense", norm="output.LayerNorm"),
        slopes=(),
        token_types=positive(config, "type_vocab_size"),
        pooler_optional=True,
    )


def alibi_slopes(heads: int) -> tuple[float, ...]:
    """One slope per head (Press et al. 2021, arXiv 2108.12409).

    For n heads, n a power of two: 2^(-8/n), 2^(-16/n), ... 2^-8. For other counts: those of the next
    lower power of two, then every second slope of the next higher one.

    >>> alibi_slopes(6)
    (0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125)
    """
    lower = 2 ** (heads.bit_length() - 1)
    return (_geometric(lower) + _geometric(2 * lower)[::2])[:heads]


def _geometric(heads: int) -> tuple[float, ...]:
    return tuple(2.0 ** (-8.0 * number / heads) for number in range(1, heads + 1))
