"""Rating, votes and runtime, as far as a question bounds them: "rated over 7", "unter 90 Minuten". Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

BOUNDED = {"rating": "ratings", "votes": "votes", "runtime": "runtimes"}
"""The fields, and what a catalog holds of them."""
_COUNTED = {
    word: value
    for value, words in {
        1.0: "a an one ein eine einer",
        1.5: "anderthalb eineinhalb",
        2.0: "two zwei",
        2.5: "zweieinhalb",
        3.0: "three drei",
        4.0: "four vier",
    }.items()
    for word in words.split()
}
_AT_MOST = {"most", "up", "hochstens", "maximal", "bis"}
_OVER = set("more higher better greater longer over above mehr hoher besser langer uber".split())
_UNDER = set("less lower fewer shorter worse under below weniger niedriger kurzer schlechter unter".split())
_NO = {"no", "not", "nicht", "nothing", "nichts"}
_WORD = re.compile(r"\w+")
_MANY = {"k": 1e3, "thousand": 1e3, "tausend": 1e3, "million": 1e6, "millionen": 1e6}
_DIGITS = r"\d{1,3}(?:[.,]\d{3})+(?!\d)|\d+(?:[.,]\d+)?"
_FIGURE = rf"(?P<number>{_DIGITS})\s?(?P<many>(?:k|thousand|tausend|million|millionen)\b)?"
_NUMBER = rf"(?P<number>{_DIGITS}|\b(?:{'|'.join(_COUNTED)})\b)"
"""Of hours, also in words."""
_HOW = (
    r"(?P<how>"
    r"(?:(?:no|not|nicht|nothing|nichts)\W+)?"
    r"(?:(?:more|higher|better|greater|longer|less|lower|fewer|shorter|worse)\W+than"
    r"|(?:mehr|hoher|besser|langer|weniger|niedriger|kurzer|schlechter)\W+als)"
    r"|at least|at most|up to|over|above|under|below|mindestens|wenigstens|hochstens|maximal|bis zu|uber|unter)\W+"
)
_OR = (
    r"(?:\W*(?P<more>\+|\b(?:or|and|oder|und)\W+(?:more|higher|better|above|up|longer|mehr|hoher|besser|langer)\b(?!\W+(?:than|als)))"
    r"|\W+(?P<less>(?:or|oder)\W+(?:less|lower|under|below|shorter|weniger|darunter|kurzer)\b))?"
)
_OF_TEN = r"(?:\W*(?:out of|of|von|/)\W*(?:10|ten|zehn)\b)?"
_RATED = r"\b(?:rated|ratings?|scores?d?|imdb(?:\W+(?:rating|score))?|bewertet|bewertung|wertung|note)\b"
_WITH = r"(?:\b(?:(?:with|of|mit|von|and|und)\W+)?(?:(?:an?|eine[rn]?)\W+)?)?"
_OPTIONAL_HOW = rf"(?:(?:is|of|von|mit|at|by)\W+)?(?:{_HOW})?"
_STARS = r"\W+(?:stars?|points?|sternen?|punkten?)\b"
_PEOPLE = r"(?:people|users|voters|leuten?|menschen|zuschauern?|nutzern?)"
_IS_RATED = (
    r"(?:\W+(?:bewertet|gesehen)\b(?:\W+(?:wurden?|worden|sind))*)?",
    r"(?:(?:have\W+)?(?:rated|voted)|bewertet(?:\W+haben)?|abgestimmt(?:\W+haben)?)\b",
)
_UNIT = r"(?P<unit>hours?|hrs?|h|stunden?|std|minutes?|mins?|minuten?)\b(?:\W+(?:long|lang|dauern|dauert))?"
_PATTERNS = (
    ("rating", rf"{_WITH}{_RATED}\W+{_OPTIONAL_HOW}{_FIGURE}(?!\s*(?:votes?|{_PEOPLE})\b){_OF_TEN}(?:{_STARS})?{_OR}"),
    ("rating", rf"{_WITH}{_HOW}{_FIGURE}{_OF_TEN}(?:{_STARS}|\W+(?:rating|rated|bewertung|bewertet)\b){_OF_TEN}{_OR}"),
    ("rating", rf"{_WITH}{_FIGURE}{_STARS}{_OR.removesuffix('?')}"),
    ("rating", rf"{_WITH}{_HOW}{_FIGURE}\W*(?:out of|von|/)\W*(?:10|ten|zehn)\b{_OR}"),
    ("votes", rf"{_WITH}{_HOW}{_FIGURE}\W+(?:votes?|ratings|reviews|stimmen|bewertungen)\b{_OR}"),
    ("votes", rf"(?:\b(?:rated|voted|seen)\W+by\W+|\bvon\W+){_HOW}{_FIGURE}\W+{_PEOPLE}\b{_IS_RATED[0]}"),
    ("votes", rf"{_HOW}{_FIGURE}\W+{_PEOPLE}\W+{_IS_RATED[1]}"),
    ("runtime", rf"{_WITH}{_HOW}{_NUMBER}(?P<half>\W+and a half)?\W*{_UNIT}{_OR}"),
    ("runtime", rf"{_NUMBER}\W*{_UNIT}{_OR.removesuffix('?')}"),
)
_QUANTITIES = tuple((field, re.compile(pattern)) for field, pattern in _PATTERNS)
_ANY_NUMBER = re.compile(r"\d|hour|stunde")
_BEST = 10.0
"""Of ratings."""
_WELL = re.compile(
    r"\b(?:(?:highly|well|top|best)\W+rated|(?:gut|hoch|best|am besten)\W?bewertete?[rsn]?|highest\W+rated)\b"
)
WELL_RATED = "7.."
"""What a film has that is well rated, without a number said."""


@dataclass(frozen=True, slots=True)
class QuantitySaid:
    """A bound for a number of a film where a folded text says it."""

    start: int
    end: int
    field: str
    bound: str
    """As a filter says it: ":7..", ">6", "<90"."""


def find_quantities(folded: str) -> list[QuantitySaid]:
    """Everything that a folded text says of rating, votes and runtime, from left to right, none within another."""
    found = [QuantitySaid(*each.span(), "rating", f":{WELL_RATED}") for each in _WELL.finditer(folded)]
    if _ANY_NUMBER.search(folded):
        found += _bounds(folded)
    kept: list[QuantitySaid] = []
    for each in sorted(found, key=lambda each: (each.start, -each.end)):
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return kept


def _bounds(folded: str) -> Iterator[QuantitySaid]:
    for field, pattern in _QUANTITIES:
        for found in pattern.finditer(folded):
            said = found.groupdict()
            value = _value(said["number"], said.get("many"))
            if field == "rating" and not 0 < value <= _BEST:
                continue
            if field == "runtime":
                value = (value + (0.5 if said.get("half") else 0)) * (60 if said["unit"][0] in "hs" else 1)
            yield QuantitySaid(*found.span(), field, _bound(said, value))


def _value(number: str, many: str | None) -> float:
    if number in _COUNTED:
        return _COUNTED[number]
    is_grouped = re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", number) is not None
    plain = re.sub("[.,]", "", number) if is_grouped else number.replace(",", ".")
    return float(plain) * _MANY.get(many or "", 1.0)


def _bound(said: Mapping[str, str | None], value: float) -> str:
    """As a filter; a number without a word that bounds it is the least one."""
    shown = f"{value:g}" if value < 1e5 else str(int(value))
    words = set(_WORD.findall(said.get("how") or ""))
    if said.get("less") or words & _AT_MOST:
        return f":..{shown}"
    is_not = bool(words & _NO)
    if words & _OVER:
        return f":..{shown}" if is_not else f">{shown}"
    if words & _UNDER and not is_not:
        return f"<{shown}"
    return f":{shown}.."
