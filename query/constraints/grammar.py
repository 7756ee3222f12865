"""How a question is built: which of its items are wishes, and which only say how others are meant.

Patterns are written over the letters of items (`phrases`, lexicon/words.txt).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from query.constraints.phrases import GENRE, SIGN, WORD, Item, Meaning

#: A film, by a word for one and what is said before it: "French crime comedies", "time travel romance"; no word may
#: follow that it would be a part of: "comedy writer".
_FILM = re.compile(r"(?:[XTE]*(?:[nagt]C)*[nagpty]*(?:w{1,2}[nagptyf]*)?[fg]|[XT]*E+[na]+)(?![wanfgc])")
#: All of a part between commas: "1980s", "horror", "from France", "in French".
_ALONE = re.compile(r"[CXT]*(?:[nagty]*[gt][nagty]*|D?[BOP]?T*p|na+|an|S?PT*[cn]|[POIB]T*[ty]|In)$")
#: All of a part that counts where another one says what is wished: "horror, Iran, 1973".
BESIDE = re.compile(r"[nacy]+$")
_WORDS_AND_TIME = re.compile(r"[XT]*w{1,3}t$")
_NOT = re.compile(r"C*N[TC]*(?:S?PT*[cn]|[POIB]T*[ty]|t|I?n(?![wanfg])|[na]*[fg](?![wanfgc])|n*a$)")
#: Behind a film: where from, when, in which language, by whom.
_BEHIND = re.compile(r"S?(?:(?:P|(?<=S)I)T*[cn](?:CP?T*[cn])*|[POIB]?T*[ty]|I[na](?![wa])|D?[BOP]?T*p)(?![wfgn])")
_TOLD_AT_LAST = re.compile(r"[POIB]T*t$")
#: What a film shall be without, but for what films are known by: "horror without ghosts".
_LACKING = re.compile(r"C*A?NT*w{1,3}$")


@dataclass(slots=True)
class Marks:
    """What was made of the items of a question, by their places."""

    wishes: dict[int, bool] = field(default_factory=dict)
    """Whether each is negated."""
    spent: set[int] = field(default_factory=set)
    """Those that are not looked for."""
    lacking: list[int] = field(default_factory=list)
    """Words for what a film shall be without, which no film says of itself."""


def letters_of(items: Sequence[Item]) -> str:
    return "".join(item.letter for item in items)


def parts_of(items: Sequence[Item]) -> Iterator[range]:
    """The places of what stands between signs."""
    begin = 0
    for place, item in enumerate([*items, Item(Meaning(SIGN), 0, 0)]):
        if item.letter == SIGN:
            if place > begin:
                yield range(begin, place)
            begin = place + 1


def read_part(items: Sequence[Item], part: range, marks: Marks) -> None:
    letters = "".join(" " if place in marks.spent else items[place].letter for place in part)
    at = len(letters) - len(letters.lstrip())
    found = _FILM.match(letters, at)
    is_film, is_told = found is not None, False
    found = found or _ALONE.match(letters, at) or _WORDS_AND_TIME.match(letters, at)
    while at < len(letters):
        if found := found or _next(letters, at, is_film=is_film, is_told=is_told):
            places = part[found.start() : found.end()]
            for place in places:
                mark(place, items, marks, negated=found.re is _NOT)
            if found.re is _LACKING:
                marks.spent |= set(places)
                marks.lacking += [place for place in places if items[place].letter == WORD]
            at, found = found.end(), None
            continue
        if letters[at] == "A" and is_film and not is_told:
            marks.spent.add(part[at])
        is_told = is_told or letters[at] in "AKLMw"
        at += 1


def _next(letters: str, at: int, *, is_film: bool, is_told: bool) -> re.Match[str] | None:
    """What is said of the film from this item on."""
    if (is_film or at == 0 or letters[at : at + 2] == "CN") and (found := _NOT.match(letters, at)):
        return None if is_told and found[0][0] + found[0][-1] == "Na" else found
    if not is_film or is_told:
        return _TOLD_AT_LAST.match(letters, at) if is_film else None
    return _BEHIND.match(letters, at) or _LACKING.match(letters, at)


def mark(place: int, items: Sequence[Item], marks: Marks, *, negated: bool) -> None:
    if items[place].meaning.values:
        marks.wishes[place] = negated
    # Of "psychological thriller" both words are looked for: the first alone would mean something else.
    is_compound = items[place].letter == GENRE and place > 0 and items[place - 1].letter == WORD
    if items[place].letter != WORD and not items[place].meaning.is_sought and not is_compound:
        marks.spent.add(place)
