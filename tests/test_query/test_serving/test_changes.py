"""Films are put and deleted over HTTP: on disk when it is answered, found within seconds, whatever is killed."""

import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from catalog.errors import AccessDenied, ChangeNotFound, MovieNotFound
from catalog.journal.change import ChangeState
from catalog.journal.journal import FILE, MOST_WAITING, Journal
from catalog.store.generations import Generations
from catalog.store.lock import writer_lock
from ingest.cli import main as ingest
from query.client import PlotseekClient
from query.http.auth import Role, make_key
from tests.test_query.test_http.test_run import Running, started
from tests.test_query.test_serving.test_ingest_job import ALIEN, JAWS, administered

pytestmark = pytest.mark.slow

WAIT = {"wait": "60"}


def told(answer: httpx.Response) -> dict[str, Any]:
    """The report of a change that is over."""
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_films_come_are_found_and_go(tmp_path: Path) -> None:
    """Into a folder that holds nothing yet."""
    with administered(tmp_path) as http:
        report = told(http.put("/movies", json=[ALIEN, JAWS, {"title": "No plot"}], params=WAIT))
        assert (report["state"], report["generation"]) == ("done", 1)
        assert report["counts"] == {"read": 3, "added": 2, "refused": 1}
        assert (report["ids"], report["refusals"]) == (
            ["1", "2"],
            ["film 3: 'No plot' has no plot: no field for the plot"],
        )
        # What was waited for is found by the next question.
        assert http.get("/search?q=shark").json()["results"][0]["title"] == "Jaws"
        assert told(http.get(report["address"])) == report

        changed = told(http.put("/movies", json={**ALIEN, "plot": "A whale swims by."}, params=WAIT))
        assert changed["counts"] == {"read": 1, "text_changed": 1}
        assert http.get("/movies/1").json()["plot"] == "A whale swims by."
        alone = told(http.put("/movies", json={**ALIEN, "rating": 11, "yaer": 1979}, params=WAIT))
        assert alone["notes"] == [
            "film 1, 'Alien': the rating 11 cannot be read; the film is in without it",
            "film 1, 'Alien': 'yaer': did you mean 'year'?",
        ]
        slip = told(http.put("/movies", json={"id": "9", "title": "Slip", "plott": "A whale."}, params=WAIT))
        assert (slip["state"], slip["counts"]) == ("refused", {"read": 1, "refused": 1})
        assert slip["refusals"] == ["film 1: 'Slip' has no plot: no field for the plot; 'plott': did you mean 'plot'?"]
        part = told(http.put("/movies", json={"id": "1", "year": 2020}, params=WAIT))
        assert part["refusals"][0].endswith("; PUT replaces a film as a whole: send all of it")
        titled = http.delete("/movies/jaws").json()["detail"]
        assert titled == "no film has the id 'jaws'; films are deleted by id, and 'jaws' is that of '2'"
        named = http.put("/movies/1", json=ALIEN).json()["detail"]
        assert named.endswith("it takes DELETE and GET; PUT /movies puts a film, whose id is in the body")
        gone = told(http.delete("/movies/2", params=WAIT))
        assert (gone["counts"], http.get("/movies/2").status_code) == ({"read": 1, "deleted": 1}, 404)
        missing = http.delete("/movies/2")
        assert (missing.status_code, missing.json()["type"]) == (404, "urn:plotseek:movie-not-found")


def test_what_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with administered(tmp_path) as http:
        key = http.headers.pop("Authorization")
        for method, path in (("PUT", "/movies"), ("DELETE", "/movies/1"), ("GET", "/changes/1")):
            assert http.request(method, path, json=ALIEN).status_code == 401
            read = {"X-API-Key": make_key(tmp_path / "keys", f"reader{method}", Role.READ)}
            assert http.request(method, path, json=ALIEN, headers=read).status_code == 403
        http.headers["Authorization"] = key
        wrong: list[object] = [[], {}, 3, "film", [ALIEN, 3], None]
        for body in wrong:
            refused = http.put("/movies", json=body)
            assert (refused.status_code, "JSON object" in refused.json()["detail"]) in ((400, True), (422, False))
        wrapped = http.put("/movies", json={"movies": [ALIEN]})
        said = "send the list itself, not an object with it in 'movies': [{...}, {...}]"
        assert (wrapped.status_code, wrapped.json()["detail"]) == (400, said)
        twice = http.put("/movies", json=[ALIEN, JAWS, {**ALIEN, "id": 1}])
        said = "film 3: field 'id': '1' was already seen at film 1"
        assert (twice.status_code, twice.json()["detail"]) == (400, said)
        assert http.put("/movies", json=ALIEN, params={"wait": "61"}).status_code == 422
        assert http.put("/movies", content=b'{"a":' * 5000).status_code in (400, 422)
        unknown = http.get("/changes/7")
        assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:plotseek:change-not-found")
        similar = http.delete("/movies/1/similar")
        assert (similar.status_code, similar.headers["Allow"]) == (405, "GET")
        assert not Journal.exists(tmp_path / "store")


def test_changes_wait_while_another_run_writes_and_then_go_in_together(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with administered(tmp_path) as http:
        with writer_lock(store):
            first = http.put("/movies", json=[ALIEN, JAWS])
            assert (first.status_code, first.headers["Location"]) == (202, "/changes/1")
            assert (first.json()["number"], first.json()["state"]) == (1, "waiting")
            assert http.delete("/movies/1").status_code == 202  # the film that waits
            assert http.put("/movies", json={**JAWS, "plot": "A boat is too small."}).status_code == 202
            time.sleep(1)
            assert http.get("/changes/1?wait=0.5").json()["state"] == "waiting"
            assert Generations(store).current() is None
        reports = [told(http.get(f"/changes/{number}", params=WAIT)) for number in (1, 2, 3)]
        assert [report["generation"] for report in reports] == [1, 1, 1]
        assert [report["counts"] for report in reports] == [
            {"read": 2, "superseded": 2},
            {"read": 1, "unchanged": 1},
            {"read": 1, "added": 1},
        ]
        assert http.get("/movies/2").json()["plot"] == "A boat is too small."
        assert http.get("/movies/1").status_code == 404


def test_changes_in_a_folder_of_their_own_wait_for_ingest(tmp_path: Path) -> None:
    """The service writes down what was asked there, and nothing anywhere else."""
    store = tmp_path / "store"
    with administered(tmp_path, journal="changes") as http:
        put = http.put("/movies", json=[ALIEN, JAWS], params={"wait": "2"})
        assert (put.status_code, put.json()["state"]) == (202, "waiting")
        assert "by a scheduler of ingest" in put.json()["reason"]
        assert (Journal.waiting_in(tmp_path / "changes"), Journal.exists(store)) == (1, False)
        assert Generations(store).current() is None
        done = CliRunner().invoke(ingest, ["--config", str(tmp_path / "config.yaml"), "changes", "--json"])
        assert json.loads(done.stdout)["added"] == 2
        report = told(http.get("/changes/1", params=WAIT))
        assert (report["state"], "reason" in report) == ("done", False)
        assert http.get("/movies/2").json()["title"] == "Jaws"


def test_more_than_the_journal_takes_is_told_to_come_back(tmp_path: Path) -> None:
    with administered(tmp_path) as http, writer_lock(tmp_path / "store"):
        with Journal.open(tmp_path / "store"), closing(sqlite3.connect(tmp_path / "store" / FILE)) as file, file:
            waiting = [(0.0, "{}", b"")] * MOST_WAITING
            file.executemany("INSERT INTO changes (received, change, digest) VALUES (?, ?, ?)", waiting)
        full = http.put("/movies", json=ALIEN)
        assert (full.status_code, full.headers["Retry-After"]) == (503, "5")
        assert full.json()["type"] == "urn:plotseek:journal-full"


def test_a_client_in_python_does_the_same(tmp_path: Path) -> None:
    with administered(tmp_path) as http:
        url, key = str(http.base_url), str(http.headers["Authorization"]).removeprefix("Bearer ")
        with PlotseekClient(url, key=key) as films:
            report = films.put([ALIEN, JAWS], wait=60)
            assert (report.state, report.counts) == (ChangeState.DONE, {"read": 2, "added": 2})
            assert films.change(report.number) == report
            again = films.put({**ALIEN, "release date": date(1979, 5, 25)}, wait=60)
            assert again.counts == {"read": 1, "metadata_changed": 1}
            assert films.movie("1").year == 1979
            waiting = films.delete(1)
            assert films.change(waiting.number, wait=60).counts == {"read": 1, "deleted": 1}
            with pytest.raises(MovieNotFound):
                films.delete("1")
            with pytest.raises(ChangeNotFound, match="^no change has the number 99"):
                films.change(99)
        with pytest.raises(AccessDenied), PlotseekClient(url) as films:
            films.put([ALIEN])


@contextmanager
def killable(folder: Path) -> Iterator[tuple[Running, httpx.Client]]:
    """A real `query-server`, and a client that may change its films."""
    key = make_key(folder / "keys", f"boss{time.monotonic_ns()}", Role.ADMIN)
    os.environ["PLOTSEEK_SERVER_KEYS_FILE"] = str(folder / "keys")
    os.environ["PLOTSEEK_SERVER_DEADLINE"] = "60"
    try:
        with (
            started(folder / "store") as running,
            httpx.Client(base_url=running.url, headers={"X-API-Key": key}, timeout=90) as http,
        ):
            yield running, http
    finally:
        del os.environ["PLOTSEEK_SERVER_KEYS_FILE"], os.environ["PLOTSEEK_SERVER_DEADLINE"]


def test_what_was_accepted_survives_the_kill_of_the_service_and_of_what_brings_it_in(
    seed_store: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(seed_store, tmp_path / "store"))
    with killable(tmp_path) as (running, http), writer_lock(store):
        assert http.put("/movies", json={**ALIEN, "id": "new"}).status_code == 202
        running.process.send_signal(signal.SIGKILL)
        assert running.ends() == -signal.SIGKILL
    # Killed again, while what brings it in is at work.
    with killable(tmp_path) as (running, http):
        until = time.monotonic() + 180
        while http.get("/changes/1").json()["state"] == "waiting" and time.monotonic() < until:
            time.sleep(0.02)
        running.process.send_signal(signal.SIGKILL)
        for child in holders(store):
            os.kill(child, signal.SIGKILL)
        assert running.ends() == -signal.SIGKILL
    with killable(tmp_path) as (_, http):
        report = told(http.get("/changes/1", params=WAIT))
        assert report["state"] == "done"
        assert http.get("/movies/new").json()["title"] == "Alien"


def holders(store: Path) -> list[int]:
    """The process that LOCK.holder names, if it is there."""
    try:
        number = int((store / "LOCK.holder").read_text(encoding="ascii").split()[1].rstrip(","))
        os.kill(number, 0)
    except (OSError, IndexError, ValueError):
        return []
    return [number]
