"""The table for people and the object for programs."""

import json
from dataclasses import replace

import pytest

from catalog.movie import Movie
from query.models import Hit, SearchResult, Why
from query.render import as_json, as_table, columns, fitted, why_nothing

HITS = [
    Hit(Movie("1", "Alien", "A crew meets a deadly creature.", year=1979), 0.75, fit=100),
    Hit(Movie("2", "千と千尋の神隠し", "A girl\nworks in a bathhouse."), -0.02, fit=7),
]


def test_a_table_fits_its_width() -> None:
    table = as_table(HITS, 60)
    assert table.split("\n") == [
        " #    fit  title           year  plot",
        " 1  100 %  Alien           1979  A crew meets a deadly crea…",
        " 2    7 %  千と千尋の神…         A girl works in a bathhous…",
    ]
    assert max(columns(line) for line in table.split("\n")) <= 60


def test_a_narrow_terminal_still_shows_something() -> None:
    assert as_table(HITS, 10).split("\n")[1] == " 1  100 %  Alien    1979  A crew meets…"


@pytest.mark.parametrize(
    ("total", "exact", "everything", "said"),
    [
        (0, True, False, "no film is left"),
        (0, False, True, "no film passes the filter"),
        (7, True, False, "only 7 films fit; ask for an earlier page"),
        (1, True, True, "only one film fits"),
        (600, False, False, "only 600 films were found to fit; ask for an earlier page, or more narrowly"),
    ],
)
def test_why_a_page_is_empty(total: int, exact: bool, everything: bool, said: str) -> None:
    assert why_nothing(SearchResult((), total, 1, total_is_exact=exact), everything=everything) == said


def test_control_characters_never_reach_the_terminal() -> None:
    assert fitted("a\x1b[31mred", 10) == "a [31mred "


def test_json_has_the_promised_shape() -> None:
    answer = json.loads(as_json("creature", "bundled", SearchResult(tuple(HITS[:1]), 1, 1)))
    assert answer == {
        "query": "creature",
        "model": "bundled",
        "results": [
            {
                "id": "1",
                "title": "Alien",
                "year": 1979,
                "fit": 100,
                "score": 0.75,
                "plot": "A crew meets a deadly creature.",
            }
        ],
        "total": 1,
        "total_is_exact": True,
    }


def test_a_list_without_a_question_shows_no_similarity() -> None:
    listed = [replace(hit, score=None, fit=None) for hit in HITS[:2]]
    lines = as_table(listed, 80).split("\n")
    assert lines[0].split() == ["#", "title", "year", "plot"]
    assert all(columns(line) <= 80 for line in lines)
    assert set(json.loads(as_json("", "bundled", SearchResult(tuple(listed), 2, 1)))["results"][1]) == {
        "id",
        "title",
        "plot",
    }


def test_reasons_are_told_in_words() -> None:
    why = Why({"dense": 1, "lexical": 12, "title": 2}, ("ship", "call"), "A ship answers.", "7", "Das Boot")
    line = as_table([replace(HITS[0], why=why)], 120).split("\n")[2]
    assert line == (
        '    no. 1 by meaning · no. 12 by words (ship, call) · no. 2 by title · nearest to Das Boot · "A ship answers."'
    )


def test_the_similarity_stands_beside_the_reasons_and_where_it_orders() -> None:
    plain = [replace(hit, fit=None) for hit in HITS]
    assert as_table(plain, 60).split("\n")[2].startswith(" 2  -0.020  千と千尋の神…")
    explained = [replace(hit, why=Why({"dense": 1})) for hit in HITS]
    lines = as_table(explained, 60).split("\n")
    assert lines[0].split() == ["#", "fit", "score", "title", "year", "plot"]
    assert lines[1].startswith(" 1  100 %   0.750  Alien")
