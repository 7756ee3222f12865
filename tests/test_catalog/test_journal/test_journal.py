"""What was accepted is there after a kill, a torn end and a flipped bit; and there is an end to what is accepted."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from catalog.errors import JournalFull, StoreError
from catalog.journal.change import ChangeOutcome, ChangeReport, ChangeRequest, ChangeState
from catalog.journal.journal import FILE, Journal, WaitingChange
from catalog.store.lock import writer_lock

ALIEN = {"id": "alien", "title": "Alien", "plot": "A ship answers a call."}


def test_a_change_waits_runs_and_is_done(tmp_path: Path) -> None:
    change = ChangeRequest((ALIEN,), ("jaws",), take_over=True)
    assert not Journal.exists(tmp_path)
    with Journal.open(tmp_path) as journal:
        accepted = journal.append(change)
        assert (accepted.number, accepted.state) == (1, ChangeState.WAITING)
        assert journal.report(1) == accepted
        with writer_lock(tmp_path):
            assert journal.report(1) == accepted  # another run writes
            assert journal.take() == [WaitingChange(1, change)]
            running = journal.report(1)
            assert running is not None
            assert running.state is ChangeState.RUNNING
        # The run was killed: it holds nothing any more.
        assert journal.report(1) == accepted
        journal.explain("the model is away")
        waits = journal.report(1)
        assert waits is not None
        assert (waits.state, waits.reason) == (ChangeState.WAITING, "the model is away")
        journal.finish({1: ChangeOutcome(ChangeState.DONE, {"added": 1}, ("alien",), ("film 2: no",), 7)})
        assert (journal.count_waiting(), journal.take()) == (0, [])
        done = journal.report(1)
        assert done is not None
        assert (done.state, done.counts, done.refusals, done.generation, done.reason) == (
            ChangeState.DONE,
            {"added": 1},
            ("film 2: no",),
            7,
            None,
        )
        assert set(done.to_dict()) == {
            "number", "state", "received", "ended", "counts", "ids", "refusals", "generation",
        }  # fmt: skip
        assert ChangeReport.from_dict(done.to_dict()) == done
        assert journal.report(2) is None
        assert journal.append(ChangeRequest(delete=("alien",))).number == 2


def test_numbers_are_never_given_twice_and_old_reports_go(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        first = journal.append(ChangeRequest(delete=("a",)))
        with closing(sqlite3.connect(tmp_path / FILE)) as file, file:
            file.execute("UPDATE sqlite_sequence SET seq = 1500")
        later = journal.append(ChangeRequest(delete=("b",)))
        journal.finish({first.number: ChangeOutcome(ChangeState.DONE), later.number: ChangeOutcome(ChangeState.DONE)})
        assert (later.number, journal.report(1)) == (1501, None)
        assert journal.report(1501) is not None
        assert journal.append(ChangeRequest(delete=("c",))).number == 1502


def test_it_is_bounded(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.append(ChangeRequest((ALIEN,)), most=2)
        journal.append(ChangeRequest((ALIEN,)), most=2)
        with pytest.raises(JournalFull, match="^2 changes wait already") as full:
            journal.append(ChangeRequest((ALIEN,)), most=2)
        assert full.value.retry_after == 5
        with pytest.raises(JournalFull):
            journal.append(ChangeRequest((ALIEN,)), most_bytes=300)
        journal.finish({1: ChangeOutcome(ChangeState.DONE)})
        assert journal.append(ChangeRequest((ALIEN,)), most=2).number == 3


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from catalog.journal.change import ChangeRequest; from catalog.journal.journal import Journal\n"
        "with Journal.open(Path(sys.argv[1])) as journal:\n"
        "    while True: print(journal.append(ChangeRequest(delete=('a' * 2000,))).number, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(20):
            acknowledged = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        told = process.stdout.read().split()
    acknowledged = int(told[-1]) if told else acknowledged
    with Journal.open(tmp_path) as journal:
        waiting = journal.take()
    assert acknowledged <= len(waiting) <= acknowledged + 1
    assert {each.change for each in waiting} == {ChangeRequest(delete=("a" * 2000,))}


def test_a_torn_end_costs_the_change_that_was_being_written(tmp_path: Path) -> None:
    """The log as a power cut leaves it: its last page is half there."""
    store, cut = tmp_path / "store", tmp_path / "cut"
    with Journal.open(store) as journal:
        for number in range(5):
            journal.append(ChangeRequest(({**ALIEN, "id": number, "plot": "x" * 3000},)))
        cut.mkdir()
        for name in (FILE, f"{FILE}-wal"):
            (cut / name).write_bytes((store / name).read_bytes())
    log = cut / f"{FILE}-wal"
    os.truncate(log, log.stat().st_size - 2000)
    with Journal.open(cut) as journal:
        assert [each.change.put[0]["id"] for each in journal.take() if each.change] == [0, 1, 2, 3]
        assert journal.append(ChangeRequest((ALIEN,))).number == 5


def test_a_change_that_rotted_is_told_from_the_others(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        journal.append(ChangeRequest((ALIEN,)))
        journal.append(ChangeRequest(delete=("jaws",)))
        with closing(sqlite3.connect(tmp_path / FILE)) as file, file:
            file.execute("UPDATE changes SET change = replace(change, 'ship', 'shop') WHERE number = 1")
        assert journal.take() == [WaitingChange(1, None), WaitingChange(2, ChangeRequest(delete=("jaws",)))]


def test_a_journal_that_is_none_is_said_so(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no journal" * 1000)
    with pytest.raises(StoreError, match="is damaged; move it away"), Journal.open(tmp_path):
        pass


def test_a_row_may_hold_whatever_json_holds(tmp_path: Path) -> None:
    row = json.loads('{"title": "\\ud800 \\u0000", "year": 1e400, "extra": [null, {"a": []}]}')
    with Journal.open(tmp_path) as journal:
        journal.append(ChangeRequest((row,)))
        (waiting,) = journal.take()
    assert waiting.change == ChangeRequest((row,))
