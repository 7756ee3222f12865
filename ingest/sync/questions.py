"""Example questions, embedded as the search will embed a question: once for each model."""

import numpy as np

from catalog.embedding.embedder import Embedder, direction_of_sum
from catalog.store.draft import Draft
from catalog.store.vectors.questions import question_digest
from catalog.text.translation import model_texts


def embed_questions(draft: Draft, embedder: Embedder) -> None:
    """Embed those examples of each kind of question that this model never read."""
    for kind, texts in draft.missing_questions():
        read = [model_texts(text, embedder.identity, german=kind.endswith("-de")) for text in texts]
        vectors = iter(embedder.embed_queries([part for parts in read for part in parts]))
        found = {
            question_digest(text): direction_of_sum(np.stack([next(vectors) for _ in parts]))
            for text, parts in zip(texts, read, strict=True)
        }
        draft.remember(found)
