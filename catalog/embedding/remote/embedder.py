"""A model behind HTTP: Hugging Face Inference Endpoints, text-embeddings-inference, and OpenAI's way."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import numpy as np

from catalog.arrays import Vector, Vectors
from catalog.config import EmbeddingConfig
from catalog.embedding.bert.tokenizer import clean
from catalog.embedding.embedder import SAME_MODEL, Embedded, smallest_cosine
from catalog.embedding.remote.client import MOST_TEXTS, EndpointClient
from catalog.embedding.remote.concurrent_calls import run_together
from catalog.embedding.remote.endpoint import Endpoint, Kind, request_url
from catalog.embedding.remote.retries import Patience
from catalog.errors import ConfigError, ModelError, ModelMismatch, PlotseekError
from catalog.identity import ModelIdentity

MOST_BYTES = 1_000_000
"""Of one request's JSON."""
_HELLO = ["hello world"]


@dataclass(frozen=True, slots=True)
class RemoteEmbedder:
    """Endpoints of one model as an `Embedder`. How many texts they cut is not known here: `truncated` is 0."""

    identity: ModelIdentity
    clients: tuple[EndpointClient, ...]
    turns: Iterator[EndpointClient]
    """The clients for ever: each request goes to the next of them."""
    patience: Patience

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        """Embed n texts, several requests at a time. Raises EndpointAway, ModelUnavailable, ModelError, Stopped."""
        parts = list(batches([clean(text) for text in texts]))
        calls = [partial(next(self.turns).vectors, part) for part in parts]
        found = run_together(calls, self.patience.in_flight, self.patience.stop)
        empty: Vectors = np.empty((0, self.identity.dimension), dtype=np.float32)
        return Embedded(np.concatenate([empty, *map(self._checked, found)]), truncated=0)

    def embed_query(self, text: str) -> Vector:
        """Embed one query. Raises what `embed_documents` does."""
        vector: Vector = self.embed_documents([text]).vectors[0]
        return vector

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed queries as documents are. Raises what `embed_documents` does."""
        return self.embed_documents(texts).vectors

    def close(self) -> None:
        """Close the connections."""
        for client in self.clients:
            client.close()

    def _checked(self, vectors: Vectors) -> Vectors:
        if vectors.shape[1] != self.identity.dimension:
            raise ModelError(
                f"the endpoint answers {vectors.shape[1]} numbers a text, {self.identity.name} has"
                f" {self.identity.dimension}: another model answers"
            )
        return vectors


def open_remote(
    settings: EmbeddingConfig,
    token: str | None,
    patience: Patience,
    *,
    dimension: int | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> RemoteEmbedder:
    """Open the endpoint of `settings.remote`, or several that share the work, `in_flight` requests each.

    `model`, `revision` and `max_tokens`, as configured, are what a catalog remembers. Without `dimension` one
    request finds it out. `notify` hears when the endpoint is starting.
    Raises ConfigError for no or an impossible URL, what `EndpointClient.vectors` does, Stopped, and ModelMismatch where
    several endpoints are not the same model.
    """
    remote, kind = settings.remote, cast(Kind, settings.remote.kind)
    if not remote.url:
        raise ConfigError("embedding.provider is remote, but embedding.remote.url is empty: set it to the endpoint")
    secret = token.strip() if token else None
    patience = replace(patience, in_flight=remote.in_flight * len(remote.url))
    endpoints = [Endpoint(request_url(url, kind), kind, settings.model, secret, remote.timeout) for url in remote.url]
    clients = tuple(EndpointClient(endpoint, patience, notify) for endpoint in endpoints)
    try:
        if dimension is None or len(clients) > 1:
            dimension = _hear(clients, patience)
    except PlotseekError:
        for opened in clients:
            opened.close()
        raise
    identity = ModelIdentity(settings.model, settings.revision, dimension, settings.max_tokens)
    return RemoteEmbedder(identity, clients, itertools.cycle(clients), patience)


def _hear(clients: Sequence[EndpointClient], patience: Patience) -> int:
    """The dimension of the clients' vectors. Raises ModelMismatch if they do not give the same ones."""
    calls = [partial(client.vectors, _HELLO) for client in clients]
    first, *others = run_together(calls, len(calls), patience.stop)
    for number, other in enumerate(others, 2):
        if smallest_cosine(first, other) < SAME_MODEL:
            raise ModelMismatch(f"embedding.remote.url: endpoint {number} answers with another model than the first")
    dimension: int = first.shape[1]
    return dimension


def batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut into runs of at most `MOST_TEXTS` texts and `MOST_BYTES` of JSON; a longer text goes alone."""
    start, size = 0, 0
    for index, text in enumerate(texts):
        length = len(json.dumps(text, ensure_ascii=False).encode()) + 2
        if index > start and (index - start == MOST_TEXTS or size + length > MOST_BYTES):
            yield texts[start:index]
            start, size = index, 0
        size += length
    if start < len(texts):
        yield texts[start:]
