"""Persons in a question: surnames where a director may stand, and who plays in a film."""

import re
from collections.abc import Sequence

from query.constraints.folded_text import FoldedText
from query.constraints.grammar import letters_of
from query.constraints.known_values import KnownValues
from query.constraints.phrases import FILM, GENRE, MOST_FOR_NAMES, WORD, Item, Meaning

_WITH_PERSON = re.compile(r"A(?:p|w{2,3})$")
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
        behind = re.search(r"[fg][^wA,]*[BD]T*$", letters[:place]) is not None
        before = re.fullmatch(r"[XTn]*", letters[:place]) and re.match(r"w?[nat]*[fg]", letters[place + 1 :])
        person = None
        if item.letter == WORD and (behind or before):
            person = known.surname(text.folded[item.start : item.end], is_sure=behind or end > item.end)
        found.append(Item(person, item.start, end) if person else item)
    return found


def find_actors(items: list[Item], text: FoldedText, known: KnownValues) -> tuple[str, ...]:
    """Say that a person who plays in a film is not known; where the catalog holds actors, make it one of them."""
    found = _WITH_PERSON.search(letters_of(items))
    if found is None or not {FILM, GENRE} & set(letters_of(items[: found.start()])):
        return ()
    marker, first = items[found.start()], items[found.start() + 1]
    start, end = first.start, items[-1].end
    said = slice(*text.raw_span(start, end))
    if text.folded[marker.start : marker.end] not in _WITH or not _is_name(text.raw[said]):
        return ()
    if known.has_actors:
        if actor := known.person(text.folded[start:end], ("actor",)):
            items[found.start() :] = [Item(Meaning("B"), marker.start, marker.end), Item(actor, start, end)]
        return ()
    items[found.start() + 1 :] = [Item(Meaning(WORD), item.start, item.end) for item in items[found.start() + 1 :]]
    return (f"the catalog holds no actors: {text.raw[said]!r} is looked for as words",)


def _is_name(said: str) -> bool:
    """Whether the first and the last word are written as names are: "Louis de Funès"."""
    words = said.split()
    return words[0][0].isupper() and words[-1][0].isupper()
