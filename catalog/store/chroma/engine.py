"""Chroma's engine as readers of a folder open it: without its Python client.

The engine is `chromadb_rust_bindings`, a part of chromadb. The client around it imports .6 to .9 s of modules
(telemetry, gRPC, embedding functions): whoever asks one question would wait longer for them than for the answer. Names
and order of what the engine takes are those of chromadb 1.5, and the dependency is bound to that.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import chromadb_rust_bindings

_PLACE = ("default_tenant", "default_database")
_OPEN_INDEXES = 16


class Engine:
    """A folder, as `chromadb.PersistentClient` has it: what a reader needs of that."""

    def __init__(self, path: Path) -> None:
        """Raises errors of chromadb.errors, as everything here does."""
        import chromadb_rust_bindings as rust

        sqlite = rust.SqliteDBConfig(
            hash_type=rust.MigrationHash.MD5,
            migration_mode=rust.MigrationMode.Apply,
            url=str(path / "chroma.sqlite3"),
        )
        self._bindings: chromadb_rust_bindings.Bindings | None = rust.Bindings(
            allow_reset=False, sqlite_db_config=sqlite, persist_path=str(path), hnsw_cache_size=_OPEN_INDEXES
        )

    @property
    def bindings(self) -> "chromadb_rust_bindings.Bindings":
        """Raises ValueError once it is closed."""
        if self._bindings is None:
            raise ValueError("the folder is closed")
        return self._bindings

    def get_max_batch_size(self) -> int:
        """Rows a call."""
        return int(self.bindings.get_max_batch_size())

    def get_collection(self, name: str, embedding_function: None = None) -> "EngineCollection":  # noqa: ARG002
        """A collection; the engine knows of no embedding function."""
        return EngineCollection(self, self.bindings.get_collection(name, *_PLACE))

    def close(self) -> None:
        """Release the files."""
        self._bindings = None


class EngineCollection:
    """A collection of it, as `chromadb.Collection` has it."""

    def __init__(self, engine: Engine, described: "chromadb_rust_bindings.Collection") -> None:
        self._engine = engine
        self._described = described
        self._id = str(described.id)

    def get_model(self) -> SimpleNamespace:
        """What is stored about it."""
        return SimpleNamespace(
            name=self._described.name,
            configuration_json=self._described.configuration,
            serialized_schema=self._described.schema,
            metadata=self._described.metadata,
        )

    def count(self) -> int:
        return int(self._engine.bindings.count(self._id, *_PLACE))

    def get(
        self,
        ids: Sequence[str] | None = None,
        *,
        include: Sequence[str],
        limit: int | None = None,
        offset: int = 0,
    ) -> Mapping[str, Any]:
        """Rows of these ids, or a page of all."""
        wanted = None if ids is None else list(ids)
        found = self._engine.bindings.get(self._id, wanted, None, limit, offset, None, list(include), *_PLACE)
        return {"ids": found.ids, "embeddings": found.embeddings, "metadatas": found.metadatas}

    def query(
        self, *, query_embeddings: NDArray[np.float32], n_results: int, include: Sequence[str]
    ) -> Mapping[str, Any]:
        """Rows nearest to vectors, shape (n, d)."""
        found = self._engine.bindings.query(
            self._id, None, list(query_embeddings), n_results, None, None, list(include), *_PLACE
        )
        return {"ids": found.ids, "distances": found.distances}
