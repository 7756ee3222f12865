"""Chroma: one collection a generation, the index of nearest neighbours by cosine similarity that every search asks.

A row of it has the id, the vector, the title and the year of a movie: whoever opens it with Chroma alone finds the
rest in the catalog. Or it has the vector of a passage of a long story, and says of which film it is which passage.
Nothing here is the only copy of anything: a broken index is thrown away and built again from SQLite.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from catalog.errors import MEND, CatalogDamaged, ChromaUnreachable, StoreError
from catalog.movie import Movie
from catalog.store.chroma.schema import refuse_foreign_schema
from catalog.store.chroma.server import NOT_UNDERSTOOD

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

#: On 65,451 films, asked for 300, these find .998 of the true ten nearest and .968 of the 300; (24, 100, 500) take a
#: quarter longer for .997 and .975, and 30 % less time to build; Chroma's defaults (16, 100, 100) find .978.
_NEIGHBOURS, _EF_CONSTRUCTION, _EF_SEARCH = 32, 200, 300

#: A larger graph is searched more widely: of a million the ten nearest are found to .988 with 300 and to .994 with 500,
#: which takes 2.6 ms more.
_MEASURED_ROWS, _GROWTH = 65_451, 0.2

#: SQLite's codes for a read-only file, an input or output error, a full disk, a file that does not open.
_DISK = (8, 10, 13, 14)

#: Rows a call: Chroma takes 5,461 at most, and each call is a transaction of its SQLite.
BATCH = 5000

#: Ids a call: of 200,000 at once an answer holds 100 MB for a moment.
_IDS = 20_000

#: Rows of one answer at most: it costs 10 ms from there on.
MOST_NEAREST = 5000

_PART = "\x1f"
"""Between the id of a film and the number of a passage; no id holds this sign, ASCII's separator of units."""


class Neighbour(NamedTuple):
    """A film near a vector."""

    id: str
    similarity: float
    """Cosine similarity of what is nearest of it, -1 to 1."""


class Backend(Protocol):
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

    def __init__(self, client: "Client", collection: "Collection", backend: Backend) -> None:
        """Raises CatalogDamaged if the collection describes itself as plotseek never would."""
        refuse_foreign_schema(collection, backend.where)
        self._client = client
        self._collection = collection
        self._backend = backend
        self._batch = min(BATCH, backend.batch or BATCH, client.get_max_batch_size())

    @classmethod
    def create(cls, backend: Backend, name: str, about: Mapping[str, str | int | bool], expected: int) -> Self:
        """An empty collection, to be filled with `expected` rows.

        Chroma rewrites all its index files after every `sync_threshold` rows; a threshold of exactly
        the rows to come makes it write them once, with the last row, and leaves nothing to replay.
        """
        with _writing(backend), _connected(backend, new=True) as client:
            collection = client.create_collection(
                name,
                metadata=dict(about),
                embedding_function=None,
                configuration={
                    "hnsw": {
                        "space": "cosine",
                        "max_neighbors": _NEIGHBOURS,
                        "ef_construction": _EF_CONSTRUCTION,
                        "ef_search": _ef_search(expected),
                        "sync_threshold": max(expected, 2),
                        "batch_size": max(min(expected, 100), 2),
                    }
                },
            )
            return cls(client, collection, backend)

    @classmethod
    def open(cls, backend: Backend, name: str) -> Self:
        """The collection of a published generation, or of a private copy of one."""
        with _translated(backend), _connected(backend, new=False) as client:
            return cls(client, client.get_collection(name, embedding_function=None), backend)

    @property
    def where(self) -> str:
        """For messages."""
        return self._backend.where

    def close(self) -> None:
        """Release the files, or the connection."""
        self._backend.close(self._client)

    def rename(self, name: str, about: Mapping[str, str | int | bool] | None = None) -> None:
        """Give a private copy its own name and description; without one it keeps what it has."""
        with _writing(self._backend):
            self._collection.modify(name=name, metadata=None if about is None else dict(about))

    def flush_on_open(self, rows: int) -> None:
        """Make the next open write what is only in Chroma's log into its index files, and search among so many rows."""
        with _writing(self._backend):
            self._collection.modify(configuration={"hnsw": {"sync_threshold": 2, "ef_search": _ef_search(rows)}})

    def put(self, movies: Sequence[Movie], vectors: NDArray[np.float32]) -> None:
        """Upsert movies with their vectors, shape (n, d)."""
        with _writing(self._backend):
            for start in range(0, len(movies), self._batch):
                part = slice(start, start + self._batch)
                self._collection.upsert(
                    ids=[movie.id for movie in movies[part]],
                    embeddings=vectors[part],
                    metadatas=[metadata(movie) for movie in movies[part]],
                )

    def put_passages(self, passages: Sequence[tuple[str, int]], vectors: NDArray[np.float32]) -> None:
        """Upsert passages, each the id of its film and its number there, with their vectors, shape (n, d)."""
        with _writing(self._backend):
            for start in range(0, len(passages), self._batch):
                part = slice(start, start + self._batch)
                self._collection.upsert(
                    ids=[passage_id(*passage) for passage in passages[part]],
                    embeddings=vectors[part],
                    metadatas=[passage_metadata(*passage) for passage in passages[part]],
                )

    def put_metadata(self, movies: Sequence[Movie]) -> None:
        """Update title and year of movies whose text stayed the same."""
        with _writing(self._backend):
            for start in range(0, len(movies), self._batch):
                part = movies[start : start + self._batch]
                self._collection.update(ids=[movie.id for movie in part], metadatas=[metadata(movie) for movie in part])

    def remove(self, ids: Sequence[str]) -> None:
        with _writing(self._backend):
            for start in range(0, len(ids), self._batch):
                self._collection.delete(ids=list(ids[start : start + self._batch]))

    def count(self) -> int:
        with _translated(self._backend):
            return self._collection.count()

    def ids(self) -> set[str]:
        """Every id in the collection."""
        found: set[str] = set()
        with _translated(self._backend):
            page = self._backend.batch or _IDS
            while part := self._collection.get(include=[], limit=page, offset=len(found))["ids"]:
                found.update(part)
        return found

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The stored vectors, shape (d,), by id; an id whose vector is lost is left out."""
        found: dict[str, NDArray[np.float32]] = {}
        with _translated(self._backend):
            for start in range(0, len(ids), self._batch):
                answer = self._collection.get(ids=list(ids[start : start + self._batch]), include=["embeddings"])
                embeddings = answer["embeddings"]
                if embeddings is not None:
                    found.update(zip(answer["ids"], np.asarray(embeddings, dtype=np.float32), strict=True))
        return found

    def described(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The stored metadata of these movies, by id."""
        found: dict[str, dict[str, Any]] = {}
        with _translated(self._backend):
            for start in range(0, len(ids), self._batch):
                answer = self._collection.get(ids=list(ids[start : start + self._batch]), include=["metadatas"])
                pairs = zip(answer["ids"], answer["metadatas"] or [], strict=True)
                found.update({identity: dict(metadata or {}) for identity, metadata in pairs})
        return found

    def nearest(
        self, vector: NDArray[np.float32], count: int, *, whole: bool = False, least: int | None = None
    ) -> list[Neighbour]:
        """The films nearest to a vector, shape (d,), most similar first; equal ones by id; `count` at most.

        By what is nearest of each, itself or a passage; only by themselves if they are to be alike as a `whole`.
        So many rows are asked for, and more only where those are of fewer than `least` films, by default `count`.
        """
        if not np.isfinite(vector).all():
            raise ValueError("the query vector holds NaN or infinity")
        asked = count = min(count, MOST_NEAREST)
        while True:
            rows = self._nearest_rows(vector, asked)
            films: dict[str, float] = {}
            for distance, identity in rows:
                film = film_of(identity)
                if not (whole and film != identity):
                    films.setdefault(film, distance)
            if len(films) >= (count if least is None else least) or len(rows) < asked or asked == MOST_NEAREST:
                return [Neighbour(film, 1.0 - distance) for film, distance in list(films.items())[:count]]
            # As many as these films had rows, and a tenth more.
            asked = min(ceil(1.1 * asked * count / max(len(films), 1)), MOST_NEAREST)

    def _nearest_rows(self, vector: NDArray[np.float32], count: int) -> list[tuple[float, str]]:
        """Distance and id of the nearest rows, the nearest first."""
        with _translated(self._backend):
            answer = self._collection.query(
                query_embeddings=np.atleast_2d(vector), n_results=count, include=["distances"]
            )
            return sorted(zip((answer["distances"] or [[]])[0], answer["ids"][0], strict=True))


def _ef_search(rows: int) -> int:
    """How many rows of the graph a search keeps in view."""
    return round(_EF_SEARCH * float(max(rows / _MEASURED_ROWS, 1.0) ** _GROWTH))


def passage_id(film: str, number: int) -> str:
    """The id of a passage's row."""
    return f"{film}{_PART}{number}"


def film_of(row: str) -> str:
    """The id of the film that a row is, or is a passage of."""
    return row.partition(_PART)[0]


def passage_metadata(film: str, number: int) -> dict[str, str | int]:
    """What any Chroma user can read beside the vector of a passage."""
    return {"film": film, "passage": number}


def metadata(movie: Movie) -> dict[str, str | int | None]:
    """What any Chroma user can read beside the vector.

    A year that is unknown is sent as None, because an upsert merges metadata and would keep the old one.
    """
    return {"title": movie.title, "year": movie.year}


@contextmanager
def _connected(backend: Backend, *, new: bool) -> Iterator["Client"]:
    """A client that stays open, unless something goes wrong."""
    client = backend.connect(new=new)
    try:
        yield client
    except BaseException:
        backend.close(client)
        raise


@contextmanager
def _translated(backend: Backend) -> Iterator[None]:
    """Chroma's errors as ours; of an answer that it does not understand, its client raises whatever comes."""
    try:
        with backend.reached():
            yield
    except _chromas_errors() as error:
        reason = " ".join(str(error).split())[:300]
        code = re.search(r"\(code: (\d+)\)", reason)
        if isinstance(error, OSError) or (code and int(code[1]) % 256 in _DISK):
            raise StoreError(f"{backend.where}: Chroma says: {reason}; {backend.advice}") from error
        raise CatalogDamaged(f"{backend.where}: Chroma says: {reason}; {MEND}") from error


def _chromas_errors() -> tuple[type[Exception], ...]:
    """What Chroma raises; called only where something was raised, since a reader needs nothing else of its client."""
    from chromadb.errors import ChromaError

    return (ChromaError, OSError, *NOT_UNDERSTOOD)


@contextmanager
def _writing(backend: Backend) -> Iterator[None]:
    """Chroma's errors as ours while nobody reads it yet: nothing of value is damaged, most likely the disk is full.

    After a write that failed, Chroma's next call may hang: close, and leave the process.
    """
    try:
        with _translated(backend):
            yield
    except StoreError as error:
        if isinstance(error, ChromaUnreachable) or error.__cause__ is None:
            raise
        advice = f"{backend.advice}, then run ingest again, perhaps with --rebuild"
        raise StoreError(f"{backend.where}: Chroma could not write: {error.__cause__}; {advice}") from error
