"""Names for parts of the map: the words that many films there hold, and few elsewhere, or else such a genre."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.text.folding import tokens
from catalog.text.stems import english_stem, german_stem

Rows = NDArray[np.int64]
ToldAt = Callable[[Sequence[int]], Iterable[tuple[str, Sequence[str]]]]
"""Reads plot and genres of the movies in some rows."""

_LEVELS = (16, 96)
"""Regions of the whole map, and of one that is looked at closely."""
_FEWEST = 25
"""Films of a region on average, at least; half as many are worth a name."""
_READ = 4800
"""Films whose plots are read, as many of each region, spread through it."""
_SHORTEST = 4
_ROUNDS = 12
_SAMPLE = 10_000
"""Films from which the regions are learned."""
_LEAST_SHARE = 0.06
"""Of the films that are read, for a word to name them."""
_LEAST_RARER = 1.5
"""How many times as rare it has to be on the whole map."""
_LEAST_HELD = 4
_LEAST_SURPRISE = 15.14
"""G of Dunning (1993), "Accurate Methods for the Statistics of Surprise and Coincidence": one of 10,000 words that are
spread by chance reaches it. Of 200 films, four of a region hold many a word that says nothing ("takes", "lost")."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What regions are named by."""

    most: int
    """In one name."""
    most_share: float
    """Of all films that may hold it: love, life and the young are everywhere, and so is drama."""
    says: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the map."""

    x: int
    y: int
    """Its middle, 0 to 65535."""
    level: int
    """0 for the whole map, 1 for one that is looked at closely."""
    name: str


def name_regions(places: Floats, rows: Rows, told_at: ToldAt) -> tuple[Region, ...]:
    """Regions of the films in some rows, which lie at these places, shape (n, 2)."""
    return tuple(
        region for level, count in enumerate(_LEVELS) for region in _level(level, count, places, rows, told_at)
    )


def _level(level: int, count: int, places: Floats, rows: Rows, told_at: ToldAt) -> list[Region]:
    count = min(count, len(places) // _FEWEST)
    if count < 2:
        return []
    middles, own = _middles(places, count)
    words: list[list[frozenset[str]]] = []
    genres: list[list[frozenset[str]]] = []
    for group in range(count):
        members = np.flatnonzero(own == group)
        some = members[:: -(-len(members) * count // _READ) or 1]
        told = list(told_at(rows[some].tolist()))
        words.append([frozenset(tokens(plot)) for plot, _ in told])
        genres.append([frozenset(names) for _, names in told])
    names = [word or genre for word, genre in zip(_names(words, _WORDS), _names(genres, _GENRES), strict=True)]
    found = zip(middles.round().astype(int).tolist(), names, words, strict=True)
    return [Region(x, y, level, name) for (x, y), name, films in found if name and 2 * len(films) >= _FEWEST]


def _middles(places: Floats, count: int) -> tuple[Floats, Rows]:
    """The middles of groups, shape (count, 2), and the group of each film, shape (n,): Lloyd's k-means."""
    some = places[:: -(-len(places) // _SAMPLE)]
    order = np.lexsort((some[:, 1], some[:, 0]))
    middles = some[order[np.linspace(0, len(order) - 1, count).astype(np.int64)]]
    for _ in range(_ROUNDS):
        own = _nearest(some, middles)
        sizes = np.bincount(own, minlength=count)[:, None]
        sums = np.stack([np.bincount(own, weights=axis, minlength=count) for axis in some.T], axis=1)
        middles = np.where(sizes > 0, sums / np.maximum(sizes, 1), middles)
    return middles.astype(np.float32), _nearest(places, middles)


def _nearest(places: Floats, middles: NDArray[np.floating]) -> Rows:
    """The middle nearest to each place, shape (n,)."""
    return np.asarray(((middles**2).sum(axis=1) / 2 - places @ middles.T).argmin(axis=1))


def _names(told: Sequence[Sequence[frozenset[str]]], kind: _Kind) -> list[str]:
    """Of what each region's films hold, which says most: how many there hold it, times a squared log of how rare.

    Nothing for a region in which nothing is more frequent than chance would have it.
    """
    counts = [Counter(word for film in films for word in film) for films in told]
    everywhere = sum(counts, Counter[str]())
    films = max(sum(map(len, told)), 1)
    return [_name(count, len(group), everywhere, films, kind) for count, group in zip(counts, told, strict=True)]


def _name(count: Counter[str], size: int, everywhere: Counter[str], films: int, kind: _Kind) -> str:
    scores: dict[str, float] = {}
    for word, held in count.items():
        share, elsewhere = held / size, everywhere[word] / films
        frequent = held >= _LEAST_HELD and share >= _LEAST_SHARE
        telling = elsewhere <= min(kind.most_share, share / _LEAST_RARER) and kind.says(word)
        if frequent and telling and _surprise(held, size, everywhere[word], films) >= _LEAST_SURPRISE:
            scores[word] = share * log(share / elsewhere) ** 2
    chosen: dict[str, str] = {}
    for word in sorted(scores, key=lambda word: (-scores[word], word)):
        if len(chosen) == kind.most:
            break
        chosen.setdefault(english_stem(word) or word, word)
    return " · ".join(chosen.values())


def _surprise(held: int, size: int, everywhere: int, films: int) -> float:
    """G of a word that `held` of `size` films of a region hold, and `everywhere` of all `films`."""
    cells = [
        (count, total * part / films)
        for total, inside in ((everywhere, held), (films - everywhere, size - held))
        for part, count in ((size, inside), (films - size, total - inside))
    ]
    return 2 * sum(count * log(count / expected) for count, expected in cells if count)


def _says_something(word: str) -> bool:
    return len(word) >= _SHORTEST and word.isalpha() and bool(english_stem(word)) and bool(german_stem(word))


_WORDS = _Kind(2, 0.1, _says_something)
_GENRES = _Kind(1, 0.25, bool)
