"""Facets and map: over HTTP, in Python and on the command line, of one small catalog with genres and years."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from click.testing import CliRunner

from catalog.config import load_config
from catalog.store.columns.facet import FacetValue
from ingest.run import Request, run
from query.cli import main
from query.client import PlotseekClient
from query.discovery import announce, ask_server
from query.models import SearchRequest
from query.render import facet_table
from query.serving.local import LocalCatalog
from tests.support.service import service, settings

FILMS: list[dict[str, Any]] = [
    {
        "id": "1",
        "title": "Alien",
        "plot": "A crew on a ship in space meets a beast.",
        "year": 1979,
        "genres": ["Horror"],
    },
    {"id": "2", "title": "Jaws", "plot": "A shark hunts swimmers.", "year": 1975, "genres": ["Horror", "Thriller"]},
    {"id": "3", "title": "Das Boot", "plot": "A submarine hunts a ship.", "year": 1981, "genres": ["War", "Drama"]},
    {"id": "4", "title": "Gravity", "plot": "Two people are lost in space.", "year": 2013, "genres": ["Thriller"]},
    {
        "id": "5",
        "title": "Ghostbusters",
        "plot": "Four men hunt ghosts.",
        "year": 1984,
        "genres": ["Comedy"],
        "votes": 9,
    },
    {"id": "6", "title": "Ghostbusters II", "plot": "Slime under a city wakes a ghost.", "year": 1989},
    {"id": "7", "title": "Undated", "plot": "A clock stands still."},
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("facets")
    (folder / "films.json").write_text(json.dumps(FILMS), encoding="utf-8")
    values = {"PLOTSEEK_STORE_PATH": str(folder / "store"), "PLOTSEEK_EMBEDDING_MODEL": "bundled"}
    run(load_config(None, values), Request(str(folder / "films.json")))
    return folder / "store"


@pytest.fixture(scope="module")
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=20) as client:
        yield client


def test_facets_count_what_fits(http: httpx.Client) -> None:
    answer = http.get("/facets", params={"q": "a ship", "all": True, "filter": "year>=1980"}).json()
    found = http.get("/search", params={"q": "a ship", "all": True, "filter": "year>=1980"}).json()
    assert (answer["total"], answer["generation"]) == (found["total"], found["generation"])
    decades = next(facet for facet in answer["facets"] if facet["field"] == "year")
    assert sum(value["count"] for value in decades["values"]) == answer["total"]
    for value in decades["values"]:
        kept = http.get(
            "/search", params={"q": "a ship", "all": True, "filter": f"year>=1980 {value['filter']}"}
        ).json()
        assert kept["total"] == value["count"]


def untimed(response: httpx.Response) -> dict[str, Any]:
    """An answer without how long it took."""
    answer: dict[str, Any] = response.json()
    answer.pop("took_ms")
    return answer


def test_a_search_brings_its_facets_where_they_are_asked_for(http: httpx.Client) -> None:
    asked = {"text": "a ship", "all": True, "filter": "year>=1980", "limit": 1}
    plain = untimed(http.post("/search", json=asked))
    both = untimed(http.post("/search", json={**asked, "facets": True}))
    got = http.get("/search", params={"q": "a ship", "all": True, "filter": "year>=1980", "limit": 1, "facets": True})
    counted = http.post("/facets", json={**asked, "limit": None}).json()["facets"]
    assert both == untimed(got) == {**plain, "facets": counted}
    assert "facets" not in plain


def test_facets_of_everything_of_a_long_question_and_of_examples(http: httpx.Client) -> None:
    assert http.get("/facets").json()["total"] == len(FILMS)
    asked = {"text": "a ship", "likes": ["5"], "dislikes": ["soap"], "all": True}
    posted = untimed(http.post("/facets", json=asked))
    got = http.get("/facets", params={"q": "a ship", "like": "5", "dislike": "soap", "all": True})
    assert posted == untimed(got)
    assert posted["total"] == len(FILMS) - 1
    assert http.get(got.request.url, headers={"If-None-Match": got.headers["etag"]}).status_code == 304


def test_facets_have_as_many_values_as_are_asked_for(http: httpx.Client, url: str, store: Path) -> None:
    every = http.get("/facets").json()["facets"]
    few = http.get("/facets", params={"limit": 1}).json()["facets"]
    assert [facet["values"][:1] for facet in every] == [facet["values"] for facet in few]
    assert [facet["total"] for facet in every] == [facet["total"] for facet in few]
    with LocalCatalog(store, settings(store)) as here, PlotseekClient(url) as there:
        assert here.facets(limit=1) == there.facets(limit=1)
        assert max(len(facet.values) for facet in here.facets(limit=1).facets) == 1


def test_facets_do_not_depend_on_the_page(http: httpx.Client) -> None:
    first = http.get("/facets", params={"q": "a ship"})
    page = http.get("/search", params={"q": "a ship", "offset": 2, "sort": "year", "facets": True}).json()
    assert page["facets"] == untimed(first)["facets"]


def test_a_wrong_filter_is_the_same_problem_for_facets(http: httpx.Client) -> None:
    answers = [http.get(page, params={"q": "a", "filter": "gnre:War"}) for page in ("/search", "/facets")]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].json() == answers[1].json()


def test_a_filter_alone_lists_films(http: httpx.Client) -> None:
    answer = http.get("/search", params={"filter": "year>=1980", "sort": "year"}).json()
    assert answer["total"] == 4
    assert not {"fit", "score", "confidence"} & set().union(*answer["results"])
    assert http.get("/search").status_code == 400


def test_the_map_has_a_place_for_every_film(http: httpx.Client) -> None:
    response = http.get("/map")
    drawn = response.json()
    assert response.headers["content-encoding"] == "gzip"
    assert sorted(drawn["id"]) == sorted(str(film["id"]) for film in FILMS)
    assert (drawn["total"], len(drawn["x"]), len(drawn["y"])) == (len(FILMS),) * 3
    assert {min(drawn["x"] + drawn["y"]), max(drawn["x"] + drawn["y"])} == {0, 65_535}
    years = dict(zip(drawn["id"], drawn["year"], strict=True))
    assert (years["1"], years["7"]) == (1979, 0)
    assert "null" not in response.text
    assert all(-1 <= genre < len(drawn["genres"]) for genre in drawn["genre"])
    again = http.get("/map", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = http.get("/map", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == drawn
    assert http.get("/map", params={"limit": 2}).json()["id"] == drawn["id"][:2]


def test_both_ways_to_a_catalog_count_the_same(store: Path, url: str) -> None:
    request = SearchRequest("ship", filter="year>=1980", all=True)
    with LocalCatalog(store, settings(store)) as here, PlotseekClient(url) as there:
        counts = here.facets(request)
        assert counts == there.facets(request)
        both = replace(request, facets=True)
        assert here.ask(both) == there.ask(both)
        assert here.ask(both).facets == counts.facets
        assert here.ask(request).facets is None
    genres = next(facet for facet in counts.facets if facet.field == "genre")
    assert genres.values[0] == FacetValue("Comedy", 1, 'genre:"Comedy"')


def command(store: Path, *arguments: str) -> str:
    environment = {"PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": "bundled"}
    result = CliRunner().invoke(main, [*arguments], env=environment)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_the_command_prints_facets_below_its_table(store: Path) -> None:
    table, counts = command(store, "--filter", "genre:Horror", "--facets").split("\n\n")
    assert len(table.splitlines()) == 3
    assert counts.splitlines() == [
        "2 films",
        "year   1970s 2",
        "genre  Horror 2 · Thriller 1",
    ]


def test_the_command_gets_the_same_facets_from_a_service(store: Path, url: str) -> None:
    alone = json.loads(command(store, "hunts", "--facets", "--json"))
    assert next(facet for facet in alone["facets"] if facet["field"] == "year")["values"][1] == {
        "value": "1980s",
        "count": 3,
        "filter": "year:1980..1989",
    }
    where = urlsplit(url)
    with announce(store, where.hostname or "", where.port or 0):
        request = SearchRequest("hunts", facets=True).with_defaults(settings(store).search)
        answered = ask_server(store, request)
        assert answered is not None
        assert answered.result.facets is not None
        asked = json.loads(command(store, "hunts", "--facets", "--json"))
    for mine, theirs in zip(alone["results"], asked["results"], strict=True):
        # A service may embed by another library: the last digits differ.
        for name in ("score", "confidence"):
            assert mine.pop(name) == pytest.approx(theirs.pop(name), abs=1e-4)
    assert asked == alone


def test_a_facet_table_fits_its_width(store: Path) -> None:
    with LocalCatalog(store, settings(store)) as films:
        lines = facet_table(films.facets(SearchRequest()).facets, 40).splitlines()
    assert lines == ["year   2010s 1 · 1980s 3 · 1970s 2", "genre  Horror 2 · Thriller 2 · Comedy 1…"]


def test_a_sync_keeps_every_film_in_its_place(tmp_path: Path, store: Path) -> None:
    ours = tmp_path / "store"
    shutil.copytree(store, ours)
    before = film_places(ours)
    films = [*FILMS[1:], {"id": "7", "title": "Jaws 2", "plot": "A shark hunts swimmers again."}]
    (tmp_path / "films.json").write_text(json.dumps(films), encoding="utf-8")
    values = {"PLOTSEEK_STORE_PATH": str(ours), "PLOTSEEK_EMBEDDING_MODEL": "bundled"}
    run(load_config(None, values), Request(str(tmp_path / "films.json"), allow_deletes=True))
    after = film_places(ours)
    assert set(after) == {"2", "3", "4", "5", "6", "7"}
    assert {film: after[film] for film in before if film != "1"} == {
        film: before[film] for film in before if film != "1"
    }


def film_places(store: Path) -> dict[str, tuple[int, int]]:
    with service(store) as address:
        drawn = httpx.get(f"{address}/map").json()
    return dict(zip(drawn["id"], zip(drawn["x"], drawn["y"], strict=True), strict=True))
