"""When the next run is, and the loop that waits for it. Time comes in as arguments."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim, CronSimError

from catalog.errors import UsageError
from ingest.schedule.durations import spell_length

#: Seconds until the clock is looked at again: a machine that slept, or whose clock was set, is noticed so late.
_LOOK = 60.0

_SET_BACK = timedelta(minutes=5)
"""A clock that goes back further was wrong before: what was reckoned by it no longer counts."""


@dataclass(frozen=True, slots=True)
class Every:
    """Runs at fixed distances from a first one, which is at once."""

    interval: timedelta
    first: datetime

    def __str__(self) -> str:
        return f"every {spell_length(self.interval)}"


@dataclass(frozen=True, slots=True)
class Cron:
    """Runs at the times of a cron expression, read in a time zone."""

    expression: str
    zone: tzinfo

    def __str__(self) -> str:
        return f"cron {self.expression} ({self.zone})"


Schedule = Every | Cron


def parse_cron(expression: str, zone: tzinfo, now: datetime) -> Cron:
    """A cron expression of five fields; raises UsageError if it is none or its time never comes."""
    cron = Cron(" ".join(expression.split()), zone)
    if len(expression.split()) != 5:
        raise UsageError(f"--cron {expression!r}: write minute, hour, day, month and weekday, as in '0 3 * * *'")
    try:
        next_run(now, cron)
    except (CronSimError, AssertionError) as error:
        # Odd mixtures of its extensions end in an assertion of the library.
        reason = str(error) or "the fields do not go together"
        raise UsageError(f"--cron {expression!r}: {reason}; write it as in '0 3 * * *'") from None
    return cron


def next_run(now: datetime, schedule: Schedule) -> datetime:
    """The first slot after `now`, both aware; the answer is in UTC.

    Cron keeps Debian's rules where clocks change: a job at a fixed hour runs exactly once, at the end
    of the hour that is left out or in the first of two equal hours; one with a wildcard for minute or
    hour follows the clock. Raises UsageError if no slot comes within 50 years.
    """
    if isinstance(schedule, Every):
        passed = (now - schedule.first) // schedule.interval
        return (schedule.first + (passed + 1) * schedule.interval).astimezone(UTC)
    for slot in CronSim(schedule.expression, now.astimezone(schedule.zone)):
        # In the second of two equal hours the library gives slots of the first, which are over.
        if slot.astimezone(UTC) > now:
            return slot.astimezone(UTC)
    raise UsageError(f"--cron {schedule.expression!r}: this time never comes")


def first_run(now: datetime, schedule: Schedule) -> datetime:
    """The first slot not before `now`: its beginning for an interval, for cron its next time."""
    if isinstance(schedule, Every):
        return max(now, schedule.first)
    return next_run(now, schedule)


def repeat(
    schedule: Schedule,
    run: Callable[[], bool],
    *,
    now: Callable[[], datetime],
    wait: Callable[[float], bool],
    announce: Callable[[datetime, int], None] = lambda _, __: None,
    delay: Callable[[], float] = lambda: 0.0,
) -> None:
    """Run at every slot until told to stop; a slot that passes while a run is going on is left out.

    `run` says whether it failed for a reason that may pass: then it is tried again after `pause`, or in the next slot
    if that comes sooner. `wait` waits so many seconds, or less if it is to stop, and says whether it is; `announce` is
    told the next beginning, and how many runs have just failed so; `delay` gives the seconds by which to be late.
    """
    slot, failures = first_run(now(), schedule), 0
    while not wait(0):
        late = slot > now() and not failures
        begin = slot + timedelta(seconds=delay()) if late else slot
        announce(begin, failures)
        if not wait_until(begin, now, wait):
            return
        if now() < begin:
            slot = next_run(now(), schedule)
            continue
        failures = failures + 1 if run() else 0
        # A clock that was set back a little must not bring the same slot again.
        regular = next_run(max(now(), slot) if slot - now() < _SET_BACK else now(), schedule)
        slot = min(regular, now() + pause(failures)) if failures else regular


def pause(failures: int) -> timedelta:
    """How long to wait after so many failures in a row: a minute, then twice as long each time."""
    return timedelta(minutes=2 ** min(failures - 1, 10))


def wait_until(moment: datetime, now: Callable[[], datetime], wait: Callable[[float], bool]) -> bool:
    """Wait for a moment, or until the clock is set back far; False if told to stop before."""
    latest = now()
    while (left := (moment - now()).total_seconds()) > 0 and now() > latest - _SET_BACK:
        latest = now()
        if wait(min(left, _LOOK)):
            return False
    return not wait(0)
