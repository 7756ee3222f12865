"""When runs happen: a table of slots, and the loops with a clock of their own."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import UsageError
from ingest.cli import main
from ingest.schedule.cron import Cron, Every, first_run, next_run, parse_cron, repeat, wait_until
from ingest.schedule.durations import parse_length, spell_length
from ingest.schedule.watch import LONGEST_PAUSE, LOOK, Stamp, stamp, wait_for_rest, watch

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("6h", 21600), ("1d", 86400), ("1h30m", 5400), ("1d2h3m4s", 93784), (" 6H ", 21600)],
)
def test_lengths(text: str, seconds: int) -> None:
    assert parse_length(text, "--every") == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"^--every : is no length of time; write 90s, 15m, 6h, 1d or 1h30m$"),
        ("6", r"^--every 6: is no length of time"),
        ("6 h", r"is no length of time"),
        ("30m1h", r"is no length of time"),
        ("-6h", r"is no length of time"),
        ("1.5h", r"is no length of time"),
        ("٣h", r"is no length of time"),
        ("0s", r"^--every 0s: allowed is 1s to 366d$"),
        ("367d", r"allowed is 1s to 366d$"),
        ("9" * 40 + "d", r"allowed is 1s to 366d$"),
    ],
)
def test_wrong_lengths_are_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_length(text, "--every")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"--cron '': write minute, hour, day, month and weekday, as in '0 3 \* \* \*'$"),
        ("0 3 * *", "write minute, hour"),
        ("0 0 3 * * *", "write minute, hour"),
        ("60 3 * * *", r"--cron '60 3 \* \* \*': Bad minute; write it as in"),
        ("0 3 * * MOON", "Bad day-of-week"),
        ("*/0 3 * * *", "Bad minute"),
        ("0 0 30 2 *", "Bad day-of-month"),
        ("* * */20 * 1L", "this time never comes"),
    ],
)
def test_wrong_cron_expressions_are_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_cron(text, UTC, START)


@pytest.mark.parametrize(
    ("expression", "zone", "now", "expected"),
    [
        ("0 3 * * *", UTC, "2026-11-24T02:59:59+00:00", "2026-11-24T03:00+00:00"),
        ("0 3 * * *", UTC, "2026-11-24T03:00:00+00:00", "2026-11-25T03:00+00:00"),
        ("0 3 * * *", BERLIN, "2026-11-24T02:30:00+00:00", "2026-11-25T03:00+01:00"),
        ("*/15 * * * *", UTC, "2026-11-24T03:14:59.9+00:00", "2026-11-24T03:15+00:00"),
        ("0 6 * * MON-FRI", UTC, "2026-11-27T07:00+00:00", "2026-11-30T06:00+00:00"),
        ("0 0 29 2 *", UTC, "2026-01-01T00:00+00:00", "2028-02-29T00:00+00:00"),
        # Spring forward: 02:00 to 03:00 is left out on 29 March.
        ("30 2 * * *", BERLIN, "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"),
        ("30 2 * * *", BERLIN, "2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"),
        ("0 * * * *", BERLIN, "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"),
        # Fall back: 02:00 to 03:00 comes twice on 25 October.
        ("30 2 * * *", BERLIN, "2026-10-25T01:00+02:00", "2026-10-25T02:30+02:00"),
        ("30 2 * * *", BERLIN, "2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"),
        ("30 2 * * *", BERLIN, "2026-10-25T02:10+01:00", "2026-10-26T02:30+01:00"),
        ("0 * * * *", BERLIN, "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"),
    ],
)
def test_cron_slots(expression: str, zone: ZoneInfo, now: str, expected: str) -> None:
    assert next_run(utc(now), Cron(expression, zone)) == utc(expected)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-07-01"])
@pytest.mark.parametrize("length", [1, 25, 40, 70])
def test_a_nightly_job_runs_once_a_day_whatever_the_clocks_do(day: str, length: int) -> None:
    """A run may take long enough to end in the second of two equal hours."""
    clock = Clock(utc(f"{day}T00:00+00:00") - timedelta(hours=6), until=utc(f"{day}T18:00+00:00"))
    runs: list[datetime] = []

    def run() -> bool:
        runs.append(clock.now())
        clock.time += timedelta(minutes=length)
        return False

    repeat(Cron("30 2 * * *", BERLIN), run, now=clock.now, wait=clock.wait)
    assert [begin.astimezone(BERLIN).date().isoformat() for begin in runs] == [day]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-01-01T00:00+00:00", "2026-01-01T06:00+00:00"),
        ("2026-01-01T05:59:59+00:00", "2026-01-01T06:00+00:00"),
        ("2026-01-01T06:00:00+00:00", "2026-01-01T12:00+00:00"),
        ("2026-01-03T07:00:00+00:00", "2026-01-03T12:00+00:00"),
    ],
)
def test_interval_slots(now: str, expected: str) -> None:
    assert next_run(utc(now), Every(timedelta(hours=6), START)) == utc(expected)


def test_an_interval_begins_at_once_and_cron_at_its_next_time() -> None:
    assert first_run(START, Every(timedelta(hours=6), START)) == START
    assert first_run(START, Cron("0 3 * * *", UTC)) == utc("2026-01-01T03:00+00:00")


@pytest.mark.parametrize(
    ("seconds", "parts", "expected"),
    [(0, 4, "0s"), (0.4, 2, "0s"), (75, 2, "1m15s"), (93784, 4, "1d2h3m4s"), (93784, 2, "1d2h"), (3600, 4, "1h")],
)
def test_lengths_are_spelt_as_they_are_written(seconds: float, parts: int, expected: str) -> None:
    assert spell_length(timedelta(seconds=seconds), parts) == expected


def test_schedules_say_what_they_are() -> None:
    assert str(Every(timedelta(seconds=5400), START)) == "every 1h30m"
    assert str(Cron("0 3 * * *", BERLIN)) == "cron 0 3 * * * (Europe/Berlin)"


moments = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.integers(1, 366 * 86400), moments, moments)
def test_interval_slots_are_the_first_after_now(seconds: int, first: datetime, now: datetime) -> None:
    every = Every(timedelta(seconds=seconds), first)
    slot = next_run(now, every)
    assert now < slot <= now + every.interval
    assert (slot - first) % every.interval == timedelta(0)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str)
    return st.one_of(
        st.just("*"), number, st.integers(1, high).map("*/{}".format), st.lists(number, min_size=1).map(",".join)
    )


expressions = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)).map(" ".join)


@given(expressions, st.sampled_from(ZONES), moments)
def test_cron_slots_come_after_now_and_in_order(expression: str, zone: str, now: datetime) -> None:
    cron = parse_cron(expression, ZoneInfo(zone), now)
    first = next_run(now, cron)
    assert now < first < next_run(first, cron)
    between = now + (first - now) / 2
    assert next_run(between, cron) == first


@given(st.text("0123456789*/-,L#W MONJAN", max_size=20) | st.text(max_size=20))
def test_any_text_is_a_schedule_or_one_line(text: str) -> None:
    for parse in (lambda: parse_cron(text, BERLIN, START), lambda: Every(parse_length(text, "--every"), START)):
        try:
            schedule = parse()
        except UsageError as error:
            assert str(error).startswith("--")  # noqa: PT017
        else:
            assert next_run(START, schedule) > START


class Clock:
    """A time that passes only while somebody waits."""

    def __init__(self, time: datetime, until: datetime) -> None:
        self.time = time
        self.until = until
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> bool:
        if seconds:
            self.waits.append(seconds)
        self.time += timedelta(seconds=seconds)
        return self.time >= self.until


def test_a_run_that_overruns_leaves_slots_out() -> None:
    clock = Clock(START, until=START + timedelta(hours=4))
    begins: list[float] = []

    def run() -> bool:
        begins.append((clock.time - START).total_seconds() / 60)
        clock.time += timedelta(minutes=75 if len(begins) == 2 else 1)
        return False

    repeat(Every(timedelta(minutes=30), START), run, now=clock.now, wait=clock.wait)
    assert begins == [0, 30, 120, 150, 180, 210]


def test_jitter_delays_all_but_the_run_at_once_and_is_announced() -> None:
    clock = Clock(START, until=START + timedelta(hours=2))
    begins: list[datetime] = []
    announced: list[datetime] = []

    def run() -> bool:
        begins.append(clock.time)
        return False

    repeat(
        Every(timedelta(hours=1), START),
        run,
        now=clock.now,
        wait=clock.wait,
        announce=lambda begin, _: announced.append(begin),
        delay=lambda: 90.0,
    )
    assert begins == [START, START + timedelta(minutes=61, seconds=30)]
    assert announced == [*begins, START + timedelta(hours=2, seconds=90)]


def test_a_clock_set_back_brings_no_slot_twice() -> None:
    clock = Clock(START, until=START + timedelta(hours=50))
    begins: list[datetime] = []

    def run() -> bool:
        begins.append(clock.time)
        clock.time -= timedelta(seconds=2)
        return False

    repeat(Cron("0 3 * * *", UTC), run, now=clock.now, wait=clock.wait)
    assert [begin.day for begin in begins] == [1, 2]


def test_the_clock_is_looked_at_every_minute() -> None:
    clock = Clock(START, until=START + timedelta(days=9))
    assert wait_until(START + timedelta(seconds=150), clock.now, clock.wait)
    assert clock.waits == [60, 60, 30]


@pytest.mark.parametrize(
    ("schedule", "failures", "minutes"),
    [
        (Every(timedelta(hours=6), START), 4, [0, 1, 3, 7, 15, 360]),
        (Every(timedelta(minutes=5), START), 5, [0, 1, 3, 5, 10, 15, 20]),
        (Cron("0 3 * * *", UTC), 2, [180, 181, 183, 1620]),
    ],
)
def test_what_may_pass_is_tried_again_until_the_next_slot(
    schedule: Every | Cron, failures: int, minutes: list[int]
) -> None:
    clock = Clock(START, until=START + timedelta(minutes=minutes[-1], seconds=1))
    begins: list[float] = []
    announced: list[int] = []

    def run() -> bool:
        begins.append((clock.time - START).total_seconds() / 60)
        return len(begins) <= failures

    repeat(
        schedule,
        run,
        now=clock.now,
        wait=clock.wait,
        announce=lambda _, failures: announced.append(failures),
        delay=lambda: 0.0,
    )
    assert begins == minutes
    assert announced[: failures + 2] == [*range(failures + 1), 0]


def test_a_clock_that_was_a_year_ahead_does_not_stop_the_runs() -> None:
    clock = Clock(START + timedelta(days=365), until=START + timedelta(days=366))
    begins: list[datetime] = []

    def wait(seconds: float) -> bool:
        stop = clock.wait(seconds)
        if clock.time - START > timedelta(days=365, hours=2):
            clock.time -= timedelta(days=365)
            clock.until = START + timedelta(hours=14, minutes=30)
        return stop

    def run() -> bool:
        begins.append(clock.time)
        return False

    repeat(Every(timedelta(hours=6), clock.time), run, now=clock.now, wait=wait)
    assert [begin - START for begin in begins] == [timedelta(days=365), timedelta(hours=6), timedelta(hours=12)]


def test_stop_ends_the_waiting_and_begins_nothing() -> None:
    clock = Clock(START, until=START)
    repeat(Every(timedelta(hours=1), START), pytest.fail, now=clock.now, wait=clock.wait)
    assert not wait_until(START + timedelta(hours=1), clock.now, clock.wait)


def looks(*stamps: Stamp) -> tuple[Callable[[], Stamp], Callable[[float], bool]]:
    """A file that looks like this second by second, and a wait that stops with the last of them."""
    left = list(stamps)

    def wait(seconds: float) -> bool:
        for _ in range(round(seconds)):
            left.pop(0)
            if len(left) == 1:
                return True
        return False

    return lambda: left[0], wait


OLD, HALF, NEW = ((("f", 1, 1, 1),), (("f", 2, 2, 1),), (("f", 3, 3, 1),))


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([OLD] * 50, None),
        ([OLD, NEW, NEW, NEW, NEW], NEW),
        ([OLD, HALF, HALF, NEW, NEW, NEW, NEW], NEW),
        ([OLD, (), (), (), (), NEW, NEW, NEW, NEW], NEW),
        ([OLD, (), (), (), (), ()], None),
        ([OLD, HALF, OLD, OLD, OLD, OLD], None),
    ],
)
def test_a_change_counts_once_it_rests(seen: list[Stamp], expected: Stamp | None) -> None:
    look, wait = looks(*seen)
    assert wait_for_rest(look, OLD, wait=wait, settle=2 * LOOK) == expected


def test_watch_runs_at_once_and_after_each_change() -> None:
    look, wait = looks(OLD, OLD, OLD, NEW, NEW, NEW, NEW, NEW)
    runs: list[Stamp] = []

    def run() -> bool:
        runs.append(look())
        return True

    watch(look, run, wait=wait, settle=2 * LOOK)
    assert runs == [OLD, NEW]


def test_watch_tries_again_what_may_pass() -> None:
    left = [OLD] * 5000
    look, wait = looks(*left)
    seconds: list[float] = []
    runs: list[bool] = []

    def run() -> bool:
        runs.append(len(runs) < 5)
        return runs[-1]

    watch(look, run, wait=wait, settle=2 * LOOK, announce=lambda after, _: seconds.append(after))
    assert runs == [*[True] * 5, False]
    assert seconds == [60, 120, 240, 480, LONGEST_PAUSE, math.inf]


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    pattern = str(tmp_path / "*.json")
    assert stamp(str(first)) == stamp(pattern) == ()
    first.write_text("1", encoding="utf-8")
    alone = stamp(str(first))
    assert alone == stamp(pattern)
    second.write_text("12", encoding="utf-8")
    assert [size for _, size, _, _ in stamp(pattern)] == [1, 2]
    second.replace(first)
    assert stamp(str(first)) != alone


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--every", "6h", "--cron", "0 3 * * *"], "--every and --cron exclude each other"),
        (["--cron", "0 3 * * *", "--watch"], "--cron and --watch exclude each other"),
        (["--every", "6h", "--limit", "5"], "--limit is for a single run, not for --every"),
        (["--watch", "--rebuild"], "--rebuild is for a single run, not for --watch"),
        (["--watch", "--strict"], "--strict is for a single run, not for --watch"),
        (["--every", "often"], "--every often: is no length of time; write 90s, 15m, 6h, 1d or 1h30m"),
        (["--every", ""], "--every : is no length of time; write 90s, 15m, 6h, 1d or 1h30m"),
        (["--every", "6h", "--format", "xml"], "--format xml: unknown; allowed are json, jsonl, csv, tsv, parquet"),
        (["--every", "6h", "--shards", "shards"], "--shards is for --on ray"),
        (["--cron", "daily"], "--cron 'daily': write minute, hour, day, month and weekday, as in '0 3 * * *'"),
    ],
)
def test_impossible_schedules_are_usage_errors(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = CliRunner(env={"PLOTSEEK_STORE_PATH": str(tmp_path)}).invoke(main, ["--file", "films.json", *arguments])
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"ingest: {message}\n")


@pytest.mark.parametrize(
    ("location", "option", "message"),
    [
        ("-", "--watch", "--watch needs a file that can be read again, not standard input"),
        ("https://films.example/all.json", "--watch", "--watch looks at files; for an address take --every"),
    ],
)
def test_what_cannot_be_read_again_has_no_schedule(tmp_path: Path, location: str, option: str, message: str) -> None:
    result = CliRunner(env={"PLOTSEEK_STORE_PATH": str(tmp_path)}).invoke(main, ["--file", location, option])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"ingest: {message}")
