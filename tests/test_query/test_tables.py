"""What programs and notebooks make of an answer: tables, copies, plain values."""

import copy
import pickle
import subprocess
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path

import pandas
import pytest

from catalog.movie import FIELDS, Movie
from catalog.store.columns.facet import Facet, FacetValue
from ingest.report import Report, RowCounts
from query.constraints.constraint import Constraint
from query.models import FacetCounts, Hit, SearchRequest, SearchResult, Why

ALIEN = Movie("1", "Alien", "A crew meets a creature.", year=1979, genres=("Horror", "Sci-Fi"), rating=8.5, votes=900)
ROOM = Movie("2", "<b>Room</b>", "x" * 300, external_ids={"imdb": "tt1"}, extra={"shelf": [1]})
REASON = Why({"dense": 1}, ("creature",), "A crew meets a creature.", None)
GENRES = Facet("genre", (FacetValue("Horror", 1, "genre:Horror"),), 1)
RESULT = SearchResult(
    (Hit(ALIEN, 0.75, 0.9, REASON), Hit(ROOM, 0.25)),
    2,
    1,
    facets=(GENRES,),
    understood=(Constraint("genre", ":", ("Horror",), False, (0, 6)),),
)
PUBLIC = [
    RESULT,
    RESULT.hits[0],
    ROOM,
    SearchRequest("space", likes=("Alien",)),
    FacetCounts((GENRES,), 1, 1),
    Report(RowCounts(2, unreadable={"year": 1}), 2, 0, 0.1, "bundled", 2, 1, published=True),
]


@pytest.mark.parametrize("value", PUBLIC, ids=lambda value: type(value).__name__)
def test_everything_public_can_be_kept_copied_and_taken_apart(value: SearchResult) -> None:
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own
    assert copy.deepcopy(value) == value
    assert asdict(value).keys() == {item.name for item in fields(value)}


def test_an_answer_is_a_data_frame_with_a_line_for_each_hit() -> None:
    frame = RESULT.to_frame()
    assert list(frame.columns[:5]) == ["id", "title", "year", "score", "confidence"]
    assert set(FIELDS) < set(frame.columns)
    assert frame["title"].tolist() == ["Alien", "<b>Room</b>"]
    assert frame["score"].tolist() == [0.75, 0.25]
    assert frame["genres"].tolist() == [("Horror", "Sci-Fi"), ()]
    assert (str(frame["year"].dtype), frame["year"][0], frame["year"].isna().tolist()) == ("Int64", 1979, [False, True])
    assert frame["why_sentence"][0] == "A crew meets a creature."


def test_an_answer_without_hits_has_the_same_columns() -> None:
    frame = SearchResult((), 0, 1).to_frame()
    assert len(frame) == 0
    assert list(frame.columns) == list(SearchResult(RESULT.hits[1:], 1, 1).to_frame().columns)


def test_a_column_has_the_same_type_whatever_the_answer() -> None:
    whole, numbers = ("year", "votes", "runtime", "fit"), ("rating", "score", "confidence")
    frames = [RESULT.to_frame(), SearchResult(RESULT.hits[1:], 1, 1).to_frame(), SearchResult((), 0, 1).to_frame()]
    for frame in frames:
        assert {name: str(frame[name].dtype) for name in whole} == dict.fromkeys(whole, "Int64")
        assert {name: str(frame[name].dtype) for name in numbers} == dict.fromkeys(numbers, "float64")
        rest = [name for name in frame.columns if name not in (*whole, *numbers, "why_into_story")]
        assert {str(frame[name].dtype) for name in rest} == {"object"}
    assert frames[1].nlargest(1, "fit")["id"].tolist() == ["2"]


def test_an_answer_can_be_kept_as_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for hits in (RESULT.hits, RESULT.hits[:1], ()):
        frame = SearchResult(hits, 2, 1).to_frame()
        frame.to_parquet(tmp_path / "answer.parquet")
        assert pandas.read_parquet(tmp_path / "answer.parquet")["title"].tolist() == frame["title"].tolist()
    assert RESULT.to_frame()["external_ids"].tolist() == [None, {"imdb": "tt1"}]


def test_an_answer_is_a_sequence_of_its_hits() -> None:
    assert (len(RESULT), list(RESULT), RESULT[1]) == (2, list(RESULT.hits), RESULT.hits[1])
    assert RESULT[:1] == replace(RESULT, hits=RESULT.hits[:1])
    assert not SearchResult((), 0, 1)


def test_hits_and_films_go_into_a_set() -> None:
    marked = replace(RESULT.hits[0], highlights={"plot": [(0, 1)]})
    assert len({*RESULT.hits, *RESULT.hits, marked}) == 3
    assert len({ROOM, replace(ROOM, extra={}), replace(ROOM)}) == 2


def test_a_notebook_shows_an_answer_and_a_hit_as_a_table_without_their_markup() -> None:
    table, row = RESULT._repr_html_(), RESULT.hits[1]._repr_html_()
    assert table.startswith("<table><thead><tr><th>title</th><th>year</th><th>fit</th><th>score</th>")
    assert "<td>Alien</td><td>1979</td><td></td><td>0.75</td><td>Horror, Sci-Fi</td>" in table
    assert table.count("<tr>") == 3
    assert row.count("<tr>") == 2
    assert "<td>&lt;b&gt;Room&lt;/b&gt;</td><td></td><td></td><td>0.25</td><td></td>" in row
    assert f"<td>{'x' * 199}…</td>" in row


def test_a_notebook_shows_what_is_to_be_known_beside_the_films() -> None:
    read = (Constraint("genre", ":", ("Film Noir",), False, (0, 4)), Constraint("year", ":", ("..1959",), True, (5, 9)))
    nothing = SearchResult((), 0, 1, notes=("no <film> passes",), understood=read, unmatched=("Alein",))
    lines = nothing._repr_html_().split("</table>")[1].split("</div>")
    assert lines == [
        "<div>understood: genre:&quot;Film Noir&quot; -year:..1959",
        "<div>no &lt;film&gt; passes",
        "<div>not in the catalog: Alein",
        "",
    ]
    assert RESULT._repr_html_().endswith("</table><div>understood: genre:Horror</div>")
    assert SearchResult((), 0, 1)._repr_html_().endswith("</table><div>no film here</div>")


def test_without_pandas_a_data_frame_says_what_is_missing() -> None:
    program = (
        "import sys; sys.modules['pandas'] = None\n"
        "from query.models import SearchResult\n"
        "SearchResult((), 0, 1).to_frame()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    said = done.stderr.splitlines()[-1]
    assert "ExtraMissing: a DataFrame needs pandas; run: " in said
    assert said.endswith('[notebook]"')
