"""Titles as someone types them, the best known first: two sorted lists in memory, two binary searches a key."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from catalog.language import plain_title, without_article
from catalog.store.catalog import Snapshot

_ALL = 1 << 60
_AFTER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A film that someone may mean."""

    id: str
    title: str
    year: int | None


@dataclass(frozen=True, slots=True)
class Titles:
    """Every plain title, with and without its article, sorted, with its film and that film's votes."""

    plain: Sequence[str]
    films: NDArray[np.int64]
    """Shape (titles,)."""
    votes: NDArray[np.float32]
    """Shape (titles,)."""
    shown: Sequence[str]
    """Of each film, as it is written."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        """Of all films of a generation."""
        pairs = snapshot.words.titled_from("", _ALL)
        pairs += [(bare, film) for title, film in pairs if (bare := without_article(title)) != title]
        pairs.sort()
        films = np.array([film for _, film in pairs], dtype=np.int64)
        return cls([title for title, _ in pairs], films, snapshot.columns.votes[films], snapshot.records.titles())

    def starting(self, typed: str, count: int) -> list[int]:
        """Numbers of at most `count` films whose title begins with what was typed; equal votes by title."""
        start = plain_title(typed)
        if not start:
            return []
        low, high = bisect_left(self.plain, start), bisect_left(self.plain, start + _AFTER)
        votes = self.votes[low:high]
        # A film may stand there twice, with and without its article.
        kept = np.arange(len(votes)) if len(votes) <= 2 * count else np.argpartition(-votes, 2 * count)[: 2 * count]
        best = kept[np.lexsort((kept, -votes[kept]))]
        return list(dict.fromkeys(self.films[low + best].tolist()))[:count]


def suggestions(titles: Titles, snapshot: Snapshot, typed: str, count: int) -> list[Suggestion]:
    """The films that someone who types this may mean; nothing is read from disk for it."""
    ids, years = snapshot.columns.ids, snapshot.columns.numbers["year"]
    return [
        Suggestion(ids[film], titles.shown[film], None if np.isnan(years[film]) else int(years[film]))
        for film in titles.starting(typed, count)
    ]
