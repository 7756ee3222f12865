"""How a question is built: which of its items are wishes, and which only say how others are meant.

Patterns are written over the letters of items (`phrases`, lexicon/words.txt).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from query.constraints.phrases import GENRE, SIGN, WORD, Item, Meaning

#: A film, by a word for one and what is said before it: "French crime comedies", "time travel romance"; no word may
#: follow that it would be a part of: "comedy writer".
_FILM = re.compile(r"(?:[XTEC]*(?:[nagt]C)*[nagpty]*(?:w{1,2}[nagptyf]*)?[fg]|[XTC]*E+T*[na]+)(?![wanfgc])")
_VALUE = r"(?:[nagty]*[gt][nagty]*|D?[BOP]?T*p|na+|an|S?PT*[cn]|(?:S|S?[POIB])T*[ty]|In)X*"
#: All of a part between signs: "1980s", "horror", "from France", "in French", "sixties or seventies".
_ALONE = re.compile(rf"[CXTE]*(?:{_VALUE}(?:C[XT]*(?:{_VALUE}|y))*|y(?:CT*[ty])+)[XS]*$")
#: All of a part that counts where another one says what is wished: "horror, Iran, 1973".
BESIDE = re.compile(r"[XT]*[nacy]+(?:CT*[nacy]+)*X*$")
_WORDS_AND_TIME = re.compile(r"[XT]*w{1,3}t$")
#: "Non-English thrillers".
_OTHER_THAN = re.compile(r"[XTE]*V[na](?=[nagty]*[fg])")
_NOT_THIS = r"(?:(?:S[PI]|P)T*[cn]|D?[BO]T*p|[POIB]T*[ty]|T*t|I?n(?![wanfg])|[na]*[fg](?![wanfgc])|n*a(?![^CXN]))"
_NOT = re.compile(rf"[CXTE]*(?:A[XT]*)?N[TCX]*{_NOT_THIS}(?:C(?!N)T*{_NOT_THIS})*")
#: Behind a film: where from, when, in which language, by whom.
_BEHIND = re.compile(
    r"(?:(?:A?[XT]*)S)?(?:(?:P|(?<=S)I)T*[cn](?:CP?T*[cn])*|[POIB]?T*[ty]|I[na](?![wa])|D?[BOP]?T*p)(?![wfgn])"
)
_TOLD_AT_LAST = re.compile(r"[POIB]T*tX*$")
#: What a film shall be without, but for what films are known by: "horror without ghosts".
_LACKING = re.compile(r"C*A?NT*w{1,3}X*$")


@dataclass(slots=True)
class Marks:
    """What was made of the items of a question, by their places."""

    wishes: dict[int, bool] = field(default_factory=dict)
    """Whether each is negated."""
    spent: set[int] = field(default_factory=set)
    """Those that are not looked for."""
    apart: set[int] = field(default_factory=set)
    """Wishes that stand in a part of their own: "Gruselfilm: eine Familie zieht um. Nicht aus Amerika!"."""
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
    if other := _OTHER_THAN.match(letters, at):
        for place in part[at : other.end()]:
            mark(place, items, marks, negated=True)
        at = other.end()
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
    if all(place in marks.spent or items[place].letter in "XTEC" for place in part):
        marks.apart |= marks.wishes.keys() & set(part)


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
