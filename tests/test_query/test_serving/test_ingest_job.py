"""A sync that the service is asked for: one at a time, told as it goes, followed when it is done."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path

import httpx
import pytest

from catalog.config import load_config
from catalog.store.lock import read_holder, writer_lock
from query.http.app import create_app
from query.http.auth import Role, make_key
from query.serving.ingest_job import begin_ingest
from tests.support.service import serving

pytestmark = pytest.mark.slow

ALIEN = {"id": 1, "title": "Alien", "plot": "A ship answers a call."}
JAWS = {"id": 2, "title": "Jaws", "plot": "A shark hunts swimmers."}


@contextmanager
def administered(folder: Path, source: str = "films.json", journal: str = "") -> Iterator[httpx.Client]:
    """A service as its settings file says, and a client that may start syncs."""
    path = folder / "config.yaml"
    store = f"store: {{path: store, journal: {journal}}}"
    lines = ["embedding: {model: bundled}", store, "server:", "  keys_file: keys", "  port: 0"]
    lines.append("  deadline: 60  # on a machine that has much to do")
    path.write_text("\n".join([*lines, *([f"  source: {source}"] if source else [])]), encoding="utf-8")
    key = make_key(folder / "keys", f"boss{time.monotonic_ns()}", Role.ADMIN)
    config = load_config(path, {})
    client = httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=90)  # longer than server.deadline
    with serving(create_app(config, path), config) as url, client as http:
        http.base_url = httpx.URL(url)
        yield http


def ended(http: httpx.Client) -> dict[str, object]:
    """The sync, once it is over."""
    until = time.monotonic() + 180
    while time.monotonic() < until:
        run: dict[str, object] = http.get("/admin/ingest").json()
        if "ended" in run:
            return run
        time.sleep(0.1)
    raise AssertionError(run)


def test_a_sync_is_told_and_followed(tmp_path: Path) -> None:
    (tmp_path / "films.json").write_text(json.dumps([ALIEN, JAWS]), encoding="utf-8")
    with administered(tmp_path) as http, administered(tmp_path) as sibling:
        assert http.get("/admin/ingest").status_code == 404
        begun = http.post("/admin/ingest")
        assert (begun.status_code, begun.json()["state"], "report" in begun.json()) == (202, "running", False)
        for each in (http, sibling):
            second = each.post("/admin/ingest")
            assert (second.status_code, second.json()["type"]) == (409, "urn:plotseek:ingest-running")
            assert each.get("/admin/ingest").json()["state"] == "running"
        run = ended(sibling)
        assert (run["state"], run["exit_code"], "error" in run) == ("done", 0, False)
        assert isinstance(run["report"], dict)
        assert run["report"]["added"] == 2
        assert http.get("/admin/ingest").json() == run
        until = time.monotonic() + 120
        while http.get("/readyz").status_code != 200 and time.monotonic() < until:
            time.sleep(0.1)
        assert http.get("/search?q=shark").json()["results"][0]["title"] == "Jaws"
        assert http.post("/admin/ingest").status_code == 202
        assert ended(http)["state"] == "done"


def test_a_sync_waits_for_its_turn_while_others_write(tmp_path: Path) -> None:
    store = tmp_path / "store"
    (tmp_path / "films.json").write_text(json.dumps([ALIEN, JAWS]), encoding="utf-8")
    with administered(tmp_path) as http:
        with writer_lock(store):
            begun = http.post("/admin/ingest")
            assert (begun.status_code, begun.json()["state"]) == (202, "waiting")
            assert begun.json()["reason"] == f"{read_holder(store)} writes"
            assert http.post("/admin/ingest").status_code == 409
            time.sleep(1)
            assert http.get("/admin/ingest").json() == begun.json()
        run = ended(http)
        assert (run["state"], "reason" in run, run["report"]["added"]) == ("done", False, 2)  # type: ignore[index]
        (tmp_path / "films.json").write_text(json.dumps([ALIEN]), encoding="utf-8")
        # Somebody is faster, between the look and the run: that is no failure.
        assert http.post("/admin/ingest").json()["state"] == "running"
        with writer_lock(store):
            until = time.monotonic() + 180
            while (state := http.get("/admin/ingest").json()["state"]) == "running" and time.monotonic() < until:
                time.sleep(0.05)
        assert (state, ended(http)["state"]) == ("waiting", "done")
    with writer_lock(store), administered(tmp_path) as http:
        assert http.post("/admin/ingest").json()["state"] == "waiting"
    with administered(tmp_path) as http:
        told = http.get("/admin/ingest").json()
    assert (told["state"], told["error"]) == ("failed", "the service stopped before its turn came")


def test_a_sync_that_fails_says_why(tmp_path: Path) -> None:
    with administered(tmp_path, "nothing.json") as http:
        assert http.post("/admin/ingest").status_code == 202
        run = ended(http)
    assert (run["state"], run["exit_code"]) == ("failed", 1)
    assert str(run["error"]).startswith("ingest: ")
    assert "nothing.json" in str(run["error"])


def test_a_sync_that_begins_while_questions_are_computed_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "films.json").write_text(json.dumps([ALIEN, JAWS]), encoding="utf-8")
    with administered(tmp_path) as http:
        assert (http.post("/admin/ingest").status_code, ended(http)["state"]) == (202, "done")
        over = threading.Event()

        def ask(asker: int) -> set[int]:
            numbers = takewhile(lambda _: not over.is_set(), count())
            texts = (f"{asker} {number} ships in a storm " * 25 for number in numbers)
            return {http.post("/search", json={"text": text}).status_code for text in texts}

        with ThreadPoolExecutor(6) as pool:
            asking = [pool.submit(ask, asker) for asker in range(6)]
            begun = [(http.post("/admin/ingest").status_code, ended(http)["state"]) for _ in range(3)]
            over.set()
            statuses = [each.result(90) for each in asking]
    assert begun == [(202, "done")] * 3
    assert statuses == [{200}] * 6


def test_what_lies_in_the_working_directory_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ingest").mkdir()
    for name in ("__init__.py", "__main__.py"):
        (tmp_path / "ingest" / name).write_text("print('not ours')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    out, _ = begin_ingest(tmp_path / "store", None, ["--version"]).communicate(timeout=60)
    assert b"not ours" not in out
    assert b"version" in out


def test_without_a_source_there_is_no_sync(tmp_path: Path) -> None:
    with administered(tmp_path, "") as http:
        refused = http.post("/admin/ingest")
        assert (refused.status_code, refused.json()["detail"]) == (
            400,
            "server.source is not set: there is nothing to sync from",
        )
        assert http.get("/admin/ingest").status_code == 404
