"""Persons and films that a question names: surnames where a director may stand, who plays in it, what it is like."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from query.constraints.constraint import Constraint
from query.constraints.folded_text import FoldedText
from query.constraints.grammar import Marks, letters_of, mark
from query.constraints.known_values import KnownValues
from query.constraints.phrases import FILM, GENRE, MOST_FOR_NAMES, PERSON, SIGN, WORD, Item, Meaning

_TITLE_AND_MORE = re.compile(r"([wngacT]+?)(?:[SDBOP]*[yp])$")
_LIKE = re.compile(r"[XTE]*(?:(?:w?[nagt]*[fg]|(?<=E))[KM]|[KM])")
#: What may stand behind the title that something is like: "but funny", "from the 90s", the end.
_BEHIND_TITLE = "C,PSAN"
#: "I liked Alien. What else?": nothing else may be said then.
_LIKED = re.compile(r"X+L")
_NOTHING_MORE = frozenset("XTEMfC,")
#: "..., but less like Gravity", "except Gravity".
_UNLIKE = re.compile(r"[,C]*(?:N[KM]?|(?P<word>w)[KM])")
_LESS = ("less", "weniger")
_WHAT_ELSE = ("else", "next", "similar", "now", "then", "sonst", "noch", "ahnliches", "ahnliche")
_LONGEST_TITLE = 10
#: Words before a title that is looked for.
_ASKING = re.compile(r"[XTE]*(?:f|X)T*")
_WITH_PERSON = re.compile(r"A(?:p|w{2,3})(?=[,PStyXC]|$)")
_NOBODY = Meaning(PERSON, is_sought=True)
_WITH = ("with", "mit", "starring", "featuring")
_SIBLINGS = ("brothers", "sisters", "bruder", "schwestern")


def with_surnames(items: Sequence[Item], text: FoldedText, known: KnownValues) -> list[Item]:
    """The items with surnames of directors where one may stand: "films by Varda", "Coen brothers comedies"."""
    if len(items) > MOST_FOR_NAMES:
        return list(items)
    letters, found = letters_of(items), list[Item]()
    for place, item in enumerate(items):
        if found and found[-1].end > item.start:
            continue
        more = items[place + 1] if place + 1 < len(items) else item
        end = more.end if text.folded[more.start : more.end] in _SIBLINGS else item.end
        said = text.folded[item.start : item.end]
        name, _, kin = said.partition("-") if said.endswith(_SIBLINGS) else (said, "", "")  # "Coen-Brüder"
        siblings = end > item.end or kin in _SIBLINGS
        behind = (
            re.search(r"[fg][^wA,]*[BD]T*$|[fg]T$" if siblings else r"[fg][^wA,]*[BD]T*$", letters[:place]) is not None
        )
        before = re.fullmatch(r"[XTn]*", letters[:place]) and re.match(r"w?[nat]*[fg]", letters[place + 1 :])
        person = None
        if item.letter == WORD and (behind or before):
            person = known.surname(name, is_sure=behind or siblings)
        found.append(Item(person, item.start, end) if person else item)
    return found


def find_actors(items: list[Item], text: FoldedText, known: KnownValues) -> tuple[str, ...]:
    """Make a person who plays in a film one; where the catalog holds no actors, say that the name is words."""
    found = _WITH_PERSON.search(letters_of(items))
    if found is None or not {FILM, GENRE} & set(letters_of(items[: found.start()])):
        return ()
    marker, first, last = items[found.start()], items[found.start() + 1], items[found.end() - 1]
    said = slice(*text.raw_span(first.start, last.end))
    if text.folded[marker.start : marker.end] not in _WITH or not _is_name(text.raw[said]):
        return ()
    actor = known.person(text.folded[first.start : last.end], ("actor",)) if known.has("actor") else _NOBODY
    if actor:
        by = Item(Meaning("B"), marker.start, marker.end)
        items[found.start() : found.end()] = [by, Item(actor, first.start, last.end)]
    return (f"the catalog holds no actors: {text.raw[said]!r} is looked for as words",) if actor is _NOBODY else ()


def _is_name(said: str) -> bool:
    """Whether the first and the last word are written as names are: "Louis de Funès"."""
    words = said.split()
    return words[0][0].isupper() and words[-1][0].isupper()


@dataclass(frozen=True, slots=True)
class Like:
    """Movies that others shall be like, or shall not, by their ids, and what is said so."""

    identity: str
    constraints: tuple[Constraint, ...]
    unlike: str | None = None


def read_like(items: Sequence[Item], text: FoldedText, known: KnownValues, marks: Marks) -> Like | None:
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
    if other is None or (other["word"] and not _is_less(items[other.start("word")], text)):
        return Like(named.identity, (said,))
    unlike = _title(items, other.end(), text, known, ends=True)
    if unlike is None:
        return Like(named.identity, (said,))
    marks.spent |= set(range(named.end, unlike.end))
    return Like(named.identity, (said, Constraint("like", ":", (unlike.title,), True, unlike.words)), unlike.identity)


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
    return text.folded[item.start : item.end] in _LESS


def _asks_nothing_more(items: Sequence[Item], text: FoldedText) -> bool:
    return all(item.letter in _NOTHING_MORE or text.folded[item.start : item.end] in _WHAT_ELSE for item in items)


def read_title_and_more(items: Sequence[Item], text: FoldedText, known: KnownValues, marks: Marks) -> bool:
    """Whether a title stands here, and of which year or by whom: "Alien 1979", "Dune von David Lynch"."""
    places = [place for place, item in enumerate(items) if item.letter != SIGN]
    found = _TITLE_AND_MORE.match("".join(items[place].letter for place in places))
    if not found or not known.title(text.folded[items[0].start : items[places[found.end(1) - 1]].end]):
        return False
    for place in places[found.end(1) :]:
        mark(place, items, marks, negated=False)
    return True


def asked_title(items: Sequence[Item], text: FoldedText, known: KnownValues) -> str | None:
    """The title in "the movie Death Race 2000", "have you got The Roaring Twenties"; None where none is asked for.

    Behind a verb it has several words: "show me something wild" is no question for "Wild".
    """
    found = _ASKING.match(letters_of(items))
    if found is None:
        return None
    start, is_film = found.end(), FILM in found[0]
    last = next((place for place in range(start, len(items)) if items[place].letter == SIGN), len(items))
    behind = items[last:]
    if any(item.letter != SIGN for item in behind) or last - start < (1 if is_film else 2):
        return None
    if items[start - 1].letter == "T":  # "The Roaring Twenties" begins with it
        start -= 1
    words = text.raw[slice(*text.raw_span(items[start].start, items[last - 1].end))]
    return words if known.title(words) else None
