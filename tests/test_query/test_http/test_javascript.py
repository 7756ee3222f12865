"""The client for JavaScript, in a real browser, from a page that is not the service's own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from plotseek import Plotseek
from query.http.auth import Role, make_key
from tests.support.chroma import free_port
from tests.support.service import saying, service

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    yield opened
    opened.close()


def said(page: Page, url: str, script: str, key: str = "") -> Any:
    """What a script answers that has a client of the service as `films`."""
    options = json.dumps({"key": key} if key else {})
    module = f'const {{ Plotseek, Problem, marked }} = await import("{url}/static/plotseek.js");'
    return page.evaluate(f"async () => {{ {module} const films = new Plotseek('{url}', {options}); {script} }}")


def test_it_asks_everything_from_the_page_of_the_service(page: Page, seed_store: Path) -> None:
    with service(seed_store) as url:
        page.goto(f"{url}/docs")
        found = said(
            page,
            url,
            "const found = await films.search('space ships', { limit: 1, fields: ['title', 'fit'], facets: true });"
            "const alike = await films.similar('Ghostbusters', { limit: 1, all: true, fields: ['title', 'fit'] });"
            "const liked = await films.recommend({ likes: ['5'], dislikes: ['soap'] }, { limit: 1, all: true });"
            "const typed = await films.suggest('Star', { limit: 1 });"
            "const counted = await films.facets({ text: 'ship', all: true });"
            "const map = await films.map(3);"
            "const [named, film] = [await films.movie('5', { fields: ['title'] }), await films.movie('Ghostbusters')];"
            "return { found, alike, liked, typed, counted, map, named, film };",
        )
        assert (
            found["found"]["results"]
            == httpx.get(f"{url}/search?q=space+ships&limit=1&fields=title,fit").json()["results"]
        )
        assert found["found"]["facets"] == httpx.get(f"{url}/search?q=space+ships&facets=true").json()["facets"]
        assert [film["title"] for film in found["alike"]["results"]] == ["Ghostbusters II"]
        assert found["liked"]["results"][0]["title"] == "Ghostbusters II"
        assert found["typed"]["suggestions"][0]["title"] == "Star Trek: Generations"
        assert found["named"] == {"title": "Ghostbusters"}
        assert (found["counted"]["total"], len(found["map"]["id"]), found["film"]["id"]) == (6, 3, "5")


def test_highlights_are_cut_where_they_stand_behind_an_emoji_too(page: Page, tmp_path: Path) -> None:
    plot = "\U0001f680\U0001f469\u200d\U0001f680 A ship, \U0001f47b and another ship."
    with Plotseek(tmp_path) as films:
        films.ingest([{"title": "Two Ships", "plot": plot}])
    with service(tmp_path) as url:
        page.goto(f"{url}/docs")
        script = (
            "const [hit] = (await films.search('a ship', { all: true, highlight: true })).results;"
            "return [marked(hit.plot, hit.highlights.plot), marked(hit.plot), marked('', [])];"
        )
        parts, whole, nothing = said(page, url, script)
    told = [(part["text"], part["marked"]) for part in parts]
    before, between, after = plot.split("ship")
    assert told == [(before, False), ("ship", True), (between, False), ("ship", True), (after, False)]
    assert (whole, nothing) == ([{"text": plot, "marked": False}], [])


def test_what_goes_wrong_is_a_problem_in_words(page: Page, seed_store: Path) -> None:
    with service(seed_store) as url:
        page.goto(f"{url}/docs")
        caught = ".catch((error) => [error instanceof Problem, error.status, error.message]);"
        asked = f"return films.movie('Ghostbuster'){caught}"
        words = "no film has the id or title 'Ghostbuster'; did you mean 'Ghostbusters' or 'Ghostbusters II'?"
        assert said(page, url, asked) == [True, 404, words]
        given_up = (
            "const stop = new AbortController();"
            "const asked = films.search('ship', { signal: stop.signal });"
            "stop.abort();"
            "return asked.catch((error) => error.name);"
        )
        assert said(page, url, given_up) == "AbortError"
        at_once = "return (await films.search({ text: 'ghosts', limit: 1 })).results.length"
        assert said(page, url, at_once) == 1
        away = f"http://127.0.0.1:{free_port()}"
        nobody = (
            f"return new Plotseek('{away}').movie('5').catch((error) => [error.name, error.status, error.message]);"
        )
        name, status, told = said(page, url, nobody)
        assert (name, status, told.startswith(f"{away}/ does not answer: ")) == ("Problem", 0, True)


def test_a_page_elsewhere_imports_it_where_the_service_allows_that(
    page: Page, seed_store: Path, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "keys", "page", Role.READ)
    shown = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n<p>A page.</p>"
    with saying(shown) as port:
        elsewhere = f"http://127.0.0.1:{port}"
        guarded = {"keys_file": tmp_path / "keys", "require_key": "always", "cors_origins": (elsewhere,)}
        with service(seed_store, **guarded) as url:
            page.goto(elsewhere)
            asked = "return (await films.search('space ships', { limit: 1 })).results[0].title;"
            assert said(page, url, asked, key) == "Star Trek: Generations"
            refused = said(page, url, "return films.search('ships').catch((error) => [error.status, error.message]);")
            assert refused[0] in (0, 401)  # a refusal at the door says nothing to pages elsewhere
