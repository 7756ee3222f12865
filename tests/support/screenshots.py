"""The pictures of README: `python -m tests.support.screenshots http://127.0.0.1:8080` beside `make serve`."""

import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.support.browser import PHONE, Visitor, browsing

DOCS = Path(__file__).parents[2] / "docs"


def main(url: str) -> None:
    with browsing() as browser:
        visitor = Visitor(browser, url)

        def taken(name: str, page: Page) -> None:
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(500)
            page.screenshot(path=DOCS / f"page-{name}.png")

        def opened(address: str, **settings: Any) -> Page:
            return visitor.open(address, **{"viewport": {"width": 1280, "height": 820}, **settings})

        search = opened("/?q=a robot learns to feel&like=85&dislike=92")
        search.locator(".why-button").first.click()
        taken("search", search)
        taken("map", opened("/?view=map&q=space ship"))
        taken("phone", opened("/?q=ein Roboter lernt zu fühlen", locale="de-DE", **PHONE))
        taken("dark", opened("/?q=a submarine hunts in the deep&film=83", color_scheme="dark"))


if __name__ == "__main__":
    main(sys.argv[1])
