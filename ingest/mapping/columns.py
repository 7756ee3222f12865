"""Which column of a row is which field of a movie, worked out once per shape of row."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from catalog.movie import LIST_FIELDS
from ingest.mapping import lists, scalars
from ingest.mapping import text as texts
from ingest.mapping.aliases import OTHER_IDS, USUAL
from ingest.mapping.external_ids import address, imdb_id, plain_id, poster, site_ids, tmdb_id
from ingest.mapping.iso_names import country_name, language_name
from ingest.mapping.kinds import other_kind
from ingest.readers.row import Row

Path = tuple[str, ...]
"""A column, and the keys to follow inside it."""
Option = tuple[Path, ...]
"""One column, or several whose texts are joined."""
Clean = Callable[[object], Any]

CLEAN: Mapping[str, Clean] = {
    "id": scalars.identifier,
    "kind": other_kind,
    "title": texts.title,
    "plot": texts.plot,
    "plot_de": texts.plot,
    "synopsis": texts.plot,
    "original_title": texts.title,
    "year": scalars.year,
    "genres": partial(lists.names, slashes=True),
    "keywords": lists.words,
    "directors": partial(lists.names, job="director"),
    "actors": partial(lists.names, job="actor"),
    "languages": partial(lists.names, rename=language_name),
    "countries": partial(lists.names, rename=country_name),
    "runtime": scalars.runtime,
    "rating": scalars.rating,
    "votes": scalars.votes,
    "poster": poster,
    "link": address,
    "imdb": imdb_id,
    "tmdb": tmdb_id,
    "ids": site_ids,
}
"""Field -> what makes its value out of a cell."""
TEXTS = frozenset({"title", "plot", "plot_de", "synopsis", "original_title"})
LISTS = frozenset(LIST_FIELDS)
"""Fields that collect from all their columns; the others take the first that has a value."""
_STAFF = ("crew", "people")
_ALL = "*"
_SHAPES = 10_000


class Step(NamedTuple):
    """One column to be read into one field: a tuple, since it is unpacked for every cell of a catalogue."""

    target: str
    column: str
    option: Option | None
    """Where to look when the column alone does not say it."""
    clean: Clean

    @property
    def name(self) -> str:
        """As the file, or the configuration, calls it."""
        return " + ".join(".".join(path) for path in self.option) if self.option else self.column


@dataclass(frozen=True, slots=True)
class Columns:
    """How rows of one shape are read."""

    steps: tuple[Step, ...]
    texts: tuple[Step, ...]
    """Those of the steps whose text may have to be repaired."""
    scalars: tuple[Step, ...]
    lists: tuple[Step, ...]
    sites: tuple[str, ...]
    """Targets among the scalars that are ids elsewhere."""
    extra: tuple[tuple[str, Path], ...]
    """Further columns that were asked for: name, where."""


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Where each field of a movie comes from.

    The columns are looked up for each shape (the names of a row's columns), so one that appears late in the file is
    found as well.
    """

    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field -> names as configured, instead of the usual ones. "a.b" looks inside, "a + b" joins two."""
    ignored: frozenset[tuple[str, str]] = frozenset()
    """Field and column of a usual name that holds something else, such as certificates in "rating"."""
    inside: str | None = None
    """The column that holds the film, if rows are wrapped: {"_source": {...}}."""
    rating_scale: float = 10.0
    """The best rating there is."""
    runtime_unit: int = 1
    """So many of the numbers under "runtime" are a minute: 60 of seconds."""
    ranked: bool = False
    """Titles are numbered through: "12. Metropolis"."""
    _shapes: dict[Path, Columns] = field(default_factory=dict, compare=False, repr=False)

    @property
    def key(self) -> tuple[object, ...]:
        """Everything that was configured and detected, the same for the same mapping."""
        given = tuple(sorted(self.given.items()))
        return given, tuple(sorted(self.ignored)), self.inside, self.rating_scale, self.runtime_unit, self.ranked

    def columns(self, fields: Mapping[str, object]) -> Columns:
        """How a row with these columns is read."""
        shape = tuple(fields)
        columns = self._shapes.get(shape)
        if columns is None:
            if len(self._shapes) >= _SHAPES:
                self._shapes.clear()
            columns = self._shapes[shape] = self._columns(shape)
        return columns

    def _columns(self, shape: Path) -> Columns:
        present = frozenset(shape)
        known: dict[str, list[str]] = {}
        claimed = {part for names in self.given.values() for name in names for part in name.split(" + ")}
        for name in shape:
            if name not in claimed or name in self.given.get("extra", ()):
                known.setdefault(normal_name(name), []).append(name)
        steps = [step for target in USUAL for step in self._steps(target, present, known)]
        steps = _read_once([step for step in steps if (step.target, step.column) not in self.ignored])
        sites = [(OTHER_IDS[normal], names[0]) for normal, names in known.items() if normal in OTHER_IDS]
        steps += [Step(site, name, None, plain_id) for site, name in sites]
        used = {path[0] for step in steps for path in step.option or ((step.column,),)}
        wanted = [
            name
            for asked in self.given.get("extra", ())
            for name in ([name for name in shape if name not in used] if asked == _ALL else [asked])
        ]
        extra = tuple((name, path) for name in wanted for path in _paths(name, present))
        texts = tuple(step for step in steps if step.target in TEXTS)
        lists_ = tuple(step for step in steps if step.target in LISTS)
        scalars = tuple(step for step in steps if step.target not in TEXTS | LISTS)
        return Columns(tuple(steps), texts, scalars, lists_, ("imdb", "tmdb", *(site for site, _ in sites)), extra)

    def _steps(self, target: str, present: Set[str], known: Mapping[str, Sequence[str]]) -> Iterator[Step]:
        if target == "extra":
            return
        names = self.given.get(target)
        if names is None:
            options = _usual(USUAL[target], known)
        else:
            options = [option for name in names if (option := tuple(_paths(name, present)))]
        for option in options:
            (column, *inside), *joined = option
            clean = self._clean(target, option)
            yield Step(target, column, option if inside or joined else None, clean)

    def _clean(self, target: str, option: Option) -> Clean:
        if target == "rating" and self.rating_scale != 10:
            return partial(scalars.rating, scale=self.rating_scale)
        if target == "runtime" and self.runtime_unit != 1:
            return partial(scalars.runtime, unit=self.runtime_unit)
        if target in ("directors", "actors") and option[0][-1].lower() in _STAFF:
            return partial(lists.staff, job=target[:-1])
        return CLEAN[target]


def _read_once(steps: Sequence[Step]) -> list[Step]:
    """The steps without those that would read the plot as the German one, too: where it has a German name itself."""
    plots = [step.column for step in steps if step.target == "plot"]
    german = {step.column for step in steps if step.target == "plot_de"}
    twice = set(plots) if plots and plots[0] in german else set()
    return [step for step in steps if step.target != "plot_de" or step.column not in twice]


def normal_name(name: str) -> str:
    """The name of a column as it is compared: in small letters, without spaces and signs."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", name).lower())


def _usual(names: Iterable[str], known: Mapping[str, Sequence[str]]) -> list[Option]:
    """The columns among `known` (by normal name) that bear one of the usual names."""
    found: list[Option] = []
    for name in names:
        first, *inside = name.split(".")
        found += [((column, *inside),) for column in known.get(normal_name(first), ())]
    return found


def _paths(name: str, present: Set[str]) -> Iterator[Path]:
    """The columns of "a", "a.b" or "a + b" that the row has; a column that is called just so comes first."""
    for part in [name] if name in present else name.split(" + "):
        path = (part,) if part in present else tuple(part.split("."))
        if path[0] in present:
            yield path


def follow(fields: Mapping[str, object], path: Path) -> object:
    """The value at a path, None where it leads nowhere."""
    value = fields.get(path[0])
    for key in path[1:]:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def look(fields: Mapping[str, object], step: Step) -> object:
    """The value a step reads: in a column, at a path, or the joined texts at several; raises WrongTypeError."""
    if step.option is None:
        return fields[step.column]
    if len(step.option) == 1:
        return follow(fields, step.option[0])
    texts = (step.clean(follow(fields, path)) for path in step.option)
    return " ".join(dict.fromkeys(text for text in texts if isinstance(text, str))) or None


def movie_fields(row: Row, field_map: FieldMap) -> Mapping[str, object]:
    """The fields of the movie itself, unwrapped."""
    if field_map.inside is not None:
        inner = row.fields.get(field_map.inside)
        if isinstance(inner, dict):
            return inner
    return row.fields
