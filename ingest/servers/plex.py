"""Plex' films: https://developer.plex.tv/pms, as JSON.

A list of a library has of each film two genres and three actors, the film itself has all: films are asked for a second
time, a page of them at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from ingest.servers.media_server import Inquiry
from ingest.servers.pages import PAGE, Item, Page, all_items

_COLUMNS = (
    "title", "originalTitle", "summary", "year", "originallyAvailableAt", "Genre", "Director", "Role", "Country",
    "duration", "audienceRating", "rating", "Guid", "type",
)  # fmt: skip


def headers(key: str) -> dict[str, str]:
    """What proves that we may ask, and that we want JSON."""
    return {"X-Plex-Token": key, "Accept": "application/json"}


def read_films(inquiry: Inquiry) -> list[dict[str, object]]:
    """The films of all libraries of films. Images of Plex need the key: none is stored."""
    machine = str(_container(inquiry, "/identity").get("machineIdentifier"))
    sections = _container(inquiry, "/library/sections").get("Directory", [])
    rows = []
    for section in sections if isinstance(sections, list) else ():
        if isinstance(section, dict) and section.get("type") == "movie":
            page_at = partial(_page, inquiry, str(section.get("key")))
            rows += [_row(inquiry.server.address, machine, item) for item in all_items(inquiry, page_at, "ratingKey")]
    return rows


def _page(inquiry: Inquiry, section: str, start: int) -> Page:
    answer = _container(
        inquiry, f"/library/sections/{quote(section, safe='')}/all", type=1, includeGuids=1, sort="addedAt",
        **{"X-Plex-Container-Start": start, "X-Plex-Container-Size": PAGE},
    )  # fmt: skip
    page = Page.of(inquiry, answer.get("Metadata", []), answer.get("totalSize", answer.get("size")))
    return replace(page, items=_whole(inquiry, page.items))


def _whole(inquiry: Inquiry, listed: Sequence[Item]) -> list[Item]:
    """Films with all that is known of them, but as they are listed where they went meanwhile."""
    if not listed:
        return []
    names = ",".join(quote(str(item.get("ratingKey")), safe="") for item in listed)
    answer = _container(
        inquiry, f"/library/metadata/{names}", includeGuids=1,
        **{"X-Plex-Container-Start": 0, "X-Plex-Container-Size": PAGE},
    )  # fmt: skip
    told = Page.of(inquiry, answer.get("Metadata", []), 0).items
    whole = {str(item.get("ratingKey")): item for item in told}
    return [whole.get(str(item.get("ratingKey")), item) for item in listed]


def _container(inquiry: Inquiry, path: str, **parameters: str | int) -> Mapping[str, Any]:
    answer = inquiry.get(path, **parameters)
    container = answer.get("MediaContainer") if isinstance(answer, dict) else None
    if not isinstance(container, dict):
        raise inquiry.strange()
    return container


def _row(url: str, machine: str, item: Item) -> dict[str, object]:
    identity = str(item.get("ratingKey"))
    details = quote(f"/library/metadata/{identity}", safe="")
    link = f"{url}/web/index.html#!/server/{quote(machine, safe='')}/details?key={details}"
    row = {name: item[name] for name in _COLUMNS if name in item}
    return row | {"id": f"plex:{identity}", "link": link}
