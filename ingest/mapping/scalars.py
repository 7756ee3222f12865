"""One cell of a catalogue file -> an id or a number: the same way for every source.

Each function answers None for what carries no value, and for text in which there is none; `WrongTypeError` says that a
value is of a kind that the field can never be.
"""

import math
import re
from datetime import UTC, datetime, timedelta

from ingest.mapping.text import MISSING, WrongTypeError, clean_text, number_text

YEARS = range(1870, 2101)


def identifier(value: object) -> str | None:
    """An id as text: 1, 1.0 and "1" are the same; {"$oid": "5a.."} is what it holds."""
    if type(value) is int:
        return number_text(value)
    if isinstance(value, dict) and len(value) == 1:
        value = value.get("$oid", value)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongTypeError(value, "a text or a whole number")
    text = clean_text(value) if isinstance(value, str) else number_text(value)
    if text.endswith(".0") and text[:-2].isdecimal():  # a whole number that has been through pandas
        text = text[:-2]
    return None if text.lower() in MISSING else text


_YEAR = re.compile(r"(?<!\d)(?:1[89]\d\d|20\d\d|2100)(?!\d)")
_COMPACT_DATE = re.compile(r"(\d{4})(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")


def year(value: object) -> int | None:
    """1994 of 1994, 1994.0, "(1994)", "1994–", "1994-05-12", "May 12, 1994", 19940512 or seconds since 1970.

    A two-digit year is none: "2/7/68" could be two of them.
    """
    if isinstance(value, int) and value in YEARS and value is not True:
        return value
    number = _number(value, "a year or a date") if not isinstance(value, str) else None
    if number is None and isinstance(value, str):
        text = value.strip()
        if found := _COMPACT_DATE.fullmatch(text):
            return _in_range(int(found[1]))
        if not re.fullmatch(r"-?\d{7,15}(?:\.0)?", text):
            return next((int(match) for match in _YEAR.findall(text) if int(match) in YEARS), None)
        number = float(text)
    if number is None or not math.isfinite(number):
        return None
    if found := _COMPACT_DATE.fullmatch(str(int(number))):
        return _in_range(int(found[1])) or _epoch_year(number)
    return _in_range(int(number)) if abs(number) < 10_000 else _epoch_year(number)


def _in_range(number: int) -> int | None:
    return number if number in YEARS else None


def _epoch_year(seconds: float) -> int | None:
    """The year of a Unix time in seconds, or in milliseconds when it is beyond any film in seconds.

    Fewer than seven digits are no time: they would all be January 1970.
    """
    if abs(seconds) < 1e6:
        return None
    seconds = seconds / 1000 if abs(seconds) > 1e10 else seconds
    try:
        return _in_range((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).year)
    except OverflowError:
        return None


_ISO_DURATION = re.compile(r"P(?:(\d{1,6})D)?T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})(?:\.\d+)?S)?", re.IGNORECASE)
_WORDED = re.compile(
    r"(?:(\d{1,6})\s*(?:h|hr|hrs|hour|hours|std)\b\.?)?\s*(?:(\d{1,6})\s*(?:m|min|mins|minute|minutes|minuten)\b\.?)?"
    r"(?:\s*per ep\w*\.?)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d):(\d\d)|(\d):([0-5]\d)(?:\s*h)?")


def runtime(value: object, unit: int = 1) -> int | None:
    """Minutes, of 125, "125 min", "2h 5min", "PT2H5M", "02:05:00", milliseconds or Jellyfin's ticks of 100 ns.

    Of plain numbers so many are a minute as `unit` says.
    """
    if isinstance(value, str):
        text = value.strip()
        if found := _CLOCK.fullmatch(text):
            return _minutes(int(found[1] or found[4]) * 60 + int(found[2] or found[5]))
        if found := _ISO_DURATION.fullmatch(text):
            days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
            return _minutes(days * 1440 + hours * 60 + minutes + seconds // 60)
        if (found := _WORDED.fullmatch(text.replace(",", " "))) and any(found.groups()):
            return _minutes(int(found[1] or 0) * 60 + int(found[2] or 0))
    number = _number(value, "a number of minutes")
    if number is None:
        return None
    if unit != 1:
        number /= unit
    elif number >= 6e8:
        number /= 6e8
    elif number > 60_000:
        number /= 60_000
    return _minutes(round(number))


def _minutes(number: int) -> int | None:
    return number if 0 < number <= 60_000 else None


_RATING = re.compile(r"(\d+(?:[.,]\d+)?)\s*(?:/\s*(\d+)|(%))?")


def rating(value: object, scale: float = 10.0) -> float | None:
    """0 to 10, of 8.4, "8,4", "8.4/10", "84%", or of a number on another scale."""
    if type(value) is float and scale == 10 and 0 <= value <= 10:
        return value
    if isinstance(value, str):
        found = _RATING.fullmatch(value.strip())
        if not found:
            return None
        number = float(found[1].replace(",", "."))
        scale = 100.0 if found[3] else float(found[2] or scale)
    else:
        plain = _number(value, "a number")
        if plain is None:
            return None
        number = plain
    if not scale or not 0 <= number <= scale:
        return None
    return number if scale == 10 else round(number * 10 / scale, 2)


_VOTES = re.compile(r"(\d+(?:[.,]\d+)?)\s*([KMB])?", re.IGNORECASE)
_THOUSANDS = re.compile(r"\d{1,3}(?:([.,'\s\u202f\xa0])\d{3})(?:\1\d{3})*")


def votes(value: object) -> int | None:
    """A count, of 1234567, "1,234,567", "1.234.567" or "1.2M"."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > 20:
            return None
        if _THOUSANDS.fullmatch(text):
            return _count(int(re.sub(r"\D", "", text)))
        found = _VOTES.fullmatch(text)
        if not found:
            return None
        factor = {"k": 10**3, "m": 10**6, "b": 10**9}.get((found[2] or "").lower(), 1)
        return _count(round(float(found[1].replace(",", ".")) * factor))
    if type(value) is int and 0 <= value < 10**12:
        return value
    number = _number(value, "a number")
    return None if number is None else _count(int(number))


def _count(number: int) -> int | None:
    return number if 0 <= number < 10**12 else None


def _number(value: object, expected: str) -> float | None:
    """A finite number, None for nothing or for text without one."""
    if isinstance(value, dict) and len(value) == 1:  # MongoDB's exports: {"$numberInt": "5"}
        value = next((value[key] for key in value if str(key).startswith("$")), value)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongTypeError(value, expected)
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
