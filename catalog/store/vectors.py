"""Chroma: one collection a generation, an index for nearest neighbours by cosine similarity.

Nothing here is the only copy of anything: a broken index is thrown away and built again from SQLite.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged, StoreError
from catalog.movie import Movie

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

#: On 65,451 films Chroma's defaults (16, 100, 100) find .978 of the true ten nearest, these .999.
_NEIGHBOURS, _EF_CONSTRUCTION, _EF_SEARCH = 24, 100, 500

#: SQLite's codes for a read-only file, an input or output error, a full disk, a file that does not open.
_DISK = (8, 10, 13, 14)

#: Rows a call: Chroma takes 5,461 at most. Each call is a transaction of its SQLite, whose full-text index and
#: metadata cost more than the vectors: 65,451 films take 97 s in calls of 5,000 and 255 s in calls of 1,000.
BATCH = 5000


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A film near a vector."""

    id: str
    similarity: float
    """Cosine similarity, -1 to 1."""


class VectorIndex:
    """The collection of one generation."""

    def __init__(self, client: "Client", collection: "Collection", where: str) -> None:
        self._client = client
        self._collection = collection
        self.where = where

    @classmethod
    def create(cls, folder: Path, name: str, about: Mapping[str, str | int | bool], expected: int) -> Self:
        """An empty collection in a new folder, to be filled with `expected` rows.

        Chroma rewrites all its index files after every `sync_threshold` rows; a threshold of exactly
        the rows to come makes it write them once, with the last row, and leaves nothing to replay.
        """
        with _writing(str(folder)):
            client = _connect(folder)
            collection = client.create_collection(
                name,
                metadata=dict(about),
                embedding_function=None,
                configuration={
                    "hnsw": {
                        "space": "cosine",
                        "max_neighbors": _NEIGHBOURS,
                        "ef_construction": _EF_CONSTRUCTION,
                        "ef_search": _EF_SEARCH,
                        "sync_threshold": max(expected, 2),
                        "batch_size": max(min(expected, 100), 2),
                    }
                },
            )
        return cls(client, collection, str(folder))

    @classmethod
    def open(cls, folder: Path, name: str) -> Self:
        """The collection of a published generation, or of a private copy of one."""
        if not (folder / "chroma.sqlite3").exists():
            raise CatalogDamaged(f"{folder}: the vector index is missing; run 'ingest verify --repair'")
        if not (os.access(folder, os.W_OK) and os.access(folder / "chroma.sqlite3", os.W_OK)):
            raise StoreError(f"{folder}: is read-only, and Chroma writes even to read; let this user write there")
        with _translated(str(folder)):
            client = _connect(folder)
            try:
                collection = client.get_collection(name, embedding_function=None)
            except BaseException:
                client.close()
                raise
        return cls(client, collection, str(folder))

    def close(self) -> None:
        """Release the folder's files."""
        self._client.close()

    def rename(self, name: str, about: Mapping[str, str | int | bool] | None = None) -> None:
        """Give a private copy its own name and description; without one it keeps what it has."""
        with _writing(self.where):
            self._collection.modify(name=name, metadata=None if about is None else dict(about))

    def flush_on_open(self) -> None:
        """Make the next open write what is only in Chroma's log into its index files."""
        with _writing(self.where):
            self._collection.modify(configuration={"hnsw": {"sync_threshold": 2}})

    def put(self, movies: Sequence[Movie], texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Upsert films with the text the model read and its vectors, shape (n, d)."""
        with _writing(self.where):
            for start in range(0, len(movies), BATCH):
                part = slice(start, start + BATCH)
                self._collection.upsert(
                    ids=[movie.id for movie in movies[part]],
                    embeddings=vectors[part],
                    documents=list(texts[part]),
                    metadatas=[metadata(movie) for movie in movies[part]],
                )

    def put_metadata(self, movies: Sequence[Movie]) -> None:
        """Update what is known about films whose text stayed the same."""
        with _writing(self.where):
            for start in range(0, len(movies), BATCH):
                part = movies[start : start + BATCH]
                self._collection.update(ids=[movie.id for movie in part], metadatas=[metadata(movie) for movie in part])

    def remove(self, ids: Sequence[str]) -> None:
        with _writing(self.where):
            for start in range(0, len(ids), BATCH):
                self._collection.delete(ids=list(ids[start : start + BATCH]))

    def count(self) -> int:
        with _translated(self.where):
            return self._collection.count()

    def ids(self) -> set[str]:
        """Every id in the collection."""
        with _translated(self.where):
            return set(self._collection.get(include=[])["ids"])

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The stored vectors, shape (d,), by id; an id whose vector is lost is left out."""
        found: dict[str, NDArray[np.float32]] = {}
        with _translated(self.where):
            for start in range(0, len(ids), BATCH):
                answer = self._collection.get(ids=list(ids[start : start + BATCH]), include=["embeddings"])
                embeddings = answer["embeddings"]
                if embeddings is not None:
                    found.update(zip(answer["ids"], np.asarray(embeddings, dtype=np.float32), strict=True))
        return found

    def described(self, ids: Sequence[str]) -> dict[str, tuple[str | None, dict[str, Any]]]:
        """The stored text and metadata of these films, by id."""
        with _translated(self.where):
            answer = self._collection.get(ids=list(ids), include=["documents", "metadatas"])
        rows = zip(answer["ids"], answer["documents"] or [], answer["metadatas"] or [], strict=True)
        return {identity: (text, dict(metadata or {})) for identity, text, metadata in rows}

    def nearest(self, vector: NDArray[np.float32], count: int, among: Sequence[str] | None = None) -> list[Neighbour]:
        """The `count` films nearest to a vector, shape (d,), most similar first; equal ones by id.

        `among` restricts the search to these ids, each of which must exist.
        """
        if not np.isfinite(vector).all():
            raise ValueError("the query vector holds NaN or infinity")
        if count <= 0 or (among is not None and not among):
            return []
        with _translated(self.where):
            answer = self._collection.query(
                query_embeddings=np.atleast_2d(vector),
                n_results=count,
                ids=None if among is None else list(among),
                include=["distances"],
            )
        ids, distances = answer["ids"][0], (answer["distances"] or [[]])[0]
        found = [Neighbour(identity, 1.0 - float(distance)) for identity, distance in zip(ids, distances, strict=True)]
        return sorted(found, key=lambda neighbour: (-neighbour.similarity, neighbour.id))


def _connect(folder: Path) -> "Client":
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    return cast("Client", client)  # declared as its interface, which has no close()


def metadata(movie: Movie) -> dict[str, Any]:
    """What any Chroma user can read beside the vector and the document, which holds the plot.

    A key without a value is sent as None, because an upsert merges metadata and would keep the old value.
    Years are always int and ratings always float: Chroma compares the two by truncation.
    """
    return {
        "title": movie.title,
        "original_title": movie.original_title,
        "year": movie.year,
        "genres": list(movie.genres) or None,
        "directors": list(movie.directors) or None,
        "languages": list(movie.languages) or None,
        "countries": list(movie.countries) or None,
        "rating": None if movie.rating is None else float(movie.rating),
        "votes": movie.votes,
        "external_ids": [f"{name}:{identity}" for name, identity in movie.external_ids.items()] or None,
    }


@contextmanager
def _translated(where: str) -> Iterator[None]:
    """Chroma's errors as ours."""
    from chromadb.errors import ChromaError

    try:
        yield
    except (ChromaError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        code = re.search(r"\(code: (\d+)\)", reason)
        if code and int(code[1]) % 256 in _DISK:
            advice = "check the free space and the folder's permissions"
            raise StoreError(f"{where}: Chroma says: {reason}; {advice}") from error
        raise CatalogDamaged(f"{where}: Chroma says: {reason}; run 'ingest verify --repair'") from error


@contextmanager
def _writing(where: str) -> Iterator[None]:
    """The same in a private folder: nothing of value is damaged, most likely the disk is full.

    After a write that failed, Chroma's next call may hang: close, and leave the process.
    """
    try:
        with _translated(where):
            yield
    except StoreError as error:
        advice = "check the free space and the folder's permissions, then run ingest again, perhaps with --rebuild"
        raise StoreError(f"{where}: Chroma could not write: {error.__cause__}; {advice}") from error
