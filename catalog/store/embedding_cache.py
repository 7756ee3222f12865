"""Every vector ever computed, in our own SQLite: what makes a kill, a rebuild and a return cheap."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from catalog.arrays import Floats
from catalog.errors import MEND, CatalogDamaged, StoreError
from catalog.identity import ModelIdentity
from catalog.store.files import disk_errors
from catalog.store.sqlite import BATCH, check, connect, connect_shared, marked, set_aside, translated
from catalog.store.vectors.by_row import unit_vectors

#: Rows read at once of a damaged file: the last ones before the damage are lost.
_SALVAGED = 10

#: Of the file: from this one on, every vector has its checksum.
_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS models (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS vectors (
    model INTEGER NOT NULL REFERENCES models,
    text_digest BLOB NOT NULL,
    vector BLOB NOT NULL,
    checksum BLOB,
    UNIQUE (model, text_digest)
);
"""


class _Row(NamedTuple):
    """A vector as it is stored; what a flipped bit did to a value's type is undone by casts."""

    number: int
    key: str | None
    """Of the model."""
    digest: bytes
    """Of the text."""
    vector: bytes
    checksum: bytes | None


class VectorCache:
    """Every vector ever computed, by model identity and text: only the writer writes it.

    A batch is on disk, synced, before `put` returns: that is the moment at which work is
    acknowledged, and from which a killed run goes on. A vector that is not what was put, by its
    checksum, is as good as not there: it is embedded again.
    """

    def __init__(self, path: Path, *, reading: bool = False, way_back: str = MEND) -> None:
        """Open or create; for `reading` beside the writer, it must exist. `way_back` is for messages of damage."""
        self.path = path
        self._way_back = way_back
        self._connection = connect_shared(path) if reading else connect(path)
        try:
            with self._translated():
                if not reading:
                    self._connection.execute("PRAGMA journal_mode = WAL")
                    self._connection.execute("PRAGMA synchronous = FULL")
                    self._connection.executescript(_SCHEMA)
                self._is_older = self._connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION
                columns = {row[1] for row in self._connection.execute("PRAGMA table_info(vectors)")}
            self._checksum = "CAST(checksum AS BLOB)" if "checksum" in columns else "NULL"
            if self._is_older and not reading:
                self._add_checksums()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def get(self, identity: ModelIdentity, digests: Sequence[bytes]) -> dict[bytes, Floats]:
        """The vectors, shape (d,), of those texts that are known, by digest."""
        return dict(self._known(identity, digests))

    def known(self, identity: ModelIdentity, digests: Sequence[bytes]) -> set[bytes]:
        """Which of these texts have a vector."""
        return {digest for digest, _ in self._known(identity, digests)}

    def put(self, identity: ModelIdentity, vectors: Mapping[bytes, Floats]) -> None:
        """Keep vectors, shape (d,), by the digest of their text."""
        rows = (
            _Row(-1, identity.key, digest, vector.astype(np.float32, copy=False).tobytes(), None)
            for digest, vector in vectors.items()
        )
        with self._translated(), self._connection:
            self._insert("REPLACE", [(identity.key, identity.name)], rows)

    def drop(self, identity: ModelIdentity, digests: Sequence[bytes]) -> None:
        """Forget the vectors of these texts."""
        with self._translated(), self._connection:
            self._connection.executemany(
                "DELETE FROM vectors WHERE model = (SELECT number FROM models WHERE key = ?) AND text_digest = ?",
                ((identity.key, digest) for digest in digests),
            )

    def add_all(self, other: Path, batch: int = BATCH) -> None:
        """Take over what another cache holds, a backup's, batch by batch; raises CatalogDamaged where it is broken."""
        self.drop_damaged()
        with closing(VectorCache(other, reading=True, way_back="take another backup")) as source:
            with source._translated():
                models = source._connection.execute("SELECT key, name FROM models").fetchall()
            for part in source._rows(batch):
                with self._connection:
                    self._insert("IGNORE", models, (row for row, _ in source._sound(part)))

    def damaged(self) -> int:
        """How many vectors are not what was put."""
        return sum(len(part) - len(list(self._sound(part))) for part in self._rows())

    def drop_damaged(self) -> int:
        """Forget the vectors that are not what was put; returns how many."""
        with self._translated(), self._connection:
            self._connection.execute("REINDEX")  # what is found under a flipped digest cannot be deleted before
        dropped = 0
        for part in self._rows():
            sound = {row.number for row, _ in self._sound(part)}
            gone = [(row.number,) for row in part if row.number not in sound]
            with self._translated(), self._connection:
                self._connection.executemany("DELETE FROM vectors WHERE rowid = ?", gone)
            dropped += len(gone)
        return dropped

    def check(self) -> None:
        """Raise CatalogDamaged if SQLite finds the file damaged."""
        check(self._connection, self.path, self._way_back)

    def _known(self, identity: ModelIdentity, digests: Sequence[bytes]) -> Iterator[tuple[bytes, Floats]]:
        for marks, part in marked(digests):
            chosen = f"key = ? AND length(CAST(vector AS BLOB)) = ? AND text_digest IN ({marks})"
            for row, vector in self._sound(self._select(chosen, identity.key, 4 * identity.dimension, *part)):
                yield row.digest, vector

    def _sound(self, rows: Iterable[_Row]) -> Iterator[tuple[_Row, Floats]]:
        """Those rows whose vector is what was put, by its checksum; and has numbers, and length 1, for older ones."""
        for (key, size), group in groupby(rows, lambda row: (row.key, len(row.vector))):
            if key is None or not size or size % 4:
                continue
            alike = list(group)
            vectors = np.frombuffer(b"".join(row.vector for row in alike), np.float32).reshape(len(alike), -1)
            for row, vector, is_unit in zip(alike, vectors, unit_vectors(vectors), strict=True):
                if is_unit and (row.checksum == _checksum(row) or (self._is_older and row.checksum is None)):
                    yield row, vector

    def _add_checksums(self) -> None:
        """Give the vectors of an older file their checksums, in one transaction: those that can be vectors at all."""
        with self._translated(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            if self._checksum == "NULL":
                self._connection.execute("ALTER TABLE vectors ADD COLUMN checksum BLOB")
            for part in self._rows():
                sound = [(_checksum(row), row.number) for row, _ in self._sound(part)]
                self._connection.executemany("UPDATE vectors SET checksum = ? WHERE rowid = ?", sound)
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")
        self._checksum, self._is_older = "CAST(checksum AS BLOB)", False
        self.drop_damaged()

    def _insert(self, otherwise: str, models: Sequence[tuple[str, str]], rows: Iterable[_Row]) -> None:
        """Insert models, and vectors with their checksums; what is there already is kept, or replaced."""
        self._connection.executemany("INSERT OR IGNORE INTO models (key, name) VALUES (?, ?)", models)
        self._connection.executemany(
            f"INSERT OR {otherwise} INTO vectors (model, text_digest, vector, checksum)"  # noqa: S608
            " SELECT number, ?, ?, ? FROM models WHERE key = ?",
            ((row.digest, row.vector, _checksum(row), row.key) for row in rows),
        )

    def _rows(self, batch: int = BATCH) -> Iterator[list[_Row]]:
        """Everything that is stored, in batches."""
        last = -1
        while part := self._select("vectors.rowid > ? ORDER BY vectors.rowid LIMIT ?", last, batch):
            yield part
            last = part[-1].number

    def _select(self, condition: str, *values: object) -> list[_Row]:
        digest, vector = (f"coalesce(CAST({name} AS BLOB), x'')" for name in ("text_digest", "vector"))
        columns = f"vectors.rowid, key, {digest}, {vector}, {self._checksum}"
        with self._translated():
            rows = self._connection.execute(
                f"SELECT {columns} FROM vectors LEFT JOIN models ON number = model WHERE {condition}",  # noqa: S608
                values,
            ).fetchall()
        return [_Row(*row) for row in rows]

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self.path, self._way_back)


def _checksum(row: _Row) -> bytes:
    """Of model, text and vector together: a vector in another one's row is noticed too."""
    return blake2b(b"".join((str(row.key).encode(), b"\0", row.digest, row.vector)), digest_size=8).digest()


def has_checksums(path: Path) -> bool:
    """Whether a cache can be opened, and is one of this version."""
    try:
        with closing(VectorCache(path, reading=True)) as cache:
            return not cache._is_older
    except StoreError:
        return False


def set_aside_if_damaged(path: Path) -> bool:
    """Rename a damaged cache, so that a new one takes its place, with what can still be read; whether it was."""
    try:
        with closing(VectorCache(path)) as cache:
            cache.check()
            cache.damaged()  # a name that is no UTF-8 any more shows only when it is read
    except CatalogDamaged:
        with disk_errors(path):
            aside = set_aside(path)
        with closing(VectorCache(path)) as cache, suppress(CatalogDamaged):
            cache.add_all(aside, _SALVAGED)
        return True
    return False
