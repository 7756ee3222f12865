"""The rows that cannot become films: each is named, counted and kept in a file; the others go in."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from catalog.errors import RowRefused
from catalog.movie import Movie
from ingest.mapping import REPAIRED, FieldMap, to_movie
from ingest.row import AnyRow, UnreadableRow

_SHOWN = 5


class Refusals:
    """Refused rows, as JSON lines in a file that exists only if there are any."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.count = 0
        self.shown: list[str] = []
        self._file: TextIO | None = None

    def add(self, reason: str, fields: Mapping[str, object] | None) -> None:
        self.count += 1
        if len(self.shown) < _SHOWN:
            self.shown.append(reason)
        if self.path is None:
            return
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8")
        self._file.write(json.dumps({"reason": reason, "row": fields}, ensure_ascii=False, default=str) + "\n")

    def __enter__(self) -> Self:
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


class Reading:
    """Rows become movies; counts what was read."""

    def __init__(self, rows: Iterable[AnyRow], fields: FieldMap, refusals: Refusals, limit: int | None) -> None:
        self._rows = rows
        self._fields = fields
        self._refusals = refusals
        self._limit = limit
        self._places: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self.read = 0

    @property
    def repaired(self) -> int:
        """Values whose mojibake was undone."""
        return self._counts[REPAIRED]

    def __iter__(self) -> Iterator[Movie]:
        for row in self._rows:
            if self._limit is not None and self.read >= self._limit:
                return
            self.read += 1
            try:
                yield self._movie(row)
            except RowRefused as refusal:
                self._refusals.add(str(refusal), None if isinstance(row, UnreadableRow) else row.fields)

    def _movie(self, row: AnyRow) -> Movie:
        if isinstance(row, UnreadableRow):
            raise RowRefused(f"{row.place}: {row.reason}")
        movie = to_movie(row, self._fields, self._counts)
        first = self._places.setdefault(movie.id, row.place)
        if first is not row.place:
            raise RowRefused(f"{row.place}: field 'id': {movie.id!r} was already seen at {first}")
        return movie
