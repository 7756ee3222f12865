"""What can be asked, and what comes back: the one shape for commands, HTTP, Python and evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from catalog.movie import Movie
from catalog.store.conditions import Filter
from catalog.store.facet import Facet


@dataclass(frozen=True, slots=True)
class Example:
    """Something liked or disliked: a film of the catalog, or words."""

    movie_id: str | None = None
    text: str | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A question: words, or examples, or both; then what to keep, in which order, how many."""

    text: str = ""
    likes: tuple[Example, ...] = ()
    unlikes: tuple[Example, ...] = ()
    filter: Filter = field(default_factory=Filter)
    exclude: frozenset[str] = frozenset()
    """Ids that must not be in the answer: seen films, for one."""
    sort: str = "relevance"
    """"relevance", or a field of `filters.SORTS`, "-" before it for descending."""
    offset: int = 0
    limit: int = 10
    plain: bool = False
    """Cosine similarity alone, every other lane and extra off."""
    show_all: bool = False
    """Also results that do not fit well."""
    why: bool = False
    least_confidence: float = 0.0
    """Results that are less sure than this are left out, unless `show_all`."""
    diversity: float = 0.0
    """0 none, 1 as different as can be (maximal marginal relevance)."""
    franchise: int | None = None
    """At most so many films of one series."""
    popularity: float = 1.0
    """Weight of the popularity prior: 0 none, negative prefers hidden gems."""


@dataclass(frozen=True, slots=True)
class Why:
    """What brought a result."""

    lanes: Mapping[str, int]
    """Rank in each lane that found it, from 1: "meaning", "words", "title"."""
    words: tuple[str, ...] = ()
    """Words of the question that the film holds."""
    sentence: str | None = None
    """The sentence of the plot nearest to the question."""
    nearest_like: str | None = None
    """The id of the liked film nearest to it."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A film that was found."""

    movie: Movie
    score: float
    """Cosine similarity to the question, -1 to 1."""
    confidence: float = 1.0
    """0 to 1: how sure it is that this film fits."""
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """An answer; its hits all belong to one generation."""

    hits: tuple[Hit, ...]
    total: int
    """Films that fit, before offset and limit."""
    generation: int
    notes: tuple[str, ...] = ()
    """Lanes that dropped out, and the like: one line each, for people."""


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """What the films of an answer have in common; all of one generation."""

    facets: tuple[Facet, ...]
    total: int
    """Films that fit: the `total` of the answer."""
    generation: int
