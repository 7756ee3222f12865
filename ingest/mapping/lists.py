"""Cells that hold several names -> the names: however a catalogue writes its lists."""

import ast
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ingest.mapping.text import MISSING, WrongTypeError, clean_text, number_text, repair

Rename = Callable[[str], str]
_LITERAL = 100_000
"""Characters: longer lists in Python's spelling are not parsed."""
_SHORT = 200
"""Characters: such cells are remembered."""
_MISSING = MISSING | {"(no genres listed)", "no genres listed", "no language"}
_NAME_KEYS = ("english_name", "name", "Name", "title", "label", "tag", "value", "iso_639_1", "iso_3166_1")
_SUFFIX = re.compile(r",\s*((?:Jr|Sr|PhD)\b\.?|M\.D\.|I{2,3}\b|IV\b)")


Names = tuple[tuple[str, ...], int]
"""Names, each once, in their order; and of how many mojibake was undone."""


def names(
    value: object, rename: Rename | None = None, *, slashes: bool = False, job: str | None = None
) -> Names | None:
    """The names in a JSON list, in objects with a name, in text with separators, in a list in Python's spelling.

    `rename` is applied to each; `slashes` also splits at "/" ("drama/romance"); with `job`, of people whose job is
    said only those with this one are taken. None for an empty list; raises WrongTypeError for what cannot be a list.
    """
    if type(value) is not list:
        value = _sequence(value, slashes=slashes)
    if not value:
        return None
    try:
        text = "|".join(value)  # the quickest way to see that all are texts: 1 and True must not meet in the cache
        if rename is None and not slashes and _is_clean(text, len(value)):
            return tuple(value), 0
        return _cleaned(tuple(value), rename)
    except TypeError:
        people = value if job is None else [item for item in value if _job(item) in ("", job)]
        return _cleaned(tuple(_named(item) for item in people), rename)


def words(value: object) -> Names | None:
    """As `names` has them, but for numbers: they are ids of tags whose names stand elsewhere, as Radarr's do."""
    items = value if type(value) is list else _sequence(value, slashes=False)
    return names([item for item in items if not isinstance(item, int | float)])


def _sequence(value: object, *, slashes: bool) -> list[Any]:
    if isinstance(value, str):
        return list(_listed(value.strip(), slashes=slashes))
    if isinstance(value, dict):
        return [value] if _named(value) else list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return []
    raise WrongTypeError(value, "a list or a text")


def staff(value: object, job: str) -> Names | None:
    """Those in a list of crew or people who did this job; None where it is not said who did what."""
    if isinstance(value, str):
        value = _listed(value.strip(), slashes=False)
    if not isinstance(value, list) or not any(map(_job, value)):
        return None
    return names([person for person in value if _job(person)], job=job)


def unique(items: Iterable[str]) -> tuple[str, ...]:
    """The items without repetitions, whatever their case; order kept."""
    items = tuple(items)
    if len(items) < 2:
        return items
    first: dict[str, str] = {}
    for item in items:
        first.setdefault(item.casefold(), item)
    return tuple(first.values())


def _is_clean(text: str, count: int) -> bool:
    """Whether names joined with "|" are as they should be: nearly all people and keywords, too many to remember."""
    if not text.isascii() or not text.isprintable() or "&" in text or "  " in text:
        return False
    if " |" in text or "| " in text or text[:1] == " " or text[-1:] == " ":
        return False
    small = text.lower().split("|")
    return len(small) == count and _MISSING.isdisjoint(small) and (count == 1 or len(set(small)) == count)


# A catalogue repeats its few genres, languages and countries all the time, alone and together: both are remembered.
@lru_cache(maxsize=1 << 14)
def _cleaned(items: tuple[str, ...], rename: Rename | None) -> Names | None:
    pairs = [_name(item, rename) for item in items]
    found = unique([name for name, _ in pairs if name])
    return (found, sum([repaired for _, repaired in pairs])) if found else None


@lru_cache(maxsize=1 << 15)
def _name(text: str, rename: Rename | None) -> tuple[str, bool]:
    """Cleaned, "" for what stands for nothing; and whether it had to be repaired."""
    whole = repair(text)
    name = clean_text(whole)
    if not name or name.lower() in _MISSING:
        return "", False
    return rename(name) if rename else name, whole is not text


def _job(person: object) -> str:
    """What somebody did, in small letters: TMDB's "job", Jellyfin's "Type"; "" where it is not said."""
    if not isinstance(person, Mapping):
        return ""
    job = person.get("job") or person.get("Type") or person.get("type")
    return job.lower() if isinstance(job, str) else ""


def _named(item: object) -> str:
    """The name in {"id": 18, "name": "Drama"}; numbers as text; nothing for what has no name."""
    if isinstance(item, dict):
        return next((name for key in _NAME_KEYS if isinstance(name := item.get(key), str) and name.strip()), "")
    if isinstance(item, str):
        return item
    if isinstance(item, bool) or not isinstance(item, int | float):
        return ""
    return number_text(item) if isinstance(item, int) or math.isfinite(item) else ""


def _listed(text: str, *, slashes: bool) -> Sequence[object]:
    """The items that a text holds."""
    return _split_again(text, slashes) if len(text) < _SHORT else _split(text, slashes)


def _split(text: str, slashes: bool) -> Sequence[object]:
    if text[:1] + text[-1:] in ("[]", "{}") and (parsed := _parsed(text)) is not None:
        return [parsed] if isinstance(parsed, dict) else parsed
    for separator in ("|", ";", "\n"):
        if separator in text:
            return text.split(separator)
    if "," in text:
        return [part.replace("\0", ", ") for part in _SUFFIX.sub("\0\\1", text).split(",")]
    return re.split(r"\s*/\s*", text) if slashes else [text]


# Parsing a list in Python's spelling takes 30 microseconds, and most cells hold one of a few.
_split_again = lru_cache(maxsize=1 << 14)(_split)


def _parsed(text: str) -> list[object] | dict[object, object] | None:
    """A list in JSON's or in Python's spelling, as Kaggle's TMDB files have it: literals only, nothing is run."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        if len(text) > _LITERAL:
            return None
        try:
            parsed = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    return parsed if isinstance(parsed, list | dict) else None
