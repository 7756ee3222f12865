"""One interface to a catalog, here or behind the service: search, similar, recommend, facets, movie."""

import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

from catalog.errors import UsageError
from catalog.movie import Movie
from catalog.printable import brief
from catalog.terminal import say
from query.models import FacetCounts, Hit, SearchRequest, SearchResult

Name = int | str | Movie | Hit
"""Of a film: its id or title, or the film itself, as an answer has it."""
Names = Name | Sequence[Name] | SearchResult
"""Of one or several films."""


class Options(TypedDict, total=False):
    """What can be asked besides words and examples: what `query` takes. `SearchRequest` tells what each means."""

    by: str | None
    filter: str | None
    exclude: Names | None
    seen: "str | PathLike[str] | Sequence[str] | None"
    ratings: "str | PathLike[str] | Mapping[str, float] | None"
    sort: str | None
    offset: int | None
    limit: int | None
    plain: bool | None
    all: bool | None
    why: bool | None
    facets: bool | None
    highlight: bool | None
    franchise: int | None
    diversity: float | None
    popularity: float | None
    min_confidence: float | None
    literal: bool | None
    disregard: str | Sequence[str] | None


class MovieCatalog(ABC):
    """What both can do, with the same words, the same values and the same errors."""

    @abstractmethod
    def ask(self, request: SearchRequest) -> SearchResult:
        """Answer any `plotseek.SearchRequest`; raises UsageError, MovieNotFound, StoreError, ModelError."""

    @abstractmethod
    def count_facets(self, request: SearchRequest) -> FacetCounts:
        """How many of the films that fit have which value; raises as `ask` does."""

    @abstractmethod
    def movie(self, name: Name) -> Movie:
        """The film with this id, `tmdb:278`, `imdb:tt0111161`, or title, the best known; raises MovieNotFound."""

    def facets(self, text: str | SearchRequest = "", **options: Unpack[Options]) -> FacetCounts:
        """How many of all films that fit have which genre, year by decade ...; of all films if nothing is asked.

        Takes what `search` takes.
        """
        return self.count_facets(text if isinstance(text, SearchRequest) else request_of(text, **options))

    def search(self, text: str = "", **options: Unpack[Options]) -> SearchResult:
        """Films by what happens in them: `search("haunted house", filter="year>=1980 genre:Horror", limit=5)`.

        Without words, the films that pass the filter. `Plotseek` takes a vector as well, shape (d,): the nearest by
        cosine similarity alone, with filter, exclude, offset and limit. Raises UsageError for a wrong option,
        MovieNotFound, StoreError, ModelError.

        by: str = "story" -- what likes mean: "story", what happens, or "taste", what the same people like
        filter: str = "" -- conditions that must hold: "year>=1980 genre:Horror"
        exclude: list[str] = () -- films to leave out: ids or titles
        seen: list[str] | path = () -- what was watched, and is left out, or a file that says so
        ratings: dict[str, float] | path = {} -- films and ratings from 0 to 10, or a file that has them
        sort: str = "relevance" -- or year, rating, votes, title, runtime; "-" before it for falling
        offset: int = 0 -- skip so many: the next page
        limit: int | None = None -- how many, 1 to 1000; None is search.limit
        plain: bool = False -- cosine similarity alone
        all: bool = False -- also films that do not fit well
        why: bool = False -- say for each film what brought it
        facets: bool = False -- count genres, decades and the like of what fits
        highlight: bool = False -- say where words of the question stand
        franchise: int | None = None -- at most so many films of one series
        diversity: float | None = None -- 0 to 1: how different the films shall be; None is search.diversity
        popularity: float | None = None -- -2 to 2: how much the known come first; None is search.popularity
        min_confidence: float | None = None -- 0 to 1: leave out what is less sure; None is search.min_confidence
        literal: bool = False -- read no conditions out of the text
        disregard: list[str] = () -- conditions not to be read out of it: ["genre:Horror"]
        """
        return self.ask(request_of(text, **options))

    def similar(self, movie: Name, **options: Unpack[Options]) -> SearchResult:
        """Films like one, named by its id or title; takes what `search` takes."""
        return self.ask(request_of(likes=(movie,), **options))

    def recommend(
        self,
        likes: Names | None = None,
        dislikes: Names | None = None,
        *,
        text: str = "",
        **options: Unpack[Options],
    ) -> SearchResult:
        """Films for someone who likes and dislikes these: ids, titles or words; or whose `ratings` say it.

        Takes what `search` takes.
        """
        return self.ask(request_of(text, likes, dislikes, **options))

    @abstractmethod
    def close(self) -> None:
        """Give back what is held open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def request_of(
    text: str = "", likes: Names | None = None, dislikes: Names | None = None, **options: Unpack[Options]
) -> SearchRequest:
    """A request as programs put it; None is an option's default. Raises UsageError."""
    refuse_unknown(options, Options.__annotations__)
    given: dict[str, Any] = {"likes": likes, "dislikes": dislikes, **options}
    for name in ("seen", "ratings"):
        if isinstance(given.get(name), str | PathLike):
            given[name] = _from_file(name, os.path.expanduser(given[name]))  # noqa: PTH111 - takes any text
    return SearchRequest(text, **{name: value for name, value in given.items() if value is not None})


def refuse_unknown(options: Iterable[str], allowed: Collection[str]) -> None:
    """Raise UsageError for an option that does not exist."""
    for name in options:
        if name not in allowed:
            near = get_close_matches(name, allowed, 1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            raise UsageError(f"unknown option {name!r}; {meant}allowed are {', '.join(allowed)}")


def _from_file(option: str, path: str) -> tuple[str, ...] | dict[str, float]:
    """What a file says was watched, or rated; raises UsageError."""
    if not os.path.isfile(path):  # noqa: PTH113 - takes any text, too long a one as well
        several = "a dict: {'Alien (1979)': 9}" if option == "ratings" else "a list: ['Alien (1979)']"
        raise UsageError(f"{option}: there is no file {brief(path)}; films are given in {several}")

    from query.watched.reader import read_ratings, read_watched, seen_of

    return seen_of(read_watched(Path(path))) if option == "seen" else read_ratings(Path(path), say)
