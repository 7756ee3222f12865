"""A film as a request sends it -> a movie, or the reason why not.

Each is read by itself: what a file's columns tell of each other, such as the scale of its ratings, one request can't
tell, and the same film must become the same movie whatever is sent with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from catalog.errors import RowRefused
from catalog.movie import Movie
from ingest.mapping.aliases import USUAL
from ingest.mapping.columns import FieldMap, look, movie_fields, normal_name
from ingest.mapping.mapper import RowNotes, detect, to_movie
from ingest.readers.row import Row

_NEAR = 0.75
"""How like a field's name (by difflib) a key is that was meant for it: "yaer" is, "popularity" isn't."""
_LONGEST = 40
"""Characters of a key or a value that are repeated."""


@dataclass(frozen=True, slots=True)
class SentFilm:
    """What one film of a request became."""

    movie: Movie
    unreadable: tuple[str, ...] = ()
    """Fields left empty although it says something of them."""
    repaired: int = 0
    """Texts whose mojibake was undone."""
    notes: tuple[str, ...] = ()
    """What of it did not get into the movie, one line each."""


def fields_sent(given: Mapping[str, str | Sequence[str]]) -> FieldMap:
    """How films of requests are read: by usual names, or those of `catalog.fields`; ratings from 0 to 10, minutes.

    Raises ConfigError for a field that no movie has.
    """
    return detect((), given)


def read_film(row: Row, field_map: FieldMap) -> SentFilm:
    """Raises RowRefused, naming place and field, and the name that a misspelt key was meant to be."""
    notes, near = RowNotes(), list(_near_names(row, field_map))
    try:
        movie = to_movie(row, field_map, notes)
    except RowRefused as refusal:
        hints = [hint for _, hint in near] or [*_wrapped(row), *_partial(row, field_map)]
        raise type(refusal)("; ".join([str(refusal), *hints])) from None
    known = movie.to_dict()
    lines = [
        f"{_said(row, field_map, target)} cannot be read; the film is in without it" for target in notes.unreadable
    ]
    lines += [hint for target, hint in near if target not in known]
    named = f"{row.place}, {movie.title[:_LONGEST]!r}"
    return SentFilm(movie, notes.unreadable, notes.repaired, tuple(f"{named}: {line}" for line in lines))


def _near_names(row: Row, field_map: FieldMap) -> Iterator[tuple[str, str]]:
    """The fields that keys which are not read seem to mean, each with a hint."""
    columns = field_map.columns(movie_fields(row, field_map))
    read = {step.option[0][0] if step.option else step.column for step in columns.steps}
    names = {name: target for target in USUAL for name in field_map.given.get(target, (target,))}
    for key in row.fields:
        if key not in read and (near := get_close_matches(normal_name(key)[:_LONGEST], names, 1, _NEAR)):
            yield names[near[0]], f"{key[:_LONGEST]!r}: did you mean {near[0]!r}?"


def _wrapped(row: Row) -> Iterator[str]:
    """What to do about an object around the film."""
    for key, value in row.fields.items():
        if isinstance(value, dict) and len(row.fields) == 1:
            yield f"send what {key[:_LONGEST]!r} holds, without the object around it"


def _partial(row: Row, field_map: FieldMap) -> Iterator[str]:
    """What to do about a film of which only what shall be changed was sent."""
    targets = {step.target for step in field_map.columns(movie_fields(row, field_map)).steps}
    if "id" in targets and not (targets >= {"title"} and targets & {"plot", "plot_de", "synopsis"}):
        yield "PUT replaces a film as a whole: send all of it"


def _said(row: Row, field_map: FieldMap, target: str) -> str:
    """`the year 'abc'`, `the extra`"""
    return f"the {target} {value_said(row, field_map, target)}".rstrip()


def value_said(row: Row, field_map: FieldMap, target: str) -> str:
    """What a row says of a field, as it may be shown: `'abc'`; empty if it says nothing."""
    fields = movie_fields(row, field_map)
    steps = [step for step in field_map.columns(fields).steps if step.target == target]
    raw = next((value for step in steps if (value := look(fields, step)) not in (None, "")), None)
    try:
        shown = "" if raw is None else repr(raw)
    except (ValueError, RecursionError):  # of more digits than Python writes, or deeper
        return ""
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
