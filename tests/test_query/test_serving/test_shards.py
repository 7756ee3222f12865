"""A shard of the vector index that is away: every answer says so, none is kept, and it comes back by itself."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from catalog.config import Config
from catalog.store.chroma.shards import shard_of
from ingest.run import Request, run
from query.client import PlotseekClient
from query.http.app import create_app
from query.models import SearchRequest
from query.render import as_json
from query.serving.local import LocalCatalog
from tests.support.chroma import ChromaProcess, running
from tests.support.service import serving, settings
from tests.test_query.test_search.test_retrievers import until

pytestmark = pytest.mark.slow

PLOTS = ("A ship meets ghosts.", "A shark visits a beach.", "Robots fall in love.", "A boxer fights gangsters.")
FILMS = [{"id": str(number), "title": f"Film {number}", "plot": PLOTS[number % 4]} for number in range(24)]
NOTE = (
    "shard 2 of 3 of the vector index cannot be asked now: its films are found by words, titles and votes alone;"
    " 'ingest verify' tells why"
)
WORDS = "ghosts at sea"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[ChromaProcess]]:
    with ExitStack() as stack:
        yield [stack.enter_context(running(tmp_path / f"chroma-{number}")) for number in range(1, 4)]


def filled(folder: Path, processes: list[ChromaProcess]) -> Config:
    """The settings of a catalog in three shards."""
    config = settings(folder / "store")
    config = replace(
        config, store=replace(config.store, url=tuple(process.url for process in processes), query_timeout=30.0)
    )
    (folder / "films.json").write_text(json.dumps(FILMS), encoding="utf-8")
    run(config, Request(str(folder / "films.json")))
    return config


def ids(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [hit["id"] for hit in answer["results"]]


def test_a_service_says_that_a_shard_is_away_keeps_nothing_and_finds_it_again(
    tmp_path: Path, processes: list[ChromaProcess]
) -> None:
    config = filled(tmp_path, processes)
    with serving(create_app(config), config) as url, httpx.Client(base_url=url, timeout=30) as http:

        def ask(words: str, **more: object) -> httpx.Response:
            return http.post("/search", json={"text": words, "all": True, "limit": 24, **more})

        until(lambda: http.get("/readyz").status_code == 200)
        before = ask(WORDS)
        assert "partial" not in before.json()
        assert len(ids(before.json())) == 24
        processes[1].end()
        until(lambda: http.get("/readyz").status_code == 503)
        refused = http.get("/readyz").json()
        assert refused["type"] == "urn:plotseek:chroma-unreachable"
        assert refused["detail"].startswith(f"Chroma at {processes[1].url}, shard 2 of 3: cannot be reached")
        for _ in range(2):
            away = ask("ghosts")
            assert (away.json()["partial"], away.json()["notes"]) == (True, [NOTE])
            assert (away.headers["cache-control"], "etag" in away.headers) == ("no-store", False)
        assert {film["id"] for film in FILMS if shard_of(film["id"], 3) != 1} <= {*ids(away.json())}
        assert PlotseekClient(url).ask(SearchRequest("ghosts")).partial is True
        assert ask(WORDS).json()["results"] == before.json()["results"]  # it was kept, and is whole
        assert ask("ghosts", plain=True).status_code == 503
        processes[1].start()
        until(lambda: http.get("/readyz").status_code == 200)
        back = ask("ghosts")
        assert (back.json().get("partial"), back.json()["notes"], len(ids(back.json()))) == (None, [], 24)
        assert back.headers["etag"]


def test_who_asks_without_a_service_is_told_too(tmp_path: Path, processes: list[ChromaProcess]) -> None:
    config = filled(tmp_path, processes)
    processes[1].end()
    catalog = LocalCatalog(config.store.path, config)
    try:
        found = catalog.ask(SearchRequest("ghosts", all=True))
    finally:
        catalog.close()
    assert (found.partial, found.notes) == (True, (NOTE,))
    assert json.loads(as_json("ghosts", "m", found))["partial"] is True
    assert "partial" not in json.loads(as_json("ghosts", "m", replace(found, partial=False)))
