"""A question in plain values: what a command line, an address, a notebook or an assistant can say.

Light to import, because a short-lived command builds one to ask a running server.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

from catalog.config import SearchConfig
from query.characters import whole_characters

if TYPE_CHECKING:
    from catalog.store.catalog import Snapshot
    from query.request import SearchRequest


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; None stands for the default of the settings."""

    text: str = ""
    likes: tuple[str, ...] = ()
    """Ids, titles or words; `tmdb:278` and the like are ids."""
    dislikes: tuple[str, ...] = ()
    filter: str = ""
    exclude: tuple[str, ...] = ()
    sort: str = "relevance"
    offset: int = 0
    limit: int | None = None
    plain: bool = False
    all: bool = False
    """Also films that do not fit well."""
    why: bool = False
    franchise: int | None = None
    diversity: float | None = None
    popularity: float | None = None
    least_confidence: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", whole_characters(self.text))
        for name in ("likes", "dislikes", "exclude"):
            object.__setattr__(self, name, tuple(map(whole_characters, getattr(self, name))))

    def settled(self, settings: SearchConfig) -> Self:
        """The same with the settings' defaults in it."""
        return replace(
            self,
            limit=settings.limit if self.limit is None else self.limit,
            diversity=settings.diversity if self.diversity is None else self.diversity,
            popularity=settings.popularity if self.popularity is None else self.popularity,
            least_confidence=settings.least_confidence if self.least_confidence is None else self.least_confidence,
        )

    def for_facets(self) -> Self:
        """The same without what changes the page alone, and not which films fit."""
        return replace(self, sort="relevance", offset=0, limit=1, why=False, franchise=None, diversity=0.0)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, defaults left out."""
        values = asdict(self)
        return {item.name: values[item.name] for item in fields(self) if values[item.name] != item.default}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**fields)

    def spoken(self) -> str | dict[str, object]:
        """What was asked, as it stands in an answer: a text, or an object where there are examples."""
        if not self.likes and not self.dislikes:
            return self.text
        examples = {"text": self.text, "like": list(self.likes), "unlike": list(self.dislikes)}
        return {name: value for name, value in examples.items() if value}


def to_request(question: Question, snapshot: "Snapshot", settings: SearchConfig) -> "SearchRequest":
    """The question about one generation; raises UsageError, MovieNotFound, AmbiguousTitle."""
    from query.examples import examples
    from query.filters import parse_filter
    from query.naming import native_names
    from query.request import SearchRequest

    settled = question.settled(settings)
    return SearchRequest(
        text=settled.text.strip(),
        likes=examples(snapshot, native_names(snapshot, settled.likes), strict=True),
        unlikes=examples(snapshot, native_names(snapshot, settled.dislikes), strict=False),
        filter=parse_filter(settled.filter),
        exclude=frozenset(native_names(snapshot, settled.exclude)),
        sort=settled.sort,
        offset=settled.offset,
        limit=settled.limit or settings.limit,
        plain=settled.plain,
        show_all=settled.all or settled.plain,
        why=settled.why,
        least_confidence=settled.least_confidence or 0.0,
        diversity=settled.diversity or 0.0,
        franchise=settled.franchise,
        popularity=1.0 if settled.popularity is None else settled.popularity,
    )
