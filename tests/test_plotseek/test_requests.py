"""What Python asks for wrongly is one line that names the option; what pandas and numpy give is taken."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from catalog.errors import UsageError
from plotseek import Plotseek
from query.client import PlotseekClient
from query.models import SearchRequest

FRAME = pd.DataFrame({"Name": ["Fight Club"], "Year": [1999]})


@pytest.fixture(scope="module")
def films(seed_store: Path) -> Iterator[Plotseek]:
    with Plotseek(seed_store) as opened:
        yield opened


def ids(found: Any) -> list[str]:
    return [hit.movie.id for hit in found]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"limit": "5"}, "limit: '5' is not a whole number or nothing"),
        ({"limit": 5.0}, "limit: 5.0 is not a whole number or nothing"),
        ({"limit": True}, "limit: True is not a whole number or nothing"),
        ({"limit": 0}, "limit: 0 is impossible: allowed is 1 or more"),
        ({"limit": 5000}, "limit: 5000 is not between 1 and 1000; offset gives further pages"),
        ({"offset": -1}, "offset: -1 is impossible: allowed is 0 or more"),
        ({"franchise": -1}, "franchise: -1 is impossible: allowed is 1 or more"),
        ({"diversity": 2}, "diversity: 2 is impossible: allowed is 1 or less"),
        ({"popularity": -3}, "popularity: -3 is impossible: allowed is -2 or more"),
        ({"popularity": float("nan")}, "popularity: nan is not a number or nothing"),
        ({"min_confidence": 2}, "min_confidence: 2 is impossible: allowed is 1 or less"),
        ({"why": "no"}, "why: 'no' is not true or false"),
        ({"filter": {"year": 1980}}, "filter: {'year': 1980} is not text"),
        ({"exclude": {"5": 1}}, "exclude: {'5': 1} is not a list of texts"),
        ({"exclude": [None]}, "exclude: None is neither text nor a whole number"),
        ({"exclude": [[1]]}, "exclude: [1] is neither text nor a whole number"),
        ({"exclude": FRAME}, "exclude: Name Year 0 Fight Club 1999 is not a list of texts"),
        ({"seen": FRAME}, "seen: Name Year 0 Fight Club 1999 is not a list of texts"),
        ({"seen": "Alein"}, "seen: there is no file 'Alein'; films are given in a list: ['Alien (1979)']"),
        ({"ratings": FRAME}, "ratings: Name Year 0 Fight Club 1999 is not a dict of names and ratings"),
        ({"ratings": {"5": 11}}, "rating of '5': 11 is impossible: allowed is 10 or less"),
        ({"ratings": {"5": float("nan")}}, "rating of '5': nan is not a number"),
        ({"ratings": "rated"}, "ratings: there is no file 'rated'; films are given in a dict: {'Alien (1979)': 9}"),
    ],
)
def test_a_wrong_option_is_told_by_its_name(films: Plotseek, options: Any, told: str) -> None:
    with pytest.raises(UsageError) as here:
        films.search("ghosts", **options)
    assert str(here.value) == told
    if "limit" not in options:
        with pytest.raises(UsageError) as there:
            PlotseekClient("http://127.0.0.1:9").search("ghosts", **options)
        assert str(there.value) == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "search takes one text, or one vector of shape (d,), not None"),
        (5, "search takes one text, or one vector of shape (d,), not 5"),
        (["a", "b"], "search takes one text, or one vector of shape (d,), not ['a', 'b']"),
        ([[1], [0]], "search takes one text, or one vector of shape (d,), not [[1], [0]] of shape (2, 1)"),
        ([1.0, 2.0], "the query vector must hold 384 finite numbers, not all zero; it has the shape (2,)"),
        (np.zeros(384), "the query vector must hold 384 finite numbers, not all zero"),
    ],
)  # fmt: skip
def test_neither_a_text_nor_a_vector(films: Plotseek, given: Any, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        films.search(given)
    assert str(refused.value) == told


def test_a_vector_brings_no_more_films_than_words(films: Plotseek) -> None:
    with pytest.raises(UsageError, match="^limit: 5000 is not between 1 and 1000; offset gives further pages$"):
        films.search(films.embed("ghosts"), limit=5000)


def test_what_cannot_be_embedded_is_told_with_its_place(films: Plotseek) -> None:
    with pytest.raises(UsageError, match="^texts: number 1 is nan, which is not text$"):
        films.embed(["a", float("nan")])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="^texts: Name Year .* is not a list of texts$"):
        films.embed(FRAME)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="^limit: 0 is impossible"):
        films.map(0)


def test_nothing_stands_for_the_default(films: Plotseek) -> None:
    nothing = dict.fromkeys(("filter", "exclude", "seen", "ratings", "sort", "limit", "offset", "disregard"))
    assert films.search("ghosts", **nothing) == films.search("ghosts")
    assert films.recommend(None, None, text="ghosts") == films.search("ghosts")


def test_ids_may_be_numbers_and_one_name_is_one_name(films: Plotseek) -> None:
    assert films.movie(5) == films.movie("5")
    assert films.similar(5) == films.similar("5")
    assert films.recommend(np.array([5]), 3) == films.recommend(["5"], ["3"])  # type: ignore[arg-type]
    assert films.vectors([5, np.int64(1)]).ids == films.vectors(pd.Series(["5", "1"])).ids == ("5", "1")  # type: ignore[list-item,arg-type]
    assert films.vectors("Ghostbusters").ids == ("5",)
    assert "5" not in ids(films.search("ghosts", exclude=5, limit=np.int64(3)))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"^film: \['5'\] is neither text nor a whole number$"):
        films.movie(["5"])  # type: ignore[arg-type]
    assert SearchRequest("x", exclude="Alien").exclude == ("Alien",)  # type: ignore[arg-type]


def test_lists_of_watched_and_rated_films_may_be_files(films: Plotseek, tmp_path: Path) -> None:
    path = tmp_path / "rated.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("Name", "Year", "Rating"), ("Ghostbusters", 1984, 5), ("Lost", 1950, 1)])
    found = films.search("ghosts", seen=path, all=True)
    assert found == films.search("ghosts", seen=str(path), all=True)
    assert found == films.search("ghosts", seen=["Ghostbusters (1984)", "Lost (1950)"], all=True)
    assert "5" not in ids(found)
    assert films.recommend(ratings=path) == films.recommend(ratings={"Ghostbusters (1984)": 10, "Lost (1950)": 2})


def test_a_rated_list_without_ratings_is_told(
    films: Plotseek, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "watched.csv").write_text("Name,Year\nGhostbusters,1984\n", encoding="utf-8")
    assert ids(films.recommend(ratings=tmp_path / "watched.csv", limit=1)) == ["6"]
    assert "watched.csv: no ratings in it; all films that were watched are taken as liked" in capsys.readouterr().err


def test_who_is_left_out_and_is_no_film_is_told(films: Plotseek) -> None:
    found = films.search("ghosts", exclude=["Alein", "5"], seen=["Lost"])
    assert (found.unmatched, "5" in ids(found)) == (("Lost", "Alein"), False)
    assert films.search("ghosts", exclude=["5"]).unmatched == ()
