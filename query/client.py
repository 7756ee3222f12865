"""One interface to a catalog, here or behind the service: search, similar, recommend, facets, movie."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from catalog.errors import PlotseekError, StoreError
from catalog.movie import Movie
from query.answer import facets_from_dict, result_from_dict
from query.models import FacetCounts, SearchRequest, SearchResult
from query.problems import error_of

if TYPE_CHECKING:
    import httpx


class FilmCatalog(ABC):
    """What both can do, with the same words, the same values and the same errors."""

    @abstractmethod
    def ask(self, question: SearchRequest) -> SearchResult:
        """Answer any question; raises UsageError, MovieNotFound, AmbiguousTitle, StoreError, ModelError."""

    @abstractmethod
    def facets(self, question: SearchRequest) -> FacetCounts:
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
        return self.ask(
            SearchRequest(
                text,
                likes=tuple(likes),
                dislikes=tuple(dislikes),
                filter=filter,
                exclude=tuple(exclude),
                limit=limit,
                why=why,
            )
        )


class PlotseekClient(FilmCatalog):
    """A running service.

    with PlotseekClient("http://127.0.0.1:8080") as films:
        films.similar("tmdb:348", limit=3)
    """

    def __init__(self, url: str, *, key: str | None = None, timeout: float = 15.0) -> None:
        """`key` is an API key, where the service wants one; `timeout` is in seconds."""
        import httpx

        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout)

    def ask(self, question: SearchRequest) -> SearchResult:
        """Answer any question; besides the usual errors those of the service: AccessDenied, Overloaded ..."""
        return result_from_dict(self._json("POST", "/search", json=question.to_dict()))

    def facets(self, question: SearchRequest) -> FacetCounts:
        return facets_from_dict(self._json("POST", "/facets", json=question.to_dict()))

    def movie(self, name: str) -> Movie:
        return Movie.from_dict(self._json("GET", f"/movies/{quote(name, safe='', errors='replace')}"))

    def _json(self, method: str, path: str, json: object = None) -> dict[str, Any]:
        import httpx

        try:
            response = self._http.request(method, path, json=json)
        except httpx.TransportError as error:
            raise StoreError(f"{self._http.base_url}: does not answer: {error}; is query-server running?") from error
        if response.is_success:
            values: dict[str, Any] = response.json()
            return values
        raise _error(response)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _error(response: "httpx.Response") -> PlotseekError:
    """What the service says is wrong, as the error it was there."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    if isinstance(body, dict):
        if error := error_of(body):
            return error
        if detail := body.get("detail"):
            return PlotseekError(f"{response.url.host}: {detail}")
    return PlotseekError(f"{response.url.host}: answers {response.status_code} {response.reason_phrase}")
