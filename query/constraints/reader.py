"""What a question wishes a film to be, and what is left to look for.

A word of film is a wish only where the question is built so: "French crime comedies from the 70s", "vampires, not a
comedy". In "a war veteran drives a taxi" nothing names a film, and nothing is read.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from query.constraints.constraint import Constraint
from query.constraints.folded_text import FoldedText
from query.constraints.grammar import BESIDE, Marks, letters_of, mark, parts_of, read_part
from query.constraints.known_values import KnownValues
from query.constraints.named import asked_title, find_actors, read_like, read_title_and_more, with_surnames
from query.constraints.phrases import FILM, GENRE, NATION, SIGN, SMALL, WORD, Item, Meaning, items_of
from query.constraints.quantities import BOUNDED
from query.constraints.years import COLOURLESS, SILENT, YearsSaid, read_years
from query.filters import fields_of, parse_filter, places_of_conditions

Span = tuple[int, int]
"""Begin and end in a question."""

_COMPARED = re.compile(r"[<>=]\s*\d[\d.]*s?")
#: Says only that a film is meant: "a movie about a man who lives in an airport".
_OPENING = re.compile(r"[XTE]*f(?:[AI][XT]*[wnagctyp]|BT*p)")
_MEANING = "wnagctypfS"
_TECHNIQUES = (str(SILENT), str(COLOURLESS))
"""Give way to years that are said."""
_LONGEST = 4000
"""Characters of a question that is read: a post on a forum has fewer, and a book says nothing of what is wished."""
_FEW_WORDS = 4
"""That are left to look for: a question with more of them tells a story, and may err."""
_MOST_OF_A_WISH = 30
"""Words of a question in which what stands apart is a wish: of more, somebody remembers, and may err."""
_TELLING = ("who", "whose", "where", "which", "when", "that", "wo", "worin", "dessen", "deren")
#: Before a year in which something happens, and no film was made.
_PLAYS = re.compile(r"\b(?:born|set|back|geboren|spielt|zuruck)(?:\W+\w+){0,8}\W+$")
_FROM = re.compile(r"\b(?:from|aus)(?:\W+(?:the|year|dem|den|jahre?))*\W+$")
_ONE = ("one", "ones")
_REMEMBERED = re.compile(r"\b(?:i|i'm|i've|anyone|remember|ich|jemand|erinner\w*)\b")
_REQUESTED = re.compile(
    r"\b(?:i want|i need|looking for|i'd like|recommend|suggest|show me|can you|have you got"
    r"|ich suche|ich mochte|ich brauche|ich hatte|empfiehl|empfehlen|habt ihr|hast du|kennt ihr|zeig|gib)\b"
)


@dataclass(frozen=True, slots=True)
class QuestionReading:
    """A question as it was understood."""

    text: str
    """What is left to look for: all of the question but that a film is meant, and what a request wishes."""
    constraints: tuple[Constraint, ...] = ()
    is_request: bool = False
    """Whether a few words name what is wanted: then movies that meet it come first. Otherwise people may err."""
    is_titled: bool = False
    """Whether that is the title of a film, which was asked for, or named together with its year or director."""
    like: str | None = None
    """The id of a movie that others shall be like."""
    unlike: str | None = None
    """The id of a movie that they shall not be like."""
    notes: tuple[str, ...] = ()


def read(question: str, known: KnownValues, *, is_told: bool = False) -> QuestionReading:
    """Read a question that is no title; what is not understood is left to look for.

    Of one that tells a plot, `is_told`, only what is said apart from it.
    """
    if len(question) > _LONGEST:
        return QuestionReading(question)
    text, written = FoldedText(question), _written(question)
    items = with_surnames(items_of(text, known.vocabulary, known.person), text, known)
    items = list(_without_meaning(items, text, written)) if written else items
    notes = (*_leave_unbounded(items, text, known), *find_actors(items, text, known))
    marks = Marks()
    like = read_like(items, text, known, marks)
    if like is None and (title := asked_title(items, text, known)):
        return QuestionReading(title, is_titled=True)
    _read_parts(items, marks)
    if is_told and like is None and not _keep_apart(items, marks):
        return QuestionReading(question)
    is_titled = not marks.wishes and like is None and read_title_and_more(items, text, known, marks)
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
    return QuestionReading(told, _with_years(constraints, items, text, written), notes=notes)


def _read_parts(items: Sequence[Item], marks: Marks) -> None:
    for part in parts_of(items):
        read_part(items, part, marks)
    for part in parts_of(items) if marks.wishes else ():
        if BESIDE.match(letters_of(items[part.start : part.stop])):
            for place in part:
                mark(place, items, marks, negated=False)


def _keep_apart(items: Sequence[Item], marks: Marks) -> bool:
    """Forget the wishes that stand within a plot; whether others are left.

    A time alone is none: "In 1938, an art collector ..." says when a story begins.
    """
    marks.wishes = {place: negated for place, negated in marks.wishes.items() if place in marks.apart}
    fields = {name for place in marks.wishes for name, _ in items[place].meaning.values}
    return bool(fields - {"year"}) or any(marks.wishes.values())


def _leave_unbounded(items: list[Item], text: FoldedText, known: KnownValues) -> Iterator[str]:
    """Make small words of bounds for what no movie of the catalog has, and say so."""
    for place, item in enumerate(items):
        for field in {name for name, _ in item.meaning.values} & BOUNDED.keys():
            if not known.has(field):
                items[place] = replace(item, meaning=Meaning(SMALL))
                said = text.raw[slice(*text.raw_span(item.start, item.end))]
                yield f"the catalog holds no {BOUNDED[field]}: {said!r} is not looked for"


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
    told = any(text.folded[item.start : item.end] in _TELLING for item in left)
    remembered = _REMEMBERED.search(text.folded) and not _REQUESTED.search(text.folded)
    if marks.apart and not remembered and len(items) <= _MOST_OF_A_WISH:
        return True
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


def _constraints(items: Sequence[Item], marks: Marks, text: FoldedText, known: KnownValues) -> tuple[Constraint, ...]:
    """The wishes as constraints: of several genres a film shall have all, of several years, countries, people one."""
    found: list[Constraint] = []
    for place, negated in sorted(marks.wishes.items()):
        words = text.raw_span(items[place].start, items[place].end)
        operator = items[place].meaning.operator
        for name, values in _meant(items, place, known, negated=negated):
            either = (name != "genre" or _is_or(items, place - 1, text)) and not _is_joint(items, place)
            same = [each for each in found if each.field == name and not each.negated and not negated]
            same = [] if name in BOUNDED else same
            if any(set(values) <= set(each.values) for each in same) or (same and values[0] in _TECHNIQUES):
                continue
            if same and same[-1].values[0] in _TECHNIQUES:
                found.remove(same.pop())
            if same and name == "year" and (said := _both(same[-1].values[-1], values[-1])):
                found[found.index(same[-1])] = replace(same[-1], values=(said,), words=(same[-1].words[0], words[1]))
            elif same and either:
                values = tuple(dict.fromkeys((*same[-1].values, *values)))
                found[found.index(same[-1])] = replace(same[-1], values=values, words=(same[-1].words[0], words[1]))
            else:
                found.append(Constraint(name, operator, values, negated, words))
    return tuple(found)


def _both(first: str, second: str) -> str | None:
    """What two ranges say that are open to opposite sides: "1991.." and "..1999"; None for others."""
    if first.endswith("..") and second.startswith(".."):
        return first + second.removeprefix("..") if int(first[:-2]) <= int(second[2:]) else None
    return _both(second, first) if second.endswith("..") and first.startswith("..") else None


def _is_joint(items: Sequence[Item], place: int) -> bool:
    """Whether a nation stands right behind another: "a French-Italian film"."""
    return place > 0 and items[place].letter == items[place - 1].letter == NATION


def _is_or(items: Sequence[Item], place: int, text: FoldedText) -> bool:
    return place >= 0 and text.folded[items[place].start : items[place].end] in ("or", "oder")


def _meant(
    items: Sequence[Item], place: int, known: KnownValues, *, negated: bool
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What an item stands for here: "in German", "non-German" a language, "from Hong Kong", "not French" a country.

    So is "Irish", as few Irish films are in Irish, and each of "French-Italian".
    """
    item, before = items[place], items[place - 1].letter if place else ""
    is_joint = _is_joint(items, place) or (place + 1 < len(items) and _is_joint(items, place + 1))
    both = item.letter == NATION and len(item.meaning.values) > 1
    from_there = "P" in letters_of(items[max(place - 2, 0) : place])
    only = "language" if before in ("I", "V") else "country" if negated or from_there or is_joint else ""
    if both and not only and not known.speaks(item.meaning.values[0][1], item.meaning.values[1][1]):
        only = "country"
    yield from ((name, values) for name, values in item.meaning.values if not both or name == (only or name))


def _with_years(
    constraints: tuple[Constraint, ...], items: Sequence[Item], text: FoldedText, written: Sequence[Span]
) -> tuple[Constraint, ...]:
    """With the years that a question speaks of in passing: of a film, or in few words; others are those of a story."""
    said = (
        None
        if any(each.field == "year" for each in constraints)
        else read_years(text.blanked(written) if written else text.raw)
    )
    if said is None or _PLAYS.search(text.folded, 0, said.start):
        return constraints
    is_of_film = len(items) <= _FEW_WORDS or _says_film(items, text) or _FROM.search(text.folded, 0, said.start)
    return (*constraints, _of_years(said, text)) if is_of_film else constraints


def _says_film(items: Sequence[Item], text: FoldedText) -> bool:
    return any(item.letter in (FILM, GENRE) and text.folded[item.start : item.end] not in _ONE for item in items)


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
