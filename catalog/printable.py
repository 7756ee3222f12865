"""Texts from files and servers, as a terminal, a log or a database can take them."""

import re
from datetime import UTC, datetime

# A terminal obeys control characters; marks of direction turn what stands beside them; lone surrogates, which stand
# for bytes that are no text, can be written nowhere.
_UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_LONGEST = 60
"""Characters of a value in a message."""


def visible(text: str) -> str:
    """The text with what cannot be seen or written spelt as `\\u001b`; JSON stays JSON that says the same.

    Line breaks and tabs stay.
    """
    return text if text.isprintable() else _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def brief(value: object) -> str:
    """Any value in a message of one line, by its beginning."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def utc(seconds: float) -> str:
    """Seconds since 1970 as every program reads them: `2026-03-01T12:00:00Z`."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def without_number(error: object) -> str:
    """What an error of the system says, without "[Errno 111]", which says nothing to people."""
    return re.sub(r"\[Errno -?\d+\] ", "", str(error))
