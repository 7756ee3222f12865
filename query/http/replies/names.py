"""What can be asked by more than one name, and what other engines call it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches

from catalog.errors import UsageError
from query.models import SearchRequest

IN_ADDRESSES = {"text": "q", "likes": "like", "dislikes": "dislike"}
"""What bodies and addresses call the same; either takes both."""

_OPTIONS = {item.name for item in fields(SearchRequest)} | set(IN_ADDRESSES.values())
"""What some address takes: on another it is no slip."""
#: What docs/service.md, "From Meilisearch or Typesense", says, for who has not read it; the first that is taken counts.
ELSEWHERE = {
    **dict.fromkeys(("q", "query"), ("q", "text")),
    **dict.fromkeys(("title", "name"), ("id",)),
    **dict.fromkeys(("per_page", "hitsPerPage", "size"), ("limit",)),
    **dict.fromkeys(("page", "from"), ("offset",)),
    **dict.fromkeys(("sort_by", "order"), ("sort",)),
    "filter_by": ("filter",),
    "facet_by": ("facets",),
    **dict.fromkeys(("attributesToRetrieve", "include_fields"), ("fields",)),
    **dict.fromkeys(("showMatchesPosition", "attributesToHighlight", "highlight_fields"), ("highlight",)),
}


def refuse_unknown(given: Iterable[str], known: Sequence[str], what: str = "parameter") -> None:
    """Raise UsageError with a line for each name that is none of those that are known."""
    lines = [f"unknown {what} {name[:40]!r}; {_meant(name, known)}" for name in given if name not in known]
    if lines:
        raise UsageError.of_lines(lines)


def as_given(name: str, asked: object) -> str:
    """A name as whoever asked put it: `q` for `text`."""
    others = [*IN_ADDRESSES.items(), *((short, whole) for whole, short in IN_ADDRESSES.items())]
    given = dict(others).get(name, name)
    return given if isinstance(asked, Mapping) and given in asked and name not in asked else name


def _meant(name: str, known: Sequence[str]) -> str:
    here = [each for each in ELSEWHERE.get(name, ()) if each in known]
    near = here or ([] if name in _OPTIONS else get_close_matches(name, known, 1))
    return f"did you mean {near[0]!r}?" if near else f"allowed are {', '.join(known) or 'none'}"
