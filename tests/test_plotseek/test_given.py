"""Films that a program gives: what is taken, and what is refused in words of Python."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from catalog.errors import CatalogMissing, DeletionsRefused, PlotseekError, SourceError, UsageError
from catalog.store.runs import History
from plotseek import Plotseek
from plotseek.films import IngestOptions
from plotseek.messages import in_python

PLOT = "The crew of a space tug meets a creature."


def rows(count: int, start: int = 0) -> list[dict[str, object]]:
    return [
        {"id": number, "title": f"Tug {number}", "plot": f"{PLOT} {number}"} for number in range(start, start + count)
    ]


@pytest.mark.parametrize(
    ("films", "options", "told"),
    [
        (None, {}, "films: None is no list of dicts, no DataFrame, no path and no address"),
        ({"title": "X"}, {}, "films: {'title': 'X'} is no list of dicts, no DataFrame, no path and no address"),
        (["text"], {}, "the films given are no dicts, but 'text'"),
        (pd.Series(["text"]), {}, "the films given are no dicts, but 'text'"),
        ([], {}, "the films given are none; nothing was changed"),
        (pd.DataFrame({"title": []}), {}, "the films given: a DataFrame without rows; nothing was changed"),
        (pd.DataFrame([["X", "Y"]], columns=["plot", "plot"]), {},
         "the films given: two columns are called 'plot'; rename one of them"),
        (rows(1), {"prunes": False},
         ("unknown option 'prunes'; did you mean 'prune'? allowed are format, "
         "limit, prune, allow_deletes, rebuild, again, source, take_over")),
        (rows(1), {"source": "a b"}, "source 'a b': allowed are letters, digits, - and _, 40 at most"),
        (rows(1), {"limit": 0}, "limit: 0 is impossible: allowed is 1 or more"),
        (rows(1), {"prune": "no"}, "prune: 'no' is not true or false"),
        ([{"title": "X", "told": PLOT}], {"limit": 1},
         ("no column looks like a plot; there are title, told; name it with "
         "Plotseek(settings={'catalog.fields.plot': COLUMN})")),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing(tmp_path: Path, films: Any, options: Any, told: str) -> None:
    with pytest.raises(PlotseekError) as refused:
        Plotseek(tmp_path).ingest(films, **options)
    assert str(refused.value) == told
    assert isinstance(refused.value, UsageError | SourceError)
    assert not (tmp_path / "CURRENT").exists()


def test_a_list_among_which_one_is_no_film_costs_that_one(tmp_path: Path) -> None:
    report = Plotseek(tmp_path).ingest([*rows(1), "text"])  # type: ignore[list-item]
    assert (report.rows.added, report.rows.refused) == (1, 1)


@pytest.mark.parametrize("films", [pd.Series(rows(2)), np.array(rows(2)), iter(rows(2)), tuple(rows(2))])
def test_films_come_in_whatever_holds_dicts(tmp_path: Path, films: Any) -> None:
    assert Plotseek(tmp_path).ingest(films, limit=None).films == 2


def test_an_index_with_a_name_is_a_column(tmp_path: Path) -> None:
    frame = pd.DataFrame(rows(2))
    with Plotseek(tmp_path) as films:
        assert films.ingest(frame.set_index("id")).rows.added == 2
        assert films.ingest(frame).published is False
        assert films.ingest(frame.set_index("id", drop=False)).published is False
        assert films.ingest(frame.set_index(["id", "title"])).published is False
        assert films.movie(1).title == "Tug 1"


def test_what_is_no_character_costs_its_text_alone(tmp_path: Path) -> None:
    plots = [*(PLOT for _ in range(3)), "A ca\ud83d of the sea.", PLOT]
    frame = pd.DataFrame(rows(5)).assign(plot=pd.Series(plots, dtype=object))
    frame["released"] = pd.Timestamp("2024-05-01")
    with Plotseek(tmp_path) as films:
        assert films.ingest(frame).rows.added == 5
        assert films.movie("3").plot.startswith("A ca")
        assert films.movie("3").year == films.movie("4").year == 2024


def test_films_of_an_answer_are_taken(tmp_path: Path) -> None:
    with Plotseek(tmp_path / "one") as films, Plotseek(tmp_path / "other") as others:
        films.ingest(rows(3))
        found = films.search("tug", all=True)
        assert others.ingest(found).rows.added == 3
        assert others.ingest([hit.movie for hit in found]).rows.unchanged == 3
        assert others.movie("1") == films.movie("1")


def test_who_names_no_catalog_is_told_once_and_in_python(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(CatalogMissing) as refused:
        Plotseek(tmp_path).search("ship")
    told = 'there is no catalog yet; run ingest("movies.json") first, or open the folder of one: Plotseek(PATH)'
    assert str(refused.value) == f"{tmp_path}: {told}"
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("said", "spoken"),
    [
        ("run 'ingest FILE --rebuild' to move", "run ingest(FILE, rebuild=True) to move"),
        ("'ingest --file FILE --rebuild'", "ingest(FILE, rebuild=True)"),
        ("run 'ingest verify --repair', or --no-prune", "run 'ingest verify --repair', or prune=False"),
        ("--plain and --shards DIR", "--plain and --shards DIR"),
    ],
)
def test_options_are_spelt_as_in_python(said: str, spoken: str) -> None:
    assert in_python(said, IngestOptions.__annotations__) == spoken


def test_messages_speak_of_options_of_python_and_of_no_temporary_file(tmp_path: Path) -> None:
    with Plotseek(tmp_path) as films:
        films.ingest(rows(30))
        with pytest.raises(DeletionsRefused) as refused:
            films.ingest(rows(30, start=100))
        assert str(refused.value).endswith(
            "or repeat with allow_deletes=True (or, to keep other films beside them, with source=NAME)"
        )
        report = films.ingest([*rows(1), *rows(1, start=100)], source="shelf")
        assert report.refusals == (
            "line 1: field 'id': '0' is the id of 'Tug 0', a film of source 'main'; take_over=True replaces that one",
        )
    with History.open(tmp_path) as history:
        assert {run.location for run in history.last(9)} == {"the films given"}
