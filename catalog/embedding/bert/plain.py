"""Plain BERT with learned positions (Devlin et al. 2018, arXiv 1810.04805): all-MiniLM-L6-v2 and many more."""

from collections.abc import Mapping
from typing import Any

from catalog.embedding.bert.config import Architecture, LayerNames, divisible_heads, epsilon, positive


def is_bert(config: Mapping[str, Any]) -> bool:
    """Whether a config.json describes this architecture, in the one variant that is computed here."""
    return (
        config.get("model_type") == "bert"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and config.get("hidden_act") == "gelu"
        and "feed_forward_type" not in config
        and "auto_map" not in config
    )


def bert_architecture(config: Mapping[str, Any]) -> Architecture:
    """The architecture a config.json describes; ModelError names the setting that is impossible."""
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
