"""What the tests of the page share: a browser, and the service for the demo catalogue."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from catalog.config import load_config
from ingest.run import Request, run
from tests.support.browser import HOSTILE, POSTER, Visitor, browsing

DEMO = Path(__file__).parents[3] / "movies.json"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo catalogue, and one film whose every text is markup."""
    folder = tmp_path_factory.mktemp("page")
    films = folder / "films.json"
    films.write_text(json.dumps([*json.loads(DEMO.read_text(encoding="utf-8")), HOSTILE]), encoding="utf-8")
    values = {"PLOTSEEK_STORE_PATH": str(folder / "store"), "PLOTSEEK_EMBEDDING_MODEL": "bundled"}
    run(load_config(None, values), Request(str(films)))
    return folder / "store"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as started:
        yield started


@pytest.fixture
def visitor(browser: Browser, url: str) -> Iterator[Visitor]:
    """Whoever opens pages; nothing may have gone wrong in them at the end."""
    visiting = Visitor(browser, url, POSTER)
    yield visiting
    visiting.close()
    assert visiting.wrong == []
