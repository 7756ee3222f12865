"""Texts to embed, and vectors of them, in Parquet files that several machines write and one reads.

A file is written under another name, synced and renamed, so that one that is there is whole. One of vectors says of
which model they are, and carries a checksum.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catalog.arrays import Floats, Vectors
from catalog.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow

_MODEL, _CHECKSUM, _TRUNCATED = b"plotseek.model", b"plotseek.checksum", b"plotseek.truncated"


@dataclass(frozen=True, slots=True)
class Shard:
    """Vectors by the digest of their text, and how many of the texts were cut."""

    vectors: dict[bytes, Floats]
    truncated: int


@dataclass(frozen=True, slots=True)
class Shards:
    """The files of one model in a folder that all machines see."""

    folder: Path
    model: str
    """The key of its identity."""

    def write_texts(self, number: int, texts: Mapping[bytes, str]) -> str:
        """Texts by digest; returns the name by which both files are known."""
        import pyarrow

        table = pyarrow.table({"digest": list(texts), "text": list(texts.values())})
        name = f"{number:06d}-{blake2b(b''.join(texts), digest_size=8).hexdigest()}"
        _write(table, self._texts(name))
        return name

    def read_texts(self, name: str) -> dict[bytes, str]:
        """Texts by digest; raises ConfigError where this machine does not see the file."""
        from pyarrow import parquet

        path = self._texts(name)
        if not path.exists():
            raise ConfigError(f"{path}: is not seen on {os.uname().nodename}; name a folder of all with --shards")
        table = parquet.read_table(path)
        return dict(zip(table["digest"].to_pylist(), table["text"].to_pylist(), strict=True))

    def write(self, name: str, digests: list[bytes], vectors: Vectors, truncated: int) -> None:
        """Vectors, shape (texts, d); the texts are no longer needed then."""
        import pyarrow

        flat = pyarrow.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
        rows = pyarrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
        table = pyarrow.table({"digest": pyarrow.array(digests, pyarrow.binary()), "vector": rows})
        said = {
            _MODEL: self.model.encode(),
            _CHECKSUM: _checksum(digests, vectors),
            _TRUNCATED: str(truncated).encode(),
        }
        _write(table.replace_schema_metadata(said), self._vectors(name))
        self._texts(name).unlink(missing_ok=True)

    def read(self, name: str) -> Shard | None:
        """A shard of this model; None for one of another, or that is not what was written."""
        import pyarrow
        from pyarrow import parquet

        try:
            table = parquet.read_table(self._vectors(name))
        except (pyarrow.ArrowException, OSError):
            return None
        said = table.schema.metadata or {}
        digests = table["digest"].to_pylist()
        flat = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        vectors = flat.reshape(len(digests), -1)
        if said.get(_MODEL) != self.model.encode() or said.get(_CHECKSUM) != _checksum(digests, vectors):
            return None
        return Shard(dict(zip(digests, vectors, strict=True)), int(said[_TRUNCATED]))

    def finished(self) -> Iterator[str]:
        """The names of the shards that are there."""
        for path in sorted(self.folder.glob("*.vectors.parquet")):
            yield path.name.removesuffix(".vectors.parquet")

    def remove(self, name: str) -> None:
        """Forget a shard, whose vectors are elsewhere now."""
        self._vectors(name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove what a killed run or actor left; whole shards stay."""
        for pattern in ("*.texts.parquet", "*.tmp"):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    def _texts(self, name: str) -> Path:
        return self.folder / f"{name}.texts.parquet"

    def _vectors(self, name: str) -> Path:
        return self.folder / f"{name}.vectors.parquet"


def _write(table: "pyarrow.Table", path: Path) -> None:
    from pyarrow import parquet

    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with beside.open("wb") as file:
        parquet.write_table(table, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _checksum(digests: list[bytes], vectors: Vectors) -> bytes:
    made = blake2b(b"".join(digests), digest_size=16)
    made.update(np.ascontiguousarray(vectors, dtype=np.float32).data)
    return made.hexdigest().encode()
