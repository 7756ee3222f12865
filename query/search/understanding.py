"""How a request is understood: what its words wish, and what is left to look for."""

from dataclasses import dataclass, replace

from catalog.identity import ModelIdentity
from catalog.store.lexical.titles import TitleMatch, exact_titles, match_titles
from catalog.store.snapshot import Snapshot
from catalog.text.folding import plain_title
from query.constraints.known_values import KnownValues
from query.constraints.reader import QuestionReading, read, without
from query.models import SearchRequest
from query.search.query_analysis import Analysis, Phrasing, analyze

_BEGINNINGS = 20
"""Titles looked at for one that goes on behind a colon, the best known first ..."""
_SHORT = 3
"""... where no more than so many words were typed."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A request with what was read out of its words."""

    request: SearchRequest
    """Its text is what is left to look for, its likes are those that were named in the text, too."""
    reading: QuestionReading
    analysis: Analysis | None = None
    """Of the text; None without one."""
    titles: tuple[TitleMatch, ...] = ()


def understand(request: SearchRequest, snapshot: Snapshot, model: ModelIdentity) -> Understood:
    """Read the wishes of a request in words alone, unless it is to be taken literally, or is a title."""
    if not request.text or request.plain:
        return Understood(request, QuestionReading(request.text))
    analysis = analyze(request.text, model, snapshot.lexical.held)
    titles = match_titles(snapshot.lexical, request.text, all_known=analysis.all_known)
    said = Understood(request, QuestionReading(request.text), analysis, tuple(titles))
    if request.literal or request.likes or request.dislikes or request.ratings or titles:
        return said
    reading = read(request.text, KnownValues(snapshot), is_told=analysis.phrasing is Phrasing.TOLD)
    reading = without(reading, request.text, request.filter, request.disregard)
    if reading.is_titled and not reading.is_request:
        titles = exact_titles(snapshot.lexical, reading.text)
        return replace(said, reading=reading, titles=tuple(titles))
    if reading.is_request:
        return _requested(said, reading, snapshot, model)
    if titles := _main_titles(snapshot, request.text):
        return replace(said, titles=tuple(titles))
    # "Films in space" is not about films; and "Film" misleads the translation of a German question.
    if reading.text != request.text:
        analysis = analyze(reading.text, model, snapshot.lexical.held, like=analysis)
    return replace(said, reading=reading, analysis=analysis)


def _requested(said: Understood, reading: QuestionReading, snapshot: Snapshot, model: ModelIdentity) -> Understood:
    """What is left to look for of a request; as a title only where one stands there with its year or director."""
    assert said.analysis is not None  # noqa: S101 - the caller looked
    likes, dislikes = (() if film is None else (film,) for film in (reading.like, reading.unlike))
    found = Understood(replace(said.request, text=reading.text, likes=likes, dislikes=dislikes), reading)
    if not reading.text:
        return found
    analysis = analyze(reading.text, model, snapshot.lexical.held, german=said.analysis.german)
    titles = exact_titles(snapshot.lexical, reading.text) if reading.is_titled else []
    return replace(found, analysis=analysis, titles=tuple(titles))


def _main_titles(snapshot: Snapshot, text: str) -> list[TitleMatch]:
    """Movies whose title is this up to a colon: "2001: A Space Odyssey"."""
    typed = plain_title(text)
    rows = snapshot.lexical.titled_from(f"{typed} ", _BEGINNINGS) if 0 < len(typed.split()) <= _SHORT else []
    headings = snapshot.movies.headings_at(rows)
    heads = [(headings[row].id, *headings[row].title.partition(":")) for row in rows]
    return [TitleMatch(identity, 0.98) for identity, head, colon, _ in heads if colon and plain_title(head) == typed]
