"""Real rows with real faults in every format: each becomes a film or is refused by name.

    python -m benchmarks.dirty ROWS.jsonl

A line of ROWS is {"issue": ..., "source": ..., "row": {...}}. The rows of each source are written as one file in each
format, as that source would export them.
"""

import argparse
import bz2
import csv
import gzip
import json
import lzma
import sys
import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from catalog.errors import SourceError
from ingest.mapping.mapper import detect
from ingest.readers.source import open_rows
from ingest.sync.rejects import Refusals, RowReader
from ingest.sync.row_cache import Before

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Rows = Sequence[Mapping[str, Any]]


def as_array(rows: Rows, path: Path) -> None:
    path.write_text(json.dumps(rows), encoding="utf-8")


def as_lines(rows: Rows, path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def as_table(rows: Rows, path: Path, delimiter: str = ",") -> None:
    with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), delimiter=delimiter)
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def as_tabs(rows: Rows, path: Path) -> None:
    as_table(rows, path, "\t")


def as_parquet(rows: Rows, path: Path) -> None:
    import pyarrow
    from pyarrow.parquet import write_table

    names = dict.fromkeys(name for row in rows for name in row)
    write_table(pyarrow.table({name: [_cell(row.get(name)) for row in rows] for name in names}), path)


def _cell(value: object) -> str | None:
    """A table's column holds texts: lists and objects as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def packed(pack: Callable[[bytes], bytes]) -> Callable[[Rows, Path], None]:
    def write(rows: Rows, path: Path) -> None:
        as_lines(rows, path)
        path.write_bytes(pack(path.read_bytes()))

    return write


def as_zip(rows: Rows, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("films.json", json.dumps(rows))


FORMATS: Mapping[str, Callable[[Rows, Path], None]] = {
    "array": as_array,
    "lines": as_lines,
    "csv": as_table,
    "tsv": as_tabs,
    "parquet": as_parquet,
    "gz": packed(gzip.compress),
    "bz2": packed(bz2.compress),
    "xz": packed(lzma.compress),
    "zst": packed(zstd.compress),
    "zip": as_zip,
}


def read(path: Path) -> Counter[str]:
    """How many rows became what; a file without titles or plots is refused as a whole."""
    found: Counter[str] = Counter()
    try:
        with open_rows(str(path)) as source, Refusals(None) as refusals:
            reading = RowReader(source, detect(source.peek()), refusals, None, Before())
            found["films"] = sum(1 for _ in reading)
            found |= Counter({"rows": reading.read, "refused": refusals.count, "repaired": reading.repaired})
    except SourceError:
        found["files refused"] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    options = parser.parse_args()
    sources: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in options.rows.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        sources[entry["source"]].append(entry["row"])
    print(f"{sum(map(len, sources.values()))} rows of {len(sources)} sources\n")
    print(
        "| format | rows read | films | refused by name | texts repaired | files refused |\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, write in FORMATS.items():
            total: Counter[str] = Counter()
            for number, rows in enumerate(sources.values()):
                path = Path(folder) / f"{number}.{name}"
                write(rows, path)
                total += read(path)
            assert total["films"] + total["refused"] == total["rows"]
            figures = [total[what] for what in ("rows", "films", "refused", "repaired", "files refused")]
            print("|", " | ".join(map(str, [name, *figures])), "|")


if __name__ == "__main__":
    main()
