"""The model of a long-lived process: questions that come together are embedded together, repeated ones not at all."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from catalog.embedding.embedder import Embedded, Embedder, Vector
from catalog.identity import ModelIdentity
from query.batcher import CAPACITY, Batcher, Watched
from query.work import Ticket

_REMEMBERED = 2000
"""Vectors of repeated questions: 1.5 kB each."""

Many = Callable[[Sequence[str]], Sequence[Vector]]
"""Embeds several questions at once."""


class QuestionEmbedder:
    """Embeds questions for many threads.

    A single question goes the way of the command, with the same result to the last bit. Those that wait
    together go through `many`, once that is at hand, and may differ in the seventh digit.
    """

    def __init__(self, embedder: Embedder, capacity: int = CAPACITY, watched: Watched | None = None) -> None:
        self.embedder = embedder
        self._many: Many | None = None
        self._remembered: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()
        self._batcher: Batcher[str, Vector] = Batcher("embedding", self._together, capacity, watched)

    @property
    def identity(self) -> ModelIdentity:
        return self.embedder.identity

    @property
    def waiting(self) -> int:
        return self._batcher.waiting

    def use(self, many: Many) -> None:
        """From now on embed several questions in this way."""
        self._many = many

    def within(self, ticket: Ticket) -> Embedder:
        """The same for one request: it gives up when nobody waits for the answer any more."""
        return _Within(self, ticket)

    def embed(self, text: str, ticket: Ticket) -> Vector:
        """The vector of a question, shape (d,), read-only; blocks. Raises Overloaded, DeadlineExceeded ..."""
        ticket.check()
        with self._lock:
            if (known := self._remembered.get(text)) is not None:
                self._remembered.move_to_end(text)
                return known
        vector = self._batcher.ask(text, ticket)
        with self._lock:
            self._remembered[text] = vector
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return vector

    def _together(self, texts: Sequence[str]) -> list[Vector]:
        different = list(dict.fromkeys(texts))
        if self._many is not None and len(different) > 1:
            vectors = dict(zip(different, self._many(different), strict=True))
        else:
            vectors = {text: self.embedder.embed_query(text) for text in different}
        for vector in vectors.values():
            vector.flags.writeable = False
        return [vectors[text] for text in texts]

    def close(self) -> None:
        """Finish what waits."""
        self._batcher.close()


@dataclass(frozen=True, slots=True)
class _Within:
    """The model as one request sees it."""

    questions: QuestionEmbedder
    ticket: Ticket

    @property
    def identity(self) -> ModelIdentity:
        return self.questions.identity

    def embed_query(self, text: str) -> Vector:
        return self.questions.embed(text, self.ticket)

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        raise NotImplementedError("readers embed questions")
