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
    assert (done.ids, done.refusals) == (
        ("a", "b"),
        ("film 3: 'No plot' has no plot: no field for the plot; PUT replaces a film as a whole: send all of it",),
    )
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


def test_one_request_names_a_film_once_whatever_names_it(config: Config) -> None:
    """The service refuses the same `id` at once; other names of ids, and ids made of titles, are read here."""
    unnamed = {"title": "Heat", "plot": "A thief waits.", "year": 1995}
    (number,) = asked(
        config, ChangeRequest((film("a"), {**film("b"), "_id": "b"}, unnamed, {**unnamed, "plot": "Gone."}))
    )
    applied(config)
    done = report(config, number)
    assert done.counts == {"read": 4, "added": 3, "refused": 1}
    assert done.refusals == ("film 4: field 'id': 'heat-1995' was already seen at film 3",)
    assert plots(config.store.path)["heat-1995"] == ("api", "A thief waits.")


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
        "film 1: field 'id': 'a' belongs to source 'main'; take_over=true in the address changes it all the same",
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


def test_a_film_is_refused_alike_alone_and_in_a_list(config: Config) -> None:
    """By name, with the key that may have been meant; it holds up nobody else."""
    slip = {"id": "t", "Title": "Slip", "plott": "A ship waits."}
    alone, together, wrapped, rated, good = asked(
        config,
        ChangeRequest((slip,)),
        ChangeRequest((film("b"), slip)),
        ChangeRequest(({"movie": film("c")},)),
        ChangeRequest(({"movieId": 1, "userId": 2, "rating": 4.5, "timestamp": 1},)),
        ChangeRequest((film("a"),)),
    )
    told = applied(config)
    assert told is not None
    assert (told.films, told.rows.read, told.rows.refused) == (2, 6, 4)
    said = "'Slip' has no plot: no field for the plot; 'plott': did you mean 'plot'?"
    assert report(config, alone).refusals == (f"film 1: {said}",)
    assert report(config, together).refusals == (f"film 2: {said}",)
    assert report(config, wrapped).refusals == (
        "film 1: field 'movie' is an object, a text is expected; send what 'movie' holds, without the object around it",
    )
    for number in (alone, wrapped, rated):
        found = report(config, number)
        assert (found.state, found.counts) == (ChangeState.REFUSED, {"read": 1, "refused": 1})
        assert (found.reason, len(found.refusals)) == (None, 1)
    assert report(config, good).state is ChangeState.DONE


def test_a_film_becomes_the_same_movie_whatever_is_sent_with_it(config: Config) -> None:
    """A rating is one from 0 to 10; what is none is told, and nothing in the list makes it another one."""
    alone, together, percent = asked(
        config,
        ChangeRequest((film("a", rating=11),)),
        ChangeRequest((film("b", rating=71), film("c", rating=84), film("d", rating=7, runtime=7200))),
        ChangeRequest((film("e", rating="84%"), film("f", rating="great", year="abc", runtime=-5, yaer=1999))),
    )
    told = applied(config)
    assert told is not None
    assert told.rows.unreadable == {"rating": 4, "year": 1, "runtime": 1}
    assert told.rows.first_unreadable == dict.fromkeys(("year", "runtime"), "change 3, film 2") | {
        "rating": "change 1, film 1"
    }
    with closing(Movies.open(Generations(config.store.path).in_force().movies)) as movies:
        rated = {entry.movie.id: entry.movie.rating for part in movies.entries() for entry in part}
    assert rated == {"a": None, "b": None, "c": None, "d": 7, "e": 8.4, "f": None}
    lost = "cannot be read; the film is in without it"
    assert report(config, alone).notes == (f"film 1, 'Film a': the rating 11 {lost}",)
    assert report(config, together).notes == (
        f"film 1, 'Film b': the rating 71 {lost}",
        f"film 2, 'Film c': the rating 84 {lost}",
    )
    assert report(config, percent).notes == (
        f"film 2, 'Film f': the year 'abc' {lost}",
        f"film 2, 'Film f': the runtime -5 {lost}",
        f"film 2, 'Film f': the rating 'great' {lost}",
        "film 2, 'Film f': 'yaer': did you mean 'year'?",
    )


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
