"""The door for programs and notebooks does what the workshop's notebook did, and takes what the command takes."""

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import plotseek
from catalog.errors import CatalogMissing, ConfigError, MovieNotFound, UsageError
from ingest.run import Request
from plotseek import Plotseek, cosine_similarity
from plotseek.films import IngestOptions
from query.cli import main as query
from query.models import SearchRequest
from query.movie_catalog import Options
from tests.conftest import SEED

PROJECT = Path(__file__).parents[2]
TWO = [
    {"title": "Tug", "plot": "The crew of a space tug meets a creature.", "year": 1979},
    {"title": "Again", "plot": "A weatherman lives through the same day again and again.", "year": 1993},
]


@pytest.fixture(scope="module")
def films(seed_store: Path) -> Iterator[Plotseek]:
    with Plotseek(seed_store) as opened:
        yield opened


def titles(found: object) -> list[str]:
    return [hit.movie.title for hit in found.hits]  # type: ignore[attr-defined]


def test_a_text_is_one_vector_and_a_list_one_for_each(films: Plotseek) -> None:
    one, several = films.embed("space ships"), films.embed(["space ships", "a boxer"])
    assert (one.shape, several.shape, films.embed([]).shape) == ((384,), (2, 384), (0, 384))
    assert np.allclose(np.linalg.norm(several, axis=1), 1)
    assert np.allclose(one, several[0], atol=1e-6)
    assert cosine_similarity(films.embed("space ships", question=True), one) > 0.999  # this model reads both alike


def test_cosine_similarity_takes_any_pair_of_shapes() -> None:
    across, along = np.array([[1, 0], [0, 2]]), [3, 0]
    assert cosine_similarity(along, along) == 1
    assert cosine_similarity(across, along).tolist() == [1, 0]
    assert cosine_similarity(across, across).tolist() == [[1, 0], [0, 1]]
    assert cosine_similarity([0, 0], along) == 0
    assert type(cosine_similarity(along, along)) is float
    many = np.random.default_rng(0).random((50, 384))
    assert cosine_similarity(many, many).max() == 1  # and no rounding above it


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ([1, 2, 3], [1, 2], "vectors of 3 and of 2 numbers have no cosine"),
        ("ship", [1, 2], "cosine_similarity takes vectors of shape (d,) or (n, d), not 'ship'"),
        ([1, 2], [[1, 2], [3]], "cosine_similarity takes vectors of shape (d,) or (n, d), not [[1, 2], [3]]"),
        ([[[1]]], [1], "cosine_similarity takes vectors of shape (d,) or (n, d), not [[[1]]] of shape (1, 1, 1)"),
    ],
)
def test_what_has_no_cosine_is_told_in_one_line(first: Any, second: Any, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        cosine_similarity(first, second)
    assert str(refused.value) == told


def test_the_vectors_of_films_are_those_of_their_texts(films: Plotseek) -> None:
    ids, matrix = films.vectors()
    assert (sorted(ids), matrix.shape) == (["1", "2", "3", "4", "5", "6"], (6, 384))
    text = "{title} {plot}".format(**SEED["movies"][4])
    some = films.vectors(["5", "1"])
    assert some.ids == ("5", "1")
    assert cosine_similarity(some.matrix[0], films.embed(text)) > 0.9999
    with pytest.raises(MovieNotFound, match="no film has the id or title '99'"):
        films.vectors(["99"])


def test_a_search_by_vector_is_by_cosine_similarity_alone(films: Plotseek) -> None:
    ids, matrix = films.vectors()
    vector = films.embed("I want a movie with space ships")
    found = films.search(vector, limit=6)
    assert [hit.movie.id for hit in found.hits] == [ids[row] for row in np.argsort(-cosine_similarity(matrix, vector))]
    assert found.hits[0].score == pytest.approx(float(cosine_similarity(matrix, vector).max()), abs=1e-6)
    rest = films.search(vector.tolist(), exclude=[found.hits[0].movie.id], limit=2)
    assert [hit.movie.id for hit in rest.hits] == [hit.movie.id for hit in found.hits[1:3]]
    with pytest.raises(UsageError, match="why: a vector is looked for by similarity alone, with filter, exclude"):
        films.search(vector, why=True)
    assert films.search(vector, plain=True, limit=6).hits == found.hits
    assert films.search(vector, exclude=["Alein"], limit=1).unmatched == ("Alein",)


def test_a_filter_alone_lists_and_counts(films: Plotseek) -> None:
    assert titles(films.search(filter="title:Ghostbusters")) == ["Ghostbusters"]
    unknown = films.search(filter="year>0"), films.search("ghosts", plain=True), films.similar("Ghostbusters")
    assert {hit.confidence for found in (*unknown, films.search(films.embed("ghosts"))) for hit in found} == {None}
    assert films.search("ghosts")[0].confidence is not None
    assert [films.facets(filter="title:Ghostbusters").total, films.facets().total] == [1, 6]
    assert films.facets("ghosts", all=True).total == films.search("ghosts", all=True).total


def test_the_map_is_a_table(films: Plotseek) -> None:
    frame = films.map().to_frame()
    assert list(frame.columns) == ["id", "title", "year", "genre", "x", "y"]
    assert sorted(frame["id"]) == ["1", "2", "3", "4", "5", "6"]
    assert {frame[["x", "y"]].to_numpy().min(), frame[["x", "y"]].to_numpy().max()} == {0, 65_535}
    assert len(films.map(limit=2).id) == 2


def test_recommendations_leave_out_the_film_itself(films: Plotseek) -> None:
    assert titles(films.similar("Ghostbusters", limit=1)) == ["Ghostbusters II"]
    assert "Ghostbusters" not in titles(films.recommend("Ghostbusters", dislikes="Fight Club"))


def test_a_film_is_named_by_what_an_answer_has(films: Plotseek) -> None:
    found = films.search("ghosts", limit=2)
    assert films.similar(found[0]) == films.similar(found[0].movie) == films.similar(found[0].movie.id)
    assert films.movie(found[0]) == found[0].movie
    assert films.vectors(found).ids == tuple(hit.movie.id for hit in found)
    assert not {hit.movie.id for hit in found} & {
        hit.movie.id for hit in films.search("", filter="year>0", exclude=found)
    }


def test_what_it_is_can_be_seen(films: Plotseek, seed_store: Path) -> None:
    assert (repr(films), films.path, films.model) == (f"Plotseek({str(seed_store)!r})", seed_store, "bundled")
    assert (len(films), bool(films), bool(Plotseek("nowhere"))) == (6, True, True)
    drawn = films.map()
    assert (repr(drawn), drawn._repr_html_().count("<tr>")) == ("DrawnMap(6 of 6 films, 0 regions)", 6)
    assert "<td>title</td><td>Ghostbusters</td>" in films.movie("Ghostbusters")._repr_html_()


def test_a_request_can_be_asked_and_words_are_searched_for(films: Plotseek) -> None:
    assert films.ask(plotseek.SearchRequest("ghosts")) == films.search("ghosts")
    for method in (films.ask, films.count_facets):
        with pytest.raises(UsageError, match="a SearchRequest can be asked, not 'ship'; search and facets take words"):
            method("ship")  # type: ignore[arg-type]


def test_errors_and_the_version_come_with_it() -> None:
    assert all(hasattr(plotseek, name) for name in plotseek.__all__)
    assert plotseek.UsageError is UsageError
    assert plotseek.__version__ == version("plotseek")


def test_every_option_of_the_command_can_be_given(films: Plotseek) -> None:
    assert Options.__annotations__.keys() == {item.name for item in fields(SearchRequest)} - {
        "text",
        "likes",
        "dislikes",
        "fields",  # of answers over HTTP: here a movie is whole
    }
    command = {option.name for option in query.params if not getattr(option, "hidden", False)}
    edge = {"text", "likes", "dislikes", "seen_in", "rated_in", "as_json", "no_server", "config", "version"}
    assert command - edge - Options.__annotations__.keys() == set()
    found = films.search(
        "ghosts", sort="title", exclude="5", diversity=0.5, franchise=1, all=True, limit=3, facets=True
    )
    assert titles(found) == sorted(titles(found))
    assert "Ghostbusters" not in titles(found)
    assert found.facets is not None
    with pytest.raises(
        UsageError, match="unknown option 'limits'; did you mean 'limit'\\? allowed are by, filter, exclude"
    ):
        films.search("ghosts", limits=3)  # type: ignore[call-arg]


def test_the_help_of_a_search_lists_the_options_with_their_defaults(films: Plotseek) -> None:
    listed = re.findall(r"^(\w+): (.+) = (.+?) -- .", inspect.getdoc(films.search) or "", re.MULTILINE)
    spelt: dict[object, str] = {tuple[str, ...]: "list[str]", Mapping[str, float]: "dict[str, float]"}
    options = {item.name: item for item in fields(SearchRequest) if item.name in Options.__annotations__}
    assert [name for name, _, _ in listed] == list(Options.__annotations__)
    for name, kind, default in listed:
        item = options[name]
        plain = item.type.__name__ if isinstance(item.type, type) else str(item.type)
        assert kind.removesuffix(" | path") == spelt.get(item.type, plain)
        assert ast.literal_eval(default) == ({} if item.default is MISSING else item.default)


def test_the_help_of_an_ingest_lists_the_options_with_their_defaults(films: Plotseek) -> None:
    listed = re.findall(r"^(\w+): (.+) = (.+?) -- .", inspect.getdoc(films.ingest) or "", re.MULTILINE)
    defaults = {item.name: item.default for item in fields(Request)}
    assert [name for name, _, _ in listed] == list(IngestOptions.__annotations__)
    assert all(ast.literal_eval(default) == defaults[name] for name, _, default in listed)


def test_a_list_of_dicts_becomes_a_catalog(tmp_path: Path) -> None:
    with Plotseek(tmp_path) as films:
        with pytest.raises(CatalogMissing):
            films.search("space")
        assert films.embed("space").shape == (384,)  # by the configured model
        report = films.ingest(TWO)
        assert (report.rows.added, report.films, report.published) == (2, 2, True)
        assert titles(films.search("a ship in space", limit=1)) == ["Tug"]
        assert report.note is None
        again = films.ingest(iter(TWO))
        assert (again.embedded, again.published) == (0, False)


def test_a_data_frame_becomes_a_catalog_and_an_answer_a_data_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame([*TWO, {"title": "Undated", "plot": "Nobody knows when."}])
    frame["shown"] = pd.Timestamp("2024-05-01")
    with Plotseek(tmp_path) as films:
        assert films.ingest(frame).rows.added == 3
        found = films.search("a creature", filter="year<2000").to_frame()
        assert found.loc[0, "title"] == "Tug"
        assert films.movie(films.search("nobody knows").hits[0].movie.id).year is None
        report = films.ingest(found)  # what it answered is what it takes
        assert (report.rows.deleted, report.rows.unreadable) == (1, {})
        assert films.movie("Tug").rating is None
        assert report.note == (
            "'score' was not read as the rating; if it is one, name it with"
            " Plotseek(settings={'catalog.fields.rating': COLUMN}); deleted as not among these: 1 film;"
            " prune=False keeps such"
        )
        assert repr(report) == f"Report(unchanged=2, deleted=1; films=2, model={films.model!r})"
        assert str(report).startswith("2 rows read: 2 unchanged, 1 deleted\n")
        assert "<td>1</td>" in report._repr_html_()


def test_values_of_numpy_are_read_as_what_they_are(tmp_path: Path) -> None:
    row = {
        **TWO[0],
        "year": np.int64(1979),
        "rating": np.float32(8.5),
        "genres": np.array(["Horror"]),
        "cast": ("A", "B"),
    }
    with Plotseek(tmp_path) as films:
        films.ingest([row])
        movie = films.search("creature").hits[0].movie
    assert (movie.year, movie.rating, movie.genres, movie.actors) == (1979, 8.5, ("Horror",), ("A", "B"))


def test_a_file_is_read_as_the_command_reads_it(tmp_path: Path) -> None:
    (tmp_path / "films.json").write_text(json.dumps(TWO), encoding="utf-8")
    with Plotseek(tmp_path / "catalog") as films:
        assert films.ingest(tmp_path / "films.json", limit=1).films == 1


def test_settings_go_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLOTSEEK_SEARCH_LIMIT", "2")
    told = [{"title": each["title"], "told": each["plot"]} for each in TWO]
    with Plotseek(tmp_path, settings={"search.limit": 1, "catalog.fields": {"plot": ("told",)}}) as films:
        films.ingest(told)
        assert len(films.search("a day in space", all=True)) == 1
    with Plotseek(tmp_path, settings={"catalog.fields.plot": "told"}) as films:
        assert films.ingest(told).rows.unchanged == 2
        assert len(films.search("a day in space", all=True)) == 2


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"embeding.model": "x"}, "unknown setting 'embeding.model'; did you mean 'embedding.model'"),
        ({"catalog": {"fields": {}}}, "unknown setting 'catalog'; did you mean 'catalog.fields'?"),
        ({"catalog.fields.plott": "x"}, "catalog.fields: unknown field 'plott'; allowed are "),
        ({"zzz": 1}, "unknown setting 'zzz'; config.yaml lists all"),
        ({5: 1}, "unknown setting '5'; config.yaml lists all"),
        ({"search.least_confidence": 1}, "search.least_confidence is called search.min_confidence now"),
        ({"search.limit": "many"}, "search.limit: 'many' is not a whole number"),
        ({"search.limit": 0}, "search.limit: 0 is impossible: allowed is 1 or more"),
        ([], "settings: [] is not a dict such as {'embedding.model': 'bundled'}"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, settings: Any, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Plotseek(tmp_path, settings=settings).ingest(TWO)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize("path", [5, "", b"x", pd.DataFrame({"title": ["X"]}), ["data"]])
def test_what_is_no_folder_makes_none(path: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="^store.path: .* is not a path$"):
        Plotseek(path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_found_from_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Plotseek("~/films").ingest(TWO)
    assert (tmp_path / "films" / "CURRENT").exists()
    with pytest.raises(ConfigError, match="store.path: '~nobody-of-this-name/x' is not a path"):
        Plotseek("~nobody-of-this-name/x")


def test_facets_are_a_table(tmp_path: Path) -> None:
    with Plotseek(tmp_path) as films:
        films.ingest(TWO)
        counts = films.facets()
    frame = counts.to_frame()
    assert list(frame.columns) == ["field", "value", "count", "filter"]
    assert frame[frame["field"] == "year"].to_numpy().tolist() == [
        ["year", "1990s", 1, "year:1990..1999"],
        ["year", "1970s", 1, "year:1970..1979"],
    ]
    assert "<td>year</td><td>1990s</td><td>1</td><td>year:1990..1999</td>" in counts._repr_html_()


def test_who_looks_for_a_decade_is_told_where_it_is(films: Plotseek) -> None:
    with pytest.raises(UsageError, match="unknown field 'decade'; .*; 'year' has the decades: year:1980s"):
        films.search(filter="decade:1980s")


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'chromadb', 'pandas', 'tantivy', 'sentence_transformers', 'sklearn', 'sqlite3'}"
    program = f"import sys, plotseek; plotseek.Plotseek('data'); print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout == "[]\n"


def test_the_examples_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (PROJECT / "docs" / "python.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for example in text.split("```python\n")[1:]:
        exec(example.split("```")[0], names)  # noqa: S102
    names["films"].close()
    assert names["ids"] == ("tug-1979", "again-1993")
    assert [option for option in Options.__annotations__ if f"`{option}`" not in text] == []
