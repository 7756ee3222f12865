"""How a request is understood: what its words wish, and what is left to look for."""

from dataclasses import dataclass, replace

from catalog.identity import ModelIdentity
from catalog.store.snapshot import Snapshot
from query.constraints.known_values import KnownValues
from query.constraints.reader import Reading, read, without
from query.filters import fields_of
from query.models import SearchRequest
from query.search.query_analysis import Analysis, Phrasing, analyze
from query.search.titles import TitleMatch, main_titles, match_titles


@dataclass(frozen=True, slots=True)
class Understood:
    """A request with what was read out of its words."""

    request: SearchRequest
    """Its text is what is left to look for, its likes are those that were named in the text, too."""
    reading: Reading
    analysis: Analysis | None = None
    """Of the text; None without one."""
    titles: tuple[TitleMatch, ...] = ()


def understand(request: SearchRequest, snapshot: Snapshot, model: ModelIdentity) -> Understood:
    """Read the wishes of a request in words alone, unless it is to be taken literally, is a title, or tells a plot."""
    if not request.text or request.plain:
        return Understood(request, Reading(request.text))
    said = _looked_up(request, Reading(request.text), snapshot, model)
    assert said.analysis is not None  # noqa: S101 - there is a text
    is_told = said.analysis.phrasing is Phrasing.TOLD
    if request.literal or request.likes or request.dislikes or said.titles or is_told:
        return said
    reading = read(request.text, KnownValues(snapshot))
    reading = without(reading, request.text, fields_of(request.filter), request.disregard)
    if not reading.is_request:
        titles = tuple(main_titles(snapshot, request.text))
        return replace(said, titles=titles) if titles else replace(said, reading=reading)
    likes = () if reading.like is None else (reading.like,)
    left = replace(request, text=reading.text, likes=likes)
    return _looked_up(left, reading, snapshot, model, german=said.analysis.german)


def _looked_up(
    request: SearchRequest, reading: Reading, snapshot: Snapshot, model: ModelIdentity, *, german: bool = False
) -> Understood:
    if not request.text:
        return Understood(request, reading)
    analysis = analyze(request.text, model, snapshot.lexical.held, german=german)
    titles = match_titles(snapshot.lexical, request.text, all_known=analysis.all_known)
    return Understood(request, reading, analysis, tuple(titles))
