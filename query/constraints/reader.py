"""What a question wishes a film to be, and what is left to look for.

A word of film is a wish only where the question is built so: "French crime comedies from the 70s", "vampires, not a
comedy". In "a war veteran drives a taxi" nothing names a film, and nothing is read.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from query.constraints.constraint import Constraint
from query.constraints.folded_text import FoldedText
from query.constraints.grammar import BESIDE, Marks, letters_of, mark, parts_of, read_part
from query.constraints.known_values import KnownValues
from query.constraints.people import find_actors, with_surnames
from query.constraints.phrases import NATION, SIGN, WORD, Item, Meaning, items_of
from query.constraints.years import YearsSaid, read_years
from query.filters import fields_of, parse_filter, places_of_conditions

Span = tuple[int, int]
"""Begin and end in a question."""

_COMPARED = re.compile(r"[<>=]\s*\d[\d.]*s?")
_TITLE_AND_MORE = re.compile(r"([wngacT]+?)(?:[SDBOP]*[yp])$")
_LIKE = re.compile(r"[XTE]*(?:(?:w?[nagt]*[fg]|(?<=E))[KM]|M)")
#: What may stand behind the title that something is like: "but funny", "from the 90s", the end.
_BEHIND_TITLE = "C,PSAN"
#: "I liked Alien. What else?": nothing else may be said then.
_LIKED = re.compile(r"X+L")
_NOTHING_MORE = frozenset("XTEMfC,")
#: "..., but less like Gravity".
_UNLIKE = re.compile(r"[,C]*(?:N|w)[KM]")
_LESS = ("less", "weniger")
_WHAT_ELSE = ("else", "next", "similar", "now", "then", "sonst", "noch", "ahnliches", "ahnliche")
#: Says only that a film is meant: "a movie about a man who lives in an airport".
_OPENING = re.compile(r"[XTE]*f[AI][XT]*[wnagctyp]")
_MEANING = "wnagctypfS"
_LONGEST_TITLE = 10
_LONGEST = 4000
"""Characters of a question that is read: a post on a forum has fewer, and a book says nothing of what is wished."""
_FEW_WORDS = 4
"""That are left to look for: a question with more of them tells a story, and may err."""
_TELLING = ("who", "whose", "where", "which", "when", "that", "wo", "worin", "dessen", "deren")
_REMEMBERED = re.compile(r"\b(?:i|i'm|i've|anyone|remember|ich|jemand|erinner\w*)\b")
_REQUESTED = re.compile(r"\b(?:i want|looking for|i'd like|ich suche|ich mochte)\b")


@dataclass(frozen=True, slots=True)
class QuestionReading:
    """A question as it was understood."""

    text: str
    """What is left to look for: all of the question but that a film is meant, and what a request wishes."""
    constraints: tuple[Constraint, ...] = ()
    is_request: bool = False
    """Whether a few words name what is wanted: then movies that meet it come first. Otherwise people may err."""
    is_titled: bool = False
    """Whether that is the title of a film, which was named together with its year or director."""
    like: str | None = None
    """The id of a movie that others shall be like."""
    unlike: str | None = None
    """The id of a movie that they shall not be like."""
    notes: tuple[str, ...] = ()


def read(question: str, known: KnownValues) -> QuestionReading:
    """Read a question that is no title and tells no plot; what is not understood is left to look for."""
    if len(question) > _LONGEST:
        return QuestionReading(question)
    text, written = FoldedText(question), _written(question)
    items = with_surnames(items_of(text, known.vocabulary, known.person), text, known)
    items = list(_without_meaning(items, text, written)) if written else items
    marks, notes = Marks(), find_actors(items, text, known)
    like = _read_like(items, text, known, marks)
    for part in parts_of(items):
        read_part(items, part, marks)
    for part in parts_of(items) if marks.wishes else ():
        if BESIDE.match(letters_of(items[part.start : part.stop])):
            for place in part:
                mark(place, items, marks, negated=False)
    is_titled = not marks.wishes and like is None and _read_title_and_more(items, text, known, marks)
    constraints = _constraints(items, marks, text, known)
    if marks.lacking:
        said = text.raw[slice(*text.raw_span(items[marks.lacking[0]].start, items[marks.lacking[-1]].end))]
        notes = (*notes, f"no film says what it is without: {said!r} is not looked for")
    if like is not None and _is_request(items, marks, text):
        constraints = (*like.constraints, *constraints)
        left = _left(items, marks, text)
        return QuestionReading(left, constraints, True, like=like.identity, unlike=like.unlike, notes=notes)
    if constraints and _is_request(items, marks, text):
        return QuestionReading(_left(items, marks, text), constraints, True, is_titled, notes=notes)
    opening = None if constraints else _OPENING.match(letters_of(items))
    told = text.raw[text.raw_span(items[opening.end() - 1].start, items[-1].end)[0] :] if opening else question
    return QuestionReading(told, _with_years(constraints, text, written), notes=notes)


def _written(question: str) -> list[Span]:
    """Where something stands as in a filter: `year>=1980`, `year > 1980`. It is no speech, and not read as such."""
    return [*places_of_conditions(question), *(found.span() for found in _COMPARED.finditer(question))]


def _without_meaning(items: Sequence[Item], text: FoldedText, written: Sequence[Span]) -> Iterator[Item]:
    """The items: mere words, parted from what was said before, where they are written as in a filter."""
    was_written = False
    for item in items:
        start, end = text.raw_span(item.start, item.end)
        is_written = any(start < behind and begin < end for begin, behind in written)
        if is_written and not was_written:
            yield Item(Meaning(SIGN), item.start, item.start)
        yield Item(Meaning(WORD), item.start, item.end) if is_written else item
        was_written = is_written


def _is_request(items: Sequence[Item], marks: Marks, text: FoldedText) -> bool:
    """Whether few words are left to look for, and none of them tells what happens."""
    left = [item for place, item in enumerate(items) if place not in marks.spent]
    if not left:
        return True
    told = any(text.folded[item.start : item.end] in _TELLING for item in items)
    remembered = _REMEMBERED.search(text.folded) and not _REQUESTED.search(text.folded)
    return sum(item.letter == WORD for item in left) <= _FEW_WORDS and not told and not remembered


def without(reading: QuestionReading, question: str, written: str, dropped: Sequence[str]) -> QuestionReading:
    """The reading without what was read about the fields of a written filter, and without some constraints.

    The words of what a filter took the place of are looked for again, unless it says just that; those of a constraint
    that was taken away are not, as long as a request asks for something else. Raises UsageError for what is no filter.
    """
    fields = fields_of(written)
    said = parse_filter(written).conditions
    repeated = {
        each.words
        for each in reading.constraints
        if each.field in fields and set(parse_filter(each.filter).conditions) <= set(said)
    }
    taken = [each for each in reading.constraints if _is_among(each, dropped)]
    kept = tuple(each for each in reading.constraints if each.field not in fields and each not in taken)
    if len(kept) == len(reading.constraints):
        return reading
    spans = {each.words for each in reading.constraints} - {each.words for each in (*kept, *taken)} - repeated
    back = " ".join(question[start:end] for start, end in sorted(spans))
    likes = {each.negated for each in kept if each.field == "like"}
    text = f"{back} {reading.text}".strip() if reading.is_request else question
    is_request = reading.is_request and bool(kept or repeated)
    if not (text or is_request):
        return QuestionReading(question)
    like, unlike = (reading.like if False in likes else None, reading.unlike if True in likes else None)
    return replace(reading, text=text, constraints=kept, is_request=is_request, like=like, unlike=unlike)


def _is_among(constraint: Constraint, filters: Sequence[str]) -> bool:
    """Whether it is one of some filters, however that is written."""
    if constraint.field == "like":
        return any(text.startswith("-like:" if constraint.negated else "like:") for text in filters)
    conditions = [text for text in filters if not text.startswith(("like:", "-like:"))]
    return parse_filter(constraint.filter) in map(parse_filter, conditions)


@dataclass(frozen=True, slots=True)
class _Like:
    """Movies that others shall be like, or shall not, by their ids, and what is said so."""

    identity: str
    constraints: tuple[Constraint, ...]
    unlike: str | None = None


def _read_like(items: Sequence[Item], text: FoldedText, known: KnownValues, marks: Marks) -> _Like | None:
    """The movies in "movies like Alien but funny", "more like Alien, but less like Gravity"."""
    letters = letters_of(items)
    liked = _LIKED.match(letters)
    found = liked or _LIKE.match(letters)
    if found is None:
        return None
    named = _title(items, found.end(), text, known, ends=not liked)
    if named is None or (liked and not _asks_nothing_more(items[named.end :], text)):
        return None
    for place in range(found.end()):
        mark(place, items, marks, negated=False)
    marks.spent |= set(range(len(items) if liked else named.end))
    said = Constraint("like", ":", (named.title,), False, named.words)
    other = _UNLIKE.match(letters, named.end)
    if other is None or not _is_less(items[other.end() - 2], text):
        return _Like(named.identity, (said,))
    unlike = _title(items, other.end(), text, known, ends=True)
    if unlike is None:
        return _Like(named.identity, (said,))
    marks.spent |= set(range(named.end, unlike.end))
    return _Like(named.identity, (said, Constraint("like", ":", (unlike.title,), True, unlike.words)), unlike.identity)


class _Named(NamedTuple):
    """A movie that is named by its title."""

    identity: str
    title: str
    words: tuple[int, int]
    end: int
    """The place of the item behind it."""


def _title(items: Sequence[Item], start: int, text: FoldedText, known: KnownValues, *, ends: bool) -> _Named | None:
    """The longest title that begins at an item; one that `ends` is the last, or followed by what may stand there."""
    for end in range(min(start + _LONGEST_TITLE, len(items)), start, -1):
        if items[end - 1].letter == SIGN or (ends and end < len(items) and items[end].letter not in _BEHIND_TITLE):
            continue
        words = text.raw_span(items[start].start, items[end - 1].end)
        if movie := known.title(text.raw[slice(*words)]):
            return _Named(*movie, words, end)
    return None


def _is_less(item: Item, text: FoldedText) -> bool:
    return item.letter != WORD or text.folded[item.start : item.end] in _LESS


def _asks_nothing_more(items: Sequence[Item], text: FoldedText) -> bool:
    return all(item.letter in _NOTHING_MORE or text.folded[item.start : item.end] in _WHAT_ELSE for item in items)


def _read_title_and_more(items: Sequence[Item], text: FoldedText, known: KnownValues, marks: Marks) -> bool:
    """Whether a title stands here, and of which year or by whom: "Alien 1979", "Dune von David Lynch"."""
    places = [place for place, item in enumerate(items) if item.letter != SIGN]
    found = _TITLE_AND_MORE.match("".join(items[place].letter for place in places))
    if not found or not known.title(text.folded[items[0].start : items[places[found.end(1) - 1]].end]):
        return False
    for place in places[found.end(1) :]:
        mark(place, items, marks, negated=False)
    return True


def _constraints(items: Sequence[Item], marks: Marks, text: FoldedText, known: KnownValues) -> tuple[Constraint, ...]:
    """The wishes as constraints: of several genres a film shall have all, of several years, countries, people one."""
    found: list[Constraint] = []
    for place, negated in sorted(marks.wishes.items()):
        words = text.raw_span(items[place].start, items[place].end)
        for name, values in _meant(items, place, known, negated=negated):
            either = name != "genre" or _is_or(items, place - 1, text)
            same = [each for each in found if each.field == name and not each.negated and not negated]
            if any(set(values) <= set(each.values) for each in same):
                continue
            if same and either:
                values = tuple(dict.fromkeys((*same[-1].values, *values)))
                found[found.index(same[-1])] = replace(same[-1], values=values, words=(same[-1].words[0], words[1]))
            else:
                found.append(Constraint(name, ":", values, negated, words))
    return tuple(found)


def _is_or(items: Sequence[Item], place: int, text: FoldedText) -> bool:
    return place >= 0 and text.folded[items[place].start : items[place].end] in ("or", "oder")


def _meant(
    items: Sequence[Item], place: int, known: KnownValues, *, negated: bool
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What an item stands for here: "in German" is a language, "from Hong Kong" and "not French" a country alone.

    So is "Irish", as few Irish films are in Irish.
    """
    item, before = items[place], items[place - 1].letter if place else ""
    both = item.letter == NATION and len(item.meaning.values) > 1
    from_there = "P" in letters_of(items[max(place - 2, 0) : place])
    only = "language" if before == "I" else "country" if negated or from_there else ""
    if both and not only and not known.speaks(item.meaning.values[0][1], item.meaning.values[1][1]):
        only = "country"
    yield from ((name, values) for name, values in item.meaning.values if not both or name == (only or name))


def _with_years(
    constraints: tuple[Constraint, ...], text: FoldedText, written: Sequence[Span]
) -> tuple[Constraint, ...]:
    """With the years that a question speaks of in passing."""
    spoken = text.blanked(written) if written else text.raw
    said = None if any(each.field == "year" for each in constraints) else read_years(spoken)
    return constraints if said is None else (*constraints, _of_years(said, text))


def _of_years(said: YearsSaid, text: FoldedText) -> Constraint:
    return Constraint("year", ":", (str(said.years),), False, text.raw_span(said.start, said.end))


def _left(items: Sequence[Item], marks: Marks, text: FoldedText) -> str:
    """What is left to look for: the items that are not spent, small words at the ends of each run left out."""
    runs: list[list[Item]] = [[]]
    for place, item in enumerate(items):
        if place in marks.spent or item.letter == SIGN:
            runs.append([])
        else:
            runs[-1].append(item)
    told = [_trimmed(run) for run in runs]
    spans = [text.raw_span(run[0].start, run[-1].end) for run in told if run]
    return " ".join(text.raw[start:end] for start, end in spans)


def _trimmed(run: list[Item]) -> list[Item]:
    meaning = [place for place, item in enumerate(run) if item.letter in _MEANING]
    return run[meaning[0] : meaning[-1] + 1] if meaning else []
