"""What there is, for who asked for something else: addresses and what can be done with each."""

from collections.abc import Sequence
from difflib import get_close_matches
from html import escape

from starlette.requests import Request
from starlette.routing import BaseRoute, Match

PAGES = ("/", "/docs", "/openapi.json", "/static/plotseek.js")
"""Addresses for people and for programs that read about the others."""

_FILMS = ("movies", "movie", "films", "film", "titles", "documents")
_INSTEAD = {
    "GET": "; GET /search?filter=... lists films, GET /movies/{name} is one",
    "PUT": "; PUT /movies puts a film, whose id is in the body",
    "POST": "; PUT /movies puts films",
    "PATCH": "; PUT /movies replaces a film as a whole, by the id in the body",
    "DELETE": "; DELETE /movies/{name} deletes one, by its id",
}
"""What was meant by a method that an address of films does not take."""


def no_such_address(path: str, routes: Sequence[BaseRoute]) -> str:
    """One line for an address that is none, which it does not repeat, with the nearest one and all of them."""
    there = _paths(routes)
    near = get_close_matches(_usual(path), there, 1)
    meant = f"; did you mean {near[0]}?" if near else "."
    return f"there is no such address{meant} There are {', '.join(there)}; /docs describes them"


_LOST = """<!doctype html>
<html lang="{language}">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{what} · plotseek</title>
  <link rel="icon" href="{root}/static/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="{root}/static/base.css">
  <link rel="stylesheet" href="{root}/static/reference.css">
</head>
<body>
<main class="reference">
<h1>{what}</h1>
<p>{why}</p>
<p><a href="{root}/">{instead}</a></p>
</main>
</body>
</html>
"""
_LOST_WORDS = {
    "en": ("There is no such page", "Its address may be misspelt, or not whole.", "Look for a film"),
    "de": ("Diese Seite gibt es nicht", "Vielleicht fehlt etwas an ihrer Adresse.", "Einen Film suchen"),
}


def wants_page(request: Request) -> bool:
    """Whether a browser asks, for somebody who reads."""
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def lost_page(request: Request) -> str:
    """The page for an address that is none, in the first language of the browser: German or else English."""
    language = "de" if request.headers.get("accept-language", "").lower().startswith("de") else "en"
    what, why, instead = _LOST_WORDS[language]
    root = escape(request.scope.get("root_path", ""))
    return _LOST.format(language=language, what=what, why=why, instead=instead, root=root)


def not_done_here(request: Request, methods: Sequence[str]) -> str:
    """One line for a method that an address does not take."""
    known = request.url.path.startswith("/movies")
    hint = _INSTEAD.get(request.method, "") if known and request.method not in methods else ""
    return f"{request.method[:20]} is not for {request.url.path[:100]!r}; it takes {' and '.join(methods)}{hint}"


def methods_of(routes: Sequence[BaseRoute], request: Request) -> list[str]:
    """What can be done with an address; the framework names only what its first route can do."""
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    # Those of the most special pattern: /movies/{name} matches /movies/{name}/similar, too.
    same = [route for route in matching if getattr(route, "path", "") == getattr(matching[0], "path", "")]
    return sorted({method for route in same for method in getattr(route, "methods", None) or ()})


def _usual(path: str) -> str:
    """An address as it is written here: what other services call films is /movies, and a name is {name}."""
    first, *more = path.strip("/").lower()[:100].split("/")
    first = "movies" if get_close_matches(first, _FILMS, 1) else first
    return "/" + "/".join(
        [first, *("{name}" if first == "movies" and not place else each for place, each in enumerate(more))]
    )


def _paths(routes: Sequence[BaseRoute]) -> list[str]:
    paths = [str(getattr(route, "path", "")).replace(":path}", "}") for route in routes]
    return list(dict.fromkeys([*paths, *PAGES]))
