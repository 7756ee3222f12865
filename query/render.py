"""Results as a table for people and as JSON for programs. Pure: text out, nothing printed."""

import json
from collections.abc import Sequence
from typing import Any
from unicodedata import combining, east_asian_width

from query.search import Hit

_TITLE_SHARE = 0.35
_FIXED = len(" 1  -0.123    1999  ")


def as_json(query: str | dict[str, str], model: str, hits: Sequence[Hit]) -> str:
    """One object: the query, the model's name, the results with their similarity."""
    results = [_as_dict(hit) for hit in hits]
    return json.dumps({"query": query, "model": model, "results": results}, ensure_ascii=False)


def _as_dict(hit: Hit) -> dict[str, Any]:
    movie = hit.movie.to_dict()
    head = {"id": hit.movie.id, "title": hit.movie.title, "year": hit.movie.year, "score": hit.score}
    return head | {"plot": hit.movie.plot} | movie


def as_table(hits: Sequence[Hit], width: int) -> str:
    """Rank, similarity, title, year and the start of the plot, in `width` columns."""
    if not hits:
        return "no films"
    room = max(width - _FIXED, 20)
    longest = max(columns(hit.movie.title) for hit in hits)
    title = max(5, min(longest, int(room * _TITLE_SHARE)))
    lines = [f"{'#':>2}  {'score':>6}  {fitted('title', title)}  year  plot"]
    for rank, hit in enumerate(hits, 1):
        year = hit.movie.year or ""
        start = f"{rank:>2}  {hit.score:6.3f}  {fitted(hit.movie.title, title)}  {year!s:>4}  "
        lines.append(start + fitted(hit.movie.plot, max(room - title, 10)).rstrip())
    return "\n".join(lines)


def columns(text: str) -> int:
    """How many terminal columns a text takes; a Chinese character takes two."""
    return sum(_column(character) for character in text)


def _column(character: str) -> int:
    if combining(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def fitted(text: str, width: int) -> str:
    """The text on one line, cut with "…" or filled with spaces to exactly `width` columns."""
    line = "".join(character if character.isprintable() else " " for character in " ".join(text.split()))
    if columns(line) > width:
        kept = ""
        for character in line:
            if columns(kept) + _column(character) > width - 1:
                break
            kept += character
        line = kept.rstrip() + "…"
    return line + " " * (width - columns(line))
