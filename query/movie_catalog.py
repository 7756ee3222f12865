"""One interface to a catalog, here or behind the service: search, similar, recommend, facets, movie."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypedDict, Unpack, cast

from catalog.errors import UsageError
from catalog.movie import Movie
from query.models import FacetCounts, SearchRequest, SearchResult


class Options(TypedDict, total=False):
    """What can be asked besides words and examples: what `query` takes. `SearchRequest` tells what each means."""

    by: str
    filter: str
    exclude: Sequence[str]
    seen: Sequence[str]
    ratings: Mapping[str, float]
    sort: str
    offset: int
    limit: int | None
    plain: bool
    all: bool
    why: bool
    facets: bool
    highlight: bool
    franchise: int | None
    diversity: float | None
    popularity: float | None
    min_confidence: float | None
    literal: bool
    disregard: Sequence[str]


class MovieCatalog(ABC):
    """What both can do, with the same words, the same values and the same errors."""

    @abstractmethod
    def ask(self, request: SearchRequest) -> SearchResult:
        """Answer any question; raises UsageError, MovieNotFound, StoreError, ModelError."""

    @abstractmethod
    def count_facets(self, request: SearchRequest) -> FacetCounts:
        """How many of the films that fit have which value; raises as `ask` does."""

    @abstractmethod
    def movie(self, name: str) -> Movie:
        """The film with this id, `tmdb:278`, `imdb:tt0111161`, or title, the best known; raises MovieNotFound."""

    def facets(self, text: str | SearchRequest = "", **options: Unpack[Options]) -> FacetCounts:
        """How many of all films that fit have which genre, decade, rating ...; of all films if nothing is asked."""
        return self.count_facets(text if isinstance(text, SearchRequest) else request_of(text, **options))

    def search(self, text: str = "", **options: Unpack[Options]) -> SearchResult:
        """Films by what happens in them: `search("haunted house", filter="year>=1980 genre:Horror", limit=5)`.

        Without words, the films that pass the filter.
        """
        return self.ask(request_of(text, **options))

    def similar(self, movie: str, **options: Unpack[Options]) -> SearchResult:
        """Films like one, named by its id or title."""
        return self.ask(request_of(likes=(movie,), **options))

    def recommend(
        self,
        likes: str | Sequence[str] = (),
        dislikes: str | Sequence[str] = (),
        *,
        text: str = "",
        **options: Unpack[Options],
    ) -> SearchResult:
        """Films for someone who likes and dislikes these: ids, titles or words; or whose `ratings` say it."""
        return self.ask(request_of(text, likes, dislikes, **options))

    @abstractmethod
    def close(self) -> None:
        """Give back what is held open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def request_of(
    text: str = "", likes: str | Sequence[str] = (), dislikes: str | Sequence[str] = (), **options: Unpack[Options]
) -> SearchRequest:
    """A request as programs put it; raises UsageError for an option that does not exist."""
    if unknown := sorted(options.keys() - Options.__annotations__.keys()):
        raise UsageError(f"unknown option {unknown[0]!r}; allowed are {', '.join(Options.__annotations__)}")
    given = cast(dict[str, Any], options)
    several = ("exclude", "seen", "disregard")
    lists: dict[str, Any] = {name: _several(given[name]) for name in several if name in given}
    return SearchRequest(text, _several(likes), _several(dislikes), **(given | lists))


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    """One text is a list of one: its letters are nobody's names."""
    return (names,) if isinstance(names, str) else tuple(names)
