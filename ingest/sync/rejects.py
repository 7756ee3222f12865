"""The rows that cannot become films: each is named, counted and kept in a file; the others go in."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from catalog.errors import RowRefused
from catalog.movie import Movie
from ingest.mapping.mapper import REPAIRED, FieldMap, id_of, to_movie
from ingest.readers.row import AnyRow, UnreadableRow
from ingest.sync.row_cache import Familiar, Rows, row_digest

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
    """Rows become movies, or are recognised; counts what was read."""

    def __init__(
        self, rows: Iterable[AnyRow], fields: FieldMap, refusals: Refusals, limit: int | None, familiar: Rows
    ) -> None:
        self._rows = rows
        self._fields = fields
        self._refusals = refusals
        self._limit = limit
        self._familiar = familiar
        self._places: dict[str, str] = {}
        self.rows: dict[str, Familiar] = {}
        """What became of the rows that were read, by digest."""
        self.refused: set[str] = set()
        """Ids of films whose row was refused, as far as it tells them."""
        self.read = 0
        self.repaired = 0
        """Values whose mojibake was undone."""

    def __iter__(self) -> Iterator[Movie | Familiar]:
        for row in self._rows:
            if self._limit is not None and self.read >= self._limit:
                return
            self.read += 1
            try:
                yield self._film(row)
            except RowRefused as refusal:
                if (identity := id_of(row, self._fields)) is not None:
                    self.refused.add(identity)
                self._refusals.add(str(refusal), None if isinstance(row, UnreadableRow) else row.fields)

    def _film(self, row: AnyRow) -> Movie | Familiar:
        if isinstance(row, UnreadableRow):
            raise RowRefused(f"{row.place}: {row.reason}")
        digest = row_digest(row)
        film: Movie | Familiar | None = self._familiar.get(digest) if digest else None
        repaired = film.repaired if isinstance(film, Familiar) else 0
        if film is None:
            counts: Counter[str] = Counter()
            film = to_movie(row, self._fields, counts)
            repaired = counts[REPAIRED]
        self.repaired += repaired
        first = self._places.setdefault(film.id, row.place)
        if first is not row.place:
            raise RowRefused(f"{row.place}: field 'id': {film.id!r} was already seen at {first}")
        if digest:
            self.rows[digest] = film if isinstance(film, Familiar) else Familiar(film.id, repaired)
        return film
