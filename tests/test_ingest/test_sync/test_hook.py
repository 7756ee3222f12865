"""A program of the owner sees the new state as a catalog before anybody else, and may refuse it."""

import json
import sys
import time
from pathlib import Path
from threading import Event, Timer

import pytest

from catalog.config import Config, load_config
from catalog.errors import CheckFailed, ConfigError, Stopped
from catalog.store.generations import Generations
from catalog.store.maintenance.verify import verify
from catalog.store.runs import History, RunOutcome
from ingest.run import Request, run
from ingest.sync.hook import run_check
from tests.test_commands.test_cli import run_ingest

pytestmark = pytest.mark.slow

ALIEN = {"id": "1", "title": "Alien", "plot": "A ship answers a call from a silent moon."}
JAWS = {"id": "2", "title": "Jaws", "plot": "A shark visits a beach."}
COUNT = """
import os, sys
from catalog.config import load_config
from catalog.store.snapshot import open_snapshot
films = open_snapshot(load_config(None, os.environ).store.path)
near = films.index.nearest(films.vectors[0], 10)
found = films.movies.count(), len(films.vectors), films.lexical.movies, len(near), films.info.films
films.close()
print("films:", *found)
sys.exit(found != (2, 2, 2, 2, 2))
"""


def config(folder: Path, *command: str) -> Config:
    settings = folder / "config.yaml"
    settings.write_text(json.dumps({"store": {"path": "store"}, "sync": {"check": command}}), encoding="utf-8")
    return load_config(settings, {"PLOTSEEK_EMBEDDING_MODEL": "bundled"})


def write(folder: Path, *films: object) -> str:
    path = folder / "films.json"
    path.write_text(json.dumps(films), encoding="utf-8")
    return str(path)


def test_a_check_sees_the_new_state_and_decides(tmp_path: Path) -> None:
    settings, store = config(tmp_path, sys.executable, "-c", COUNT), tmp_path / "store"
    assert run(settings, Request(write(tmp_path, ALIEN, JAWS))).generation == 1
    assert verify(store).differences == ()
    with pytest.raises(
        CheckFailed, match=r"^sync.check refused the new state, nothing was published: films: 1 1 1 1 1$"
    ):
        run(settings, Request(write(tmp_path, ALIEN)))
    assert [generation.number for generation in Generations(store).all()] == [1]
    assert Generations(store).in_force().info().films == 2
    with History.open(store) as history:
        assert history.last(1)[0].outcome is RunOutcome.REFUSED
    assert run(settings, Request(write(tmp_path, ALIEN, {**JAWS, "year": 1975}))).generation == 2
    assert verify(store).differences == ()


def test_the_command_exits_4_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("sync: {check: [sh, -c, 'echo much; echo too few; exit 7']}", encoding="utf-8")
    result = run_ingest(tmp_path / "store", "--config", str(path), "--file", write(tmp_path, ALIEN))
    assert result.exit_code == 4
    assert result.stderr.splitlines()[-1] == (
        "ingest: sync.check refused the new state, nothing was published: too few"
    )


def test_query_evaluate_is_such_a_program(tmp_path: Path) -> None:
    judged = tmp_path / "judged"
    (judged / "qrels").mkdir(parents=True)
    (judged / "queries.jsonl").write_text('{"_id": "q", "text": "a shark at the beach"}\n', encoding="utf-8")
    (judged / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\t2\t1\n", encoding="utf-8")
    before = tmp_path / "before.json"
    before.write_text(json.dumps({"sets": {"judged": {"queries": 1, "mrr": 1.0, "mrr_low": 0.9}}}), encoding="utf-8")
    settings = config(tmp_path, "query-evaluate", str(judged), "--baseline", str(before))
    assert run(settings, Request(write(tmp_path, ALIEN, JAWS))).generation == 1
    worse = {**ALIEN, "plot": "A shark at the beach. A shark! At the beach."}
    with pytest.raises(CheckFailed, match=r"published: regression: judged mrr is 0.500, below the interval of before"):
        run(settings, Request(write(tmp_path, worse, {**JAWS, "title": "Up", "plot": "A house flies away."})))


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="^sync.check: there is no program 'no-such-program'$"):
        run_check(["no-such-program"], tmp_path)


def test_a_program_without_a_word_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="nothing was published: it said nothing$"):
        run_check([sys.executable, "-c", "raise SystemExit(1)"], tmp_path)


def test_a_check_can_be_stopped(tmp_path: Path) -> None:
    stop = Event()
    Timer(0.2, stop.set).start()

    def go_on() -> None:
        if stop.is_set():
            raise Stopped("stopped")

    began = time.monotonic()
    with pytest.raises(Stopped):
        run_check([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, go_on)
    assert time.monotonic() - began < 30
