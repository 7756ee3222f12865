"""The embeddings of example questions: what those of a kind share favours the same movies every time.

The examples are embedded once for each model and kept in the cache beside the texts of movies.
"""

from collections.abc import Iterator

import numpy as np

from catalog.arrays import Floats
from catalog.identity import ModelIdentity
from catalog.movie import text_digest
from catalog.store.embedding_cache import VectorCache
from catalog.text.questions import KINDS, example_questions


def question_digest(text: str) -> bytes:
    """Another one than that of a movie's text: many models read the two differently."""
    return text_digest(f"question: {text}")


def missing_questions(cache: VectorCache, model: ModelIdentity) -> Iterator[tuple[str, list[str]]]:
    """The examples without a vector, by kind."""
    for kind in KINDS:
        by_digest = {question_digest(text): text for text in example_questions()[kind]}
        missing = by_digest.keys() - cache.known(model, list(by_digest))
        if missing:
            yield kind, [text for digest, text in by_digest.items() if digest in missing]


def example_vectors(cache: VectorCache, model: ModelIdentity) -> Floats:
    """The embeddings of the examples, shape (kinds, examples, d); (0, 0, d) if one of them was never embedded."""
    digests = [[question_digest(text) for text in example_questions()[kind]] for kind in KINDS]
    vectors = cache.get(model, [digest for kind in digests for digest in kind])
    if any(digest not in vectors for kind in digests for digest in kind):
        return np.zeros((0, 0, model.dimension), dtype=np.float32)
    return np.stack([np.stack([vectors[digest] for digest in kind]) for kind in digests])
