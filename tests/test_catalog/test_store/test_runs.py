"""The history of runs: every run is in it, however it ended."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from catalog.errors import CatalogDamaged, CatalogLocked, DeletionsRefused, SourceError, Stopped
from catalog.store.lock import is_held
from catalog.store.runs import GOOD, KEPT, KILLED, History, RunOutcome

PROJECT = Path(__file__).parents[3]


def test_a_run_is_recorded_with_what_it_did(tmp_path: Path) -> None:
    before = time.time()
    with History.open(tmp_path / "new") as history:
        with history.recording("films.json") as recording:
            running = history.last(1)[0]
            assert (running.outcome, running.ended) == (None, None)
            recording.counts = {"read": 6, "added": 6}
        run = history.last(1)[0]
        assert history.last_good() == run
    assert (run.number, run.location, run.outcome, run.counts, run.reason) == (
        1,
        "films.json",
        RunOutcome.OK,
        {"read": 6, "added": 6},
        None,
    )
    assert run.ended is not None
    assert before <= run.started <= run.ended <= time.time()


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (
            SourceError("films.json is cut off;\n get it again"),
            RunOutcome.FAILED,
            "films.json is cut off; get it again",
        ),
        (CatalogLocked("data: is being written"), RunOutcome.FAILED, "data: is being written"),
        (DeletionsRefused("too many"), RunOutcome.REFUSED, "too many"),
        (Stopped("as asked"), RunOutcome.STOPPED, "as asked"),
        (KeyboardInterrupt(), RunOutcome.STOPPED, "interrupted"),
        (ZeroDivisionError("division by zero"), RunOutcome.FAILED, "ZeroDivisionError: division by zero"),
        (MemoryError(), RunOutcome.FAILED, "MemoryError"),
    ],
)
def test_a_run_that_fails_is_recorded_with_its_reason(
    tmp_path: Path, error: BaseException, outcome: RunOutcome, reason: str
) -> None:
    with History.open(tmp_path) as history:
        with pytest.raises(type(error)) as caught, history.recording("films.json"):
            raise error
        assert caught.value is error
        run = history.last(1)[0]
        assert (run.outcome, run.reason, run.ended is not None) == (outcome, reason, True)
        assert history.last_good() is None
    assert list((tmp_path / "running").iterdir()) == []


def test_the_last_good_run_is_not_the_last_one(tmp_path: Path) -> None:
    with History.open(tmp_path) as history:
        for outcome in (*GOOD, RunOutcome.FAILED, RunOutcome.REFUSED, RunOutcome.STOPPED):
            with history.recording("films.json") as recording:
                recording.outcome = outcome
        good = history.last_good()
        assert good is not None
        assert (good.number, good.outcome) == (2, RunOutcome.UNCHANGED)
        assert [run.number for run in history.last(3)] == [5, 4, 3]


def killed_run(root: Path) -> None:
    """Begin a run in another process, and kill it in the middle."""
    code = (
        "import sys, time; from pathlib import Path; from catalog.store.runs import History\n"
        "with History.open(Path(sys.argv[1])) as history, history.recording('films.json'):\n"
        "    print('begun', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", code, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with History.open(root) as history:
            assert history.last(1)[0].outcome is None
            history.close_killed()
            assert history.last(1)[0].outcome is None
        process.send_signal(signal.SIGKILL)


def test_a_killed_run_is_seen_and_then_closed(tmp_path: Path) -> None:
    killed_run(tmp_path)
    with History.open(tmp_path) as history:
        seen = history.last(1)[0]
        assert (seen.outcome, seen.reason, seen.ended) == (RunOutcome.FAILED, KILLED, None)
        with history.recording("films.json"):
            pass
        assert [run.outcome for run in history.last(9)] == [RunOutcome.OK, RunOutcome.FAILED]
    assert list((tmp_path / "running").iterdir()) == []


def test_a_run_that_said_nothing_is_accounted_for(tmp_path: Path) -> None:
    began = time.time()
    with History.open(tmp_path) as history:
        history.account_for("films.json", began, "could not be started")
        assert [(run.outcome, run.reason) for run in history.last(9)] == [(RunOutcome.FAILED, "could not be started")]
    began = time.time()
    killed_run(tmp_path)
    with History.open(tmp_path) as history:
        history.account_for("films.json", began, "killed by SIGKILL")
        assert [run.reason for run in history.last(9)] == ["killed by SIGKILL", "could not be started"]
        with pytest.raises(SourceError), history.recording("films.json"):
            raise SourceError("no such file")
        history.account_for("films.json", began, "exit code 1")
        assert [run.reason for run in history.last(1)] == ["no such file"]


def test_notes_are_kept_and_taken_away(tmp_path: Path) -> None:
    with History.open(tmp_path) as history:
        assert history.note("etag") is None
        history.keep("etag", '"1"')
        history.keep("etag", '"2"')
    with History.open(tmp_path) as history:
        assert history.note("etag") == '"2"'
        history.keep("etag", None)
        assert history.note("etag") is None


def test_no_history_is_not_begun_by_looking(tmp_path: Path) -> None:
    assert History.open_existing(tmp_path / "nothing") is None
    assert not (tmp_path / "nothing").exists()


READER = """
import os, sys
from pathlib import Path
import filelock, filelock.asyncio, logging  # which somebody else may not
from catalog.store.runs import History
os.setgid(65534)
os.setuid(65534)
with History.open_existing(Path(sys.argv[1])) as history:
    print([(run.location, run.outcome) for run in history.last(9)])
"""


def test_a_first_run_is_seen_by_who_may_only_read(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    outside = [folder for folder in tmp_path.parents if folder.stat().st_uid == os.getuid() and folder != Path("/")]
    modes = {folder: folder.stat().st_mode for folder in [tmp_path, *outside]}
    for folder, mode in modes.items():
        folder.chmod(mode | 0o055)
    try:
        with History.open(tmp_path) as history, history.recording("films.json"):
            command = [sys.executable, "-c", READER, str(tmp_path)]
            reading = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    finally:
        for folder, mode in modes.items():
            folder.chmod(mode)
    assert (reading.stdout, reading.stderr) == ("[('films.json', None)]\n", "")


def test_old_runs_leave(tmp_path: Path) -> None:
    with History.open(tmp_path) as history, history.recording("films.json"):
        pass
    connection = sqlite3.connect(tmp_path / "history.sqlite3")
    with connection:
        connection.execute("UPDATE sqlite_sequence SET seq = ?", (KEPT,))
    connection.close()
    with History.open(tmp_path) as history:
        with history.recording("films.json"):
            pass
        assert [run.number for run in history.last(9)] == [KEPT + 1]


def test_a_damaged_history_is_set_aside_and_said_so(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    path.write_bytes(b"once upon a time" * 1000)
    with pytest.raises(CatalogDamaged, match=r"history.sqlite3: is damaged; move it away, it holds only the list"):
        History.open_existing(tmp_path)
    said: list[str] = []
    with History.open(tmp_path, said.append) as history, history.recording("films.json"):
        pass
    assert said == [f"{path}: damaged, set aside as history.sqlite3.damaged; the list of past runs begins anew"]
    assert (tmp_path / "history.sqlite3.damaged").read_bytes().startswith(b"once upon a time")
    with History.open(tmp_path) as history:
        assert [run.location for run in history.last(9)] == ["films.json"]


@pytest.mark.parametrize(
    ("column", "value", "seen"),
    [
        ("outcome", "'oj'", (0.0, "films.json", RunOutcome.FAILED, {"read": 6})),
        ("outcome", "CAST(x'6fff' AS TEXT)", (0.0, "films.json", RunOutcome.FAILED, {"read": 6})),
        ("counts", """'{"read": 6Z}'""", (0.0, "films.json", RunOutcome.OK, {})),
        ("counts", "'[]'", (0.0, "films.json", RunOutcome.OK, {})),
        ("source", "CAST(x'66ff' AS TEXT)", (0.0, "f\ufffd", RunOutcome.OK, {"read": 6})),
        ("started", "1e300", (0.0, "films.json", RunOutcome.OK, {"read": 6})),
    ],
)
def test_a_flipped_bit_in_a_run_costs_that_value_alone(
    tmp_path: Path, column: str, value: str, seen: tuple[object, ...]
) -> None:
    with History.open(tmp_path) as history, history.recording("films.json") as recording:
        recording.counts = {"read": 6}
    with closing(sqlite3.connect(tmp_path / "history.sqlite3")) as connection, connection:
        connection.execute(f"UPDATE runs SET started = 0, {column} = {value}")  # noqa: S608
    with History.open(tmp_path) as history:
        (run,) = history.last(9)
        assert (run.started, run.location, run.outcome, run.counts) == seen


def test_a_lock_is_held_by_the_living(tmp_path: Path) -> None:
    from filelock import FileLock

    path = tmp_path / "LOCK"
    assert not is_held(path)
    with FileLock(path):
        assert is_held(path)
    assert not is_held(path)
    with FileLock(path, timeout=0):
        pass
