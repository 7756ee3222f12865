"""How a request is understood: what its words wish, and what is left to look for."""

from dataclasses import dataclass, replace

from catalog.identity import ModelIdentity
from catalog.store.snapshot import Snapshot
from query.constraints.known_values import KnownValues
from query.constraints.reader import Reading, read, without
from query.filters import fields_of
from query.models import SearchRequest
from query.search.query_analysis import Analysis, Phrasing, analyze
from query.search.titles import TitleMatch, exact_titles, main_titles, match_titles


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
    analysis = analyze(request.text, model, snapshot.lexical.held)
    titles = match_titles(snapshot.lexical, request.text, all_known=analysis.all_known)
    said = Understood(request, Reading(request.text), analysis, tuple(titles))
    if request.literal or request.likes or request.dislikes or titles or analysis.phrasing is Phrasing.TOLD:
        return said
    reading = read(request.text, KnownValues(snapshot))
    reading = without(reading, request.text, fields_of(request.filter), request.disregard)
    if reading.is_request:
        return _requested(said, reading, snapshot, model)
    if titles := main_titles(snapshot, request.text):
        return replace(said, titles=tuple(titles))
    if reading.text != request.text:
        analysis = analyze(reading.text, model, snapshot.lexical.held, like=analysis)
    return replace(said, reading=reading, analysis=analysis)


def _requested(said: Understood, reading: Reading, snapshot: Snapshot, model: ModelIdentity) -> Understood:
    """What is left to look for of a request; as a title only where one stands there with its year or director."""
    assert said.analysis is not None  # noqa: S101 - the caller looked
    likes = () if reading.like is None else (reading.like,)
    found = Understood(replace(said.request, text=reading.text, likes=likes), reading)
    if not reading.text:
        return found
    analysis = analyze(reading.text, model, snapshot.lexical.held, german=said.analysis.german)
    titles = exact_titles(snapshot.lexical, reading.text) if reading.is_titled else []
    return replace(found, analysis=analysis, titles=tuple(titles))
