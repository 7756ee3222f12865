"""A row of any catalogue -> a Movie, or the reason why not."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from catalog.errors import NotAMovie, RowRefused
from catalog.movie import Movie
from ingest.mapping.aliases import USUAL
from ingest.mapping.columns import Columns, FieldMap, Step, follow, look, movie_fields
from ingest.mapping.detect import detect
from ingest.mapping.lists import Names, unique
from ingest.mapping.text import MISSING, WrongTypeError, clean_text, repair
from ingest.mapping.titles import RANK, slug, untangle
from ingest.readers.row import AnyRow, UnreadableRow

__all__ = ["FieldMap", "FieldSource", "RowNotes", "describe", "detect", "to_movie"]

_READABLE = frozenset({"year", "runtime", "rating", "votes", "poster"})
"""Fields whose cells say something else than a value only by mistake: such a cell is counted."""
_DEEPEST = 50
"""Lists and objects inside each other: what is deeper has overrun the recursion of whoever wrote it out."""


@dataclass(slots=True)
class RowNotes:
    """What became of the cells of a row on the way to its movie."""

    repaired: int = 0
    """Texts whose mojibake was undone."""
    unreadable: tuple[str, ...] = ()
    """Fields left empty although the row says something of them: the year "abc"."""


def to_movie(row: AnyRow, field_map: FieldMap, notes: RowNotes | None = None) -> Movie:
    """The movie of a row, all values cleaned.

    `notes` takes what was done on the way. Raises RowRefused, and nothing else, naming place and field: for an
    unreadable row, a row without a usable title or plot, and a value of the wrong type. Text that the field cannot be
    read from (the year "PG") counts as missing, unless it is the title or the plot.
    """
    notes = RowNotes() if notes is None else notes
    if isinstance(row, UnreadableRow):
        raise RowRefused(f"{row.place}: {row.reason}")
    fields = movie_fields(row, field_map)
    columns = field_map.columns(fields)
    found = _values(row.place, fields, columns, notes)
    if kind := found.pop("kind", None):
        raise NotAMovie(f"{row.place}: {_shown_title(found)}{kind}, not a film")
    for target in ("synopsis", "plot_de"):
        if target in found:
            found.setdefault("plot", found[target])
    for target in ("title", "plot"):
        if target not in found:
            named = f" {found['title'][:60]!r} has no plot:" if "title" in found else ""
            _refuse_empty(f"{row.place}:{named}", target, fields, columns)
    _settle_title(found, fields, ranked=field_map.ranked)
    if ids := _external_ids(found, columns):
        found["external_ids"] = ids
    if "id" not in found:
        found["id"] = _made_id(ids, found)
    if columns.extra:
        found["extra"] = _extra(fields, columns, notes)
    return Movie(**found)


def id_of(row: AnyRow, field_map: FieldMap) -> str | None:
    """The id that the movie of a refused row would have; None where the row does not tell.

    Raises nothing: what was refused may be anything.
    """
    if isinstance(row, UnreadableRow):
        return None
    try:
        fields = movie_fields(row, field_map)
    except RowRefused:
        return None
    columns, found = field_map.columns(fields), dict[str, Any]()
    for step in columns.steps:
        if step.target in {"id", "title", "year", "ids", *columns.sites} and step.target not in found:
            try:
                value = step.clean(look(fields, step))
            except WrongTypeError:
                continue
            if value is not None:
                found[step.target] = value
    if "id" in found:
        return str(found["id"])
    if "title" in found:
        _settle_title(found, fields, ranked=field_map.ranked)
    ids = _external_ids(found, columns)
    return _made_id(ids, found) if "title" in found or {"imdb", "tmdb"} & ids.keys() else None


def _values(place: str, fields: Mapping[str, object], columns: Columns, notes: RowNotes) -> dict[str, Any]:
    """The cleaned values of a row by field: the first there is, for lists those of all columns together.

    Three loops rather than one with questions in it: this runs for every cell of a catalogue.
    """
    found: dict[str, Any] = {}
    _read_texts(place, fields, columns.texts, notes, found)
    _read_scalars(place, fields, columns.scalars, notes, found)
    _read_lists(place, fields, columns.lists, notes, found)
    return found


def _read_texts(
    place: str, fields: Mapping[str, object], steps: Iterable[Step], notes: RowNotes, found: dict[str, Any]
) -> None:
    for step in steps:
        if step.target in found:
            continue
        try:
            raw = look(fields, step)
            if type(raw) is str and not raw.isascii():
                whole = repair(raw)
                notes.repaired += whole is not raw
                raw = whole
            value = step.clean(raw)
        except WrongTypeError as error:
            raise _refusal(place, step, str(error)) from None
        if value is not None:
            found[step.target] = value


def _read_scalars(
    place: str, fields: Mapping[str, object], steps: Iterable[Step], notes: RowNotes, found: dict[str, Any]
) -> None:
    failed: list[str] = []
    for step in steps:
        target, column, option, clean = step
        if target in found:
            continue
        try:
            raw = fields[column] if option is None else look(fields, step)
            if raw is None:
                continue
            if (value := clean(raw)) is not None:
                found[target] = value
            elif target in _READABLE and _says_something(raw):
                failed.append(target)
        except WrongTypeError as error:
            raise _refusal(place, step, str(error)) from None
    if failed:
        notes.unreadable += tuple(dict.fromkeys(target for target in failed if target not in found))


def _says_something(raw: object) -> bool:
    """Whether a cell without a usable value holds more than a sign for "none"; 0 is one, too."""
    if isinstance(raw, str):
        return raw.strip().lower() not in MISSING and raw.strip() != "0"
    return isinstance(raw, int | float) and raw != 0 and raw == raw  # NaN is not


def _read_lists(
    place: str, fields: Mapping[str, object], steps: Iterable[Step], notes: RowNotes, found: dict[str, Any]
) -> None:
    for step in steps:
        target, column, option, clean = step
        try:
            raw = fields[column] if option is None else look(fields, step)
            names: Names | None = None if raw is None else clean(raw)
        except WrongTypeError as error:
            raise _refusal(place, step, str(error)) from None
        if names is not None:
            items, repaired = names
            notes.repaired += repaired
            found[target] = unique(found[target] + items) if target in found else items


def _shown_title(found: Mapping[str, Any]) -> str:
    return f"{found['title'][:60]!r} is " if "title" in found else ""


def _refusal(place: str, step: Step, reason: str) -> RowRefused:
    return RowRefused(f"{place}: field {step.name!r} is {reason}")


def _settle_title(found: dict[str, Any], fields: Mapping[str, object], *, ranked: bool) -> None:
    """Take out of the title what does not belong to it: a rank, the year, the article at the end."""
    title: str = found["title"]
    if title[0].isdecimal() and (rank := RANK.match(title)) and (ranked or _linked_as(rank[1], fields)):
        title = title[rank.end() :]
    if title.endswith((")", ", The")):
        title, year, original = untangle(title, found.get("year"))
        if year is not None:
            found["year"] = year
        if original is not None:
            found.setdefault("original_title", original)
    found["title"] = title
    if found.get("original_title") == title:
        del found["original_title"]


def _linked_as(rank: str, fields: Mapping[str, object]) -> bool:
    """Whether the row's link to IMDb comes from the same rank of a list of search results."""
    return any(isinstance(value, str) and value.endswith(f"ref_=sr_i_{rank}") for value in fields.values())


def _external_ids(found: dict[str, Any], columns: Columns) -> Mapping[str, str]:
    ids: dict[str, str] = found.pop("ids", None) or {}
    for site in columns.sites:
        if site in found:
            ids[site] = found.pop(site)
    return ids


def _made_id(ids: Mapping[str, str], found: Mapping[str, Any]) -> str:
    """An id for a movie whose source has none; the same every time."""
    known = next((f"{site}:{ids[site]}" for site in ("imdb", "tmdb") if site in ids), None)
    return known or slug(found["title"], found.get("year"))


def _extra(fields: Mapping[str, object], columns: Columns, notes: RowNotes) -> Mapping[str, object]:
    extra: dict[str, object] = {}
    for name, path in columns.extra:
        try:
            value = _plain(follow(fields, path), _DEEPEST)
        except RecursionError:
            notes.unreadable += ("extra",)
            continue
        if value not in (None, ""):
            extra[clean_text(name)] = value
    return extra


def _plain(value: object, depth: int) -> object:
    """A JSON value that can be stored: texts cleaned (a lone surrogate has no UTF-8), NaN and infinities nothing.

    Raises RecursionError for what is more than `depth` levels deep.
    """
    if not depth:
        raise RecursionError
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_plain(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {clean_text(str(key)): _plain(item, depth - 1) for key, item in value.items()}
    return value


def _refuse_empty(whose: str, target: str, fields: Mapping[str, object], columns: Columns) -> NoReturn:
    step = next((step for step in columns.steps if step.target == target), None)
    if step is None:
        raise RowRefused(f"{whose} no field for the {target}")
    raw = look(fields, step)
    shown = f": {raw.strip()[:60]!r} says nothing" if isinstance(raw, str) and raw.strip() else ""
    raise RowRefused(f"{whose} field {step.name!r} is empty{shown}")


@dataclass(frozen=True, slots=True)
class FieldSource:
    """Where a field was found, and what came of it in the first rows."""

    field: str
    sources: tuple[str, ...]
    """Columns, in the order in which they are asked."""
    examples: tuple[object, ...]
    """Cleaned values of the first films that have one."""


_IDS = ("imdb", "tmdb", "ids")
_ORDER = [*(name for name in USUAL if name not in _IDS), "external_ids"]


def describe(field_map: FieldMap, rows: Sequence[AnyRow], examples: int = 3) -> list[FieldSource]:
    """The mapping that was found and the values it gives, for a dry run; fields without a column are left out."""
    sources: dict[str, dict[str, None]] = {}
    movies: list[Mapping[str, object]] = []
    for row in rows:
        if isinstance(row, UnreadableRow):
            continue
        columns = field_map.columns(movie_fields(row, field_map))
        for step in columns.steps:
            target = step.target if step.target in _ORDER else "external_ids"
            sources.setdefault(target, {})[step.name] = None
        for name, _ in columns.extra:
            sources.setdefault("extra", {})[name] = None
        try:
            movies.append(to_movie(row, field_map).to_dict())
        except RowRefused:
            continue  # named when the file is read for good
    return [
        FieldSource(
            target, tuple(sources[target]), tuple([movie[target] for movie in movies if target in movie][:examples])
        )
        for target in _ORDER
        if target in sources
    ]
