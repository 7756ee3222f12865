"""Changes that came over HTTP: put together, checked by the mapping, guarded by their source, published at once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from catalog.config import Config, load_config
from catalog.errors import CatalogLocked, CheckFailed
from catalog.journal.change import ChangeReport, ChangeRequest, ChangeState
from catalog.journal.journal import Journal
from catalog.store.generations import Generations
from catalog.store.lock import writer_lock
from catalog.store.maintenance.verify import verify
from catalog.store.movies import Movies
from catalog.store.runs import History, RunOutcome
from ingest.changes import apply_changes
from ingest.cli import main
from ingest.report import Report
from ingest.run import Listener, Request, run
from ingest.status import gather

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]


def film(identity: str, plot: str = "A ship waits.", **more: object) -> dict[str, Any]:
    return {"id": identity, "title": f"Film {identity}", "plot": plot, **more}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    variables = {"PLOTSEEK_STORE_PATH": str(tmp_path / "store"), "PLOTSEEK_EMBEDDING_MODEL": "bundled"}
    return load_config(None, variables)


def asked(config: Config, *changes: ChangeRequest) -> list[int]:
    with Journal.open(config.store.path) as journal:
        return [journal.append(change).number for change in changes]


def applied(config: Config) -> Report | None:
    return apply_changes(config, Listener(lambda _: None, lambda _: None, lambda: False))


def report(config: Config, number: int) -> ChangeReport:
    with Journal.open(config.store.path) as journal:
        found = journal.report(number)
    assert found is not None
    return found


def plots(store: Path) -> Mapping[str, tuple[str, str]]:
    """Source and plot of every film, by id."""
    with closing(Movies.open(Generations(store).in_force().movies)) as movies:
        return {entry.movie.id: (entry.source, entry.movie.plot) for part in movies.entries() for entry in part}


def test_all_that_waits_becomes_one_state_and_the_last_word_counts(config: Config) -> None:
    first, second, third = asked(
        config,
        ChangeRequest((film("a"), film("b"), {"id": "c", "title": "No plot"})),
        ChangeRequest((film("b", "A shark comes."), film("d"))),
        ChangeRequest(delete=("d", "unknown")),
    )
    told = applied(config)
    assert told is not None
    assert (told.generation, told.films, told.rows.added, told.rows.refused, told.source) == (1, 2, 2, 1, "api")
    assert plots(config.store.path) == {"a": ("api", "A ship waits."), "b": ("api", "A shark comes.")}
    done = report(config, first)
    assert (done.state, done.generation) == (ChangeState.DONE, 1)
    assert done.counts == {"read": 3, "added": 1, "superseded": 1, "refused": 1}
    assert (done.ids, done.refusals) == (("a", "b"), ("film 3: 'No plot' has no plot: no field for the plot",))
    assert report(config, second).counts == {"read": 2, "added": 1, "superseded": 1}
    assert report(config, third).counts == {"read": 2, "unchanged": 2}
    assert json.loads((config.store.path / "refused-api.jsonl").read_text(encoding="utf-8"))["row"]["id"] == "c"
    assert verify(config.store.path).differences == ()

    assert applied(config) is None
    (again,) = asked(config, ChangeRequest((film("a"),), ("b",)))
    told = applied(config)
    assert told is not None
    assert (told.embedded, told.films) == (0, 1)
    assert report(config, again).counts == {"read": 2, "unchanged": 1, "deleted": 1}
    with History.open(config.store.path) as history:
        assert [(run.location, run.source, run.outcome) for run in history.last(9)] == [
            ("changes over HTTP", "api", RunOutcome.OK)
        ] * 2


def test_films_of_a_file_stay_its_own_unless_they_are_taken_over(config: Config, tmp_path: Path) -> None:
    (tmp_path / "films.json").write_text(json.dumps([film("a"), film("b"), film("c")]), encoding="utf-8")
    run(config, Request(str(tmp_path / "films.json")))
    refused, partly, moved = asked(
        config,
        ChangeRequest((film("a", "A ghost comes."),)),
        ChangeRequest((film("n"),), ("b",)),
        ChangeRequest((film("c", "A ghost comes."),), ("b",), take_over=True),
    )
    applied(config)
    assert report(config, refused).state is ChangeState.REFUSED
    assert report(config, refused).refusals == (
        "film 1: field 'id': 'a' belongs to source 'main'; take_over=true changes it all the same",
    )
    assert report(config, partly).state is ChangeState.DONE
    assert report(config, partly).counts == {"read": 2, "added": 1, "refused": 1}
    assert report(config, moved).counts == {"read": 2, "text_changed": 1, "deleted": 1}
    assert plots(config.store.path) == {
        "a": ("main", "A ship waits."),
        "c": ("api", "A ghost comes."),
        "n": ("api", "A ship waits."),
    }
    # The file, which did not change, is read again: what was deleted of it comes back, what was moved is refused.
    again = run(config, Request(str(tmp_path / "films.json")))
    assert (again.rows.added, again.rows.unchanged, again.rows.refused, again.rows.deleted) == (1, 1, 1, 0)


def test_a_request_that_says_nothing_of_films_is_refused_as_a_whole(config: Config) -> None:
    """It holds up nobody else."""
    nothing, rated, good = asked(
        config,
        ChangeRequest(({"name": "x", "colour": "red"},)),
        ChangeRequest(({"movieId": 1, "userId": 2, "rating": 4.5, "timestamp": 1},)),
        ChangeRequest((film("a"),)),
    )
    told = applied(config)
    assert told is not None
    assert (told.films, told.rows.read) == (1, 3)
    for number in (nothing, rated):
        found = report(config, number)
        assert (found.state, found.counts) == (ChangeState.REFUSED, {"read": 1})
        assert "; there are name, colour" in (found.reason or "") or number == rated
    assert report(config, good).state is ChangeState.DONE


def test_the_owners_check_refuses_changes(config: Config) -> None:
    asked(config, ChangeRequest((film("a"),)))
    applied(config)
    strict = replace(config, sync=replace(config.sync, check=(sys.executable, "-c", "print('worse'); exit(1)")))
    (number,) = asked(config, ChangeRequest((film("b"),)))
    with pytest.raises(CheckFailed):
        applied(strict)
    found = report(config, number)
    assert found.state is ChangeState.REFUSED
    assert found.reason == "sync.check refused the new state, nothing was published: worse"
    assert plots(config.store.path).keys() == {"a"}
    assert applied(config) is None


def test_what_cannot_be_done_now_waits_and_says_why(config: Config) -> None:
    (number,) = asked(config, ChangeRequest((film("a"),)))
    with writer_lock(config.store.path):
        with pytest.raises(CatalogLocked):
            applied(config)
        held, found = report(config, number), gather(config.store.path)
        assert (found.changes, "over HTTP: 1 change waiting" in found.lines(UTC)) == (1, True)
        assert held.state is ChangeState.WAITING
        assert f"is being written by process {os.getpid()}" in (held.reason or "")
        environment = {"PLOTSEEK_STORE_PATH": str(config.store.path)}
        assert CliRunner(env=environment).invoke(main, ["changes"]).exit_code == 75
    shown = CliRunner(env=environment).invoke(main, ["changes", "--json"])
    assert (shown.exit_code, json.loads(shown.stdout)["added"]) == (0, 1)
    assert report(config, number).state is ChangeState.DONE
    assert CliRunner(env=environment).invoke(main, ["changes"]).stdout == "no changes wait\n"


def test_a_run_that_is_killed_before_it_wrote_down_the_outcome_is_repeated(config: Config, tmp_path: Path) -> None:
    """Killed by the owner's check, which is the last thing before the switch; and right behind the switch."""
    store = config.store.path
    path = tmp_path / "config.yaml"
    kill = "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"
    lines = [f"store: {{path: {store}}}", "embedding: {model: bundled}", "sync:"]
    path.write_text("\n".join([*lines, f"  check: [{json.dumps(sys.executable)}, -c, {json.dumps(kill)}]"]))
    (number,) = asked(config, ChangeRequest((film("a"),)))
    command = [sys.executable, "-m", "ingest", "--config", str(path), "changes"]
    killed = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert report(config, number).state is ChangeState.WAITING
    assert Generations(store).current() is None
    told = applied(config)
    assert told is not None
    assert (told.rows.added, told.embedded) == (1, 0)  # what was embedded before the kill is kept

    (number,) = asked(config, ChangeRequest((film("b"),), ("a",)))
    before = (store / "CURRENT").read_bytes()
    with subprocess.Popen(
        command[:3] + ["changes"], cwd=PROJECT, env={**os.environ, "PLOTSEEK_STORE_PATH": str(store)}
    ) as process:
        while (store / "CURRENT").read_bytes() == before and process.poll() is None:
            time.sleep(0.0005)
        process.kill()
    applied(config)
    assert report(config, number).state is ChangeState.DONE
    assert plots(store).keys() == {"b"}
    assert verify(store).differences == ()
