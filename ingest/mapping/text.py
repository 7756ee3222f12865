"""Texts of a catalogue file -> clean ones: garbled characters repaired, invisible ones dropped, signs for "none" known.

Each function that reads a cell answers None for what carries no text; `WrongTypeError` says that a value is of a kind
that the field can never be.
"""

import html
import math
import re
import unicodedata

_LONG = 10**400
"""Python refuses to spell integers of more than 4,300 digits; nobody means one."""
_LAYERS = 3
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TAG = re.compile(
    r"</?(?:a|b|i|u|p|em|br|ul|ol|li|div|span|font|strong|small|sup|sub|h[1-6]|hr|img)\b[^<>]*>", re.IGNORECASE
)
# Control characters, zero-width spaces, soft hyphens, marks of direction, lone surrogates. The joiners U+200C and
# U+200D stay: Persian, the scripts of India and emoji need them.
_INVISIBLE = re.compile(
    "[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_CP1252 = {bytes([byte]).decode("cp1252", "ignore") or chr(byte): byte for byte in range(0x80, 0xC0)}
_GOES_ON = f"[\x80-\x9f{re.escape(''.join(_CP1252))}]"
# Characters in UTF-8, one after another, read byte by byte as cp1252: "Ã©", "â€™".
_MOJIBAKE = re.compile(f"(?:[\xc2-\xdf]{_GOES_ON}|[\xe0-\xef]{_GOES_ON}{{2}}|[\xf0-\xf4]{_GOES_ON}{{3}})+")
_STRAY_BYTES = re.compile("[\udc80-\udcff]+")
MISSING = {"", "\\n", "n/a", "#n/a", "nan", "none", "null", "nil", "<na>", "-", "--", "unknown", "undefined"}
_MISSING_TITLES = {"", "\\N", "N/A", "#N/A", "NaN", "nan", "null", "None", "<NA>"}
_NO_PLOT = MISSING | {
    "overview", "plot", "description", "synopsis", "tba", "tbd", "to be announced", "coming soon", "not available",
    "under wraps", "kept under wraps", "keine angabe", "see full summary", "be the first to contribute",
}  # fmt: skip
_TELLING = (
    r"(?:plot|sypnopsis|synopsis|overview|summary|description|story ?line|story|outline|details?|information|handlung"
    r"|inhalt|inhaltsangabe|(?:kurz|film|handlungs)?beschreibung|zusammenfassung|übersicht|überblick|angaben?)"
)
_NONE_OF = (
    r"(?:(?:(?:there (?:is|are)|es (?:gibt|liegt|wurde)|wir haben|(?:für|zu) diese[mnr] \w+ (?:gibt es|liegt|wurde))"
    r" )?(?:(?:currently|leider|noch|bisher|derzeit) )*(?:no|keine?n?)"
    r"|(?:it looks like )?we (?:do not|don.t)(?: yet| currently)? have (?:an?|any)"
    r"|(?:be the first to )?(?:add|contribute|write) (?:an?|the))"
)
_HERE = (
    r"(?: (?:has|have|is|are|was|been|yet|currently|available|found|added|provided|given|entered|known|translated"
    r"|vorhanden|verfügbar|gefunden|hinterlegt|eingetragen|hinzugefügt|vor|bekannt|at this time|so far"
    r"|(?:to|for|in|at|auf|zu|für)(?: (?:this|the|your|diese[mnrs]?|der|das))? (?:title|film|movie|series|anime|show"
    r"|item|entry|language|database|moment|sprache|titel|serie|eintrag|english|german|deutsch|englisch)))*"
)
_HELP = r"(?:[.!,;:…-]+ ?(?:(?:help|click|be the first|add|you can|please|hilf|klick|füge|sei|du kannst)\b.*)?)?"
_AWAY = (
    r"(?:is |are |being |currently |kept )*(?:unknown|unavailable|undisclosed|not (?:yet )?(?:available|known)"
    r"|coming soon|to be announced|tba|tbd|pending|under wraps|folgt|unbekannt|nicht (?:verfügbar|vorhanden|bekannt))"
)
_SAYS_NOTHING = re.compile(
    rf"{_NONE_OF}(?: \w+)? {_TELLING}(?: {_TELLING})?{_HERE}{_HELP}|(?:the )?{_TELLING}(?: {_TELLING})? {_AWAY}{_HELP}"
)
_LONGEST_NOTHING = 250
"""Characters: what is longer tells something, whatever it begins with."""


class WrongTypeError(TypeError):
    """A value of a kind that the field can never be: "a list, a number is expected"."""

    def __init__(self, value: object, expected: str) -> None:
        super().__init__(f"{kind(value)}, {expected} is expected")


def kind(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return _KINDS.get(type(value), "an object")


_KINDS: dict[type, str] = {str: "a text", list: "a list", tuple: "a list"}


def clean_text(text: str) -> str:
    """Entities resolved, invisible characters dropped, spaces and line breaks collapsed, NFC."""
    if text.isprintable() and "&" not in text and "  " not in text:  # nearly all, quickly
        text = text.strip()
        return text if text.isascii() else unicodedata.normalize("NFC", text)
    if "&" in text and _ENTITY.search(text):
        text = html.unescape(text)
        if "&" in text and _ENTITY.search(text):  # escaped twice: "&amp;quot;"
            text = html.unescape(text)
    text = " ".join(_INVISIBLE.sub("", text).split())
    return unicodedata.normalize("NFC", text)


def repair(text: str) -> str:
    """Mojibake undone where that is reversible: UTF-8 read as cp1252, and single cp1252 bytes in UTF-8.

    Whether a piece is mojibake rather than a word of some language is ftfy's judgment; what has lost a byte is left
    as it is. Returns the very same object when there was nothing to mend.
    """
    if text.isascii():
        return text
    if _STRAY_BYTES.search(text):
        text = _STRAY_BYTES.sub(_as_cp1252, text)
    for _ in range(_LAYERS):  # it can have happened twice
        mended = _MOJIBAKE.sub(_as_utf8, text)
        if mended == text:
            break
        text = mended
    return text


def _as_utf8(mojibake: re.Match[str]) -> str:
    from ftfy.badness import is_bad

    piece = mojibake.group()
    try:
        whole = bytes(_CP1252.get(character, ord(character)) for character in piece).decode()
    except UnicodeDecodeError:
        return piece
    return whole if is_bad(piece) else piece


def _as_cp1252(strays: re.Match[str]) -> str:
    raw = strays.group().encode("ascii", "surrogateescape")
    return raw.decode("cp1252", "ignore")


def title(value: object) -> str | None:
    """A title; numbers are titles too (300, 1917.0)."""
    if isinstance(value, str):
        text = clean_text(value)
        if text[-1:] == "'":
            text = _unquoted(text)
        return None if text in _MISSING_TITLES else text
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongTypeError(value, "a text")
    return number_text(value)


def plot(value: object) -> str | None:
    """A plot: tags go too, and what stands for "there is none" is none."""
    if not isinstance(value, str):
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        raise WrongTypeError(value, "a text")
    text = clean_text(value)
    if "<" in text:
        text = " ".join(_TAG.sub(" ", text).split())
    if text[-1:] == "'":
        text = _unquoted(text)
    return None if len(text) < _LONGEST_NOTHING and _says_nothing(text.casefold()) else text


def _says_nothing(text: str) -> bool:
    """Whether a text in small letters stands where a plot is missing: "no overview found.", "add a plot »"."""
    plain = text.strip(" .…!?[]()*»\"'")
    return plain in _NO_PLOT or _SAYS_NOTHING.fullmatch(plain) is not None


def _unquoted(text: str) -> str:
    """A text in SQL's quotes, 'Knockin'' on Heaven''s Door', without them; others as they are."""
    if len(text) > 3 and text[0] == text[-1] == "'" and "''" in text:
        inner = text[1:-1]
        if "'" not in inner.replace("''", ""):
            return inner.replace("''", "'").strip()
    return text


def number_text(value: int | float) -> str:
    """300, 300.0 -> "300"; 8.5 -> "8.5"."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value) if -_LONG < value < _LONG else hex(value)
