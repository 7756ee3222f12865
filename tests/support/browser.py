"""A real Chromium without a window, and pages of the service in it that may load nothing from elsewhere."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
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
