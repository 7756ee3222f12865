"""Lengths of time as people write and read them: 90s, 6h, 1d2h."""

import re
from datetime import timedelta

from catalog.errors import UsageError

_LENGTH = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_LONGEST = timedelta(days=366)


def parse_length(text: str, option: str) -> timedelta:
    """A length of time such as 90s, 15m, 6h, 1d or 1h30m: from a second to 366 days.

    Raises UsageError that names the option.
    """
    found = _LENGTH.fullmatch(text.strip().lower()) if len(text) < 100 else None
    if found is None or not found[0]:
        raise UsageError(f"{option} {text}: is no length of time; write 90s, 15m, 6h, 1d or 1h30m")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if not 1 <= total <= _LONGEST.total_seconds():
        raise UsageError(f"{option} {text}: allowed is 1s to {_LONGEST.days}d")
    return timedelta(seconds=total)


def spell_length(length: timedelta, parts: int = 4) -> str:
    """`1h30m`, in seconds at best, and in its `parts` largest units; `0s` for nothing."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [f"{count}{unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")) if count]
    return "".join(units[:parts]) or "0s"
