"""When a film was made, as far as a question says: "an 80s slasher", "late 90s", "in black and white". Pure."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from catalog.text.folding import fold

FIRST, LAST = 0, 9999
"""What a range that is open to one side begins or ends with."""
_BEGINNING = 1888
"""Of films."""
_NAMED = {
    name: 1900 + 10 * tens
    for tens, names in enumerate(
        (
            "twenties zwanziger",
            "thirties dreissiger",
            "forties vierziger",
            "fifties funfziger",
            "sixties sechziger",
            "seventies siebziger",
            "eighties achtziger",
            "nineties neunziger",
        ),
        start=2,
    )
    for name in names.split()
}
_PART = {
    **dict.fromkeys(("early", "fruhe", "anfang", "beginning"), (0, 3)),
    **dict.fromkeys(("mid", "mitte"), (3, 6)),
    **dict.fromkeys(("late", "spate", "ende", "end"), (6, 9)),
}
_DECADE = re.compile(
    r"(?:\b(?P<part>" + "|".join(_PART) + r")(?:[rsn]|dle)?\W+(?:(?:the|of|to|der|den)\W+)*)?"
    r"(?:(?<![\d.])(?P<digits>1890|(?:19|20)?[0-9]0)\s?(?:'?s|ern?)\b"
    r"|\b(?:nineteen\W)?(?P<name>" + "|".join(_NAMED) + r")(?:n|jahren?)?\b)"
)
_YEAR = re.compile(r"(?:\b(?:year|jahre?s?) )?(?<![\d.,])(?P<year>188[89]|189[0-9]|19[0-9]{2}|20[0-9]{2})(?!\d|,\d)")
_NO_AGE = re.compile(r"\b(?:(?:from|of) the|aus den|der|die)\W+$")
_BEFORE = 40
"""Letters before a year in which it may stand what is meant by it."""
_JAHRE = re.compile(r"\W+jahren?\b")
_SINCE = re.compile(
    r"\b(?P<how>before|vor|until|till|bis|pre|spatestens|after|nach|post|since|seit|ab|fruhestens"
    r"|(?:older|earlier|newer|later|more recent)\W+than|(?:alter|fruher|neuer|junger|spater)\W+(?:(?:ist|sind)\W+)?als)"
    r"\W+(?:(?:the|den|dem|der|die|aus|von)\W+)*$"
)
_OR_MORE = re.compile(
    r"\W+(?:(?:or|and|oder|und)\W+(?P<side>later|newer|after|younger|on|up|onwards?|neuer|spater|junger|danach"
    r"|earlier|older|before|fruher|alter|davor)|(?P<on>onwards?|aufwarts))\b"
)
_EARLIER = ("earlier", "older", "before", "fruher", "alter", "davor")
_BETWEEN = re.compile(r"\b(?:(?P<of_two>between|zwischen)|from|von)\W+(?:(?:the|den|dem|der)\W+)*$")
_TO = re.compile(r"\W*(?:\b(?:to|until|till|bis)\b|[-–])\W*(?:(?:the|den|dem|der|zu)\W+)*")
_AND = re.compile(_TO.pattern.replace("to|", "and|und|to|"))
_COLOURLESS = re.compile(r"\bblack\s?(?:and|&|n)\s?white\b|\bb\s?[&/]\s?w\b|\bschwarz-?\s?(?:und\s)?weiss")
_SILENT = re.compile(r"\bsilent (?:film|movie|era)|\bstummfilm")


@dataclass(frozen=True, slots=True)
class YearRange:
    """The years, both included, that a question speaks of; FIRST or LAST where it is open."""

    first: int
    last: int

    def __str__(self) -> str:
        """As a filter says it: "1970..1979", "..1939", "1968"."""
        if self.first == self.last:
            return str(self.first)
        return f"{self.first if self.first > FIRST else ''}..{self.last if self.last < LAST else ''}"


SILENT, COLOURLESS = YearRange(_BEGINNING, 1929), YearRange(_BEGINNING, 1967)
"""When most films were made so."""
CENTURIES = {
    YearRange(2000, LAST): "this century,this millennium,the new millennium,21st century,diesem jahrhundert,"
    "diesem jahrtausend,21 jahrhundert",
    YearRange(1900, 1999): "last century,20th century,letzten jahrhundert,20 jahrhundert",
}


@dataclass(frozen=True, slots=True)
class YearsSaid:
    """Years where a folded text speaks of them."""

    start: int
    end: int
    years: YearRange
    is_year: bool = False
    """Whether it is a number of four digits and nothing else: that may be part of a title, or of a story."""


def read_years(text: str) -> YearsSaid | None:
    """The years of every decade and range that is named, or else of every year, or else of a technique, if any."""
    folded = fold(text)
    every = find_years(folded)
    said = [each for each in every if not each.is_year] or every or list(_techniques(folded))
    if not said:
        return None
    years = YearRange(min(each.years.first for each in said), max(each.years.last for each in said))
    if (years.first, years.last) == (FIRST, LAST):  # "after 2007 and before 2010": what both say
        years = YearRange(max(each.years.first for each in said), min(each.years.last for each in said))
    return YearsSaid(said[0].start, said[-1].end, years) if years.first <= years.last else None


def _techniques(folded: str) -> Iterator[YearsSaid]:
    for technique, years in ((_SILENT, SILENT), (_COLOURLESS, COLOURLESS)):
        if found := technique.search(folded):
            yield YearsSaid(*found.span(), years)
            return


def find_years(folded: str) -> list[YearsSaid]:
    """Everything that a folded text says of years, from left to right."""
    points = deque(sorted(_points(folded), key=lambda point: point.start))
    found: list[YearsSaid] = []
    while points:
        point = points.popleft()
        before = _SINCE.search(folded, max(point.start - _BEFORE, 0), point.start)
        between = _BETWEEN.search(folded, max(point.start - _BEFORE, 0), point.start)
        to = _AND if between and between["of_two"] else _TO
        if points and to.fullmatch(folded, point.end, points[0].start):
            last = points.popleft()
            years = YearRange(point.years.first, max(last.years.last, point.years.first))
            found.append(YearsSaid(between.start() if between else point.start, last.end, years))
        elif before:
            found.append(YearsSaid(before.start(), point.end, _open(before["how"], point.years)))
        elif more := _OR_MORE.match(folded, point.end):
            how = "until" if more["side"] in _EARLIER else "since"
            found.append(YearsSaid(point.start, more.end(), _open(how, point.years)))
        else:
            found.append(point)
    return found


def without_decades(text: str) -> str:
    """The folded text without its decades, which few films hold as words; the text itself if nothing else is there."""
    rest = _DECADE.sub(" ", fold(text))
    return rest if rest.strip() else text


def _open(how: str, years: YearRange) -> YearRange:
    word = how.split()[0]
    if word in ("before", "vor", "pre", *_EARLIER):
        return YearRange(FIRST, years.first - 1)
    if word in ("until", "till", "bis", "spatestens"):
        return YearRange(FIRST, years.last)
    return YearRange(years.first if word in ("since", "seit", "ab", "fruhestens") else years.last + 1, LAST)


def _points(folded: str) -> Iterator[YearsSaid]:
    """Decades, and years that are in none of them."""
    decades = []
    for found in _DECADE.finditer(folded):
        jahre = _JAHRE.match(folded, found.end())
        no_age = jahre is not None or _NO_AGE.search(folded, max(found.start() - _BEFORE, 0), found.start()) is not None
        decade = _NAMED[found["name"]] if found["name"] else _century(found["digits"], no_age=no_age)
        if decade is not None:
            first, last = _PART.get(found["part"] or "", (0, 9))
            end = jahre.end() if jahre else found.end()
            decades.append(YearsSaid(found.start(), end, YearRange(decade + first, decade + last)))
    yield from decades
    within = {place for decade in decades for place in range(decade.start, decade.end)}
    for found in _YEAR.finditer(folded):
        if found.start("year") not in within:
            year = int(found["year"])
            yield YearsSaid(*found.span(), YearRange(year, year), is_year=True)


def _century(digits: str, *, no_age: bool) -> int | None:
    """1980 for "80" and "1980", 2000 for "00"; None for what is more likely an age: "in his 20s", "40s"."""
    decade = int(digits)
    if len(digits) == 4:
        return decade
    if decade >= 50 or (no_age and decade >= 20):
        return 1900 + decade
    return 2000 + decade if decade <= 10 else None
