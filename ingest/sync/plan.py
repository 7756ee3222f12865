"""What a run does with each movie of a file: compared with what the last run stored. Pure."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from catalog.arrays import Vector
from catalog.errors import DeletionsRefused
from catalog.movie import MAIN, Fingerprints, Movie, fingerprints
from catalog.store.movies import Entry
from catalog.text.folding import plain_title
from ingest.sync.row_cache import RememberedRow

EXAMPLES = 3
"""Films named for each kind of change."""
_AT_ONCE = 500
"""Movies that are looked up together."""


class Kind(StrEnum):
    """What a run does with a movie."""

    ADDED = "added"
    TEXT_CHANGED = "text_changed"
    METADATA_CHANGED = "metadata_changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class EmbeddedTexts:
    """Vectors of some texts, by their digests."""

    vectors: dict[bytes, Vector]
    read: int
    """How many of them the model read now."""
    truncated: int


EmbedTexts = Callable[[Iterable[Mapping[bytes, str]]], Iterator[EmbeddedTexts]]
"""Embeds texts, by digest, part after part; vectors come in any order, as they are done."""


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How a run treats the catalog."""

    template: str
    batch: int = 1024
    """Texts between two acknowledgements."""
    prune: bool = True
    """Delete films that are no longer in the file."""
    max_delete: float = 0.1
    min_delete: int = 20
    allow_deletes: bool = False
    rebuild: bool = False
    rebuild_after: float = 0.5
    """Build the index afresh once this share of it has been changed in place."""
    fallback_for: str | None = None
    check: tuple[str, ...] = ()
    """A program that must agree before a generation is published."""
    source: str = MAIN
    """Whose movies these are; those of others are not counted as missing."""
    remove: frozenset[str] = frozenset()
    """Ids that are deleted because somebody said so; the guard does not count them."""
    embed: EmbedTexts | None = None
    """What embeds in place of this process."""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One movie of the file beside what is stored of it."""

    kind: Kind
    id: str
    entry: Entry | None = None
    """What is to be stored; None for a movie that stays as it is."""


def plan(
    movies: Iterable[Movie | RememberedRow],
    stored: Mapping[str, Fingerprints],
    template: str,
    source: str = MAIN,
    others: Container[str] = (),
) -> Iterator[PlannedChange]:
    """Compare each movie, by its id, with what the last run stored. Pure, lazy, in the file's order.

    A movie that is one of the `others`, those of another source, is changed at least in whose it is.
    """
    for movie in movies:
        if isinstance(movie, RememberedRow):
            yield PlannedChange(Kind.UNCHANGED, movie.id)
            continue
        now = fingerprints(movie, template)
        kind = _kind(now, stored.get(movie.id))
        if kind is Kind.UNCHANGED and movie.id in others:
            kind = Kind.METADATA_CHANGED
        yield PlannedChange(kind, movie.id, None if kind is Kind.UNCHANGED else Entry(movie, now, source=source))


def _kind(now: Fingerprints, before: Fingerprints | None) -> Kind:
    if before is None:
        return Kind.ADDED
    if (now.text, now.passages) != (before.text, before.passages):
        return Kind.TEXT_CHANGED
    return Kind.UNCHANGED if now.metadata == before.metadata else Kind.METADATA_CHANGED


def deletions(
    stored: Set[str], seen: Set[str], options: SyncOptions, refused: Set[str] = frozenset()
) -> frozenset[str]:
    """The ids that are gone from the file, the `refused` ones not among them; raises DeletionsRefused for too many.

    `stored` are those of the same source. None without `prune`. Too many is more than the share `max_delete` of the
    stored films and more than `min_delete` films, those counted whose row was refused: a file of broken rows is as
    wrong as one that was cut off. All of them, however few, are too many: that is another list.
    """
    if not options.prune:
        return frozenset()
    missing = frozenset(stored - seen)
    gone = missing - refused
    is_other = bool(gone) and gone == stored
    too_many = len(missing) > max(options.min_delete, options.max_delete * len(stored))
    if (too_many or is_other) and not options.allow_deletes:
        where = "missing from the file, or refused" if missing & refused else "missing from the file"
        more = ", more than sync.max_delete allows" if too_many else ""
        are_others = " (or, to keep other films beside them, with --source NAME)" if is_other else ""
        raise DeletionsRefused(
            f"{_share(len(missing), len(stored), options.source)} {where}{more}; nothing was deleted;"
            f" check the file, or repeat with --allow-deletes{are_others}"
        )
    return gone


def _share(missing: int, stored: int, source: str) -> str:
    """`190 of 200 films are`, `the only film of source 'kodi' is`"""
    whose = "" if source == MAIN else f" of source {source!r}"
    return f"the only film{whose} is" if stored == 1 else f"{missing} of {stored} films{whose} are"


class Told(NamedTuple):
    """A movie's title, and its plot as a number: of a catalog of another list all are kept until the end."""

    title: str
    plot: int


def told(movie: Movie) -> Told:
    return Told(movie.title, hash(movie.plot))


def note_of_replaced(retold: Mapping[str, Told], stored: Callable[[Sequence[str]], Mapping[str, Movie]]) -> str | None:
    """One line if movies have nothing but their id in common with what is `stored` of them."""
    count, first = 0, ""
    ids = list(retold)
    for start in range(0, len(ids), _AT_ONCE):
        for identity, movie in stored(ids[start : start + _AT_ONCE]).items():
            now, before = retold[identity], told(movie)
            if now.plot != before.plot and plain_title(now.title) != plain_title(before.title):
                count += 1
                first = first or f"{now.title!r} was {before.title!r}"
    if not count:
        return None
    whose = "1 film has" if count == 1 else f"{count} films have"
    return (
        f"{whose} another title and plot than before (first: {first}); if this is another list, 'ingest rollback',"
        " then give it ids of its own, or a catalog of its own (PLOTSEEK_STORE_PATH)"
    )


@dataclass(slots=True)
class Tally:
    """What the plan found, counted while the films stream by."""

    counts: Counter[Kind] = field(default_factory=Counter)
    embed: set[str] = field(default_factory=set)
    metadata: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    examples: dict[Kind, list[str]] = field(default_factory=dict)
    retold: dict[str, Told] = field(default_factory=dict)
    """What movies whose text changed are told as now, by id."""

    def add(self, change: PlannedChange) -> None:
        self.counts[change.kind] += 1
        self.seen.add(change.id)
        if change.kind is Kind.TEXT_CHANGED and change.entry is not None:
            self.retold[change.id] = told(change.entry.movie)
        if change.kind in (Kind.ADDED, Kind.TEXT_CHANGED):
            self.embed.add(change.id)
        elif change.kind is Kind.METADATA_CHANGED:
            self.metadata.add(change.id)
        if change.entry is not None:
            examples = self.examples.setdefault(change.kind, [])
            if len(examples) < EXAMPLES:
                examples.append(label(change.entry.movie))


def label(movie: Movie) -> str:
    """`Alien (1979)`"""
    return f"{movie.title} ({movie.year or '?'})"
