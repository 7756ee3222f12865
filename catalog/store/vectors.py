"""Chroma: one collection a generation, an index for nearest neighbours by cosine similarity.

Nothing here is the only copy of anything: a broken index is thrown away and built again from SQLite.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged, ChromaUnreachable, StoreError
from catalog.movie import Movie

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

#: On 65,451 films Chroma's defaults (16, 100, 100) find .978 of the true ten nearest, these .9965.
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


class Place(Protocol):
    """Where collections are kept: a folder for each, or a server for many."""

    @property
    def where(self) -> str:
        """For messages."""

    @property
    def advice(self) -> str:
        """Where to look when it does not do what it must."""

    @property
    def batch(self) -> int | None:
        """Rows a call, where fewer than usual are allowed."""

    def connect(self, *, new: bool) -> "Client":
        """A client, of a `new` place or of one that must be there; raises StoreError."""

    def close(self, client: "Client") -> None:
        """Release what a client holds."""

    def remove(self, name: str) -> None:
        """Delete a collection, if it is there; raises StoreError."""

    def reached(self) -> AbstractContextManager[None]:
        """Errors of the way there as ours."""


class VectorIndex:
    """The collection of one generation."""

    def __init__(self, client: "Client", collection: "Collection", place: Place) -> None:
        self._client = client
        self._collection = collection
        self._place = place
        self._batch = min(BATCH, place.batch or BATCH, client.get_max_batch_size())

    @classmethod
    def create(cls, place: Place, name: str, about: Mapping[str, str | int | bool], expected: int) -> Self:
        """An empty collection, to be filled with `expected` rows.

        Chroma rewrites all its index files after every `sync_threshold` rows; a threshold of exactly
        the rows to come makes it write them once, with the last row, and leaves nothing to replay.
        """
        with _writing(place), _connected(place, new=True) as client:
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
            return cls(client, collection, place)

    @classmethod
    def open(cls, place: Place, name: str) -> Self:
        """The collection of a published generation, or of a private copy of one."""
        with _translated(place), _connected(place, new=False) as client:
            return cls(client, client.get_collection(name, embedding_function=None), place)

    @property
    def where(self) -> str:
        """For messages."""
        return self._place.where

    def close(self) -> None:
        """Release the files, or the connection."""
        self._place.close(self._client)

    def rename(self, name: str, about: Mapping[str, str | int | bool] | None = None) -> None:
        """Give a private copy its own name and description; without one it keeps what it has."""
        with _writing(self._place):
            self._collection.modify(name=name, metadata=None if about is None else dict(about))

    def flush_on_open(self) -> None:
        """Make the next open write what is only in Chroma's log into its index files."""
        with _writing(self._place):
            self._collection.modify(configuration={"hnsw": {"sync_threshold": 2}})

    def put(self, movies: Sequence[Movie], texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Upsert films with the text the model read and its vectors, shape (n, d)."""
        with _writing(self._place):
            for start in range(0, len(movies), self._batch):
                part = slice(start, start + self._batch)
                self._collection.upsert(
                    ids=[movie.id for movie in movies[part]],
                    embeddings=vectors[part],
                    documents=list(texts[part]),
                    metadatas=[metadata(movie) for movie in movies[part]],
                )

    def put_metadata(self, movies: Sequence[Movie]) -> None:
        """Update what is known about films whose text stayed the same."""
        with _writing(self._place):
            for start in range(0, len(movies), self._batch):
                part = movies[start : start + self._batch]
                self._collection.update(ids=[movie.id for movie in part], metadatas=[metadata(movie) for movie in part])

    def remove(self, ids: Sequence[str]) -> None:
        with _writing(self._place):
            for start in range(0, len(ids), self._batch):
                self._collection.delete(ids=list(ids[start : start + self._batch]))

    def count(self) -> int:
        with _translated(self._place):
            return self._collection.count()

    def ids(self) -> set[str]:
        """Every id in the collection."""
        found: set[str] = set()
        with _translated(self._place):
            while part := self._collection.get(include=[], limit=self._place.batch, offset=len(found))["ids"]:
                found.update(part)
                if self._place.batch is None:
                    break
        return found

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The stored vectors, shape (d,), by id; an id whose vector is lost is left out."""
        found: dict[str, NDArray[np.float32]] = {}
        with _translated(self._place):
            for start in range(0, len(ids), self._batch):
                answer = self._collection.get(ids=list(ids[start : start + self._batch]), include=["embeddings"])
                embeddings = answer["embeddings"]
                if embeddings is not None:
                    found.update(zip(answer["ids"], np.asarray(embeddings, dtype=np.float32), strict=True))
        return found

    def described(self, ids: Sequence[str]) -> dict[str, tuple[str | None, dict[str, Any]]]:
        """The stored text and metadata of these films, by id."""
        found: dict[str, tuple[str | None, dict[str, Any]]] = {}
        with _translated(self._place):
            for start in range(0, len(ids), self._batch):
                part = list(ids[start : start + self._batch])
                answer = self._collection.get(ids=part, include=["documents", "metadatas"])
                rows = zip(answer["ids"], answer["documents"] or [], answer["metadatas"] or [], strict=True)
                found.update({identity: (text, dict(metadata or {})) for identity, text, metadata in rows})
        return found

    def nearest(self, vector: NDArray[np.float32], count: int, among: Sequence[str] | None = None) -> list[Neighbour]:
        """The `count` films nearest to a vector, shape (d,), most similar first; equal ones by id.

        `among` restricts the search to these ids, each of which must exist.
        """
        if not np.isfinite(vector).all():
            raise ValueError("the query vector holds NaN or infinity")
        if count <= 0 or (among is not None and not among):
            return []
        with _translated(self._place):
            answer = self._collection.query(
                query_embeddings=np.atleast_2d(vector),
                n_results=count,
                ids=None if among is None else list(among),
                include=["distances"],
            )
        ids, distances = answer["ids"][0], (answer["distances"] or [[]])[0]
        found = [Neighbour(identity, 1.0 - float(distance)) for identity, distance in zip(ids, distances, strict=True)]
        return sorted(found, key=lambda neighbour: (-neighbour.similarity, neighbour.id))


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
def _connected(place: Place, *, new: bool) -> Iterator["Client"]:
    """A client that stays open, unless something goes wrong."""
    client = place.connect(new=new)
    try:
        yield client
    except BaseException:
        place.close(client)
        raise


@contextmanager
def _translated(place: Place) -> Iterator[None]:
    """Chroma's errors as ours."""
    from chromadb.errors import ChromaError

    try:
        with place.reached():
            yield
    except (ChromaError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        code = re.search(r"\(code: (\d+)\)", reason)
        if code and int(code[1]) % 256 in _DISK:
            raise StoreError(f"{place.where}: Chroma says: {reason}; {place.advice}") from error
        raise CatalogDamaged(f"{place.where}: Chroma says: {reason}; run 'ingest verify --repair'") from error


@contextmanager
def _writing(place: Place) -> Iterator[None]:
    """The same while nobody reads it yet: nothing of value is damaged, most likely the disk is full.

    After a write that failed, Chroma's next call may hang: close, and leave the process.
    """
    try:
        with _translated(place):
            yield
    except ChromaUnreachable:
        raise
    except StoreError as error:
        advice = f"{place.advice}, then run ingest again, perhaps with --rebuild"
        raise StoreError(f"{place.where}: Chroma could not write: {error.__cause__}; {advice}") from error
