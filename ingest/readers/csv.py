"""CSV and TSV -> rows, as a stream; delimiter and quoting judged by the first lines."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from catalog.errors import SourceError
from ingest.readers.row import AnyRow, Row, UnreadableRow

if TYPE_CHECKING:
    import _csv

LARGEST = 1 << 24
"""Characters in a line or a cell."""
_DELIMITERS = ",;\t|"
_SAMPLE = 100


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written."""

    delimiter: str
    quoted: bool = True
    """False: a quotation mark is a character like any other (IMDb's own files)."""
    escaped: bool = False
    """True: quotation marks inside are written as backslash and mark (MySQL), not doubled."""

    def reader(self, lines: Iterator[str]) -> "_csv.Reader":
        """The standard reader for it."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            doublequote=not self.escaped,
            escapechar="\\" if self.escaped else None,
        )


def detect_dialect(sample: str, delimiters: str = _DELIMITERS) -> Dialect | None:
    """The dialect in which most of the sample's rows have as many cells as the first; None if that is one cell.

    `csv.Sniffer` looks for anything that is regular, letters included, and errs on plots; here only the usual
    delimiters can win.
    """
    escaped = '\\"' in sample and '""' not in sample.replace(',""', "")
    dialects = [Dialect(delimiter, escaped=escaped) for delimiter in delimiters]
    if "\t" in delimiters:
        plain = Dialect("\t", quoted=False)
        dialects.insert(0 if "\\N" in sample else len(dialects), plain)
    best = max(dialects, key=lambda dialect: _regularity(sample, dialect))
    return best if _regularity(sample, best)[1] > 1 else None


def _regularity(sample: str, dialect: Dialect) -> tuple[float, int]:
    """The share of rows as wide as the header, and that width."""
    csv.field_size_limit(LARGEST)
    lines = sample.splitlines(keepends=True)
    rows = [row for row in islice(dialect.reader(iter(lines)), _SAMPLE + 1) if row]
    if len(rows) > 2 and len(rows) <= _SAMPLE:
        rows.pop()  # the end of the sample may have cut it
    if not rows or len(rows[0]) < 2:
        return 0.0, 0
    width = len(rows[0])
    return sum(len(row) == width for row in rows) / len(rows), width


def read_csv(stream: TextIO, name: str, dialect: Dialect) -> Iterator[AnyRow]:
    """One row per record, all cells as text; a record with more or fewer cells than the header is refused alone.

    `stream` must be opened with newline="". Raises SourceError for a file that ends inside quotes or, without a
    final line break, before the last column.
    """
    csv.field_size_limit(LARGEST)  # of the whole process; the default, 131,072, is less than a movie's full cast
    lines = _Lines(stream, name)
    records = dialect.reader(iter(lines))
    header = _header(next(records, []))
    start = 0
    while True:
        start = records.line_num + 1
        try:
            cells = next(records, None)
        except csv.Error as error:
            raise SourceError(f"{name}, line {start}: {error}; is a quotation mark left open there?") from None
        if cells is None:
            return
        short = len(cells) < len(header) and not lines.last.endswith(("\n", "\r"))
        if lines.ended or (cells and short):
            raise SourceError(f"{name} is cut off: line {start} ends in the middle; get the whole file again")
        if cells:
            yield _row(header, cells, f"line {start}")


def _row(header: Sequence[str], cells: list[str], place: str) -> AnyRow:
    while len(cells) > len(header) and not cells[-1]:
        cells.pop()
    if len(cells) != len(header):
        return UnreadableRow(place, f"{len(cells)} cells where the header has {len(header)}")
    return Row(place, dict(zip(header, cells, strict=True)))


def _header(cells: list[str]) -> list[str]:
    """The column names: trimmed, empty ones numbered, repeated ones told apart ("name", "name 2")."""
    names: dict[str, None] = {}
    counts: Counter[str] = Counter()
    for number, cell in enumerate(cells, 1):
        name = plain = cell.strip() or f"column {number}"
        while name in names:
            counts[plain] += 1
            name = f"{plain} {counts[plain] + 1}"
        names[name] = None
    return list(names)


class _Lines:
    """The lines of a stream, remembering the last one and whether more were asked for than there are.

    The reader asks for another line inside a record only when quotes are open: a record that comes after the end
    was asked for is one that the end of the file has cut.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self.last = "\n"
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        number = 0
        while line := self._stream.readline(LARGEST):
            number += 1
            if len(line) == LARGEST:
                raise SourceError(f"{self._name}, line {number}: longer than {LARGEST:,} characters; no table")
            self.last = line
            yield line
        self.ended = True
