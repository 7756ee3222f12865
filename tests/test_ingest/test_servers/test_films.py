"""The films of Jellyfin, Plex and Radarr, from small servers that speak as they do."""

from pathlib import Path

import pytest

from catalog.errors import PASSING, SourceError, SourceUnreachable, Stopped, UsageError
from catalog.movie import Movie
from ingest.mapping.mapper import detect, to_movie
from ingest.readers.download import FetchLimits
from ingest.readers.source import open_rows
from ingest.servers.films import write_films
from ingest.servers.kinds import KINDS
from ingest.servers.media_server import KEY as VARIABLE
from ingest.servers.media_server import MediaServer, server_at
from tests.support.media_servers import KEY, MediaServerDouble, media_server

LIMITS = FetchLimits(silence=5, total=10)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)


def films_of(server: MediaServer, folder: Path) -> list[Movie]:
    path = write_films(server, folder, LIMITS, {}, lambda: False)
    with open_rows(str(path)) as source:
        field_map = detect(source.peek())
        return [to_movie(row, field_map) for row in source]


def known(kind: str, number: int, url: str) -> dict[str, object]:
    """What differs between the servers."""
    differing: dict[str, dict[str, object]] = {
        "jellyfin": {"id": f"jellyfin:{number:08x}", "link": f"{url}/web/#/details?id={number:08x}",
                     "poster": f"{url}/Items/{number:08x}/Images/Primary?maxWidth=500"},
        "plex": {"id": f"plex:{number}", "poster": None,
                 "link": f"{url}/web/index.html#!/server/m1/details?key=%2Flibrary%2Fmetadata%2F{number}"},
        "radarr": {"id": f"radarr:{number}", "link": f"{url}/movie/{number}", "votes": 12, "directors": (),
                   "actors": (), "poster": f"https://example.org/{number}.jpg"},
    }  # fmt: skip
    return differing[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_all_films_come_with_what_is_known_of_them(kind: str, tmp_path: Path) -> None:
    with media_server(kind, 1) as running:
        films = films_of(MediaServer(kind, running.url), tmp_path)
        expected = {
            "title": "Film 1", "plot": "A ghost in love. 1", "year": 1984, "genres": ("Drama",), "runtime": 90,
            "directors": ("Ada Stern",), "actors": ("Bo Lind",), "rating": 7.5,
            "external_ids": {"imdb": "tt0000001", "tmdb": "1"},
        }  # fmt: skip
        assert films == [Movie(**{**expected, **known(kind, 1, running.url)})]  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["jellyfin", "plex"])
def test_pages_are_read_to_the_end(kind: str, tmp_path: Path) -> None:
    with media_server(kind, 450) as running:
        assert len({film.id for film in films_of(MediaServer(kind, running.url), tmp_path)}) == 450
        assert len([path for path in running.asked if path.startswith(("/Items", "/library/sections/1"))]) == 3


def test_plex_is_asked_for_all_genres_and_actors_of_which_its_list_has_some(tmp_path: Path) -> None:
    with media_server("plex", 2) as running:
        names = ("Ada", "Bo", "Cem", "Dee")
        running.films[0] |= {"Genre": [{"tag": name} for name in ("War", "Drama", "Crime")]}
        running.films[0] |= {"Role": [{"tag": name} for name in names]}
        first, _ = films_of(MediaServer("plex", running.url), tmp_path)
    assert (first.genres, first.actors) == (("War", "Drama", "Crime"), names)


def test_films_in_box_sets_come_from_jellyfin_as_films(tmp_path: Path) -> None:
    with media_server("jellyfin", 3) as running:
        assert len(films_of(MediaServer("jellyfin", running.url), tmp_path)) == 3


def test_radarr_gives_what_is_there_or_all_that_is_wanted(tmp_path: Path) -> None:
    with media_server("radarr", 5) as running:
        there = films_of(MediaServer("radarr", running.url), tmp_path)
        wanted = films_of(MediaServer("radarr", running.url, wanted=True), tmp_path)
    assert [film.id for film in there] == ["radarr:1", "radarr:3", "radarr:5"]
    assert len(wanted) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_films_give_the_same_bytes(kind: str, tmp_path: Path) -> None:
    with media_server(kind, 5) as running:
        server = MediaServer(kind, running.url)
        before = write_films(server, tmp_path, LIMITS, {}, lambda: False).read_bytes()
        running.films.reverse()
        running.films[0] |= {"UserData": {"PlayCount": 9}, "viewCount": 9, "sizeOnDisk": 2}
        assert write_films(server, tmp_path, LIMITS, {}, lambda: False).read_bytes() == before
    assert KEY.encode() not in before


@pytest.mark.parametrize("kind", ["plex", "radarr"])
def test_a_password_in_an_address_is_not_stored(kind: str, tmp_path: Path) -> None:
    with media_server(kind, 1) as running:
        server = MediaServer(kind, running.url.replace("http://", "http://user:pa55@"))
        assert b"pa55" not in write_films(server, tmp_path, LIMITS, {}, lambda: False).read_bytes()
    assert "pa55" not in server.name


@pytest.mark.parametrize("kind", ["jellyfin", "plex"])
def test_films_that_change_between_two_pages_are_told(kind: str, tmp_path: Path) -> None:
    with media_server(kind, 450) as running:
        running.lose_on_page = 1
        with pytest.raises(SourceUnreachable) as told:
            films_of(MediaServer(kind, running.url), tmp_path)
    assert str(told.value) == (
        f"{kind} at {running.url}: says that it has 450 films, then 449, and gave 400; nothing was changed; try again"
    )
    assert told.value.exit_code == PASSING


@pytest.mark.parametrize("kind", ["jellyfin", "plex"])
def test_a_film_that_comes_twice_in_place_of_another_is_told(kind: str, tmp_path: Path) -> None:
    with media_server(kind, 250) as running:
        running.films[220] = running.films[0]
        with pytest.raises(SourceUnreachable, match="says that it has 250 films, then 250, and gave 249; nothing was"):
            films_of(MediaServer(kind, running.url), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_cut_is_told(kind: str, tmp_path: Path) -> None:
    with media_server(kind) as running:
        running.cut = True
        with pytest.raises(SourceUnreachable) as told:
            films_of(MediaServer(kind, running.url), tmp_path)
    assert str(told.value) == f"{kind} at {running.url}: its answer is cut off; nothing was changed"


@pytest.mark.parametrize("kind", KINDS)
def test_the_key_goes_to_no_other_host(kind: str, tmp_path: Path) -> None:
    with media_server(kind) as running, media_server(kind) as other:
        running.redirect = other.url
        with pytest.raises(SourceError, match=r"the server answers 401 Unauthorized; its key is missing or wrong: "):
            films_of(MediaServer(kind, running.url), tmp_path)
        assert KEY in str(running.headers)
        assert len(other.headers) == 1
        assert KEY not in str(other.headers)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_such_server_is_told(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(running: MediaServerDouble) -> str:
        with pytest.raises((SourceError, UsageError)) as error:
            films_of(MediaServer(kind, running.url), tmp_path)
        return str(error.value).replace(running.url, "URL")

    with media_server(kind, 0) as running:
        assert told(running) == f"{kind} at URL holds no films; nothing was changed"
        monkeypatch.setenv(VARIABLE, "wrong")
        assert told(running).endswith(
            f"the server answers 401 Unauthorized; its key is missing or wrong: {VARIABLE} of a media server,"
            " sync.headers of an address"
        )
        monkeypatch.setenv(VARIABLE, "two\r\nlines")
        assert told(running) == f"{VARIABLE}: holds a character that no key has"
        monkeypatch.delenv(VARIABLE)
        assert told(running) == f"{kind} at URL: set {VARIABLE} to its key"
    monkeypatch.setenv(VARIABLE, KEY)
    with media_server(kind, 1) as running:
        running.films = {"what": "else"}  # type: ignore[assignment]
        if kind == "radarr":
            assert told(running) == "radarr at URL: does not answer as radarr does; is its address right?"


def test_all_pages_together_have_a_time(tmp_path: Path) -> None:
    with media_server("plex", 1) as running:
        server, late = MediaServer("plex", running.url), FetchLimits(total=-1.0)
        with pytest.raises(SourceUnreachable, match=r": not whole within -1 seconds; raise sync\.fetch_timeout$"):
            write_films(server, tmp_path, late, {}, lambda: False)
        assert running.asked == []


def test_a_server_that_says_nothing_can_be_left(tmp_path: Path) -> None:
    with media_server("jellyfin") as running:
        running.silent = True
        server = MediaServer("jellyfin", running.url)
        with pytest.raises(Stopped):
            write_films(server, tmp_path, LIMITS, {}, lambda: bool(running.asked))


@pytest.mark.parametrize(
    ("location", "server"),
    [
        ("jellyfin+http://nas:8096", MediaServer("jellyfin", "http://nas:8096")),
        ("Plex+https://nas/plex/", MediaServer("plex", "https://nas/plex")),
        ("radarr+http://nas:7878#wanted", MediaServer("radarr", "http://nas:7878", wanted=True)),
        ("http://nas:8096", None),
        ("jellyfin.json", None),
    ],
)
def test_a_location_and_back(location: str, server: MediaServer | None) -> None:
    assert server_at(location) == server
    assert server is None or server_at(server.location) == server


def test_an_address_that_is_none() -> None:
    for location in ("plex+http://", "plex+http://nas:port"):
        with pytest.raises(UsageError, match=r"^--url: is not an address: "):
            server_at(location)
