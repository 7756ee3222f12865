"""What can be asked, and what comes back: one shape for the command, HTTP, Python, assistants and evaluation.

Light to import, because a short-lived command builds a request to ask a running server.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self, overload

from catalog.config import Limits, SearchConfig, fitting
from catalog.errors import UsageError
from catalog.movie import FIELDS, Movie
from catalog.printable import brief
from catalog.store.columns.facet import Facet
from catalog.tables import frame_of, html_of
from catalog.text.folding import whole_characters
from query.constraints.constraint import Constraint

if TYPE_CHECKING:
    import pandas

MOST_RESULTS = 1000
"""Movies in one answer, whoever asks: the command, HTTP, Python, an assistant."""
PAGE_ALONE = ("sort", "offset", "why", "facets", "highlight", "fields", "franchise", "diversity")
"""Options of what a page shows, and in which order: which movies fit does not depend on them."""
NONE_PASSES = "no film passes "
"""How a note begins that says which condition leaves no movie."""
NONE_FITS = "nothing fits well"
"""How one begins that says what to do where films pass, and none is sure enough."""
_SHOWN = ("title", "year", "fit", "score", "genres", "plot")
"""What a notebook shows of a hit."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A question: words, or examples, or both; then what to keep, in which order, how many.

    None stands for the default of the settings. Names may be given as one text, and ids as whole numbers. Raises
    UsageError, one line that names the option, for what is of another type or out of its range.
    """

    text: str = ""
    likes: tuple[str, ...] = ()
    """Ids, titles or words; `tmdb:278` and the like are ids."""
    dislikes: tuple[str, ...] = ()
    by: str = "story"
    """What makes movies like the liked ones: "story", what happens in them, or "taste", what the same people like."""
    filter: str = ""
    """Conditions that must hold: `year>=1980 genre:Horror` (docs/filters.md)."""
    exclude: tuple[str, ...] = ()
    """Movies that must not be in the answer: ids, or titles."""
    seen: tuple[str, ...] = ()
    """What was watched, and is left out: ids, `imdb:tt0133093`, "The Matrix (1999)", or these behind each other."""
    ratings: Mapping[str, float] = field(default_factory=dict, hash=False)
    """What someone rated, named as in `seen`, from 0 to 10: the best become likes, the worst dislikes; all is seen."""
    sort: str = "relevance"
    """"relevance", or a field of `SORTS`, "-" before it for descending."""
    offset: int = 0
    limit: int | None = None
    plain: bool = False
    """Cosine similarity alone, every other retriever and extra off."""
    all: bool = False
    """Also movies that do not fit well."""
    why: bool = False
    """Say for each movie what brought it."""
    facets: bool = False
    """Count genres, decades and the like of the movies that fit."""
    highlight: bool = False
    """Say where words of the question stand in title and plot."""
    fields: tuple[str, ...] = ()
    """What an answer of the service tells of each movie, `("id", "title", "fit")`; everything if empty."""
    franchise: int | None = None
    """At most so many movies of one series."""
    diversity: float | None = None
    """0 none, 1 as different as can be (maximal marginal relevance)."""
    popularity: float | None = None
    """Weight of the popularity prior: 0 none, negative prefers hidden gems."""
    min_confidence: float | None = None
    """Movies that are less sure than this are left out, unless `all`."""
    literal: bool = False
    """Read no conditions out of the text: look for all of its words."""
    disregard: tuple[str, ...] = ()
    """Conditions that are not to be read out of the text: each as the `filter` of one that was understood."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if value is not item.default:
                object.__setattr__(self, item.name, checked_option(item.name, item.type, value))
        object.__setattr__(self, "text", whole_characters(self.text).strip())

    def with_defaults(self, settings: SearchConfig) -> Self:
        """With the settings' values for what was left open."""
        return replace(
            self,
            limit=settings.limit if self.limit is None else self.limit,
            diversity=settings.diversity if self.diversity is None else self.diversity,
            popularity=settings.popularity if self.popularity is None else self.popularity,
            min_confidence=settings.min_confidence if self.min_confidence is None else self.min_confidence,
        )

    def for_facets(self) -> Self:
        """Without what changes the page alone, and not which movies fit."""
        return replace(self.without_page(), limit=1, diversity=0.0)

    def without_page(self) -> Self:
        """With the defaults for what only a page has."""
        defaults: dict[str, Any] = {item.name: item.default for item in fields(self) if item.name in PAGE_ALONE}
        return replace(self, **defaults)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, defaults left out."""
        values = asdict(self)
        defaults = {item.name: {} if item.default is MISSING else item.default for item in fields(self)}
        return {name: value for name, value in values.items() if value != defaults[name]}

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing that movies could be found by."""
        return not self.has_words_or_examples and not self.filter.strip()

    @property
    def has_words_or_examples(self) -> bool:
        """Whether movies are looked for by what they are like, not only kept by a filter."""
        return bool(self.text or self.likes or self.ratings)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**values)

    def echo(self) -> str | dict[str, object]:
        """What was asked, as it stands in an answer: a text, or an object where there are examples."""
        if not self.likes and not self.dislikes:
            return self.text
        examples = {"text": self.text, "like": list(self.likes), "dislike": list(self.dislikes)}
        return {name: value for name, value in examples.items() if value}


def name_of(given: object, option: str) -> str:
    """The name of a movie, or another text; a whole number is an id, and a movie has one.

    Raises UsageError that names `option`.
    """
    if isinstance(given, Movie | Hit):
        return (given.movie if isinstance(given, Hit) else given).id
    if isinstance(given, str):
        return whole_characters(given)
    if isinstance(given, Integral) and not isinstance(given, bool):
        return str(int(given))
    raise UsageError(f"{option}: {brief(given)} is neither text nor a whole number")


def names_of(given: object, option: str) -> tuple[str, ...]:
    """Several names, or one: its letters are nobody's names. Raises UsageError as `name_of` does."""
    several = [given] if isinstance(given, str | Integral | Movie | Hit) else items_of(given, option)
    return tuple(name_of(name, option) for name in several)


def items_of(given: object, option: str) -> list[object]:
    """What a list, an array, a generator ... holds; raises UsageError that names `option` for anything else."""
    # A DataFrame would give the names of its columns, a matrix its rows.
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping) or getattr(given, "ndim", 1) != 1:
        raise UsageError(f"{option}: {brief(given)} is not a list of texts")
    return list(given)


_LIMITS = {item.name: item.metadata["limits"] for item in fields(SearchConfig)} | {
    "limit": Limits(minimum=1),  # how many are too many, who answers says: an evaluation ranks whole catalogs
    "offset": Limits(minimum=0),
    "franchise": Limits(minimum=1),
    "rating": Limits(minimum=0, maximum=10),
}


def checked_option(option: str, kind: Any, value: Any) -> Any:
    """The value of an option, of its type and in its range."""
    if kind == tuple[str, ...]:
        return names_of(value, option)
    if option == "ratings":
        if not isinstance(value, Mapping):
            raise UsageError(f"ratings: {brief(value)} is not a dict of names and ratings")
        return {name_of(name, option): checked_option(f"rating of {name!r}", float, value[name]) for name in value}
    try:
        return fitting(value, kind, _LIMITS.get(option.partition(" ")[0]))
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


@dataclass(frozen=True, slots=True)
class Why:
    """What brought a movie."""

    ranks: Mapping[str, int] = field(hash=False)
    """Rank in the list of each retriever that found it, from 1: "dense", "lexical", "title"."""
    words: tuple[str, ...] = ()
    """Words of the question that the movie holds."""
    sentence: str | None = None
    """The sentence nearest to the question: of the passage, or of the plot."""
    nearest_like: str | None = None
    """The id of the liked movie nearest to it."""
    nearest_title: str | None = None
    """Its title."""
    passage: str | None = None
    """The passage of the story, or of a German plot, that is nearer to the question than the movie as a whole."""
    into_story: float | None = None
    """How far into the story that passage is, 0 to 1; None for one of a German plot."""
    sentences: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Of "plot", and of "plot_de" where there is one, the sentence nearest to the question."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A movie that was found."""

    movie: Movie
    score: float | None = None
    """Cosine similarity to the question, -1 to 1; None where nothing is compared: for a filter alone."""
    confidence: float | None = None
    """0 to 1: how sure it is that this movie fits the words of the question; None where nothing was read of them, as
    for examples, vectors, `plain` and a filter alone."""
    why: Why | None = None
    fit: int | None = None
    """0 to 100: how well it fits, by what orders the answer; None for a filter alone, and for `plain`."""
    highlights: Mapping[str, Sequence[tuple[int, int]]] | None = field(default=None, hash=False)
    """Field, as "plot" -> where words of the question stand in it: the first character, and the one behind the last."""

    def to_row(self) -> dict[str, Any]:
        """One flat row: what it is worth, every field of the movie, `why_ranks` and the like if asked for."""
        head = {name: getattr(self.movie, name) for name in ("id", "title", "year")}
        worth = {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.name not in ("movie", "why", "highlights")
        }
        reasons = {} if self.why is None else {f"why_{name}": value for name, value in asdict(self.why).items()}
        return head | worth | {name: getattr(self.movie, name) for name in FIELDS} | reasons

    def _repr_html_(self) -> str:
        return html_of([self.to_row()], _SHOWN)


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """What the movies of an answer have in common; all of one generation."""

    facets: tuple[Facet, ...]
    total: int
    """Movies that fit: the `total` of the answer."""
    generation: int

    def to_frame(self) -> "pandas.DataFrame":
        """A line for each value: its field, the value, how many movies have it, and the filter that keeps those.

        Raises ExtraMissing where pandas is not installed.
        """
        return frame_of(self._rows(), {"field": str, "value": str, "count": int, "filter": str})

    def _rows(self) -> list[dict[str, object]]:
        return [{"field": facet.field, **asdict(value)} for facet in self.facets for value in facet.values]

    def _repr_html_(self) -> str:
        return html_of(self._rows(), ("field", "value", "count", "filter"))


@dataclass(frozen=True, slots=True)
class SearchResult:
    """An answer: a sequence of its hits, which all belong to one generation."""

    hits: tuple[Hit, ...]
    total: int
    """Movies that fit, before offset and limit: of the candidates, so that there may be more."""
    generation: int
    notes: tuple[str, ...] = ()
    """Retrievers that dropped out, and the like: one line each, for people."""
    total_is_exact: bool = True
    """Whether every movie of the catalog was looked at."""
    facets: tuple[Facet, ...] | None = None
    """Where they were asked for."""
    understood: tuple[Constraint, ...] = ()
    """Conditions that were read out of the text."""
    unmatched: tuple[str, ...] = ()
    """Names of what was seen, rated or left out, and is no movie of the catalog."""
    partial: bool = False
    """Whether a shard of the vector index could not be asked; `notes` say which."""

    def to_frame(self) -> "pandas.DataFrame":
        """A line for each hit, best first: id, title, year, score, confidence, the movie's other fields, why.

        Raises ExtraMissing where pandas is not installed.
        """
        kinds = {item.name: item.type for kind in (Hit, Movie) for item in fields(kind)}
        kinds |= {f"why_{item.name}": item.type for item in fields(Why)}
        shown = self.hits[0] if self.hits else Hit(Movie("", "", ""))
        return frame_of([hit.to_row() for hit in self.hits], {name: kinds[name] for name in shown.to_row()})

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...

    @overload
    def __getitem__(self, place: slice) -> Self: ...

    def __getitem__(self, place: int | slice) -> Hit | Self:
        return replace(self, hits=self.hits[place]) if isinstance(place, slice) else self.hits[place]

    def _repr_html_(self) -> str:
        understood = " ".join(each.filter for each in self.understood)
        lines = [f"understood: {understood}"] if understood else []
        lines += self.notes
        lines += [f"not in the catalog: {name}" for name in self.unmatched]
        lines = lines if self.hits or lines else ["no film here"]
        return html_of([hit.to_row() for hit in self.hits], _SHOWN, lines)
