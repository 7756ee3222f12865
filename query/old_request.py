"""What the engine before the pipeline is asked."""

from dataclasses import dataclass, field

from catalog.store.conditions import Filter


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
