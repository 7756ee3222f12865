"""Questions of an evaluation, embedded in batches before they are asked one by one."""

from collections.abc import Sequence

import numpy as np

from catalog.arrays import Vector, Vectors
from catalog.embedding.embedder import Embedded, Embedder
from catalog.identity import ModelIdentity


class PreparedEmbedder:
    """A model that has read the next questions already, and reads others when they are asked."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._prepared: dict[str, Vector] = {}

    @property
    def identity(self) -> ModelIdentity:
        return self._embedder.identity

    def prepare(self, texts: Sequence[str]) -> None:
        """Embed these together, in place of those prepared before."""
        distinct = list(dict.fromkeys(texts))
        vectors = self._embedder.embed_queries(distinct) if distinct else ()
        self._prepared = dict(zip(distinct, vectors, strict=True))

    def embed_query(self, text: str) -> Vector:
        """The vector of one question, shape (d,)."""
        held = self._prepared.get(text)
        return self._embedder.embed_query(text) if held is None else held

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """The vectors of several, shape (n, d)."""
        if all(text in self._prepared for text in texts):
            return np.stack([self._prepared[text] for text in texts])
        return self._embedder.embed_queries(texts)

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        """Embed documents, as the model itself does."""
        return self._embedder.embed_documents(texts)
