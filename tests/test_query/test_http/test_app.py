"""The service over real sockets: what it answers, what it refuses, and that it stays up."""

import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from jsonschema_rs import validator_for

from catalog.config import load_config
from ingest.run import Request, run
from query.client import PlotseekClient
from query.http.middleware import CONTENT_POLICY
from query.models import PAGE_ALONE
from tests.conftest import SEED
from tests.support.service import service

pytestmark = pytest.mark.slow

FILMS = SEED["movies"]
TREK = "Star Trek: Generations"


@pytest.fixture(scope="module")
def url(seed_store: Path) -> Iterator[str]:
    with service(seed_store) as address:
        yield address


@pytest.fixture(scope="module")
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=20) as client:
        yield client


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/search?q=space&filters=year:1980s", "unknown parameter 'filters'; did you mean 'filter'?"),
        ("/facets?liked=1", "unknown parameter 'liked'; did you mean 'like'?"),
        ("/search?query=space", "unknown parameter 'query'; did you mean 'q'?"),
        ("/search?q=a&hitsPerPage=3", "unknown parameter 'hitsPerPage'; did you mean 'limit'?"),
        ("/search?q=a&fields=", None),
        ("/movies/1?fields=", None),
        *[(f"/facets?q=a&{name}=1", f"unknown parameter '{name}'; allowed are") for name in PAGE_ALONE],
        *[
            (f"/movies/5/similar?{name}=1", f"unknown parameter '{name}'; allowed are")
            for name in ("literal", "disregard", "highlight", "min_confidence", "ratings")
        ],
        ("/search?q=a&text=b", "'q' and 'text' are the same; send one of them"),
        ("/search?q=a&fields=id,titel", "fields: no film has a field 'titel'; did you mean 'title'?"),
        ("/suggest?q=a&xyz=1", "unknown parameter 'xyz'; allowed are q, limit"),
        ("/map?xyz=1", "unknown parameter 'xyz'; allowed are limit"),
        ("/movies/1?why=1", "unknown parameter 'why'; allowed are fields"),
        ("/movies/1?fields=id,titel", "fields: no film has a field 'titel'; did you mean 'title'?"),
    ],
)
def test_a_parameter_that_is_none_is_refused(http: httpx.Client, address: str, said: str | None) -> None:
    refused = http.get(address)
    if said is None:
        assert (refused.status_code, "plot" in refused.text) == (200, True)
    else:
        cut = len(said) if said.endswith("allowed are") else None
        assert (refused.status_code, refused.json()["detail"][:cut]) == (400, said)


@pytest.mark.parametrize(
    ("page", "body", "lines"),
    [
        (
            "/search?limt=3&ofset=2",
            None,
            ["unknown parameter 'limt'; did you mean 'limit'?", "unknown parameter 'ofset'; did you mean 'offset'?"],
        ),
        (
            "/search",
            [{"query": "a"}, {"q": "a"}, {"q": "a", "page": 2, "order": "year"}],
            [
                "question 1: unknown parameter 'query'; did you mean 'text'?",
                "question 3: unknown parameter 'page'; did you mean 'offset'?",
                "question 3: unknown parameter 'order'; did you mean 'sort'?",
            ],
        ),
        (
            "/search",
            {"q": 7, "like": "5", "dislikes": [3]},
            ["q must be a text, not 7", "like must be a list, not '5'", "dislikes.0 must be a text, not 3"],
        ),
    ],
)
def test_all_that_is_wrong_is_told_at_once_by_the_names_that_were_given(
    http: httpx.Client, page: str, body: object, lines: list[str]
) -> None:
    refused = http.get(page) if body is None else http.post(page, json=body)
    problem = refused.json()
    assert (problem["errors"], problem["detail"]) == (lines, "; ".join(lines))


def test_what_fields_name_is_asked_for(http: httpx.Client) -> None:
    (film,) = http.get("/search?q=soap&limit=1&fields=why,highlights").json()["results"]
    assert (film["why"]["words"], set(film)) == (["soap"], {"why", "highlights"})


@pytest.mark.parametrize("page", ["/search", "/recommend", "/facets"])
def test_a_slip_in_a_body_is_told_like_one_in_an_address(http: httpx.Client, page: str) -> None:
    refused = http.post(page, json={"likes": ["1"], "filters": "year:1980s"})
    said = "unknown parameter 'filters'; did you mean 'filter'?"
    assert (refused.status_code, refused.json()["detail"]) == (400, said)


def fill(store: Path, *films: dict[str, object]) -> None:
    """Bring a store to these films."""
    path = store.with_suffix(".json")
    path.write_text(json.dumps(films), encoding="utf-8")
    config = load_config(None, {"PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": "bundled"})
    run(config, Request(str(path), allow_deletes=True))


def untimed(response: httpx.Response) -> dict[str, Any]:
    """An answer without how long it took."""
    answer: dict[str, Any] = response.json()
    assert answer.pop("took_ms") >= 0
    return answer


def test_search_answers_like_the_command(http: httpx.Client) -> None:
    response = http.get("/search", params={"q": "I want a movie with space ships", "limit": 2})
    answer = response.json()
    assert response.status_code == 200
    assert answer.pop("took_ms") > 0
    assert list(answer) == ["query", "model", "results", "total", "total_is_exact", "generation", "notes", "understood"]
    assert (answer["query"], answer["model"]) == ("I want a movie with space ships", "bundled")
    assert answer["results"][0]["title"] == TREK
    assert answer["results"][0]["score"] == pytest.approx(0.308, abs=0.002)
    assert len(answer["results"]) == 2
    assert response.headers["x-catalog-generation"] == str(answer["generation"])


def test_a_long_question_goes_into_a_body_and_answers_the_same(http: httpx.Client) -> None:
    asked = {"text": "space ships", "limit": 3, "why": True, "all": True}
    posted = http.post("/search", json=asked)
    got = http.get("/search", params={"q": "space ships", "limit": 3, "why": True, "all": True})
    assert untimed(posted) == untimed(got)
    assert set(posted.json()["results"][0]["why"]) == {"ranks", "words", "sentence", "sentences"}


def test_a_batch_answers_each_question_in_order(http: httpx.Client) -> None:
    answers = http.post("/search", json=[{"text": "soap", "limit": 1}, {"likes": ["5"], "limit": 1}]).json()
    assert [answer["query"] for answer in answers] == ["soap", {"like": ["5"]}]
    assert [answer["results"][0]["title"] for answer in answers] == ["Fight Club", "Ghostbusters II"]
    assert len({answer["generation"] for answer in answers}) == 1


def test_pages_do_not_overlap(http: httpx.Client) -> None:
    pages = [
        http.get("/search", params={"q": "a ship", "limit": 2, "offset": at, "all": True}).json() for at in (0, 2, 4)
    ]
    ids = [film["id"] for page in pages for film in page["results"]]
    assert sorted(ids) == sorted(str(film["id"]) for film in FILMS)


def test_a_film_by_its_id(http: httpx.Client) -> None:
    film = http.get("/movies/1").json()
    assert (film["id"], film["title"], film["plot"]) == ("1", TREK, FILMS[0]["plot"])


def test_an_id_may_end_like_an_address(tmp_path: Path) -> None:
    fill(tmp_path / "store", *FILMS, {**FILMS[0], "id": "7/similar"})
    with service(tmp_path / "store") as url, PlotseekClient(url) as films:
        assert films.movie("7/similar").id == "7/similar"
        assert httpx.get(f"{url}/movies/7%2Fsimilar").json()["id"] == "7/similar"
        similar = httpx.get(f"{url}/movies/7%2Fsimilar/similar", params={"limit": 1})
        assert [film["title"] for film in similar.json()["results"]] == [TREK]
        assert httpx.get(f"{url}/movies/7/similar").status_code == 404
        assert httpx.get(f"{url}/movies/1/s%69milar").json()["total"] > 0


def test_similar_leaves_the_film_out(http: httpx.Client) -> None:
    answer = http.get("/movies/5/similar", params={"limit": 10, "all": True}).json()
    assert answer["results"][0]["title"] == "Ghostbusters II"
    assert "5" not in [film["id"] for film in answer["results"]]


def test_recommend_takes_likes_dislikes_and_words(http: httpx.Client) -> None:
    body = {"likes": ["Ghostbusters"], "dislikes": ["blood"], "text": "funny", "exclude": ["1"], "all": True}
    answer = http.post("/recommend", json=body).json()
    assert answer["query"] == {"text": "funny", "like": ["Ghostbusters"], "dislike": ["blood"]}
    assert answer["results"][0]["title"] == "Ghostbusters II"
    assert "1" not in [film["id"] for film in answer["results"]]


def test_what_was_seen_is_left_out_and_ratings_recommend(http: httpx.Client) -> None:
    seen = ["Ghostbusters (1984)", "tmdb:99 Gone (1950)"]
    answer = http.get("/search", params={"q": "ghosts in New York", "seen": seen, "all": True}).json()
    assert answer["results"][0]["title"] == "Ghostbusters II"
    assert "5" not in [film["id"] for film in answer["results"]]
    assert answer["unmatched"] == ["tmdb:99 Gone (1950)"]
    answer = http.post("/recommend", json={"ratings": {"Ghostbusters": 9, "Fight Club": 2}, "seen": ["1"]}).json()
    assert answer["results"][0]["title"] == "Ghostbusters II"
    assert not {"1", "4", "5"} & {film["id"] for film in answer["results"]}
    similar = http.get("/movies/5/similar", params={"seen": "6", "all": True}).json()
    assert not {"5", "6"} & {film["id"] for film in similar["results"]}
    refused = http.post("/recommend", json={"text": "ship", "seen": ["1"]})
    assert (refused.status_code, "name a film in 'likes', or rate one" in refused.text) == (422, True)
    assert http.post("/search", json={"text": "ship", "ratings": {"1": 11}}).status_code == 400


def test_the_page_and_its_files_are_always_asked_for_again(http: httpx.Client) -> None:
    for path, kind in {
        "/": "text/html",
        "/static/main.js": "javascript",
        "/static/base.css": "text/css",
        "/static/icon.svg": "image/svg+xml",
    }.items():
        response = http.get(path)
        assert response.status_code == 200
        assert kind in response.headers["content-type"]
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["content-security-policy"] == CONTENT_POLICY
        again = http.get(path, headers={"If-None-Match": response.headers["etag"]})
        assert (path, again.status_code) == (path, 200 if path == "/" else 304)


def test_suggestions_begin_with_what_was_typed(http: httpx.Client) -> None:
    answer = http.get("/suggest", params={"q": "Star", "limit": 2}).json()
    assert [film["title"] for film in answer["suggestions"]] == [
        TREK,
        "Star Wars: Episode V - The Empire Strikes Back",
    ]
    assert http.get("/suggest", params={"q": "  "}).json() == {"suggestions": []}
    assert http.get("/suggest", params={"q": "zzz"}).json() == {"suggestions": []}


def test_names_from_elsewhere(tmp_path: Path) -> None:
    store = tmp_path / "store"
    fill(
        store,
        {"id": 1, "title": "Alien", "plot": "A ship answers a call.", "tmdb_id": 348, "imdb_id": "tt0078748"},
        {"id": 2, "title": "Jaws", "plot": "A shark hunts swimmers.", "tmdb_id": 578},
    )
    with service(store) as address, httpx.Client(base_url=address) as http:
        assert http.get("/movies/tmdb:348").json()["title"] == "Alien"
        assert http.get("/movies/imdb:tt0078748").json()["title"] == "Alien"
        assert http.get("/movies/tmdb:578/similar?all=true").json()["results"][0]["title"] == "Alien"
        liked = http.post("/recommend", json={"likes": ["tmdb:348"], "all": True}).json()
        assert [film["title"] for film in liked["results"]] == ["Jaws"]
        assert http.get("/movies/tmdb:1").json()["detail"] == "no film has the id 'tmdb:1'"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "name", "detail"),
    [
        (
            "GET",
            "/search",
            None,
            400,
            "usage-error",
            "say what to look for: words, a film that you like, or a filter alone",
        ),
        ("GET", "/search?q=ship&sort=size", None, 400, "usage-error", None),
        ("GET", "/search?q=ship&limit=0", None, 422, "invalid-request", "limit must be 1 or more, not '0'"),
        ("GET", "/search?q=ship&limit=1001", None, 422, "invalid-request", "limit must be 1000 or less, not '1001'"),
        ("GET", "/search?q=a&limit=many", None, 422, "invalid-request", "limit must be a whole number, not 'many'"),
        ("GET", "/search?q=a&by=size", None, 422, "invalid-request", "by must be story or taste, not 'size'"),
        ("GET", "/search?q=a&all=perhaps", None, 422, "invalid-request", "all must be true or false, not 'perhaps'"),
        ("POST", "/search", None, 422, "invalid-request", "the body is missing"),
        ("POST", "/search", '[{"q": "a", "limit": "x"}]', 422, "invalid-request", None),
        ("GET", "/search?q=" + "x" * 1001, None, 400, "usage-error", None),
        ("GET", "/search?q=" + "x" * 20_000, None, 413, "request-too-large", None),
        ("GET", "/movies/99", None, 404, "movie-not-found", "no film has the id or title '99'"),
        ("GET", "/movies/99/similar", None, 404, "movie-not-found", "no film has the id or title '99'"),
        ("GET", "/movies/", None, 404, "movie-not-found", None),
        ("GET", "/nothing", None, 404, "not-found", None),
        ("GET", "/static/../query/server.py", None, 404, "not-found", None),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", None, 404, "not-found", None),
        ("PUT", "/search", None, 405, "method-not-allowed", "PUT is not for '/search'; it takes GET and POST"),
        ("POST", "/search", "{", 422, "invalid-request", "the body is no JSON that can be read"),
        ("POST", "/search", '{"text": 5}', 422, "invalid-request", "text must be a text, not 5"),
        ("POST", "/search", '{"txt": "ship"}', 400, "usage-error", "unknown parameter 'txt'; did you mean 'text'?"),
        ("POST", "/search", "[]", 422, "invalid-request", "the body needs 1 or more entries"),
        ("POST", "/search", "[" * 100_000, 400, "bad-request", None),
        ("POST", "/search", " " * 300_000, 413, "request-too-large", None),
        ("POST", "/recommend", '{"likes": []}', 422, "invalid-request", None),
        (
            "POST",
            "/recommend",
            '{"likes": ["Ghostbuster"]}',
            404,
            "movie-not-found",
            None,
        ),
        ("POST", "/admin/ingest", None, 401, "access-denied", None),
        ("GET", "/admin/ingest", None, 401, "access-denied", None),
        ("GET", "//admin/ingest", None, 404, "not-found", None),
        ("PUT", "/movies", '{"title": "x"}', 401, "access-denied", None),
        ("DELETE", "/movies/1", None, 401, "access-denied", None),
        ("DELETE", "/%6dovies/1", None, 401, "access-denied", None),
        ("DELETE", "//movies/1", None, 404, "not-found", None),
        ("GET", "/changes/1", None, 401, "access-denied", None),
    ],
)
def test_a_wrong_request_is_a_problem(
    http: httpx.Client, method: str, path: str, body: str | None, status: int, name: str, detail: str | None
) -> None:
    response = http.request(method, path, content=body, headers={"Content-Type": "application/json"})
    problem = response.json()
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert (problem["type"], problem["status"]) == (f"urn:plotseek:{name}", status)
    assert problem["title"]
    assert detail is None or problem["detail"] == detail
    assert "/store" not in response.text
    assert http.get("/healthz").status_code == 200


@pytest.mark.parametrize("page", ["/search", "/recommend", "/facets"])
@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain; charset=utf-8", "multipart/form-data"]
)
def test_a_body_that_does_not_say_that_it_is_json_is_told_so(http: httpx.Client, page: str, kind: str) -> None:
    """Nor is it read: a form of a page elsewhere may send these without being asked for leave."""
    body = b'{"likes": ["1"]}'
    refused = http.post(page, content=body, headers={"Content-Type": kind})
    said = f"Content-Type is {kind.partition(';')[0]!r}; send JSON, and say so: Content-Type: application/json"
    assert (refused.status_code, refused.json()["detail"]) == (400, said)
    untold = http.post(page, content=body)
    assert untold.json()["detail"] == "there is no Content-Type; send JSON, and say so: Content-Type: application/json"
    for right in ("application/json; charset=utf-8", "application/vnd.films+json"):
        assert http.post(page, content=body, headers={"Content-Type": right}).status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([{"q": "a"}, {"limit": "x"}], ["question 2: limit must be a whole number, not 'x'"]),
        ({"q": "a", "limit": True}, ["limit must be a whole number, not true"]),
        (
            {"text": "a", "likes": [1], "why": "yes"},
            ["likes.0 must be a text, not 1", "why must be true or false, not 'yes'"],
        ),
        ({"text": "a", "exclude": ["1"] * 10_001}, ["exclude has 10001 entries; allowed are 10000"]),
        ("a", ['the body must be an object, as in {"text": "a ship"}']),
    ],
)
def test_each_part_that_is_wrong_is_told_in_our_words(http: httpx.Client, body: object, said: list[str]) -> None:
    assert http.post("/search", json=body).json()["errors"] == said


def test_words_and_films_have_the_same_names_in_addresses_and_bodies(http: httpx.Client) -> None:
    asked = [
        http.get("/search", params={"q": "space", "like": "Ghostbusters", "dislike": "soap"}),
        http.get("/search", params={"text": "space", "likes": "Ghostbusters", "dislikes": ["soap"]}),
        http.post("/search", json={"q": "space", "like": ["Ghostbusters"], "dislike": ["soap"]}),
        http.post("/search", json={"text": "space", "likes": ["Ghostbusters"], "dislikes": ["soap"]}),
    ]
    assert len({json.dumps(untimed(each)) for each in asked}) == 1


def test_a_film_is_named_by_id_or_title_everywhere(http: httpx.Client) -> None:
    assert http.get("/movies/ghostbusters").json()["id"] == "5"
    by_id, by_title = (http.get(f"/movies/{name}/similar", params={"all": True}) for name in ("5", "Ghostbusters"))
    assert by_id.json()["results"] == by_title.json()["results"]
    assert http.get("/movies/a man in space/similar").status_code == 404  # words are no film
    left = http.post("/search", json={"q": "ghosts", "all": True, "exclude": ["Ghostbusters", "tmdb:1"]}).json()
    assert "Ghostbusters" not in [film["title"] for film in left["results"]]
    assert len(left["results"]) == 5


def test_an_answer_has_the_fields_that_are_asked_for(http: httpx.Client) -> None:
    answer = http.get("/search?q=space+ships&fields=title,fit&limit=2&facets=true&highlight=true").json()
    assert [set(film) for film in answer["results"]] == [{"title", "fit", "highlights"}] * 2
    assert answer["facets"]
    found = http.post("/search", json={"q": "soap ghosts", "highlight": True, "fields": ["plot", "highlights"]}).json()
    marked = [
        film["plot"][start:end]
        for film in found["results"]
        for start, end in film.get("highlights", {}).get("plot", ())
    ]
    assert marked
    assert {word.lower() for word in marked} <= {"soap", "ghost", "ghosts"}


def test_one_film_has_the_fields_that_are_asked_for(http: httpx.Client) -> None:
    assert http.get("/movies/Ghostbusters?fields=id,title").json() == {"id": "5", "title": "Ghostbusters"}
    assert http.get("/movies/5?fields=title&fields=id").json() == {"title": "Ghostbusters", "id": "5"}


@pytest.mark.parametrize(
    ("second", "status", "said"),
    [
        ({"limt": 3}, 400, "question 2: unknown parameter 'limt'; did you mean 'limit'?"),
        ({"q": "a", "filter": "gnre:War"}, 400, "question 2: "),
        ({"likes": ["Ghostbuster"]}, 404, "question 2: no film has the id or title 'Ghostbuster'; did you mean"),
        ({"q": "a", "fields": ["size"]}, 400, "question 2: fields: no film has a field 'size'; allowed are"),
        ({}, 400, "question 2: say what to look for"),
        ({"q": 5}, 422, "question 2: q must be a text, not 5"),
    ],
)
def test_of_several_questions_the_wrong_one_is_told(
    http: httpx.Client, second: dict[str, Any], status: int, said: str
) -> None:
    refused = http.post("/search", json=[{"q": "a"}, second])
    assert (refused.status_code, refused.json()["detail"].startswith(said)) == (status, True), refused.text


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/movies", 405, "GET is not for '/movies'; it takes PUT; GET /search?filter=... lists films, GET"),
        ("POST", "/movies/new", 405, "POST is not for '/movies/new'; it takes DELETE and GET; PUT /movies puts films"),
        ("GET", "/movies/", 404, "behind /movies/ stands the id or the title of a film; GET /search?filter=... lists"),
        ("GET", "/films/154", 404, "there is no such address; did you mean /movies/{name}? There are"),
        ("GET", "/film/154/similar", 404, "there is no such address; did you mean /movies/{name}/similar? There"),
        ("GET", "/search/?q=a", 404, "there is no such address; did you mean /search? There are"),
    ],
)
def test_what_was_meant_is_guessed(http: httpx.Client, method: str, path: str, status: int, said: str) -> None:
    refused = http.request(method, path)
    assert (refused.status_code, refused.json()["detail"][: len(said)]) == (status, said)


def test_no_answer_holds_a_null_and_times_are_utc(http: httpx.Client) -> None:
    pages = [
        "/search?q=ship&why=true&facets=true",
        "/movies/1",
        "/movies/1/similar",
        "/suggest?q=g",
        "/facets",
        "/status",
    ]
    for page in pages:
        assert "null" not in re.sub(r'"[^"]*"', '""', http.get(page).text)
    status = http.get("/status").json()
    for moment in (status["published"], status["runs"][0]["started"], status["runs"][0]["ended"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment)


def test_an_unknown_address_is_told_what_there_is(http: httpx.Client) -> None:
    said = http.get("/serch").json()["detail"]
    assert said.startswith("there is no such address; did you mean /search? There are /search, /recommend, ")
    assert said.endswith("; /docs describes them")


def test_the_addresses_are_described_on_a_page_that_loads_nothing_from_elsewhere(http: httpx.Client) -> None:
    page = http.get("/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"] == CONTENT_POLICY
    assert "<script" not in page.text
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert loaded
    for address in loaded:
        assert http.get(f"/{address.removeprefix('./')}").status_code == 200
    for path, methods in http.get("/openapi.json").json()["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code></h2>" in page.text


@pytest.mark.parametrize("text", ["\\ud800", "\\u0000", "🛸" * 400, "'; DROP TABLE movies; --", "<script>", "%s%n{0}"])
def test_odd_texts_are_only_texts(http: httpx.Client, text: str) -> None:
    body = f'{{"text": "{text}", "all": true}}'.encode()
    response = http.post("/search", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, len(response.json()["results"])) == (200, 6)


def test_an_etag_saves_the_answer(http: httpx.Client) -> None:
    first = http.get("/search", params={"q": "soap"})
    again = http.get("/search", params={"q": "soap"}, headers={"If-None-Match": first.headers["etag"]})
    other = http.get("/search", params={"q": "soup"}, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert other.status_code == 200
    assert http.get("/movies/1", headers={"If-None-Match": "nonsense"}).status_code == 200


def test_answers_are_compressed_where_that_is_understood(url: str) -> None:
    with httpx.stream("GET", f"{url}/search?q=ship&all=true", headers={"Accept-Encoding": "gzip"}) as response:
        packed = b"".join(response.iter_raw())
    plain = httpx.get(f"{url}/search?q=ship&all=true", headers={"Accept-Encoding": "identity"})
    assert response.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed))["results"] == plain.json()["results"]
    assert "content-encoding" not in plain.headers


def test_every_answer_carries_the_security_headers(http: httpx.Client) -> None:
    for path in ("/healthz", "/nothing", "/search?q=ship", "/admin/ingest"):
        headers = http.get(path).headers
        assert headers["content-security-policy"] == CONTENT_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_health_readiness_status_and_metrics(http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"status": "ok"}
    assert http.get("/readyz").json() == {"status": "ok", "generation": 1}
    status = http.get("/status").json()
    assert (status["films"], status["generation"], status["model"]["name"]) == (6, 1, "bundled")
    assert status["runs"][0]["outcome"] == "ok"
    text = http.get("/metrics").text
    assert "plotseek_catalog_films 6.0\n" in text
    assert 'plotseek_requests_total{route="/readyz",status="200"}' in text
    assert "nothing" not in text


def test_the_openapi_document_has_examples_and_problems(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert {each["operationId"] for each in operations} >= {"search", "search_long", "put_movies", "delete_movie"}
    summaries = {operation["operationId"]: operation["summary"] for operation in operations}
    assert summaries["delete_movie"] == "Delete a film, by its id"
    asked = {each["name"] for each in document["paths"]["/facets"]["get"]["parameters"]}
    assert asked >= {"q", "filter", "limit"}
    assert not asked & set(PAGE_ALONE)
    assert set(document["paths"]) >= {"/search", "/recommend", "/movies/{name}", "/movies/{name}/similar", "/suggest"}
    search = document["paths"]["/search"]
    assert search["get"]["parameters"][0]["name"] in {"q", "filter"}
    assert "application/problem+json" in search["get"]["responses"]["400"]["content"]
    assert document["components"]["schemas"]["SearchBody"]["examples"]
    names = [each["schema"] | each for each in document["paths"]["/movies/{name}"]["delete"]["parameters"]]
    assert names[0]["description"] == "Our id, `tmdb:278`, `imdb:tt0111161` and the like; no title"


@pytest.mark.parametrize("name", ["SearchBody", "RecommendBody"])
def test_the_document_allows_what_the_service_reads(http: httpx.Client, name: str) -> None:
    document = http.get("/openapi.json").json()
    validator = validator_for({"$ref": f"#/components/schemas/{name}", **document})
    for body in ({"q": "rat"}, {"text": "rat", "like": ["5"], "dislike": ["soap"]}, {"likes": ["5"], "dislikes": []}):
        assert validator.is_valid(body), body
    for wrong in ({"query": "rat"}, {"q": 7}, {"like": "5"}):
        assert not validator.is_valid(wrong), wrong


def test_concurrent_questions_get_their_own_answers(http: httpx.Client) -> None:
    words = ["soap", "ghosts in New York", "space ships", "a boxer and gangsters"]
    alone = {text: untimed(http.get("/search", params={"q": text, "all": True})) for text in words}

    def ask(text: str) -> bool:
        with httpx.Client(base_url=str(http.base_url), timeout=20) as client:
            body = {"text": text, "all": True, "popularity": 1.0}
            return untimed(client.post("/search", json=body)) == alone[text]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, words * 8))


def test_a_server_without_a_catalog_starts_says_why_and_follows_the_first_one(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with service(store) as address, httpx.Client(base_url=address) as http:
        refused = http.get("/readyz")
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:plotseek:catalog-missing")
        assert (
            refused.json()["detail"] == "catalog: there is no catalog yet; run 'ingest movies.json' first"
            ", or name the settings of one with --config"
        )
        assert http.get("/healthz").status_code == 200
        fill(store, {"id": 1, "title": "Alien", "plot": "A ship answers a call."})
        assert eventually(lambda: http.get("/readyz").status_code == 200)


def test_a_new_generation_is_followed_without_an_error(tmp_path: Path) -> None:
    store = tmp_path / "store"
    fill(store, {"id": 1, "title": "Alien", "plot": "A ship answers a call."})
    with service(store) as address, httpx.Client(base_url=address) as http:
        before = http.get("/search?q=ship&all=true")
        stop, wrong = threading.Event(), list[str]()

        def ask() -> None:
            while not stop.is_set():
                answer = httpx.get(f"{address}/search?q=ship&all=true")
                films = len(answer.json().get("results", ()))
                if answer.status_code != 200 or films != answer.json()["generation"]:
                    wrong.append(answer.text)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for count in (2, 3):
            fill(store, *({"id": n, "title": f"Alien {n}", "plot": f"Ship {n} calls."} for n in range(1, count + 1)))
            assert eventually(lambda count=count: http.get("/status").json()["generation"] == count)
        stop.set()
        for thread in threads:
            thread.join()
        after = http.get("/search?q=ship&all=true", headers={"If-None-Match": before.headers["etag"]})
    assert wrong == []
    assert (after.status_code, after.headers["x-catalog-generation"]) == (200, "3")


def test_a_damaged_generation_does_not_come_into_force(tmp_path: Path) -> None:
    store = tmp_path / "store"
    fill(store, {"id": 1, "title": "Alien", "plot": "A ship answers a call."})
    with service(store) as address, httpx.Client(base_url=address) as http:
        assert eventually(lambda: http.get("/readyz").status_code == 200)
        broken = store / "generations" / "0002"
        broken.mkdir()
        (broken / "generation.json").write_text("{}", encoding="utf-8")
        (store / "CURRENT").write_text("0002\n", encoding="ascii")
        assert eventually(lambda: "plotseek_catalog_stale 1.0" in http.get("/metrics").text)
        assert http.get("/search?q=ship&all=true").json()["generation"] == 1
        assert http.get("/status").json()["problem"].startswith("catalog/generations/0002/generation.json: ")
        (store / "CURRENT").write_text("0001\n", encoding="ascii")
        assert eventually(lambda: "plotseek_catalog_stale 0.0" in http.get("/metrics").text)


def test_a_slow_body_is_given_up(seed_store: Path) -> None:
    with service(seed_store, deadline=0.5) as address:
        with connected(address) as client:
            client.sendall(b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
            answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 504 ")
        assert b"the body did not come within 0.5 s" in answer + b""
        assert httpx.get(f"{address}/healthz").status_code == 200


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (400, b"GET /search\r\n\r\n"),
        (400, b"\x00\xff\xfe\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        (400, b"GET /healthz HTTP/1.1\r\n\r\n"),
        (413, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"),
        (400, b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}"),
        (400, b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n{}"),
        (400, b"POST /search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        (403, b"GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    ],
)
def test_what_is_not_http_is_refused(url: str, status: int, request_: bytes) -> None:
    with connected(url) as client:
        client.sendall(request_)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(65536).split(b" ")[1] == b"%d" % status
    assert httpx.get(f"{url}/healthz").status_code == 200


def test_a_body_without_a_length_is_counted(url: str) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 10_000

    assert httpx.post(f"{url}/search", content=parts()).status_code == 413


def test_who_leaves_costs_nothing_more(seed_store: Path) -> None:
    with service(seed_store, threads=1) as address:
        asked = json.dumps([{"text": f"a ship number {n}", "why": True, "all": True} for n in range(50)]).encode()
        for _ in range(20):
            with connected(address) as client:
                head = f"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(asked)}\r\n\r\n"
                client.sendall(head.encode() + asked)
        start = time.monotonic()
        assert httpx.get(f"{address}/search?q=soap", timeout=20).status_code == 200
        assert time.monotonic() - start < 5


def test_more_than_can_wait_is_told_to_come_back(seed_store: Path) -> None:
    with service(seed_store, threads=1, queue=1) as address:

        def ask(number: int) -> httpx.Response:
            asked = [{"text": f"a ship number {number} {n}", "why": True, "all": True} for n in range(5)]
            return httpx.post(f"{address}/search", json=asked, timeout=30)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(8)))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(answers) - len(refused) >= 2
    assert refused
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert {answer.json()["type"] for answer in refused} == {"urn:plotseek:overloaded"}


def test_an_answer_that_takes_too_long_is_a_problem(seed_store: Path) -> None:
    with service(seed_store, deadline=0.2) as address:
        assert eventually(lambda: httpx.get(f"{address}/readyz").status_code == 200)
        asked = [{"text": f"{n} ships in a storm " * 40} for n in range(50)]
        late = httpx.post(f"{address}/search", json=asked, timeout=30)
        assert (late.status_code, late.json()["type"]) == (504, "urn:plotseek:deadline-exceeded")


def connected(url: str) -> socket.socket:
    where = urlsplit(url)
    return socket.create_connection((where.hostname or "", where.port or 0), timeout=10)


def eventually(holds: "object", seconds: float = 20.0) -> bool:
    """Whether something comes true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if callable(holds) and holds():
            return True
        time.sleep(0.1)
    return False
