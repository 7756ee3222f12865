"""What `ingest status` tells, and when it says that something is wrong."""

import json
import re
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from catalog.store.lock import writer_lock
from catalog.store.runs import History, RunOutcome
from ingest.cli import main
from ingest.schedule.daemon import Appointment
from ingest.status import gather
from tests.conftest import SEED


def status(store: Path, *arguments: str, **variables: str) -> Result:
    environment = {"PLOTSEEK_STORE_PATH": str(store), **variables}
    return CliRunner(env=environment).invoke(main, ["status", *arguments])


@pytest.fixture
def store(seed_store: Path, tmp_path: Path) -> Path:
    """A copy of the small catalog, to be written."""
    return Path(shutil.copytree(seed_store, tmp_path / "store"))


def test_nothing_yet(tmp_path: Path) -> None:
    store = tmp_path / "store"
    shown = status(store)
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        f"{store}: there is no catalog yet; run 'ingest FILE', or name the settings of one with --config",
        "on disk: records 0 B, vectors 0 B, index 0 B, 0 B in all",
        "writing now: nobody",
        "next run: no scheduler is running",
        "no runs yet",
    ]
    assert not store.exists()
    assert status(store, "--max-age", "26h").exit_code == 1


def test_one_object(store: Path, seed_file: Path) -> None:
    found = json.loads(status(store, "--json").stdout)
    generation = store / "generations" / "0001"
    films = len(SEED["movies"])
    assert found["catalog"]["films"] == films
    assert (found["catalog"]["generation"], found["catalog"]["model"]) == (1, "bundled")
    assert found["bytes"]["records"] == (generation / "movies.sqlite3").stat().st_size
    assert found["bytes"]["total"] > found["bytes"]["records"] + found["bytes"]["index"] > 0
    assert found["writer"] is None
    (run,) = found["runs"]
    assert (run["outcome"], run["source"], run["location"], run["reason"]) == ("ok", "main", str(seed_file), None)
    assert found["sources"] == [
        {"name": "main", "films": films, "last_good": run["ended"], "restored": False, "scheduler": None}
    ]
    assert (run["counts"]["read"], run["counts"]["added"], run["counts"]["films"]) == (films, films, films)
    assert found["last_good"] == run["ended"]
    assert datetime.fromisoformat(run["started"]) <= datetime.fromisoformat(run["ended"]) <= datetime.now(UTC)


def test_lines_for_people_are_in_their_time_zone(store: Path) -> None:
    with History.open(store) as history:
        started = history.last(1)[0].started
    lines = status(store, PLOTSEEK_SCHEDULE_TIMEZONE="Asia/Kolkata").stdout.splitlines()
    assert lines[0].startswith("6 films, generation 1 of ")
    assert lines[0].endswith(" IST, model bundled")
    assert lines[4] == "last runs:"
    moment = datetime.fromtimestamp(started, UTC) + timedelta(hours=5, minutes=30)
    assert lines[5].startswith(f"  {moment:%Y-%m-%d %H:%M:%S} IST  ok ")


def test_the_reason_of_a_failed_run_is_shown(store: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.json"
    CliRunner(env={"PLOTSEEK_STORE_PATH": str(store)}).invoke(main, ["--file", str(missing)])
    lines = status(store).stdout.splitlines()
    assert f"  failed       {missing}, " in lines[5]
    assert lines[6].strip() == f"no such file: {missing}"


def test_a_writer_is_named_while_it_lives(store: Path) -> None:
    with writer_lock(store):
        assert "writing now: process " in status(store).stdout
    (store / "LOCK.holder").write_text("process 1, since long ago\n", encoding="utf-8")
    assert "writing now: nobody" in status(store).stdout


def test_a_scheduler_that_died_waits_for_nothing(store: Path) -> None:
    from filelock import FileLock

    note = {"process": 7, "location": "films.json", "schedule": "every 6h", "next": 1.0e9}
    with History.open(store) as history:
        history.keep("scheduler", json.dumps(note))
    assert gather(store).sources[0].appointment is None
    with FileLock(store / "SCHEDULER"):
        assert gather(store).sources[0].appointment == Appointment(7, "films.json", "every 6h", 1.0e9)
        assert "next run: films.json, 2001-09-09 01:46:40 UTC (every 6h, process 7)" in status(store).stdout
        with History.open(store) as history:
            history.keep("scheduler", json.dumps({**note, "failures": 2}))
        assert (
            "next run: films.json, 2001-09-09 01:46:40 UTC (every 6h, process 7);"
            " try 3: the last run failed for a reason that may pass\n"
        ) in status(store).stdout
        with History.open(store) as history:
            history.keep("scheduler", json.dumps(note))
        with History.open(store) as history, history.recording("films.json"):
            assert "next run: films.json, after the one going on (every 6h, process 7)" in status(store).stdout
            assert "  running      films.json" in status(store).stdout


def test_max_age_is_for_health_checks(store: Path) -> None:
    assert status(store, "--max-age", "26h").exit_code == 0
    time.sleep(1.1)
    old = status(store, "--max-age", "1s")
    assert (old.exit_code, old.stdout) == (1, "")
    assert re.fullmatch(r"ingest: the last good run ended \S+ ago, more than 1s\n", old.stderr)
    as_json = status(store, "--max-age", "1s", "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["catalog"]["films"] == 6
    wrong = status(store, "--max-age", "yesterday")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("ingest: --max-age yesterday: is no length of time")


def test_a_run_of_the_future_is_no_good_sign(tmp_path: Path) -> None:
    with History.open(tmp_path) as history, history.recording("films.json"):
        pass
    now, limit = datetime.now(UTC), timedelta(hours=26)
    assert gather(tmp_path).too_old(limit, now - timedelta(minutes=2)) is None
    told = gather(tmp_path).too_old(limit, now - timedelta(days=365))
    assert told is not None
    assert re.fullmatch(r"the last good run ended at \S+, which is to come; a clock was or is wrong", told)


def test_only_good_runs_count_for_the_age(tmp_path: Path) -> None:
    with History.open(tmp_path) as history:
        for outcome in (RunOutcome.FAILED, RunOutcome.REFUSED, RunOutcome.STOPPED):
            with history.recording("films.json") as recording:
                recording.outcome = outcome
    now = datetime.now(UTC)
    assert gather(tmp_path).too_old(timedelta(hours=26), now) == "no run has ended well yet"
    with History.open(tmp_path) as history, history.recording("films.json") as recording:
        recording.outcome = RunOutcome.UNCHANGED
    assert gather(tmp_path).too_old(timedelta(hours=26), now) is None
    later = now + timedelta(hours=27)
    assert gather(tmp_path).too_old(timedelta(hours=26), later) == ("the last good run ended 1d3h ago, more than 1d2h")
