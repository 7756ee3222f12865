"""What is known of the default model without having it: numbers that its weights, and no others, give."""

import json
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from catalog.embedding.hub.files import KNOWN_WEIGHTS


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of `jinaai/jina-embeddings-v2-base-de` without having it.

    The films, queries and tables are those of the workshop notebook this project grew from, made with the model's own
    reference code; the token ids were given by its tokenizer.
    """

    model: str
    weights: str
    """SHA-256 of model.safetensors."""
    hello: NDArray[np.float64]
    """First five components of "hello world", normalised."""
    films: list[str]
    components: NDArray[np.float64]
    """First ten components of the first two films, not normalised: shape (2, 10)."""
    similar: NDArray[np.float64]
    """Cosines between the films, shape (6, 6)."""
    queries: list[str]
    retrieval: NDArray[np.float64]
    """Cosines between queries and films, shape (3, 6)."""
    token_ids: list[tuple[str, list[int]]]


def read_known() -> Known:
    """Read the numbers, which lie beside this module."""
    text = resources.files("catalog.embedding").joinpath("jina_known.json").read_text(encoding="utf-8")
    values = json.loads(text)
    return Known(
        model=values["model"],
        weights=KNOWN_WEIGHTS[values["model"]],
        hello=np.array(values["hello world"]),
        films=values["films"],
        components=np.array(values["first components"]),
        similar=np.array(values["similar films"]),
        queries=values["queries"],
        retrieval=np.array(values["retrieval"]),
        token_ids=[(item["text"], item["ids"]) for item in values["token ids"]],
    )
