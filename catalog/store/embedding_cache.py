"""Every vector ever computed, in our own SQLite: what makes a kill, a rebuild and a return cheap."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged
from catalog.identity import ModelIdentity
from catalog.store.files import disk_errors
from catalog.store.sqlite import connect, connect_shared, marked, set_aside, translated

_WAY_BACK = "run 'ingest verify --repair'"

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
    """Every vector ever computed, by model identity and text: only the writer writes it.

    A batch is on disk, synced, before `put` returns: that is the moment at which work is
    acknowledged, and from which a killed run goes on.
    """

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        """Open or create; for `reading` beside the writer, it must exist."""
        self.path = path
        self._connection = connect_shared(path) if reading else connect(path)
        if reading:
            return
        try:
            with self._translated():
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.executescript(_SCHEMA)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def get(self, identity: ModelIdentity, digests: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """The vectors, shape (d,), of those texts that are known, by digest."""
        model = self._model(identity)
        found: dict[bytes, NDArray[np.float32]] = {}
        with self._translated():
            for marks, part in marked(digests):
                rows = self._connection.execute(
                    f"SELECT text_digest, vector FROM vectors"  # noqa: S608
                    f" WHERE model = ? AND length(vector) = ? AND text_digest IN ({marks})",
                    (model, 4 * identity.dimension, *part),
                )
                found.update({digest: np.frombuffer(vector, np.float32) for digest, vector in rows})
        return found

    def known(self, identity: ModelIdentity, digests: Sequence[bytes]) -> set[bytes]:
        """Which of these texts have a vector."""
        model = self._model(identity)
        found: set[bytes] = set()
        with self._translated():
            for marks, part in marked(digests):
                rows = self._connection.execute(
                    f"SELECT text_digest FROM vectors"  # noqa: S608
                    f" WHERE model = ? AND length(vector) = ? AND text_digest IN ({marks})",
                    (model, 4 * identity.dimension, *part),
                )
                found.update(row[0] for row in rows)
        return found

    def put(self, identity: ModelIdentity, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep vectors, shape (d,), by the digest of their text."""
        with self._translated(), self._connection:
            self._connection.execute(
                "INSERT OR IGNORE INTO models (key, name) VALUES (?, ?)", (identity.key, identity.name)
            )
        model = self._model(identity)
        rows = [(model, digest, vector.astype(np.float32, copy=False).tobytes()) for digest, vector in vectors.items()]
        with self._translated(), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    def count(self, identity: ModelIdentity) -> int:
        model = self._model(identity)
        with self._translated():
            row = self._connection.execute("SELECT count(*) FROM vectors WHERE model = ?", (model,)).fetchone()
        return int(row[0])

    def add_all(self, other: Path) -> None:
        """Take over what another cache holds, a backup's; raises CatalogDamaged if that one is broken."""
        with translated(other, "take another backup"):
            self._connection.execute("ATTACH ? AS other", (str(other),))
            try:
                with self._connection:
                    self._connection.execute(
                        "INSERT OR IGNORE INTO models (key, name) SELECT key, name FROM other.models"
                    )
                    self._connection.execute(
                        "INSERT OR IGNORE INTO vectors SELECT ours.number, text_digest, vector FROM other.vectors"
                        " JOIN other.models AS theirs ON theirs.number = model"
                        " JOIN models AS ours ON ours.key = theirs.key"
                    )
            finally:
                self._connection.execute("DETACH other")

    def check(self) -> None:
        """Raise CatalogDamaged if SQLite finds the file damaged."""
        with self._translated():
            answer = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if answer != "ok":
            raise CatalogDamaged(f"{self.path}: is damaged ({answer}); {_WAY_BACK}")

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self.path, _WAY_BACK)

    def _model(self, identity: ModelIdentity) -> int:
        """The number of a model; -1 if no vector of it was ever kept."""
        with self._translated():
            row = self._connection.execute("SELECT number FROM models WHERE key = ?", (identity.key,)).fetchone()
        return -1 if row is None else int(row[0])


def set_aside_if_damaged(path: Path) -> bool:
    """Rename a damaged cache, so that a new one takes its place; whether it was."""
    try:
        with closing(VectorCache(path)) as cache:
            cache.check()
    except CatalogDamaged:
        with disk_errors(path):
            set_aside(path)
        return True
    return False
