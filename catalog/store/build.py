"""The vector index of a generation, built from its records and its matrix: no model is asked, nothing else is read."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from catalog.movie import Movie, model_text
from catalog.store.chroma_server import ChromaServer
from catalog.store.generations import Generation, GenerationInfo
from catalog.store.matrix import open_matrix
from catalog.store.records import Records
from catalog.store.vectors import BATCH, VectorIndex


def build_index(
    generation: Generation,
    info: GenerationInfo,
    records: Records,
    server: ChromaServer | None,
    tell: Callable[[int], None] = lambda _: None,
) -> None:
    """Fill a new collection; `tell` hears how many films are done. Raises StoreError."""
    place = generation.place(server)
    index = VectorIndex.create(place, generation.collection, about(info), info.films)
    matrix = open_matrix(generation, info)
    start = 0
    try:
        for entries in records.entries(BATCH):
            tell(start)
            movies = [entry.movie for entry in entries]
            put_films(index, movies, np.asarray(matrix[start : start + len(movies)]), info.template)
            start += len(movies)
        if info.films == 1:
            # Chroma's smallest threshold is 2; a single row would be written by the first reader.
            put_films(index, movies, np.asarray(matrix), info.template)
    finally:
        index.close()


def put_films(index: VectorIndex, movies: Sequence[Movie], vectors: NDArray[np.float32], template: str) -> None:
    """Upsert films with their vectors, shape (n, d), and the text that the model read."""
    index.put(movies, [model_text(movie, template) for movie in movies], vectors)


def about(info: GenerationInfo) -> dict[str, str | int | bool]:
    """The collection's own description, for whoever opens it with Chroma alone."""
    return {
        "made_by": "plotseek",
        "model": info.model.name,
        "revision": info.model.revision,
        "dimension": info.model.dimension,
        "max_tokens": info.model.max_tokens,
        "normalized": info.model.normalized,
        "template": info.template,
    }
