"""What questions that come together will ask of model and matrix one by one, computed for all of them at once."""

from collections.abc import Sequence
from itertools import chain

from catalog.embedding.embedder import Vector
from catalog.errors import MovieNotFound
from catalog.store.catalog import Snapshot
from query.follow import Ready
from query.lanes import query_texts, vector_of
from query.models import SearchRequest
from query.naming import native_names


def prefetch(ready: Ready, questions: Sequence[SearchRequest]) -> None:
    """Let a generation and its model remember what `search` and `facets` will need of them for these questions.

    Examples that are titles or words are left out: to look for them takes longer than others should wait. So is a
    question that is alone: `search` then computes as it does for the command, and says the same to the last digit.
    Raises what the model raises.
    """
    if len(questions) == 1:
        return
    snapshot, model = ready.snapshot, ready.model
    texts = [query_texts(snapshot, text, model.identity) for question in questions if (text := question.text.strip())]
    if texts:
        model.embed_queries(list(chain.from_iterable(texts)))
    names = {name for question in questions for name in (*question.likes, *question.dislikes)}
    films = [vector for name in sorted(names) if (vector := _film_vector(snapshot, name)) is not None]
    snapshot.compare([*(vector_of(parts, model) for parts in texts), *films])


def _film_vector(snapshot: Snapshot, name: str) -> Vector | None:
    """None for what is no id; where an id is wrong, its own answer will say so."""
    try:
        (identity,) = native_names(snapshot, [name])
    except MovieNotFound:
        return None
    return snapshot.vector(identity) if identity in snapshot.columns.rows else None
