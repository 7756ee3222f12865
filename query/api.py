"""The shapes of the service for its OpenAPI document: what may be sent, what comes back, with examples."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from query.models import SearchRequest
from query.problems import MEDIA_TYPE

MOST_RESULTS = 100
MOST_OFFSET = 100_000
MOST_EXAMPLES = 100
MOST_EXCLUDED = 10_000
MOST_TOGETHER = 50
ON_MAP, MOST_ON_MAP = 20_000, 100_000

Name = Annotated[str, Field(min_length=1, max_length=200)]


class Asked(BaseModel):
    """What every question may say besides what it is about."""

    model_config = ConfigDict(extra="forbid", strict=True)

    filter: str = Field("", description='Conditions that must hold: "year>=1980 genre:Horror -genre:Comedy"')
    exclude: list[Name] = Field(default_factory=list, max_length=MOST_EXCLUDED, description="Ids to leave out")
    sort: str = Field("relevance", max_length=40, description='relevance, year, rating, votes, title, runtime; "-year"')
    offset: int = Field(0, ge=0, le=MOST_OFFSET)
    limit: int | None = Field(None, ge=1, le=MOST_RESULTS, description="Default: search.limit of the service")
    plain: bool = Field(default=False, description="Cosine similarity alone, every extra off")
    all: bool = Field(default=False, description="Also films that do not fit well")
    why: bool = Field(default=False, description="Say for each film what brought it")
    franchise: int | None = Field(None, ge=1, le=MOST_RESULTS, description="At most so many films of one series")
    diversity: float | None = Field(None, ge=0, le=1, description="How different the films shall be")
    popularity: float | None = Field(None, ge=-2, le=2, description="0 none, negative prefers hidden gems")
    least_confidence: float | None = Field(None, ge=0, le=1)

    def question(self) -> SearchRequest:
        """As the service understands it."""
        return SearchRequest.from_dict(self.model_dump())


class SearchBody(Asked):
    """A question: words, or films and words to be like and unlike, or both."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "a man relives the same day", "limit": 3}]}
    )

    text: str = ""
    likes: list[str] = Field(default_factory=list, max_length=MOST_EXAMPLES, description="Ids, titles or words")
    dislikes: list[str] = Field(default_factory=list, max_length=MOST_EXAMPLES)


class RecommendBody(SearchBody):
    """Who likes and dislikes what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"likes": ["tmdb:348", "Das Boot"], "dislikes": ["gore"], "text": "claustrophobic"}]
        },
    )

    likes: list[str] = Field(min_length=1, max_length=MOST_EXAMPLES, description="Ids, titles or words")


class Film(BaseModel):
    """A film of the catalog; what is not known of it is left out."""

    id: str
    title: str
    plot: str
    year: int | None = None
    original_title: str | None = None
    plot_de: str | None = None
    genres: list[str] = []
    keywords: list[str] = []
    directors: list[str] = []
    actors: list[str] = []
    languages: list[str] = []
    countries: list[str] = []
    runtime: int | None = Field(None, description="Minutes")
    rating: float | None = Field(None, description="0 to 10")
    votes: int | None = None
    poster: str | None = None
    external_ids: dict[str, str] = Field({}, examples=[{"imdb": "tt0111161", "tmdb": "278"}])
    extra: dict[str, Any] = {}


class WhyFound(BaseModel):
    """What brought a film."""

    lanes: dict[str, int] = Field(description="Rank in each lane that found it, from 1")
    words: list[str]
    sentence: str | None = Field(description="The sentence of the plot nearest to the question")
    nearest_like: str | None = Field(description="The id of the liked film nearest to it")


class Found(Film):
    """A film that was found."""

    score: float = Field(description="Cosine similarity to the question, -1 to 1")
    confidence: float = Field(description="0 to 1: how sure it is that this film fits")
    why: WhyFound | None = None


class Answer(BaseModel):
    """An answer; its films all belong to one generation of the catalog."""

    query: str | dict[str, Any]
    model: str
    results: list[Found]
    total: int = Field(description="Films that fit, before offset and limit")
    generation: int
    notes: list[str]
    total_is_exact: bool = Field(description="Whether every film was looked at; else `total` means at least so many")


class FacetValue(BaseModel):
    """A value, and how many of the films that fit have it."""

    value: str = Field(examples=["Horror"])
    count: int = Field(examples=[23])
    filter: str = Field(description="The condition that keeps exactly these films", examples=['genre:"Horror"'])


class Facet(BaseModel):
    """A field and its most frequent values; of years and ratings the highest."""

    field: str = Field(examples=["genre"])
    values: list[FacetValue]
    total: int = Field(description="How many values there are, shown or not", examples=[18])


class Facets(BaseModel):
    """What the films that fit have in common."""

    facets: list[Facet]
    total: int = Field(description="Films that fit", examples=[23])
    generation: int


class Suggestion(BaseModel):
    """A title that begins with what was typed."""

    id: str
    title: str
    year: int | None


class Suggestions(BaseModel):
    """The best known first."""

    suggestions: list[Suggestion]


class FilmMap(BaseModel):
    """Films of like plots lie beside each other; every list has one value a film, the best known first."""

    generation: int
    total: int = Field(description="Films of the catalog, drawn or not", examples=[200])
    genres: list[str] = Field(description="The most frequent ones", examples=[["Drama", "Comedy"]])
    id: list[str]
    title: list[str]
    year: list[int | None]
    genre: list[int] = Field(description="A place in `genres`, -1 for none of them", examples=[[0, -1]])
    x: list[int] = Field(description="0 to 65535", examples=[[0, 40_000]])
    y: list[int] = Field(description="0 to 65535, the same unit", examples=[[65_535, 12]])


class State(BaseModel):
    """How the service is."""

    status: str = Field(examples=["ok"])
    generation: int | None = None


class Status(BaseModel):
    """What answers, and the last runs that filled it."""

    version: str
    generation: int
    films: int
    published: float = Field(description="Seconds since 1970, UTC")
    model: dict[str, Any]
    fallback_for: str | None
    template: str
    uptime: float
    pending: int
    problem: str | None = Field(description="Why a newer generation cannot be opened")
    runs: list[dict[str, Any]]


class Sync(BaseModel):
    """A sync that the service was asked for."""

    state: str = Field(examples=["running", "done", "failed"])
    started: str
    ended: str | None
    exit_code: int | None
    report: dict[str, Any] | None
    error: str | None


class Problem(BaseModel):
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
    409: "Several films have this title; a sync is running already",
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
    schema = Problem.model_json_schema()
    return {
        status: {"description": _WORDS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*_COMMON, *more})
    }
