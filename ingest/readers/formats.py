"""Bytes -> rows: which format and encoding a file is in, told by its content."""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import PurePath

from catalog.errors import SourceError
from ingest.readers.compression import Content, seekable
from ingest.readers.csv import Dialect, detect_dialect, read_csv
from ingest.readers.encoding import detect_encoding
from ingest.readers.json import read_json, read_json_lines
from ingest.readers.parquet import read_parquet
from ingest.readers.row import AnyRow

FORMATS = ("json", "jsonl", "csv", "tsv", "parquet")
_ADVICE = "give JSON, JSON lines, CSV, TSV or Parquet, or name its format: --format"
_FOREIGN = (
    (b"SQLite format 3\0", "an SQLite database"),
    (b"%PDF", "a PDF"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a rar archive"),
)


def read_rows(content: Content, name: str, given: str | None, stack: ExitStack) -> Iterator[AnyRow]:
    """The rows of unpacked content; `given` is one of FORMATS, or None to go by the content.

    Raises SourceError, naming the file and the place in it, for whatever cannot be a catalogue.
    """
    if not content.head:
        raise SourceError(f"{name} is empty; nothing was read")
    if given == "parquet" or (given is None and content.head.startswith(b"PAR1")):
        return read_parquet(seekable(content, name, stack), name)
    _refuse_foreign(content.head, name)
    encoding = detect_encoding(content.head)
    if encoding is None:
        raise SourceError(f"{name}: not text in any known encoding; {_ADVICE}")
    sample = _decoded(content.head, encoding)
    if not sample.strip():
        raise SourceError(f"{name} is empty but for spaces; nothing was read")
    kind = given or detect_format(sample, name)
    errors = "strict" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    newline = "\n" if kind in ("json", "jsonl") else ""
    text = io.TextIOWrapper(content.stream, encoding, errors, newline)
    stack.callback(text.detach)  # or its end would close what `stack` still has to close
    if kind == "json":
        return read_json(text, name)
    if kind == "jsonl":
        return read_json_lines(text, name)
    return read_csv(text, name, _dialect(sample, kind, name))


def detect_format(sample: str, name: str) -> str:
    """One of FORMATS but parquet, by the beginning of a text; the ending of the name decides only what is open."""
    start = sample.lstrip()[:1]
    ending = re.sub(r"\.(gz|zip|zst|bz2|xz)$", "", name.lower())
    if start == "[":
        return "json"
    if start == "{":
        return "jsonl" if PurePath(ending).suffix in (".jsonl", ".ndjson") or _many_objects(sample) else "json"
    if re.match(r"\s*<(!doctype|\?xml|html|[a-z]+[\s>])", sample, re.IGNORECASE):
        raise SourceError(f"{name}: a web page or XML, not data; {_ADVICE}")
    dialect = detect_dialect(sample)
    if dialect is not None:
        return "tsv" if dialect.delimiter == "\t" else "csv"
    raise SourceError(f"{name}: neither JSON nor a table, it starts with {sample.strip()[:20]!r}; {_ADVICE}")


def _many_objects(sample: str) -> bool:
    """Whether the lines are objects of their own: one of the first is, and neither alone nor inside another object."""
    lines = [line.strip() for line in sample.split("\n")[:20] if line.strip()]
    opened = lines[0].endswith(("[", "{", ",")) and not lines[0].endswith("},")
    return len(lines) > 1 and not opened and any(line.startswith("{") and line.endswith(("}", "},")) for line in lines)


def _dialect(sample: str, kind: str, name: str) -> Dialect:
    if kind == "tsv":
        return detect_dialect(sample, "\t") or Dialect("\t")
    dialect = detect_dialect(sample)
    if dialect is None:
        raise SourceError(f"{name}: not a table: its first line has one column; {_ADVICE}")
    return dialect


def _decoded(head: bytes, encoding: str) -> str:
    """The head as text, without the character that its end may have cut."""
    return codecs.getincrementaldecoder(encoding)("replace").decode(head)


def _refuse_foreign(head: bytes, name: str) -> None:
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise SourceError(f"{name}: {what}, not data that can be read here; {_ADVICE}")
