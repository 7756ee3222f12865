"""One interface to a catalog, here or behind the service: search, similar, recommend, facets, movie."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

from catalog.movie import Movie
from query.models import FacetCounts, SearchRequest, SearchResult


class MovieCatalog(ABC):
    """What both can do, with the same words, the same values and the same errors."""

    @abstractmethod
    def ask(self, request: SearchRequest) -> SearchResult:
        """Answer any question; raises UsageError, MovieNotFound, StoreError, ModelError."""

    @abstractmethod
    def facets(self, request: SearchRequest) -> FacetCounts:
        """How many of all films that fit have which genre, decade, rating ...; of all films for an empty question."""

    @abstractmethod
    def movie(self, name: str) -> Movie:
        """The film with this id, or `tmdb:278`, `imdb:tt0111161`; raises MovieNotFound."""

    def search(self, text: str, *, filter: str = "", limit: int | None = None, why: bool = False) -> SearchResult:  # noqa: A002
        """Films by what happens in them. `filter` is "year>=1980 genre:Horror" and the like."""
        return self.ask(SearchRequest(text, filter=filter, limit=limit, why=why))

    def similar(self, movie: str, *, filter: str = "", limit: int | None = None, why: bool = False) -> SearchResult:  # noqa: A002
        """Films like one, named by its id or title."""
        return self.ask(SearchRequest(likes=(movie,), filter=filter, limit=limit, why=why))

    def recommend(
        self,
        likes: Sequence[str],
        dislikes: Sequence[str] = (),
        *,
        text: str = "",
        filter: str = "",  # noqa: A002
        exclude: Sequence[str] = (),
        limit: int | None = None,
        why: bool = False,
    ) -> SearchResult:
        """Films for someone who likes and dislikes these: ids, titles or words."""
        examples = tuple(likes), tuple(dislikes)
        return self.ask(SearchRequest(text, *examples, filter=filter, exclude=tuple(exclude), limit=limit, why=why))

    @abstractmethod
    def close(self) -> None:
        """Give back what is held open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
