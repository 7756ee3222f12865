"""One interface, here and over HTTP: the same results, the same errors."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import CatalogMissing, MovieNotFound, PlotseekError, StoreError, TooManyRequests, UsageError
from catalog.movie import Movie
from ingest.run import Request, run
from query.client import PlotseekClient
from query.models import SearchRequest
from query.movie_catalog import MovieCatalog
from query.serving.local import LocalCatalog
from tests.support.service import saying, service, settings

FILM = b'{"id": "1", "title": "Alien", "plot": "A ship."}'


@pytest.fixture(scope="module")
def here(seed_store: Path) -> Iterator[MovieCatalog]:
    with LocalCatalog(seed_store, settings(seed_store)) as films:
        yield films


@pytest.fixture(scope="module")
def there(seed_store: Path) -> Iterator[MovieCatalog]:
    with service(seed_store) as url, PlotseekClient(url) as films:
        yield films


def test_both_find_the_same(here: MovieCatalog, there: MovieCatalog) -> None:
    assert here.search("space ships", limit=3, why=True) == there.search("space ships", limit=3, why=True)
    assert here.search("space ships").hits[0].movie.title == "Star Trek: Generations"


def test_both_say_what_they_understood(tmp_path: Path) -> None:
    film = {"id": 1, "title": "Amélie", "plot": "A waitress.", "genres": ["Comedy"], "countries": ["France"]}
    (tmp_path / "films.json").write_text(json.dumps([film]), encoding="utf-8")
    run(settings(tmp_path), Request(str(tmp_path / "films.json")))
    with LocalCatalog(tmp_path, settings(tmp_path)) as here, service(tmp_path) as url, PlotseekClient(url) as there:
        found = here.search("French comedies, no dramas")
        assert found == there.search("French comedies, no dramas")
        assert [each.filter for each in found.understood] == ["country:France", "genre:Comedy"]
        assert here.ask(SearchRequest("French comedies", literal=True)).understood == ()
        fewer = SearchRequest("French comedies", disregard=("country:France",))
        assert here.ask(fewer) == there.ask(fewer)


def test_both_name_similar_films(here: MovieCatalog, there: MovieCatalog) -> None:
    assert here.similar("5") == there.similar("5")
    assert here.similar("Ghostbusters", limit=1).hits[0].movie.title == "Ghostbusters II"


def test_both_recommend(here: MovieCatalog, there: MovieCatalog) -> None:
    found = here.recommend(["Ghostbusters", "a boxer"], ["soap"], text="funny", exclude=["1"], why=True)
    assert found == there.recommend(["Ghostbusters", "a boxer"], ["soap"], text="funny", exclude=["1"], why=True)
    assert found.hits[0].why is not None


def test_both_take_what_was_seen_and_rated(here: MovieCatalog, there: MovieCatalog) -> None:
    ratings = {"imdb:tt0087332 Ghostbusters (1984)": 9.5, "Lost (1950)": 10, "Fight Club": 3}
    found = here.recommend(ratings=ratings, seen=["Pulp Fiction"])
    assert found == there.recommend(ratings=ratings, seen=["Pulp Fiction"])
    assert found.hits[0].movie.title == "Ghostbusters II"
    assert not {"3", "4", "5"} & {hit.movie.id for hit in found.hits}
    assert found.unmatched == ("Lost (1950)",)
    assert here.search("ghosts", seen=["5"], limit=1) == there.search("ghosts", seen=["5"], limit=1)


def test_both_know_a_film(here: MovieCatalog, there: MovieCatalog) -> None:
    assert here.movie("1") == there.movie("1")
    assert here.movie("1").title == "Star Trek: Generations"


@pytest.mark.parametrize("name", ["99", "tmdb:1", "a/b c?d#e%2f", "../status", "ü"])
def test_both_say_the_same_of_a_film_that_is_not_there(here: MovieCatalog, there: MovieCatalog, name: str) -> None:
    with pytest.raises(MovieNotFound) as ours:
        here.movie(name)
    with pytest.raises(MovieNotFound) as theirs:
        there.movie(name)
    assert str(ours.value) == str(theirs.value)
    assert str(ours.value) in (f"no film has the id {name!r}", f"no film has the id or title {name!r}")


def test_both_refuse_the_same_questions(here: MovieCatalog, there: MovieCatalog) -> None:
    for films in (here, there):
        with pytest.raises(UsageError, match="say what to look for: words, a film that you like, or a filter alone"):
            films.search(" ")
        with pytest.raises(MovieNotFound, match="did you mean 'Ghostbusters' or 'Ghostbusters II'"):
            films.similar("Ghostbuster")


@pytest.mark.parametrize(
    "wrong", [{"limit": 100_000}, {"limit": 0}, {"offset": -1}, {"diversity": 3}, {"filter": "xyz>3"}]
)
def test_both_refuse_an_option_alike(here: MovieCatalog, there: MovieCatalog, wrong: dict[str, Any]) -> None:
    said = []
    for films in (here, there):
        with pytest.raises(UsageError) as refused:
            films.search("ghosts", **wrong)
        said.append((type(refused.value), str(refused.value)))
    assert said[0] == said[1]


def test_what_only_the_service_refuses_is_a_usage_error(there: MovieCatalog) -> None:
    with pytest.raises(UsageError, match=r"^likes has 101 entries; allowed are 100$"):
        there.recommend(["1"] * 101)


def test_words_that_name_no_film_are_told(here: MovieCatalog, there: MovieCatalog) -> None:
    for films in (here, there):
        notes = films.recommend(["Zzyzx Road Nope", "Ghostbusters"], ["soap"]).notes
        assert notes[:2] == (
            "no film is called 'Zzyzx Road Nope': it is read as words",
            "no film is called 'soap': it is read as words",
        )


@pytest.mark.parametrize(
    ("films", "said"),
    [
        ([{"id": "a", "cast": {"x", "y"}}], "films: cannot be sent as JSON: .* is no text, number, list or dict"),
        ("abc", "films: 'abc' is no film; a film is a dict with title and plot, several are a list"),
        (3, "films: 3 is no film; a film is a dict"),
        ([{"id": "a"}, "b"], "films: 'b' is no film; a film is a dict"),
        ([], r"films: \[\] is no film; a film is a dict"),
    ],
)
def test_what_cannot_be_put_is_refused_in_words(films: Any, said: str) -> None:
    with PlotseekClient("http://127.0.0.1:9") as there, pytest.raises(UsageError, match=said):
        there.put(films)


def test_nobody_there_is_an_error_with_the_way_out() -> None:
    with PlotseekClient("http://127.0.0.1:9") as films, pytest.raises(StoreError, match="is query-server running"):
        films.movie("1")


@pytest.mark.parametrize(
    "url", ["", "films.example", "ftp://films.example", "http://", "http://[::1", "http://a:99999"]
)
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(UsageError, match="is no address"):
        PlotseekClient(url)


def answered(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (b"", StoreError, "does not answer: .*; is query-server running"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", StoreError, "does not answer: .*; is query-server running"),
        (answered("200 OK", b"<html>"), StoreError, "its answer is not understood"),
        (answered("200 OK", b"null"), StoreError, "its answer is not understood"),
        (answered("200 OK", b'{"name": "a film of something else"}'), StoreError, "its answer is not understood"),
        (answered("200 OK", b"[" * 100_000), StoreError, "its answer is not understood"),
        (answered("200 OK", b" " * ((64 << 20) + 1)), StoreError, "its answer is longer than 64 MB"),
        (answered("302 Found", b"", "Location: /elsewhere"), PlotseekError, "127.0.0.1: answers 302 Found"),
        (answered("502 Bad Gateway", b"<html>"), PlotseekError, "127.0.0.1: answers 502 Bad Gateway"),
        (answered("500 Oops", b'{"detail": "broken"}'), PlotseekError, "127.0.0.1: broken"),
        (
            answered("429 Too Many", b'{"type": "urn:plotseek:too-many-requests", "detail": "slowly"}'),
            TooManyRequests,
            "slowly",
        ),
    ],
)
def test_whatever_answers_there_is_one_of_our_errors(reply: bytes, error: type[PlotseekError], said: str) -> None:
    with saying(reply) as port, pytest.raises(error, match=said):
        PlotseekClient(f"http://127.0.0.1:{port}").movie("1")


@pytest.mark.parametrize("reply", [answered("200 OK", FILM, "Connection: close"), b"HTTP/1.0 200 OK\r\n\r\n" + FILM])
def test_an_answer_after_which_the_service_hangs_up_is_read(reply: bytes) -> None:
    """A refusal at the door is such an answer."""
    with saying(reply) as port:
        assert PlotseekClient(f"http://127.0.0.1:{port}").movie("1") == Movie("1", "Alien", "A ship.")


def test_no_answer_is_waited_for_longer_than_was_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(StoreError, match="timed out"):
        PlotseekClient(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05).movie("1")


def test_an_answer_that_drips_is_not_waited_for_any_longer() -> None:
    """Each byte comes in time."""

    def drip(listening: socket.socket) -> None:
        with suppress(OSError), listening.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            for _ in range(2000):
                connection.sendall(b" ")
                time.sleep(0.01)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,))
        thread.start()
        with pytest.raises(StoreError, match="timed out"):
            PlotseekClient(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=0.2).movie("1")
        thread.join()


def test_a_service_may_lie_below_an_address() -> None:
    with saying(answered("200 OK", FILM)) as port:
        assert PlotseekClient(f"http://127.0.0.1:{port}/films/").movie("1") == Movie("1", "Alien", "A ship.")


def test_no_catalog_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(CatalogMissing, match="there is no catalog yet; run 'ingest movies.json' first"):
        LocalCatalog(tmp_path)
