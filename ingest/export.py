"""The catalog as a file that anybody can read, and that `ingest` takes back unchanged."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from catalog.errors import StoreError, UsageError
from catalog.extras import require
from catalog.movie import FIELDS, LIST_FIELDS, Movie
from catalog.store.snapshot import Snapshot

_ROWS = 1000
_NUMBERS = {"year": "int32", "runtime": "int32", "votes": "int64", "rating": "float64"}


def export(snapshot: Snapshot, target: str, *, vectors: bool = False) -> int:
    """Write all films to a .jsonl or .parquet file, or as JSON lines to stdout ("-"); returns how many.

    `vectors` adds each movie's embedding as a list of numbers. A file appears when it is complete.
    Raises UsageError for another kind of file, StoreError if it cannot be written.
    """
    path = Path(target)
    if target == "-":
        _write_lines(_rows(snapshot, vectors=vectors), sys.stdout)
    elif path.suffix in (".jsonl", ".ndjson"):
        with _appearing(path) as new, new.open("w", encoding="utf-8") as file:
            _write_lines(_rows(snapshot, vectors=vectors), file)
    elif path.suffix == ".parquet":
        with _appearing(path) as new:
            _write_parquet(snapshot, new, vectors=vectors)
    else:
        raise UsageError(f"{target}: name a .jsonl or .parquet file, or - for JSON lines on stdout")
    return snapshot.info.films


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """A file beside, which takes the place of `path` at the end."""
    new = path.with_name(f"{path.name}.new")
    try:
        yield new
        new.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}; check the free space and the folder") from error
    finally:
        new.unlink(missing_ok=True)


def _rows(snapshot: Snapshot, *, vectors: bool) -> Iterator[dict[str, Any]]:
    for entries in snapshot.movies.entries():
        for entry in entries:
            row = flat(entry.movie)
            if vectors:
                row["embedding"] = _numbers(snapshot.vectors[entry.row])
            yield row


def flat(movie: Movie) -> dict[str, Any]:
    """A movie as one row: its own fields, and beside them the columns that were kept as `extra`."""
    row = movie.to_dict()
    extra: Mapping[str, Any] = row.pop("extra", {})
    return {**extra, **row}


def _numbers(vector: NDArray[np.float32]) -> list[float]:
    """The shortest decimals that read back as the same float32."""
    return [float(str(component)) for component in vector]


def _write_lines(rows: Iterator[dict[str, Any]], file: TextIO) -> None:
    file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write_parquet(snapshot: Snapshot, path: Path, *, vectors: bool) -> None:
    require("parquet", f"{path}: Parquet")

    import pyarrow
    from pyarrow.parquet import ParquetWriter

    sites, extra = _names(snapshot)
    kinds = {name: getattr(pyarrow, kind)() for name, kind in _NUMBERS.items()}
    schema = [(name, pyarrow.string()) for name in extra]
    for name in FIELDS:
        if name in LIST_FIELDS:
            schema.append((name, pyarrow.list_(pyarrow.string())))
        elif name == "external_ids" and sites:
            schema.append((name, pyarrow.struct([(site, pyarrow.string()) for site in sites])))
        elif name not in ("external_ids", "extra"):
            schema.append((name, kinds.get(name, pyarrow.string())))
    if vectors:
        schema.append(("embedding", pyarrow.list_(pyarrow.float32())))
    rows = _rows(snapshot, vectors=vectors)
    with ParquetWriter(path, pyarrow.schema(schema), compression="zstd") as writer:
        while part := [_as_text(row, extra) for row in islice(rows, _ROWS)]:
            writer.write_table(pyarrow.Table.from_pylist(part, schema=pyarrow.schema(schema)))


def _names(snapshot: Snapshot) -> tuple[list[str], list[str]]:
    """The sites and the further columns that occur: a table must know its columns beforehand."""
    sites: set[str] = set()
    extra: set[str] = set()
    for entries in snapshot.movies.entries():
        for entry in entries:
            sites.update(entry.movie.external_ids)
            extra.update(entry.movie.extra)
    return sorted(sites), sorted(extra - set(FIELDS))


def _as_text(row: dict[str, Any], extra: list[str]) -> dict[str, Any]:
    """Further columns hold anything in JSON, but a table's column holds one kind: text, or JSON as text."""
    texts = {
        name: row[name] if isinstance(row[name], str) else json.dumps(row[name], ensure_ascii=False)
        for name in extra
        if name in row
    }
    return {**row, **texts}
