"""A film as somebody's list of watched or rated ones names it."""

import re
from dataclasses import dataclass

from query.filters import SITES

_ID = re.compile(r"([a-z][a-z0-9_]*):([^\s:]+)\s*")
_DATED = re.compile(r"(?P<title>.+?)\s*\((?P<year>\d{4})\)")


@dataclass(frozen=True, slots=True)
class NamedFilm:
    """What a list says of one film: ids elsewhere, title and year, as far as it knows them."""

    ids: tuple[tuple[str, str], ...] = ()
    """Site and id: ("imdb", "tt0133093")."""
    title: str = ""
    year: int | None = None

    @property
    def name(self) -> str:
        """As one text, which `film_named` reads: "imdb:tt0133093 tmdb:603 The Matrix (1999)"."""
        title = f"{self.title} ({self.year})" if self.title and self.year else self.title
        return " ".join([*(f"{site}:{key}" for site, key in self.ids), *([title] if title else [])])


def film_named(name: str) -> NamedFilm:
    """The film that a text names by ids elsewhere, by title and year, or by both."""
    ids: list[tuple[str, str]] = []
    rest = name.strip()
    while (found := _ID.match(rest)) and found[1] in SITES:
        ids.append((found[1], found[2]))
        rest = rest[found.end() :]
    dated = _DATED.fullmatch(rest)
    return NamedFilm(tuple(ids), *((dated["title"], int(dated["year"])) if dated else (rest, None)))
