"""What someone watched or rated, out of a file as Letterboxd, IMDb, Trakt, MovieLens, Kodi and others export it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from catalog.errors import UsageError
from query.watched.film import NamedFilm
from query.watched.ratings import BEST
from query.watched.table import Record, normal_name, read_records

_TITLE = ("title", "name", "filmname", "movietitle", "titel", "originaltitle")
_YEAR = ("year", "releaseyear", "productionyear", "jahr", "releasedate")
_IMDB = ("const", "imdbid", "imdb", "tconst", "imdbnumber", "imdburl")
_TMDB = ("tmdbid", "tmdb")
_IDS = ("ids", "uniqueid", "providerids", "guid")
_OWN_RATING = ("yourrating", "myrating", "userrating", "rating10", "meinebewertung")
_RATING = ("rating", "score", "stars", "bewertung")
_OF_TEN = frozenset({"yourrating", "userrating", "rating10"})
_OTHERS_RATING = frozenset({"votes", "votecount", "audiencerating", "communityrating", "playcount", "viewcount"})
"""Columns beside which a "rating" is everybody's."""
_PLAYED = ("playcount", "viewcount", "plays", "watched", "seen", "gesehen")
_DATE = ("watcheddate", "daterated", "ratedat", "lastwatchedat", "watchedat", "lastplayed", "timestamp", "date")
_NEVER = frozenset({"", "0", "no", "false", "nein", "none", "null"})
_COLUMNS = frozenset({*_TITLE, *_YEAR, *_IMDB, *_TMDB, *_OWN_RATING, *_RATING, *_PLAYED, *_DATE, "movieid", "userid"})
_NO_FILM = re.compile("series|episode|show|season|game|podcast|serie|staffel", re.IGNORECASE)
_IMDB_ID = re.compile(r"tt\d{5,10}")
_SITE_ID = re.compile(r"(imdb|tmdb)://(\w+)")
_ARTICLE_BEHIND = re.compile(r"(.+), (The|A|An|La|Le|Les|Il|El|Der|Die|Das)")
_TITLE_AND_YEAR = re.compile(r"(.+?)\s*\((\d{4})\)")


@dataclass(frozen=True, slots=True)
class WatchedFilm:
    """A film of somebody's list."""

    film: NamedFilm
    rating: float | None
    """Their own, 0 to 10."""
    watched: bool


class _Row:
    """A row by normal names of columns; what Trakt says of a film lies in an object of its own."""

    def __init__(self, record: Record) -> None:
        self.own = record
        inner = self.own.get("movie")
        self.film = {normal_name(name): value for name, value in inner.items()} if isinstance(inner, dict) else self.own

    @cached_property
    def named(self) -> NamedFilm:
        title, year = str(_first(self.film, _TITLE) or "").strip(), _year(_first(self.film, _YEAR))
        if year is None and (dated := _TITLE_AND_YEAR.fullmatch(title)):
            title, year = dated[1], int(dated[2])
        if behind := _ARTICLE_BEHIND.fullmatch(title):
            title = f"{behind[2]} {behind[1]}"
        return NamedFilm(tuple(_ids(self.film).items()), title, year)

    @property
    def played(self) -> bool:
        seen = self.own.get("userdata")
        value = seen.get("Played") if isinstance(seen, dict) else _first(self.own, _PLAYED)
        return str(value if value is not None else "").strip().lower() not in _NEVER


def read_watched(path: Path) -> list[WatchedFilm]:
    """The films of a file, the latest first; series and episodes are left out.

    Raises UsageError, with the file's name, for what cannot be read and for the ratings of several people.
    """
    records = read_records(path, _COLUMNS)
    columns = {name for record in records for name in record}
    if "movieid" in columns and not columns.intersection((*_TITLE, *_IMDB, *_TMDB)):
        records = _with_links(records, path)
    rows = [row for row in map(_Row, records) if not _NO_FILM.search(_kind(row.own)) and row.named.name]
    if not rows:
        raise UsageError(f"{path}: no film is named in it; there are {', '.join(sorted(columns)[:12]) or 'no columns'}")
    rows.sort(key=lambda row: str(_first(row.own, _DATE) or ""), reverse=True)
    ratings = _ratings(rows, columns)
    counted = bool(columns.intersection((*_PLAYED, "userdata")))
    return [
        WatchedFilm(row.named, rating, row.played or not counted) for row, rating in zip(rows, ratings, strict=True)
    ]


def read_ratings(path: Path, notify: Callable[[str], None]) -> dict[str, float]:
    """Name -> rating of a file's films, and a note where there is none; raises UsageError as `read_watched` does."""
    films = read_watched(path)
    if not any(film.rating for film in films):
        notify(f"{path}: no ratings in it; all films that were watched are taken as liked")
    return ratings_of(films)


def seen_of(films: Iterable[WatchedFilm]) -> tuple[str, ...]:
    """The names of those that were watched, each once."""
    return tuple(dict.fromkeys(film.film.name for film in films if film.watched))


def ratings_of(films: Sequence[WatchedFilm]) -> dict[str, float]:
    """Name -> rating of those that were rated; without any rating all that were watched are the best."""
    rated = {film.film.name: film.rating for film in reversed(films) if film.rating is not None}
    return dict(reversed(rated.items())) or dict.fromkeys(seen_of(films), BEST)


def _first(fields: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((value for name in names if (value := fields.get(name)) not in (None, "")), None)


def _kind(fields: Mapping[str, Any]) -> str:
    return str(_first(fields, ("titletype", "type", "mediatype")) or "")


def _year(value: object) -> int | None:
    found = re.search(r"(?<!\d)(?:18|19|20)\d\d(?!\d)", str(value or ""))
    return int(found[0]) if found else None


def _ids(fields: Mapping[str, Any]) -> dict[str, str]:
    """The ids at IMDb and TMDB that a row tells, in columns of their own, in an object, or in Plex's list."""
    found = {"imdb": _first(fields, _IMDB), "tmdb": _first(fields, _TMDB)}
    for held in (fields.get(name) for name in _IDS):
        if isinstance(held, dict):
            found |= {key.lower(): value for key, value in held.items() if key.lower() in found and value}
        for item in held if isinstance(held, list) else ():
            if isinstance(item, dict) and (told := _SITE_ID.fullmatch(str(item.get("id")))):
                found[told[1]] = told[2]
    imdb, tmdb = str(found["imdb"] or ""), str(found["tmdb"] or "").removesuffix(".0")
    told = _IMDB_ID.search(f"tt{int(imdb):07}" if imdb.isdecimal() else imdb)
    return ({"imdb": told[0]} if told else {}) | ({"tmdb": tmdb} if tmdb.isdecimal() else {})


def _ratings(rows: Sequence[_Row], columns: set[str]) -> list[float | None]:
    """Each row's own rating, 0 to 10: of stars, of ten or of a hundred, as the highest of them says."""
    plain = _RATING if _OTHERS_RATING.isdisjoint(columns) else ()
    column = next((name for name in (*_OWN_RATING, *plain) if name in columns), "")
    numbers = [_number(row.own.get(column)) for row in rows]
    highest = max((number for number in numbers if number), default=0.0)
    of_ten = column in _OF_TEN or "ratedat" in columns
    scale = 100 if highest > BEST else BEST if of_ten or highest > BEST / 2 else BEST / 2
    return [None if not number else round(number * BEST / scale, 2) for number in numbers]


def _number(value: object) -> float | None:
    """Of 4.5, "4,5" or "4.5/5"; None for what is none, and for 0, which stands for it."""
    found = re.match(r"\d+(?:[.,]\d+)?", str(value if value is not None else "").strip())
    return float(found[0].replace(",", ".")) if found else None


def _with_links(records: Sequence[Record], path: Path) -> list[Record]:
    """MovieLens' ratings, which name films by numbers, with what the files beside them say of these."""
    users = {record.get("userid") for record in records}
    if len(users) > 1:
        raise UsageError(f"{path}: ratings of {len(users)} people; keep those of one userId")
    beside: dict[str, dict[str, Any]] = {}
    for file in ("movies.csv", "links.csv"):
        if (other := path.parent / file).exists():
            for record in read_records(other, _COLUMNS):
                beside.setdefault(str(record.get("movieid")), {}).update(record)
    if not beside:
        raise UsageError(f"{path}: names films by MovieLens' numbers alone; put its links.csv or movies.csv beside it")
    return [{**beside.get(str(record.get("movieid")), {}), **record} for record in records]
