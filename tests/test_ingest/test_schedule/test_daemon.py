"""The scheduler as a real process: failed runs, killed runs, signals, and a file that changes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from catalog.errors import PASSING
from catalog.journal.change import ChangeRequest
from catalog.journal.journal import Journal
from catalog.store.lock import writer_lock
from catalog.store.runs import History, RunOutcome, RunRecord
from catalog.store.sqlite import connect
from ingest.cli import main
from tests.support.media_servers import KEY, media_server

pytestmark = pytest.mark.slow

CLOCK = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


@contextmanager
def started(store: Path, *arguments: str, stdin: int | None = None) -> Iterator["subprocess.Popen[str]"]:
    """A real `ingest`, ended with the block if it is still there."""
    environment = {
        **os.environ,
        "PLOTSEEK_STORE_PATH": str(store),
        "PLOTSEEK_SCHEDULE_SETTLE": "0",
        "PLOTSEEK_SYNC_BATCH": "64",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    command = [sys.executable, "-m", "ingest", *arguments]
    with subprocess.Popen(
        command, env=environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=30)


def ended(process: "subprocess.Popen[str]", number: signal.Signals = signal.SIGTERM) -> tuple[str, str]:
    """What a scheduler said, after it was told to stop and did so cleanly."""
    process.send_signal(number)
    said = process.communicate(timeout=30)
    assert process.returncode == 0
    return said


def wait_for(condition: Callable[[list[RunRecord]], bool], store: Path, seconds: float = 120) -> list[RunRecord]:
    """The runs, the oldest first, as soon as they are as they should be."""
    deadline = time.monotonic() + seconds
    runs: list[RunRecord] = []
    while time.monotonic() < deadline:
        if (history := History.open_existing(store)) is not None:
            with history:
                runs = history.last(100)[::-1]
            if condition(runs):
                return runs
        time.sleep(0.1)
    raise TimeoutError(f"still {runs}")


def outcomes(*expected: RunOutcome) -> Callable[[list[RunRecord]], bool]:
    """That the runs so far ended like this."""
    return lambda runs: [run.outcome for run in runs][: len(expected)] == list(expected)


def scheduler(store: Path) -> dict[str, object] | None:
    shown = CliRunner(env={"PLOTSEEK_STORE_PATH": str(store)}).invoke(main, ["status", "--json"])
    sources = json.loads(shown.stdout)["sources"]
    return next((source["scheduler"] for source in sources), None)


def test_failed_runs_are_recorded_and_the_next_one_happens(tmp_path: Path, seed_file: Path) -> None:
    films, store = tmp_path / "films.json", tmp_path / "store"
    with started(store, "--file", str(films), "--every", "1s", "--json") as process:
        wait_for(outcomes(RunOutcome.FAILED, RunOutcome.FAILED), store)
        with started(store, "--file", str(films), "--every", "1s") as second:
            assert second.wait(20) == PASSING
        (tmp_path / "new.json").write_bytes(seed_file.read_bytes())
        (tmp_path / "new.json").replace(films)
        runs = wait_for(lambda runs: runs[-1].outcome is RunOutcome.UNCHANGED, store)
        assert {run.reason for run in runs} == {f"no such file: {films}", None}
        now = scheduler(store)
        assert now is not None
        assert (now["process"], now["location"], now["schedule"]) == (process.pid, str(films), "every 1s")
        output, errors = ended(process)
    assert json.loads(output.splitlines()[0])["added"] == 6
    assert f"ingest: no such file: {films}" in errors.splitlines()
    assert scheduler(store) is None


def test_a_media_server_is_read_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store"
    monkeypatch.setenv("PLOTSEEK_SOURCE_KEY", KEY)
    with media_server("radarr", 5) as running:
        asked = ("--from", "radarr", "--url", running.url, "--wanted", "--every", "1s")
        with started(store, *asked) as process:
            runs = wait_for(lambda runs: bool(runs) and runs[-1].outcome is RunOutcome.UNCHANGED, store)
            assert (runs[0].source, runs[0].location) == ("radarr", f"radarr+{running.url}")
            assert runs[0].counts["films"] == 5
            running.silent = True  # whoever waits for a server ends at once
            said = ended(process)
    assert KEY not in "".join(said)


def test_changes_over_http_are_brought_in_between_two_runs(
    tmp_path: Path, seed_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, folder = tmp_path / "store", tmp_path / "changes"
    monkeypatch.setenv("PLOTSEEK_STORE_JOURNAL", str(folder))
    with started(store, "--file", str(seed_file), "--every", "1h") as process:
        wait_for(outcomes(RunOutcome.OK), store)
        for number in (1, 2):
            with Journal.open(store, folder) as journal:
                film = {"id": f"n{number}", "title": "New", "plot": "A lighthouse falls silent."}
                journal.append(ChangeRequest((film,)))
            runs = wait_for(outcomes(*[RunOutcome.OK] * (1 + number)), store)
            assert (runs[-1].source, runs[-1].counts["added"]) == ("api", 1)
            assert Journal.waiting_in(folder) == 0
        # What is damaged is told, and no reason to end.
        (folder / "changes.sqlite3").write_bytes(b"no database, but as long as one" * 999)
        errors = until_said(process, "changes over HTTP wait")
        ended(process)
    assert re.search(rf"^{CLOCK} ingest: changes over HTTP wait, for \d s: .*changes.sqlite3: is damaged", errors)


def until_said(process: "subprocess.Popen[str]", words: str) -> str:
    """The first line on stderr with these words."""
    assert process.stderr is not None
    return next(line for line in process.stderr if words in line)


def test_a_run_that_is_killed_or_finds_the_catalog_locked_is_one_failed_run(tmp_path: Path, seed_file: Path) -> None:
    store = tmp_path / "store"
    with started(store, "--file", str(seed_file), "--every", "1s") as process:
        with writer_lock(store):
            runs = wait_for(outcomes(RunOutcome.FAILED), store)
            assert f"{store}: is being written by process {os.getpid()}" in (runs[0].reason or "")
        wait_for(lambda runs: runs[-1].outcome is None, store)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
        os.kill(int(children), signal.SIGKILL)
        runs = wait_for(lambda runs: runs[-1].outcome is RunOutcome.UNCHANGED, store)
        _, errors = ended(process)
    assert RunOutcome.OK in [run.outcome for run in runs]
    assert "killed by SIGKILL" in [run.reason for run in runs]
    assert re.search(rf"^{CLOCK} ingest: run of {seed_file} begins$", errors, re.MULTILINE)
    assert re.search(rf"^{CLOCK} ingest: run killed by SIGKILL, after \d+ s$", errors, re.MULTILINE)
    assert re.search(rf"^{CLOCK} ingest: run ended after \d+ s$", errors, re.MULTILINE)


def test_a_run_that_finds_the_catalog_locked_is_tried_again_soon(tmp_path: Path, seed_file: Path) -> None:
    store = tmp_path / "store"
    with writer_lock(store), started(store, "--file", str(seed_file), "--every", "6h") as process:
        wait_for(outcomes(RunOutcome.FAILED), store)
        waited_for = wait_for_scheduler(store, failures=1)
        assert waited_for["schedule"] == "every 6h"
        assert datetime.fromisoformat(str(waited_for["next"])) < datetime.now(UTC) + timedelta(minutes=2)
        _, errors = ended(process)
    assert re.search(r"ingest: next run .*, every 6h; try 2: the last run failed for a reason that may pass\n", errors)


def wait_for_scheduler(store: Path, failures: int) -> dict[str, object]:
    """What the scheduler waits for, once so many runs have failed in a row."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if (found := scheduler(store)) and found["failures"] == failures:
            return found
        time.sleep(0.1)
    raise TimeoutError(f"still {scheduler(store)}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path / "store", "--file", "films.json", "--cron", "0 3 1 1 *") as process:
        assert process.stderr is not None
        missing = process.stderr.readline()
        assert missing.startswith("ingest: no such file: films.json, seen from the folder ")
        assert missing.endswith(" (waiting for it)\n")
        assert re.match(rf"{CLOCK} ingest: next run {CLOCK}, cron 0 3 1 1 ", process.stderr.readline())
        began = time.monotonic()
        ended(process, number)
        assert time.monotonic() - began < 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting_for_a_source(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path / "store", "--file", "-", stdin=subprocess.PIPE) as process:
        runs = wait_for(lambda runs: bool(runs), tmp_path / "store")
        assert runs[0].outcome is None
        time.sleep(1)  # it imports what it needs, then waits
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == 128 + number
        assert time.monotonic() - began < 2
    assert wait_for(outcomes(RunOutcome.STOPPED), tmp_path / "store")


def test_a_signal_stops_a_run_between_two_batches(tmp_path: Path) -> None:
    """What was embedded is kept: the next run embeds only the rest."""
    films, store = tmp_path / "films.jsonl", tmp_path / "store"
    rows = [{"id": number, "title": f"Film {number}", "plot": f"Plot {number} of space."} for number in range(6000)]
    films.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with started(store, "--file", str(films), "--watch") as process:
        wait_for(lambda _: (store / "vectors.sqlite3-wal").exists(), store)
        wait_for(lambda _: cached(store) > 0, store)
        ended(process)
    runs = wait_for(outcomes(RunOutcome.STOPPED), store)
    assert len(runs) == 1
    assert "stopped" in (runs[0].reason or "")
    assert 0 < cached(store) < 6000
    assert not (store / "CURRENT").exists()


def cached(store: Path) -> int:
    """Vectors acknowledged so far."""
    connection = connect(store / "vectors.sqlite3")
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'vectors'").fetchall():
            return 0  # the run has just made the file
        return int(connection.execute("SELECT count(*) FROM vectors").fetchone()[0])
    finally:
        connection.close()


def test_watch_follows_a_file(tmp_path: Path, seed_file: Path) -> None:
    films, store = tmp_path / "films.json", tmp_path / "store"
    films.write_bytes(seed_file.read_bytes())
    with started(store, "--file", str(films), "--watch") as process:
        wait_for(outcomes(RunOutcome.OK), store)
        rows = json.loads(films.read_text(encoding="utf-8"))
        (tmp_path / "new.json").write_text(json.dumps(rows[:5]), encoding="utf-8")
        (tmp_path / "new.json").replace(films)
        runs = wait_for(outcomes(RunOutcome.OK, RunOutcome.OK), store)
        ended(process)
    assert [run.counts["films"] for run in runs] == [6, 5]
