"""Radarr's films: https://radarr.video/docs/api, `GET /api/v3/movie`, which has no pages."""

from urllib.parse import quote

from ingest.servers.media_server import Inquiry
from ingest.servers.pages import Item, Page

_COLUMNS = (
    "title", "originalTitle", "originalLanguage", "overview", "year", "genres", "keywords", "runtime", "ratings",
    "images", "imdbId", "tmdbId",
)  # fmt: skip


def headers(key: str) -> dict[str, str]:
    """What proves that we may ask."""
    return {"X-Api-Key": key}


def read_films(inquiry: Inquiry) -> list[dict[str, object]]:
    """The films whose file is there; with `wanted` all."""
    answer = inquiry.get("/api/v3/movie")
    items = Page.of(inquiry, answer, len(answer) if isinstance(answer, list) else None).items
    return [_row(inquiry.server.address, item) for item in items if item.get("hasFile") or inquiry.server.wanted]


def _row(url: str, item: Item) -> dict[str, object]:
    slug = quote(str(item.get("titleSlug") or item.get("tmdbId")), safe="")
    row = {name: item[name] for name in _COLUMNS if name in item}
    return row | {"id": f"radarr:{item.get('id')}", "link": f"{url}/movie/{slug}"}
