"""When a film was made, as far as a question says: "an 80s slasher", "late 90s", "in black and white". Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from catalog.text.folding import fold

_FIRST, _LAST = 1890, 2100
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
_PART = {"early": (0, 3), "fruhe": (0, 3), "mid": (3, 6), "mitte": (3, 6), "late": (6, 9), "spate": (6, 9)}
_DECADE = re.compile(
    r"(?:\b(?P<part>early|mid|late|fruhe|mitte|spate)[a-z]*\W+(?:(?:the|of|to|der|den)\W+)*)?"
    r"(?:(?<![\d.])(?P<digits>(?:19|20)?[0-9]0)\s?(?:'?s|er)\b|\b(?P<name>" + "|".join(_NAMED) + r")\b)"
)
_YEAR = re.compile(r"(?<![\d.,])(?:19[0-9]{2}|20[0-9]{2})(?![\d,])")
_COLOURLESS = re.compile(r"\bblack\s?(?:and|&|n)\s?white\b|\bb\s?[&/]\s?w\b|\bschwarz-?\s?(?:und\s)?weiss")
_SILENT = re.compile(r"\bsilent (?:film|movie|era)|\bstummfilm")


@dataclass(frozen=True, slots=True)
class YearRange:
    """The years, both included, that a question speaks of."""

    first: int
    last: int


def read_years(text: str) -> YearRange | None:
    """The years of every decade that is named, or else of every year, or else of a technique; None without any."""
    folded = fold(text)
    spans = list(_decades(folded)) or [(int(year), int(year)) for year in _YEAR.findall(folded)]
    if not spans and _SILENT.search(folded):
        spans = [(_FIRST, 1929)]
    if not spans and _COLOURLESS.search(folded):
        spans = [(_FIRST, 1967)]
    return YearRange(min(first for first, _ in spans), max(last for _, last in spans)) if spans else None


def without_decades(text: str) -> str:
    """The folded text without its decades, which few films hold as words; the text itself if nothing else is there."""
    rest = _DECADE.sub(" ", fold(text))
    return rest if rest.strip() else text


def _decades(folded: str) -> Iterator[tuple[int, int]]:
    for found in _DECADE.finditer(folded):
        decade = _NAMED[found["name"]] if found["name"] else _century(found["digits"])
        if decade is not None:
            first, last = _PART.get(found["part"] or "", (0, 9))
            yield decade + first, decade + last


def _century(digits: str) -> int | None:
    """1980 for "80" and "1980", 2000 for "00"; None for what is more likely an age: "in his 20s", "40s"."""
    decade = int(digits)
    if len(digits) == 4:
        return decade
    if decade >= 50:
        return 1900 + decade
    return 2000 + decade if decade <= 10 else None
