"""The rows that cannot become films: each is named, counted and kept in a file; the others go in."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from catalog.errors import NotAMovie, RowRefused, SourceError
from catalog.movie import Movie
from ingest.mapping.mapper import FieldMap, RowNotes, id_of, to_movie
from ingest.readers.row import AnyRow, UnreadableRow
from ingest.report import RowCounts
from ingest.sent_film import value_said
from ingest.sync.plan import Kind
from ingest.sync.row_cache import Before, RememberedRow, row_digest

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
            # A lone surrogate is written as its escape, which JSON reads back as what it was.
            self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
        self._file.write(_line(reason, fields))

    def __enter__(self) -> Self:
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def _line(reason: str, fields: Mapping[str, object] | None) -> str:
    try:
        return json.dumps({"reason": reason, "row": fields}, ensure_ascii=False, default=str) + "\n"
    except (RecursionError, ValueError):  # deeper than Python writes, or a number of too many digits
        return json.dumps({"reason": reason, "row": None}, ensure_ascii=False) + "\n"


class RowReader:
    """Rows become movies, or are recognised; counts what was read."""

    def __init__(
        self, rows: Iterable[AnyRow], fields: FieldMap, refusals: Refusals, limit: int | None, before: Before
    ) -> None:
        self._rows = rows
        self._fields = fields
        self._refusals = refusals
        self._limit = limit
        self._before = before
        self._places: dict[str, str] = {}
        self.rows: dict[str, RememberedRow] = {}
        """What became of the rows that were read, by digest."""
        self.refused: set[str] = set()
        """Ids of films whose row was refused, as far as it tells them."""
        self.foreign = 0
        """Rows that were refused because their movie belongs to another source."""
        self._first_foreign = ""
        self.read = 0
        self.repaired = 0
        """Values whose mojibake was undone."""
        self.unreadable: Counter[str] = Counter()
        """Values that could not be read, by field."""
        self.first_unreadable: dict[str, str] = {}
        """The first of them and its row, by field: `'abcd', line 4`."""

    def counts(self, kinds: Mapping[Kind, int]) -> RowCounts:
        """What was read, with the number of movies of each kind of change."""
        return RowCounts(
            read=self.read,
            **{kind.value: count for kind, count in kinds.items()},
            refused=self._refusals.count,
            repaired=self.repaired,
            unreadable=dict(self.unreadable),
            first_unreadable=dict(self.first_unreadable),
        )

    def __iter__(self) -> Iterator[Movie | RememberedRow]:
        for row in islice(self._rows, self._limit):
            self.read += 1
            try:
                yield self._movie(row)
            except RowRefused as refusal:
                # A film that was stored stays when its row breaks; what turns out to be none goes.
                if not isinstance(refusal, NotAMovie) and (identity := id_of(row, self._fields)) is not None:
                    self.refused.add(identity)
                self._refusals.add(str(refusal), None if isinstance(row, UnreadableRow) else row.fields)
        if self.foreign and self._refusals.count == self.read:
            raise SourceError(
                f"every film has the id of one of another source: {self._first_foreign};"
                " nothing was changed; name the --source that has these films, or give them other ids"
            )

    def _movie(self, row: AnyRow) -> Movie | RememberedRow:
        if isinstance(row, UnreadableRow):
            raise RowRefused(f"{row.place}: {row.reason}")
        digest = row_digest(row)
        remembered = self._before.rows.get(digest) if digest else None
        movie = None
        if remembered is None:
            notes = RowNotes()
            movie = to_movie(row, self._fields, notes)
            remembered = RememberedRow(movie.id, notes.repaired, notes.unreadable)
        self.repaired += remembered.repaired
        for target in remembered.unreadable:
            self.unreadable[target] += 1
            if target not in self.first_unreadable:
                said = value_said(row, self._fields, target)
                self.first_unreadable[target] = f"{said}, {row.place}" if said else row.place
        if (owner := self._before.others.get(remembered.id)) is not None:
            raise self._foreign(row.place, remembered.id, owner)
        first = self._places.setdefault(remembered.id, row.place)
        if first is not row.place:
            raise RowRefused(f"{row.place}: field 'id': {remembered.id!r} was already seen at {first}")
        if digest:
            self.rows[digest] = remembered
        return movie or remembered

    def _foreign(self, place: str, identity: str, owner: str) -> RowRefused:
        """What to raise for a movie that belongs to another source."""
        self.foreign += 1
        title = self._titles_of_others.get(identity)
        film = f"of {title!r}, a film" if title else "of a film"
        reason = (
            f"{place}: field 'id': {identity!r} is the id {film} of source {owner!r}; --take-over replaces that one"
        )
        self._first_foreign = self._first_foreign or reason
        return RowRefused(reason)

    @cached_property
    def _titles_of_others(self) -> Mapping[str, str]:
        return self._before.titles()
