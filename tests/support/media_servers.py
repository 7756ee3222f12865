"""Small servers that speak the interfaces of Jellyfin, Plex and Radarr, as far as their films go."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "s3cret"
_PLOTS = ("A space ship is lost.", "A ghost in love.", "A shark in a dream.", "A robot at war.")


class MediaServerDouble(ThreadingHTTPServer):
    """A server with films that a test may change; it keeps what it was asked."""

    def __init__(self, kind: str, films: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kind = kind
        self.films = [FILM[kind](number) for number in range(1, films + 1)]
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.redirect = ""
        """Where every question is sent on to."""
        self.cut = False
        """Whether answers end in the middle."""
        self.lose_on_page = 0
        """A page before which the first film goes."""
        self.released = threading.Event()
        self.silent = False


class _Handler(BaseHTTPRequestHandler):
    server: MediaServerDouble

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.path)
        server.headers.append(dict(self.headers))
        if server.silent:
            server.released.wait(20)
            return
        if server.redirect:
            self._send(302, b"", {"Location": server.redirect + self.path})
            return
        if not self._allowed():
            self._send(401, b"")
            return
        parts = urlsplit(self.path)
        answer = ANSWERS[server.kind](
            server, parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}
        )
        body = json.dumps(answer).encode()
        self._send(404 if answer is None else 200, body[: len(body) // 2] if server.cut else body)

    def _allowed(self) -> bool:
        held = {"jellyfin": ("Authorization", f'MediaBrowser Token="{KEY}"'), "plex": ("X-Plex-Token", KEY),
                "radarr": ("X-Api-Key", KEY)}  # fmt: skip
        name, value = held[self.server.kind]
        return self.headers.get(name) == value

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silence."""


def _page(server: MediaServerDouble, start: int, size: int) -> list[dict[str, Any]]:
    if server.lose_on_page and start // size == server.lose_on_page:
        del server.films[0]
    return server.films[start : start + size]


def _jellyfin(server: MediaServerDouble, path: str, query: Mapping[str, str]) -> object:
    if path != "/Items" or (query["IncludeItemTypes"], query["Recursive"]) != ("Movie", "true"):
        return None
    items = _page(server, int(query["StartIndex"]), int(query["Limit"]))
    if query.get("CollapseBoxSetItems") != "false":  # as it does for API keys
        items = [{"Id": "b1", "Name": "Both Parts", "Type": "BoxSet"}, *items[2:]]
    return {"Items": items, "TotalRecordCount": len(server.films), "StartIndex": int(query["StartIndex"])}


def _plex(server: MediaServerDouble, path: str, query: Mapping[str, str]) -> object:
    if path == "/identity":
        return {"MediaContainer": {"machineIdentifier": "m1", "version": "1"}}
    if path == "/library/sections":
        sections = [{"key": "1", "type": "movie", "title": "Films"}, {"key": "2", "type": "show", "title": "Series"}]
        return {"MediaContainer": {"size": 2, "Directory": sections}}
    if path.startswith("/library/metadata/"):
        wanted = path.removeprefix("/library/metadata/").split(",")
        return {"MediaContainer": {"Metadata": [film for film in server.films if film["ratingKey"] in wanted]}}
    if path != "/library/sections/1/all" or query["includeGuids"] != "1":
        return None
    start = int(query["X-Plex-Container-Start"])
    items = _page(server, start, int(query["X-Plex-Container-Size"]))
    lists = {"Genre": 2, "Role": 3}
    listed = [item | {name: item[name][:most] for name, most in lists.items()} for item in items]
    more = {"Metadata": listed} if items else {}
    return {"MediaContainer": {"size": len(items), "totalSize": len(server.films), "offset": start, **more}}


def _radarr(server: MediaServerDouble, path: str, _: Mapping[str, str]) -> object:
    return server.films if path == "/api/v3/movie" else None


ANSWERS = {"jellyfin": _jellyfin, "plex": _plex, "radarr": _radarr}


def _jellyfin_film(number: int) -> dict[str, Any]:
    return {
        "Id": f"{number:08x}", "Name": f"Film {number}", "Overview": f"{_PLOTS[number % 4]} {number}", "Type": "Movie",
        "ProductionYear": 1984, "RunTimeTicks": 54_000_000_000, "Genres": ["Drama"], "CommunityRating": 7.5,
        "ProviderIds": {"Imdb": f"tt{number:07}", "Tmdb": str(number)}, "ImageTags": {"Primary": "abc"},
        "People": [{"Name": "Ada Stern", "Type": "Director"}, {"Name": "Bo Lind", "Type": "Actor"}],
        "UserData": {"PlayCount": 3},
    }  # fmt: skip


def _plex_film(number: int) -> dict[str, Any]:
    return {
        "ratingKey": str(number), "key": f"/library/metadata/{number}", "guid": f"plex://movie/{number}",
        "type": "movie", "title": f"Film {number}", "summary": f"{_PLOTS[number % 4]} {number}", "year": 1984,
        "duration": 5_400_000,
        "Guid": [{"id": f"imdb://tt{number:07}"}, {"id": f"tmdb://{number}"}], "audienceRating": 7.5,
        "Genre": [{"tag": "Drama"}], "Director": [{"tag": "Ada Stern"}], "Role": [{"tag": "Bo Lind"}],
        "thumb": f"/library/metadata/{number}/thumb/1", "viewCount": 2,
    }  # fmt: skip


def _radarr_film(number: int) -> dict[str, Any]:
    return {
        "id": number, "title": f"Film {number}", "overview": f"{_PLOTS[number % 4]} {number}", "year": 1984,
        "runtime": 90, "imdbId": f"tt{number:07}", "tmdbId": number, "genres": ["Drama"], "hasFile": number % 2 == 1,
        "ratings": {"imdb": {"value": 7.5, "votes": 12}}, "tags": [1, 3], "titleSlug": str(number),
        "images": [{"coverType": "poster", "url": f"/MediaCover/{number}/poster.jpg?lastWrite=1",
                    "remoteUrl": f"https://example.org/{number}.jpg"}],
        "sizeOnDisk": 1000,
    }  # fmt: skip


FILM = {"jellyfin": _jellyfin_film, "plex": _plex_film, "radarr": _radarr_film}


@contextmanager
def media_server(kind: str, films: int = 4) -> Iterator[MediaServerDouble]:
    """A running server with so many films."""
    with MediaServerDouble(kind, films) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
