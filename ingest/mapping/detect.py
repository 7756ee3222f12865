"""The first rows of a file -> where its fields are."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import isfinite

from catalog.errors import ConfigError, SourceError, UsageError
from ingest.mapping import scalars
from ingest.mapping import text as texts
from ingest.mapping.aliases import USUAL
from ingest.mapping.columns import CLEAN, FieldMap, Step, follow, movie_fields, normal_name
from ingest.mapping.kinds import list_without_plots
from ingest.mapping.titles import RANK
from ingest.readers.row import AnyRow, Row

_OFFERED = 12
_FIRST = 1_000
_MORE = 20_000
"""Rows that are looked at; more of them where none of the first has a rating above 0, which tells no scale."""
_LONGEST, _SHORTEST = 600, 60_000
"""A film of so many minutes is too long, and one of so many milliseconds too short."""
_FILM = ("movie", "film")
_SCORE = "score"
_PLOTS = ("plot", "synopsis", "plot_de")
"""Each will do: a synopsis, or a German plot, is the plot, too, where there is no other."""
_NEVER_GIVEN_UP = ("title", "plot", "synopsis", "poster", "imdb", "tmdb", "ids")


def detect_ahead(
    peek: Callable[[int], Sequence[AnyRow]], given: Mapping[str, str | Sequence[str]] | None = None
) -> FieldMap:
    """Judge by as many rows as it takes, which `peek` gives without taking them from the source.

    Raises ConfigError, SourceError, UsageError.
    """
    rows = peek(_FIRST)
    field_map = detect(rows, given)
    fields = [movie_fields(row, field_map) for row in rows if isinstance(row, Row)]
    unrated = _has(field_map, rows, "rating") and not any(_ratings(field_map, fields))
    return detect(peek(_MORE), given) if unrated else field_map


def detect(rows: Sequence[AnyRow], given: Mapping[str, str | Sequence[str]] | None = None) -> FieldMap:
    """Judge by the first rows (some hundred) where the fields are; `given` (`catalog.fields`) overrides it by field.

    Raises ConfigError for a field that no movie has, and SourceError, naming the columns there are, when no row has
    a title or none has a plot; UsageError for what somebody exported to keep what they watched, which has no plots.
    """
    field_map = FieldMap(given=_checked(given or {}))
    sample = [row for row in rows if isinstance(row, Row)]
    if not sample:
        return field_map
    if not _has(field_map, sample, "title") or not _has(field_map, sample, *_PLOTS):
        field_map = _unwrapped(field_map, sample)
    fields = [movie_fields(row, field_map) for row in sample]
    if not any(any(_firsts(field_map, fields, target)) for target in _PLOTS):
        _refuse_list(sample)
    ignored = frozenset((*_misfits(field_map, fields), *_similarities(field_map, fields)))
    field_map = replace(field_map, ignored=ignored, _shapes={})
    scale, unit = _scale(field_map, fields), _runtime_unit(field_map, fields)
    ranked = _ranked(field_map, fields)
    return replace(field_map, rating_scale=scale, runtime_unit=unit, ranked=ranked, _shapes={})


def _checked(given: Mapping[str, str | Sequence[str]]) -> dict[str, tuple[str, ...]]:
    for target in given:
        if target not in USUAL:
            raise ConfigError(f"catalog.fields: unknown field {target!r}; allowed are {', '.join(USUAL)}")
    return {target: (names,) if isinstance(names, str) else tuple(names) for target, names in given.items()}


def _has(field_map: FieldMap, rows: Iterable[AnyRow], *targets: str) -> bool:
    """Whether some row has a column for one of these fields."""
    fields = (movie_fields(row, field_map) for row in rows if isinstance(row, Row))
    return any(step.target in targets for row in fields for step in field_map.columns(row).steps)


def _unwrapped(field_map: FieldMap, sample: Sequence[Row]) -> FieldMap:
    """The map for rows that hold the film in one of their columns."""
    objects = {name: None for row in sample for name, value in row.fields.items() if isinstance(value, dict)}
    for name in sorted(objects, key=lambda name: normal_name(name) not in _FILM):  # Trakt's lists hold shows, too
        candidate = replace(field_map, inside=name, _shapes={})
        if _has(candidate, sample, "title") and _has(candidate, sample, *_PLOTS):
            return candidate
    _refuse_list(sample)
    missing = "plot" if _has(field_map, sample, "title") else "title"
    names = list(dict.fromkeys(name for row in sample for name in row.fields))
    more = f" and {len(names) - _OFFERED} more" if len(names) > _OFFERED else ""
    if missing in field_map.given:
        named = " or ".join(map(repr, field_map.given[missing]))
        raise SourceError(
            f"catalog.fields.{missing}: no row has {named}; there are {', '.join(names[:_OFFERED])}{more}"
        )
    raise SourceError(
        f"no column looks like a {missing}; there are {', '.join(names[:_OFFERED])}{more};"
        f" name it in the settings, catalog.fields.{missing}"
    )


def _refuse_list(sample: Iterable[Row]) -> None:
    """Raise UsageError for a list of films that somebody watched or rated, saying what it can be used for."""
    if told := list_without_plots({normal_name(name) for row in sample for name in row.fields}):
        raise UsageError(told)


def _misfits(field_map: FieldMap, sample: Sequence[Mapping[str, object]]) -> Iterator[tuple[str, str]]:
    """Fields and columns whose values, more often than not, are of a kind that the field can never be.

    Never that of a title or plot, whose rows are refused by name, nor one that was configured. A rating has to be a
    number, too: "6" under certificates is none.
    """
    seen: dict[tuple[str, str], list[bool]] = {}
    for fields in sample:
        for step in field_map.columns(fields).steps:
            value = fields[step.column]
            if _judged(step, field_map) and value not in (None, "", "\\N", [], {}):
                seen.setdefault((step.target, step.column), []).append(_fits(step, value))
    yield from (pair for pair, fits in seen.items() if sum(fits) * 2 < len(fits))


def _similarities(field_map: FieldMap, sample: Sequence[Mapping[str, object]]) -> Iterator[tuple[str, str]]:
    """Columns called score that say how near a film was to something: those of an answer of ours, which has a `fit`
    beside it, and those without a number above 1.
    """
    seen: dict[str, list[float]] = {}
    beside: set[str] = set()
    for fields in sample:
        for step in field_map.columns(fields).steps:
            if step.target == "rating" and normal_name(step.column) == _SCORE and _judged(step, field_map):
                seen.setdefault(step.column, []).extend(_numbers(fields[step.column]))
                beside |= {step.column} if "fit" in fields else set()
    for column, numbers in seen.items():
        if column in beside or (max(numbers, default=0.0) <= 1 and any(numbers)):
            yield "rating", column


def _numbers(value: object) -> Iterator[float]:
    """The number that a cell is, if it is one."""
    if isinstance(value, str | int | float):
        with suppress(ValueError, OverflowError):
            yield from filter(isfinite, (float(value),))


def note_of_scores(field_map: FieldMap) -> str | None:
    """What to tell about a column called score that was not read, if there is one."""
    for target, column in sorted(field_map.ignored):
        if target == "rating" and normal_name(column) == _SCORE:
            return (
                f"{column!r} was not read as the rating; if it is one, name it in the settings, catalog.fields.rating"
            )
    return None


def _judged(step: Step, field_map: FieldMap) -> bool:
    known = step.target in CLEAN and step.target not in _NEVER_GIVEN_UP
    return known and step.option is None and step.target not in field_map.given


def _fits(step: Step, value: object) -> bool:
    try:
        if step.target == "rating":
            return scalars.rating(value, 100.0) is not None
        step.clean(value)
    except texts.WrongTypeError:
        return False
    return True


def _scale(field_map: FieldMap, sample: Sequence[Mapping[str, object]]) -> float:
    """10, or 100 when most ratings of the sample are higher than 10."""
    seen = _ratings(field_map, sample)
    return 100.0 if sum(10 < number <= 100 for number in seen) * 2 > len(seen) else 10.0


def _runtime_unit(field_map: FieldMap, sample: Sequence[Mapping[str, object]]) -> int:
    """1, or 60 where most runtimes of the sample are too long for minutes, and too short for milliseconds: Kodi's."""
    seen = [number for value in _firsts(field_map, sample, "runtime") if (number := _plain_number(value))]
    return 60 if sum(_LONGEST < number < _SHORTEST for number in seen) * 2 > len(seen) else 1


def _ratings(field_map: FieldMap, sample: Sequence[Mapping[str, object]]) -> list[int]:
    """The whole part of each rating that is at least 1: 0 mostly stands for "none"."""
    return [number for value in _firsts(field_map, sample, "rating") if (number := _plain_number(value))]


def _plain_number(value: object) -> int | None:
    try:
        return scalars.votes(value)  # which takes neither "84%" nor "8.4/10": these name their own scale
    except texts.WrongTypeError:
        return None


def _ranked(field_map: FieldMap, sample: Sequence[Mapping[str, object]]) -> bool:
    seen = [value for value in _firsts(field_map, sample, "title") if value]
    return len(seen) > 2 and all(isinstance(value, str) and RANK.match(value) for value in seen)


def _firsts(field_map: FieldMap, sample: Sequence[Mapping[str, object]], target: str) -> Iterator[object]:
    """The first value there is for the field, row by row."""
    for fields in sample:
        steps = (step for step in field_map.columns(fields).steps if step.target == target)
        found = (follow(fields, step.option[0] if step.option else (step.column,)) for step in steps)
        yield next((value for value in found if value not in (None, "")), None)
