"""An answer as JSON and back: what the service sends, and what `query` prints. Light to import."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from catalog.errors import UsageError
from catalog.movie import FIELDS, Movie
from catalog.printable import brief
from catalog.store.columns.facet import Facet, FacetValue
from query.constraints.constraint import Constraint
from query.models import MOST_RESULTS, FacetCounts, Hit, SearchRequest, SearchResult, Why
from query.render import hit_to_dict

HIT_FIELDS = (*(name for name in FIELDS if name != "synopsis"), "fit", "score", "confidence", "why", "highlights")
"""What an answer may tell of a movie."""


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """An answer, and the name of the model that read the question."""

    result: SearchResult
    model: str
    version: str = ""
    """`catalog_version` of what a service answered from."""


def check_limit(request: SearchRequest) -> None:
    """Raise UsageError for a request of more movies than one answer holds, and for what is no request."""
    if not isinstance(request, SearchRequest):
        raise UsageError(f"a SearchRequest can be asked, not {brief(request)}; search and facets take words")
    if request.limit is not None and request.limit > MOST_RESULTS:
        raise UsageError(f"limit: {request.limit} is not between 1 and {MOST_RESULTS}; offset gives further pages")


def without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is not known is left out: no answer holds a null."""
    return {
        name: without_nulls(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if value is not None
    }


def catalog_version(number: int, published: float) -> str:
    """Changes with the films: the number alone would come again in a folder that was begun anew.

    `published` is in seconds since 1970.
    """
    return f"{number}-{int(published * 1000):x}"


def answer_to_dict(query: str | Mapping[str, object], model: str, result: SearchResult) -> dict[str, Any]:
    """The object of `query --json`, and beside it which generation answered, how many fit,
    and what to know."""
    facets = {} if result.facets is None else {"facets": list(map(asdict, result.facets))}
    return {
        "query": query,
        "model": model,
        "results": [hit_to_dict(hit) for hit in result.hits],
        "total": result.total,
        "total_is_exact": result.total_is_exact,
        "generation": result.generation,
        "notes": list(result.notes),
        "understood": list(map(asdict, result.understood)),
        **facets,
        **({"unmatched": list(result.unmatched)} if result.unmatched else {}),
        **({"partial": True} if result.partial else {}),
    }


def result_from_dict(values: Mapping[str, Any]) -> SearchResult:
    """The result that `answer_to_dict` was made of; raises KeyError, TypeError, AttributeError for anything else."""
    return SearchResult(
        hits=tuple(_hit(hit) for hit in values["results"]),
        total=values["total"],
        generation=values["generation"],
        notes=tuple(values["notes"]),
        total_is_exact=values["total_is_exact"],
        facets=_facets(values["facets"]) if "facets" in values else None,
        understood=tuple(map(_constraint, values["understood"])),
        unmatched=tuple(values.get("unmatched", ())),
        partial=values.get("partial", False),
    )


def facets_to_dict(counts: FacetCounts) -> dict[str, Any]:
    """What `GET /facets` answers."""
    return asdict(counts)


def facets_from_dict(values: Mapping[str, Any]) -> FacetCounts:
    """The inverse of `facets_to_dict`; raises KeyError, TypeError for anything else."""
    return FacetCounts(_facets(values["facets"]), values["total"], values["generation"])


def _facets(found: Iterable[Mapping[str, Any]]) -> tuple[Facet, ...]:
    return tuple(
        Facet(facet["field"], tuple(FacetValue(**value) for value in facet["values"]), facet["total"])
        for facet in found
    )


def _constraint(values: Mapping[str, Any]) -> Constraint:
    start, end = values["words"]
    return Constraint(**{**values, "values": tuple(values["values"]), "words": (start, end)})


def _hit(values: Mapping[str, Any]) -> Hit:
    movie = Movie.from_dict({name: values[name] for name in FIELDS if values.get(name) is not None})
    why = values.get("why")
    reason = None if why is None else Why(**{**why, "words": tuple(why["words"])})
    marked = values.get("highlights")
    spans = None if marked is None else {name: tuple(map(tuple, found)) for name, found in marked.items()}
    return Hit(movie, values.get("score"), values.get("confidence"), reason, values.get("fit"), spans)
