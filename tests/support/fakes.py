"""An embedder whose vectors can be computed in one's head."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from catalog.arrays import Vector, Vectors
from catalog.embedding.embedder import Embedded, Embedder
from catalog.identity import ModelIdentity

WORDS = ("space", "ship", "ghost", "shark", "love", "war", "dream", "robot")


class WordEmbedder:
    """One component a known word, set where the text holds it, and a small constant one; then length 1.

    "space ship" against "space" is (1 + .01) / (sqrt(2.01) * sqrt(1.01)) = .709.
    """

    def __init__(self, name: str = "words", max_words: int = 50) -> None:
        self.identity = ModelIdentity(name=name, revision="1", dimension=len(WORDS) + 1, max_tokens=max_words)
        self.texts: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        self.texts += texts
        vectors = np.stack([self.embed_query(text) for text in texts])
        return Embedded(vectors, sum(len(text.split()) > self.identity.max_tokens for text in texts))

    def embed_query(self, text: str) -> Vector:
        words = text.lower().replace(".", " ").replace(",", " ").split()[: self.identity.max_tokens]
        vector = np.array([float(word in words) for word in WORDS] + [0.1], dtype=np.float32)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.embed_query(text) for text in texts])


@dataclass
class Heard:
    """An embedder that remembers what it was asked, alone and together; it reads no documents."""

    inner: Embedder
    questions: list[str] = field(default_factory=list)
    together: list[list[str]] = field(default_factory=list)

    @property
    def identity(self) -> ModelIdentity:
        return self.inner.identity

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        raise NotImplementedError

    def embed_query(self, text: str) -> Vector:
        self.questions.append(text)
        return self.inner.embed_query(text)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        self.together.append(list(texts))
        return self.inner.embed_queries(texts)
