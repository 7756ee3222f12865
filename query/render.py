"""Results as a table for people and as JSON for programs. Pure: text out, nothing printed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from textwrap import wrap
from typing import Any
from unicodedata import combining, east_asian_width

from catalog.store.columns.facet import Facet
from query.constraints.constraint import Constraint
from query.models import Hit, SearchResult, Why

_TITLE_SHARE = 0.35
_DIGITS = 4
_NAMED, _LONGEST_NAME = 3, 60
_FIXED = len(" 1    1999  ")


def as_json(query: str | Mapping[str, object], model: str, result: SearchResult) -> str:
    """One object: the question, the model's name, the results with their cosine similarity, how many fit; facets and
    notes if any, and the names of what was seen, rated or left out and is not in the catalog.

    Between them the conditions that were read out of the question, if any.
    """
    # A service may embed by another library than the command does itself: the digits behind these differ.
    short = [replace(hit, score=_rounded(hit.score), confidence=_rounded(hit.confidence)) for hit in result.hits]
    results = [hit_to_dict(hit) for hit in short]
    said = {"understood": list(map(asdict, result.understood))} if result.understood else {}
    counted = {} if result.facets is None else {"facets": list(map(asdict, result.facets))}
    notes = {"notes": list(result.notes)} if result.notes else {}
    unmatched = {"unmatched": list(result.unmatched)} if result.unmatched else {}
    partial = {"partial": True} if result.partial else {}
    total = {"total": result.total, "total_is_exact": result.total_is_exact}
    answer = {"query": query, "model": model, **said, "results": results, **total, **counted, **notes}
    answer |= {**unmatched, **partial}
    return json.dumps(answer, ensure_ascii=False)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def hit_to_dict(hit: Hit) -> dict[str, Any]:
    """A result as plain JSON values; `why` only where it was asked for, and a long synopsis in no list."""
    movie = hit.movie
    head = {"id": movie.id, "title": movie.title, "year": movie.year}
    worth = {"fit": hit.fit, "score": hit.score, "confidence": hit.confidence}
    why = {} if hit.why is None else {"why": _known(asdict(hit.why))}
    if hit.highlights is not None:
        why["highlights"] = {name: list(map(list, spans)) for name, spans in hit.highlights.items()}
    fields = {name: value for name, value in movie.to_dict().items() if name != "synopsis"}
    return _known(head | worth) | {"plot": movie.plot} | fields | why


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what there is not: no answer holds a null."""
    return {name: value for name, value in values.items() if value is not None}


def as_table(hits: Sequence[Hit], width: int) -> str:
    """Rank, fit, title, year and the start of the plot, in `width` columns; a list has no fit.

    The similarity stands there where it orders the answer, and beside what brought a movie.
    """
    figures = [_fits(hits)] if hits[0].fit is not None else []
    if hits[0].score is not None and (not figures or hits[0].why is not None):
        figures.append(_scores(hits))
    heads = ["  ".join((*row, "")) if row else "" for row in zip(*figures, strict=True)] or [""] * (len(hits) + 1)
    room = max(width - _FIXED - len(heads[0]), 20)
    longest = max(columns(hit.movie.title) for hit in hits)
    title = max(5, min(longest, int(room * _TITLE_SHARE)))
    lines = [f"{'#':>2}  {heads[0]}{fitted('title', title)}  year  plot"]
    for rank, hit in enumerate(hits, 1):
        year = hit.movie.year or ""
        start = f"{rank:>2}  {heads[rank]}{fitted(hit.movie.title, title)}  {year!s:>4}  "
        lines.append(start + fitted(hit.movie.plot, max(room - title, 10)).rstrip())
        if hit.why is not None:
            told = wrap(_printable(_why_line(hit.why)), max(width - 4, 20), break_on_hyphens=False)
            lines += [f"    {line}" for line in told]
    return "\n".join(lines)


def _fits(hits: Sequence[Hit]) -> list[str]:
    """A head, and for each movie how well it fits."""
    return ["  fit", *(f"{hit.fit:3d} %" for hit in hits)]


def _scores(hits: Sequence[Hit]) -> list[str]:
    """A head, and for each movie its similarity."""
    return [" score", *(f"{hit.score:6.3f}" for hit in hits)]


def understood_line(constraints: Sequence[Constraint]) -> str:
    """What was read out of a question, as filters."""
    return f"understood: {' '.join(each.filter for each in constraints)} (--literal reads nothing)"


def unmatched_line(names: Sequence[str]) -> str:
    """What was seen, rated or left out and is not in the catalog: how many, and the first of them."""
    first = "; ".join(_cut(name) for name in names[:_NAMED])
    more = f"; and {len(names) - _NAMED} more (--json names all)" if len(names) > _NAMED else ""
    return f"not in the catalog, of what was seen, rated or left out: {len(names)}: {first}{more}"


def _cut(name: str) -> str:
    return fitted(name, min(columns(name), _LONGEST_NAME))


def why_nothing(result: SearchResult, *, everything: bool) -> str:
    """What to say where a page has no films; `everything` that passes the filter was wanted."""
    if result.total and not result.total_is_exact:
        return f"only {result.total} films were found to fit; ask for an earlier page, or more narrowly"
    if result.total:
        return f"only {result.total} films fit; ask for an earlier page" if result.total > 1 else "only one film fits"
    return "no film passes the filter" if everything else "no film is left"


def facet_table(facets: Sequence[Facet], width: int) -> str:
    """A line for each field that has values: how many films have which, in `width` columns."""
    shown = [facet for facet in facets if facet.values]
    name = max((columns(facet.field) for facet in shown), default=0)
    room = max(width - name - 2, 20)
    return "\n".join(f"{facet.field:{name}}  {fitted(_counts(facet), room).rstrip()}" for facet in shown)


def total_line(result: SearchResult) -> str:
    """How many films were counted."""
    least = "" if result.total_is_exact else "at least "
    return f"{least}{result.total} film{'' if result.total == 1 else 's'}"


def share_line(result: SearchResult) -> str:
    """How many of the films that fit are shown."""
    return f"{len(result.hits)} of {total_line(result)}"


def _counts(facet: Facet) -> str:
    return " · ".join(f"{value.value} {value.count}" for value in facet.values)


_RETRIEVERS = {"dense": "by meaning", "lexical": "by words", "title": "by title"}


def _why_line(why: Why) -> str:
    """`no. 1 by meaning · no. 16 by words (day, man) · nearest to Alien · about 40% into the story: "A sentence."`"""
    words = f" ({', '.join(why.words)})" if why.words else ""
    ranks = [
        f"no. {rank} {_RETRIEVERS.get(retriever, retriever)}{words if retriever == 'lexical' else ''}"
        for retriever, rank in why.ranks.items()
    ]
    nearest = f"nearest to {why.nearest_title or why.nearest_like}" if why.nearest_like else ""
    german = "in the German plot: " if why.passage else ""
    place = german if why.into_story is None else f"about {why.into_story:.0%} into the story: "
    parts = [*ranks, nearest, f'{place}"{why.sentence}"' if why.sentence else ""]
    return " · ".join(part for part in parts if part)


def columns(text: str) -> int:
    """How many terminal columns a text takes; a Chinese character takes two."""
    return sum(_column(character) for character in text)


def _column(character: str) -> int:
    if combining(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _printable(text: str) -> str:
    """The text on one line, without what moves a terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in " ".join(text.split()))


def fitted(text: str, width: int) -> str:
    """The text on one line, cut with "…" or filled with spaces to exactly `width` columns."""
    line = _printable(text)
    if columns(line) > width:
        kept = ""
        for character in line:
            if columns(kept) + _column(character) > width - 1:
                break
            kept += character
        line = kept.rstrip() + "…"
    return line + " " * (width - columns(line))
