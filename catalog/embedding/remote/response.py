"""What an embedding endpoint answers, in its four shapes, and what of it is refused. Nothing here touches a network."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Vectors
from catalog.errors import ModelError


def read_vectors(answer: object, count: int) -> Vectors:
    """Turn decoded JSON into `count` unit vectors, shape (count, d), in the order of the texts.

    Understood are `[[...], ...]` (text-embeddings-inference, custom handlers), `{"embeddings": [[...], ...]}` (the task
    sentence-embeddings) and `{"data": [{"index": i, "embedding": [...]}, ...]}` (OpenAI), the last in any order.

    Raises ModelError for another shape, another number of vectors, vectors of tokens instead of texts, and for what is
    not a finite number or has no direction.
    """
    rows = _rows(answer)
    if len(rows) != count:
        raise ModelError(f"the endpoint answers {len(rows)} vectors to {count} texts")
    try:
        table = np.asarray(rows)
    except ValueError:
        table = np.empty(0, dtype=object)  # rows of different lengths
    if table.ndim == 3 or _depth(rows) > 2:
        raise ModelError(
            "the endpoint answers a vector for each token instead of each text: deploy it for sentence embeddings,"
            " with mean pooling"
        )
    if table.ndim != 2 or table.dtype.kind not in "fiu" or table.shape[1] == 0:
        raise ModelError("the endpoint answers something other than one list of numbers for each text")
    return unit(table.astype(np.float64))


def unit(table: NDArray[np.float64]) -> Vectors:
    """Scale rows to length 1, as float32. Raises ModelError for NaN, infinity and rows of zeros."""
    if not np.isfinite(table).all():
        raise ModelError("the endpoint answers NaN or infinity; a model in float16 may need float32 or bfloat16")
    largest = np.abs(table).max(axis=1, keepdims=True)
    if not largest.all():
        raise ModelError("the endpoint answers a vector of zeros, which has no direction")
    scaled = table / largest  # so that no square overflows
    vectors: Vectors = (scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def _rows(answer: object) -> Sequence[object]:
    match answer:
        case [*rows] | {"embeddings": [*rows]}:
            return rows
        case {"data": [*items]}:
            return _ordered(items)
        case {"error": words}:
            raise ModelError(f"the endpoint answers an error: {str(words)[:200]}")
    raise ModelError("the endpoint answers something that holds no vectors; does embedding.remote.kind fit it?")


def _ordered(items: Sequence[object]) -> Sequence[object]:
    """Sort OpenAI's items by index: servers that work in parallel send them as they come."""
    rows: dict[object, object] = {}
    for item in items:
        match item:
            case {"index": int(index), "embedding": embedding}:
                rows[index] = embedding
            case _:
                raise ModelError("the endpoint answers an item without index or embedding")
    if set(rows) != set(range(len(items))):
        raise ModelError("the endpoint answers items whose indices do not count from 0 upwards")
    return [rows[index] for index in range(len(items))]


def _depth(value: object) -> int:
    """How deep lists are nested, followed along the first item."""
    depth = 0
    while isinstance(value, list) and value:
        depth, value = depth + 1, value[0]
    return depth
