"""The model of a long-lived process: questions that come together are embedded together, repeated ones not at all."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from cachetools import LRUCache

from catalog.arrays import Vector, Vectors
from catalog.embedding.embedder import Embedded, Embedder
from catalog.embedding.remote.embedder import RemoteEmbedder
from catalog.errors import DeadlineExceeded
from catalog.identity import ModelIdentity
from query.serving.executor import Deadline

_REMEMBERED = 2000
"""Vectors of repeated questions: 1.5 kB each."""


Watched = Callable[[int, float], None]
"""Hears how many were embedded together, and in how many seconds."""


class QuestionEmbedder:
    """Embeds questions for many threads, in one at a time: it uses all cores.

    A question has the vector of the command to the sixth digit, alone or among others.
    """

    def __init__(self, embedder: Embedder, watched: Watched | None = None) -> None:
        self.embedder = embedder
        self._watched = watched
        self._remembered: LRUCache[str, Vector] = LRUCache(_REMEMBERED)
        self._memory = threading.Lock()
        self._model = threading.Lock()

    @property
    def identity(self) -> ModelIdentity:
        return self.embedder.identity

    def within(self, deadline: Deadline) -> Embedder:
        """The model for one request: it gives up when nobody waits for the answer any more."""
        return _Within(self, deadline)

    def embed_query(self, text: str, deadline: Deadline | None = None) -> Vector:
        """The vector of a question, shape (d,), read-only."""
        return self._vectors([text], deadline)[0]

    def embed_queries(self, texts: Sequence[str], deadline: Deadline | None = None) -> Vectors:
        """The vectors of several questions, shape (n, d)."""
        return np.stack(self._vectors(texts, deadline))

    def _vectors(self, texts: Sequence[str], deadline: Deadline | None) -> list[Vector]:
        with self._memory:
            known = {text: vector for text in texts if (vector := self._remembered.get(text)) is not None}
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        if fresh:
            with self._turn(deadline):
                known |= self._embed(fresh)
        return [known[text] for text in texts]

    @contextmanager
    def _turn(self, deadline: Deadline | None) -> Iterator[None]:
        """The model for oneself; raises DeadlineExceeded or ClientGone once nobody waits for the answer.

        While an endpoint is away one waits for it, and everybody else for the one.
        """
        if not self._model.acquire(timeout=-1 if deadline is None else deadline.left):
            raise DeadlineExceeded("the model was busy with other questions until the deadline")
        try:
            if deadline is not None:
                deadline.check()
            yield
        finally:
            self._model.release()

    def _embed(self, texts: Sequence[str]) -> dict[str, Vector]:
        start = perf_counter()
        if len(texts) == 1:
            made = [self.embedder.embed_query(texts[0])]
        else:
            # Rows of their own: a view would keep the whole array for as long as one of them is remembered.
            made = [vector.copy() for vector in self.embedder.embed_queries(texts)]
        if self._watched is not None:
            self._watched(len(texts), perf_counter() - start)
        vectors = dict(zip(texts, made, strict=True))
        for vector in made:
            vector.flags.writeable = False
        with self._memory:
            self._remembered.update(vectors)
        return vectors

    def close(self) -> None:
        """Hang up, where the model is an endpoint's."""
        if isinstance(self.embedder, RemoteEmbedder):
            self.embedder.close()

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        raise NotImplementedError("readers embed questions")


@dataclass(frozen=True, slots=True)
class _Within:
    """The model as one request sees it."""

    questions: QuestionEmbedder
    deadline: Deadline

    @property
    def identity(self) -> ModelIdentity:
        return self.questions.identity

    def embed_query(self, text: str) -> Vector:
        self.deadline.check()
        return self.questions.embed_query(text, self.deadline)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        self.deadline.check()
        return self.questions.embed_queries(texts, self.deadline)

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        return self.questions.embed_documents(texts)
