"""The shapes of the service for its OpenAPI document: what may be sent, what comes back, with examples."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic.config import JsonDict

from catalog.errors import UsageError
from catalog.journal.change import ChangeReport
from catalog.movie import Movie
from catalog.store.columns.facets import SHOWN
from query.film_map import DrawnMap
from query.http.replies.names import IN_ADDRESSES
from query.http.shapes import Asked, Shape, shaped_like
from query.models import MOST_RESULTS, PAGE_ALONE, FacetCounts, Hit, SearchRequest, SearchResult
from query.problems import MEDIA_TYPE
from query.serving.ingest_job import IngestRun
from query.suggest import Suggestion

MOST_EXAMPLES = 100
MOST_NAMES = 10_000
"""Of films that were seen, rated or left out."""
MOST_TOGETHER = 50

#: What a request may hold at most, and what it may look like.
_REQUEST = {
    "text": Field(description="What happens in the film", examples=["a man relives the same day"]),
    "likes": Field(max_length=MOST_EXAMPLES),
    "dislikes": Field(max_length=MOST_EXAMPLES, description="Ids, titles or words"),
    "by": Field(pattern="^(story|taste)$", examples=["taste"]),
    "filter": Field(examples=["year>=1980 genre:Horror -genre:Comedy"]),
    "exclude": Field(max_length=MOST_NAMES),
    "seen": Field(max_length=MOST_NAMES, examples=[["tmdb:603", "The Matrix (1999)"]]),
    "ratings": Field(max_length=MOST_NAMES, examples=[{"imdb:tt0133093": 9, "Das Boot (1981)": 3.5}]),
    "sort": Field(max_length=40, description='relevance, year, rating, votes, title, runtime; "-year"'),
    "offset": Field(ge=0, le=100_000),
    "limit": Field(
        ge=1, le=MOST_RESULTS, description="Default: search.limit; films like some end after 50, or `limit`"
    ),
    "franchise": Field(ge=1, le=MOST_RESULTS),
    "diversity": Field(ge=0, le=1),
    "popularity": Field(ge=-2, le=2),
    "min_confidence": Field(ge=0, le=1),
    "fields": Field(max_length=MOST_EXAMPLES, examples=[["id", "title", "fit"]]),
    "disregard": Field(max_length=MOST_EXAMPLES, examples=[["genre:Horror"]]),
}
#: An address has no room for ten thousand ids.
_SHORT = {name: Field(max_length=MOST_EXAMPLES) for name in ("exclude", "seen")}
_ADDRESS = _REQUEST | _SHORT
_COUNTED = _REQUEST | {"limit": Field(ge=1, le=MOST_RESULTS, description=f"Values of each field; default: {SHOWN}")}
_LISTS = ("likes", "dislikes", "exclude", "seen", "disregard", "fields")
REPEATED = frozenset({*_LISTS, *(IN_ADDRESSES.get(name, name) for name in _LISTS)})
"""What an address may say more than once."""


def _with_fields(given: dict[str, Any]) -> dict[str, Any]:
    """With `fields` in parts: "id,title" names two."""
    if isinstance(given.get("fields"), list):
        parts = [part.strip() for each in given["fields"] for part in str(each).split(",")]
        given["fields"] = [part for part in parts if part]
    return given


class SearchParameters(Asked):
    """What becomes a request."""

    @model_validator(mode="before")
    @classmethod
    def _by_either_name(cls, values: Any) -> Any:
        """`q` and `text`, `like` and `likes`, `dislike` and `dislikes` are the same, in addresses and in bodies."""
        if not isinstance(values, Mapping):
            return values
        given = dict(values)
        for whole, short in IN_ADDRESSES.items():
            if whole in given and short in given:
                raise UsageError(f"{short!r} and {whole!r} are the same; send one of them")
            item = cls.model_fields.get(whole)
            for name in (whole, short):
                if item is not None and name in given:
                    given[item.alias or whole] = given.pop(name)
        for name in _LISTS if cls.model_config.get("strict") is not True else ():
            # An address says each value by itself: one that is called otherwise comes as a text.
            name = IN_ADDRESSES.get(name, name)
            if isinstance(given.get(name), str):
                given[name] = [given[name]]
        return _with_fields(given)

    def request(self) -> SearchRequest:
        """As the engine understands it; what `fields` names is asked for."""
        asked = SearchRequest.from_dict(self.model_dump())
        marked = asked.highlight or "highlights" in asked.fields
        return replace(asked, why=asked.why or "why" in asked.fields, highlight=marked)


@shaped_like(SearchRequest, more=_ADDRESS, without=["ratings"])
class SearchAddress(SearchParameters):
    """A question in an address."""

    model_config = ConfigDict(alias_generator=lambda name: IN_ADDRESSES.get(name, name))


@shaped_like(SearchRequest, more=_COUNTED | _SHORT, without=["ratings", *PAGE_ALONE])
class FacetsAddress(SearchParameters):
    """A question in an address, whose answer is counted."""

    model_config = ConfigDict(alias_generator=lambda name: IN_ADDRESSES.get(name, name))


#: What words alone have a use for.
_OF_WORDS = ("literal", "disregard", "highlight", "min_confidence")


@shaped_like(SearchRequest, more=_ADDRESS, without=[*IN_ADDRESSES, *_OF_WORDS, "ratings"])
class SimilarAddress(SearchParameters):
    """What an address may say besides the film that others shall be like."""


def _told_by_either_name(*examples: JsonDict) -> Callable[[JsonDict], None]:
    """A schema that has the other names, too, for programs that check what they send."""

    def tell(schema: JsonDict) -> None:
        told = cast(dict[str, JsonDict], schema["properties"])
        others = {
            short: {**told[whole], "description": f"The same as `{whole}`"} for whole, short in IN_ADDRESSES.items()
        }
        schema["properties"] = {**told, **{name: _untitled(each) for name, each in others.items()}}
        schema["examples"] = list(examples)

    return tell


def _untitled(schema: JsonDict) -> JsonDict:
    return {name: value for name, value in schema.items() if name not in ("title", "examples")}


@shaped_like(SearchRequest, more=_REQUEST)
class SearchBody(SearchParameters):
    """A question: words, or films and words to be like and unlike, or both."""

    model_config = ConfigDict(
        strict=True, json_schema_extra=_told_by_either_name({"text": "a man relives the same day", "limit": 3})
    )


@shaped_like(SearchRequest, more=_COUNTED, without=PAGE_ALONE)
class FacetsBody(SearchParameters):
    """A question whose answer is counted."""

    model_config = ConfigDict(
        strict=True, json_schema_extra=_told_by_either_name({"text": "a ghost", "filter": "year>=1980", "limit": 5})
    )


def _one_or_several(body: Any) -> str:
    return "several" if isinstance(body, list) else "one"


def _each_known(bodies: Any) -> Any:
    """Name the question that is refused: what is raised within one does not know its place."""
    lines: list[str] = []
    for place, body in enumerate(bodies[:MOST_TOGETHER], 1):
        try:
            SearchBody.model_validate(body)
        except UsageError as error:
            lines += [f"question {place}: {line}" for line in error.lines or (str(error),)]
        except ValidationError:
            continue  # found again, with its place
    if lines:
        raise UsageError.of_lines(lines)
    return bodies


_Several = Annotated[list[SearchBody], Field(min_length=1, max_length=MOST_TOGETHER), BeforeValidator(_each_known)]
SearchBodies = Annotated[
    Annotated[SearchBody, Tag("one")] | Annotated[_Several, Tag("several")],
    Discriminator(_one_or_several),
]
"""One question, or several. Told apart by their shape: what is wrong is wrong with one of them."""


class RecommendBody(SearchBody):
    """Who likes and dislikes what."""

    model_config = ConfigDict(
        json_schema_extra=_told_by_either_name(
            {"likes": ["tmdb:348", "Das Boot"], "dislikes": ["gore"], "text": "claustrophobic"}
        ),
    )

    @model_validator(mode="after")
    def _names_someones_taste(self) -> Self:
        """Likes or ratings, at least one."""
        request = self.request()
        if not request.likes and not request.ratings:
            raise ValueError("name a film in 'likes', or rate one in 'ratings'")
        return self


class Shown(Asked):
    """What shall be told of one film."""

    fields: list[str] = Field(
        [], max_length=MOST_EXAMPLES, description="What to tell; all if empty", examples=["id,title"]
    )

    @model_validator(mode="before")
    @classmethod
    def _in_parts(cls, values: Any) -> Any:
        return _with_fields(dict(values)) if isinstance(values, Mapping) else values


class Typed(Asked):
    """The beginning of a title."""

    q: str = Field("", max_length=200, description="What was typed so far", examples=["star w"])
    limit: int = Field(8, ge=1, le=50)


class Nonce(Asked):
    """What a proof shall be of."""

    nonce: str = Field(pattern="^[0-9a-f]{32}$", description="Made up for this once")


class MapPart(Asked):
    """How much of the map is wanted."""

    limit: int = Field(20_000, ge=1, le=100_000)


@shaped_like(Movie, more={"external_ids": Field(examples=[{"imdb": "tt0111161", "tmdb": "278"}])})
class Film(Shape):
    """A film of the catalog; what is not known of it is left out."""


@shaped_like(Hit, without=["movie"], partial=True)
@shaped_like(Movie, partial=True)
class FoundFilm(Shape):
    """A film that was found: what is known of it, or what `fields` names."""


@shaped_like(SearchResult, without=["hits"])
class SearchAnswer(Shape):
    """An answer; its films all belong to one generation of the catalog."""

    query: str | dict[str, Any]
    model: str
    results: list[FoundFilm]
    took_ms: float | None = None
    """Milliseconds from the request to the answer, where one question was asked over HTTP."""


_GENRES: JsonDict = {
    "field": "genre",
    "values": [{"value": "Horror", "count": 23, "filter": 'genre:"Horror"'}],
    "total": 18,
}


@shaped_like(FacetCounts)
class Facets(Shape):
    """What the films that fit have in common."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"facets": [_GENRES], "total": 23, "generation": 7}]})


class Suggestions(BaseModel):
    """The best known first."""

    suggestions: list[Suggestion]


@shaped_like(DrawnMap, more={"genre": Field(examples=[[0, -1]])})
class MapColumns(Shape):
    """Films of like plots lie beside each other; every list has one value a film, the best known first."""


class State(BaseModel):
    """How the service is."""

    status: str = Field(examples=["ok"])
    generation: int | None = None


class ServiceStatus(BaseModel):
    """What answers, and the last runs that filled it."""

    version: str
    generation: int
    films: int
    published: str = Field(description="ISO 8601, UTC", examples=["2026-03-01T12:00:00Z"])
    model: dict[str, Any]
    fallback_for: str | None = Field(None, description="The configured model, where the bundled one stands in")
    template: str
    uptime: float = Field(description="Seconds")
    pending: int
    problem: str | None = Field(None, description="Why a newer generation cannot be opened")
    runs: list[dict[str, Any]]


@shaped_like(IngestRun)
class Sync(Shape):
    """A sync that the service was asked for."""


class ChangeAsked(Asked):
    """How films are changed."""

    wait: float = Field(0, ge=0, le=60, description="Seconds to wait for the outcome")
    take_over: bool = Field(False, description="Change films of other sources, too")


class ChangeLook(Asked):
    """How long a look at a change may take."""

    wait: float = Field(0, ge=0, le=60, description="Seconds to wait for the outcome")


@shaped_like(ChangeReport)
class ChangeBody(Shape):
    """A change that was accepted, and what became of it so far."""

    address: str = Field(examples=["/changes/12"])


#: What PUT takes: rows as files hold them, whose columns are found by their names.
ROWS: JsonDict = {
    "anyOf": [
        {"type": "object", "minProperties": 1},
        {"type": "array", "minItems": 1, "items": {"type": "object", "minProperties": 1}},
    ],
    "examples": [{"id": "heat", "title": "Heat", "plot": "A thief and a policeman respect each other.", "year": 1995}],
}


class ProblemBody(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["urn:plotseek:movie-not-found"])
    title: str
    status: int
    detail: str
    errors: list[str] = []


#: The two ways to present an API key.
KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
KEY_NEEDED: list[dict[str, list[str]]] = [{name: []} for name in KEYS]

_WORDS = {
    400: "The question itself is wrong",
    401: "No API key that the service knows",
    403: "The key is not for this",
    404: "No such film, no such page",
    405: "The page does not do this",
    409: "A sync is running already",
    413: "The request is too large",
    422: "A parameter or a field is wrong",
    429: "Too many requests of one client",
    500: "A fault of the service",
    503: "No catalog, no model, or too many requests: come back later",
    504: "No answer in time",
}
_COMMON = (400, 401, 403, 405, 413, 422, 429, 500, 503, 504)


def problems(*more: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route documents: those that any route may have, and its own."""
    schema = ProblemBody.model_json_schema()
    return {
        status: {"description": _WORDS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*_COMMON, *more})
    }
