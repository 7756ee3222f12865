"""Every vector ever computed, in our own SQLite: what makes a kill, a rebuild and a return cheap."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.identity import ModelIdentity
from catalog.store.sqlite import BATCH, connect, translated

_SCHEMA = """
CREATE TABLE IF NOT EXISTS models (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS vectors (
    model INTEGER NOT NULL REFERENCES models,
    text_digest BLOB NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (model, text_digest)
);
"""


class VectorCache:
    """Every vector ever computed, by model identity and text: only the writer opens it.

    A batch is on disk, synced, before `put` returns: that is the moment at which work is
    acknowledged, and from which a killed run goes on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = connect(path)
        with translated(path):
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        self._connection.close()

    def get(self, identity: ModelIdentity, digests: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """The vectors, shape (d,), of those texts that are known, by digest."""
        model = self._model(identity)
        found: dict[bytes, NDArray[np.float32]] = {}
        with translated(self.path):
            for start in range(0, len(digests), BATCH):
                part = digests[start : start + BATCH]
                marks = ",".join("?" * len(part))
                rows = self._connection.execute(
                    f"SELECT text_digest, vector FROM vectors WHERE model = ? AND text_digest IN ({marks})",  # noqa: S608
                    (model, *part),
                )
                found.update({digest: np.frombuffer(vector, np.float32) for digest, vector in rows})
        return found

    def known(self, identity: ModelIdentity, digests: Sequence[bytes]) -> set[bytes]:
        """Which of these texts have a vector."""
        model = self._model(identity)
        found: set[bytes] = set()
        with translated(self.path):
            for start in range(0, len(digests), BATCH):
                part = digests[start : start + BATCH]
                marks = ",".join("?" * len(part))
                rows = self._connection.execute(
                    f"SELECT text_digest FROM vectors WHERE model = ? AND text_digest IN ({marks})",  # noqa: S608
                    (model, *part),
                )
                found.update(row[0] for row in rows)
        return found

    def put(self, identity: ModelIdentity, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep vectors, shape (d,), by the digest of their text."""
        model = self._model(identity)
        rows = [(model, digest, vector.astype(np.float32, copy=False).tobytes()) for digest, vector in vectors.items()]
        with translated(self.path), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    def count(self, identity: ModelIdentity) -> int:
        model = self._model(identity)
        with translated(self.path):
            row = self._connection.execute("SELECT count(*) FROM vectors WHERE model = ?", (model,)).fetchone()
        return int(row[0])

    def _model(self, identity: ModelIdentity) -> int:
        with translated(self.path), self._connection:
            self._connection.execute(
                "INSERT OR IGNORE INTO models (key, name) VALUES (?, ?)", (identity.key, identity.name)
            )
            row = self._connection.execute("SELECT number FROM models WHERE key = ?", (identity.key,)).fetchone()
        return int(row[0])
