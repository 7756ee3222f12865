"""A real Chromium without a window, and pages of the service in it that may load nothing from elsewhere."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
POSTER = "https://posters.example/odd.png"
MARKUP = "<img src=x onerror=alert(1)> & <b>Bold</b>"
HOSTILE: dict[str, Any] = {
    "id": "a/b?c#d",
    "title": MARKUP,
    "plot": "<script>alert(2)</script> A clown hides in the attic of a bakery. The baker's cat alone knows.",
    "year": 2024,
    "genres": ["<i>Odd</i>"],
    "rating": 8.5,
    "poster": POSTER,
    "votes": 1234,
    "directors": ['Ann "A" Bee'],
    "countries": ["France", "United States"],
    "languages": ["Japanese"],
    "imdb_id": "tt0111161",
    "tmdb_id": 278,
    "link": "http://nas.example:8096/web/#/details?id=1",
}
"""A film whose every text is markup."""
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="2" height="3"/>'
READ_BACK = "Canvas2D: Multiple readback"
"""Advice to who reads a canvas, which tests alone do."""
REFUSED = "Failed to load resource"
"""How the browser's console tells of every status above 399."""


def chromium() -> str:
    """Where it is; without one the test is skipped, but never where everything is to be tested."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    missing = "there is no chromium: apt-get install chromium"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@contextmanager
def browsing() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """Opens pages of a service, and remembers whatever went wrong in them."""

    browser: Browser
    url: str
    poster: str = ""
    """The one address elsewhere that may be asked for: a picture that a catalogue names."""
    may_refuse: bool = False
    """Whether the service may say no, which the console then tells."""
    posters: int = 0
    """How often the poster was asked for."""
    wrong: list[str] = field(default_factory=list)

    def open(self, address: str = "/", **settings: Any) -> Page:
        """A page in a browser of its own, without a history: `settings` are those of a Playwright context."""
        chosen: dict[str, Any] = {"locale": "en-US", "viewport": {"width": 1280, "height": 900}, **settings}
        page = self.browser.new_context(**chosen).new_page()
        if self.poster:
            page.route(self.poster, lambda route: route.fulfill(body=PICTURE, content_type="image/svg+xml"))
        page.set_default_timeout(15_000)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("request", self._asked)
        page.goto(self.url + address)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        expected = self.may_refuse and message.text.startswith(REFUSED)
        expected = expected or message.text.startswith(READ_BACK)
        if message.type in ("error", "warning") and not expected:
            self.wrong.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if request.url == self.poster:
            self.posters += 1
        elif address.scheme != "data" and address.netloc != urlsplit(self.url).netloc:
            self.wrong.append(f"asked elsewhere: {request.url}")

    def close(self) -> None:
        for context in self.browser.contexts:
            context.close()


def box(page: Page) -> Locator:
    return page.locator("#q")


def search(page: Page, text: str) -> None:
    box(page).fill(text)
    box(page).press("Enter")
    expect(page.locator("#heading")).to_contain_text(text)


def titles(page: Page) -> list[str]:
    return page.locator("#films h3").all_inner_texts()


def card(page: Page, title: str) -> Locator:
    return page.locator("#films .film").filter(has=page.get_by_role("heading", name=title, exact=True))


def said(page: Page) -> dict[str, Any]:
    """What the address says."""
    return dict(page.evaluate("Object.fromEntries(new URLSearchParams(location.search))"))
