"""Whatever a file holds, a run ends as a run: rows go in or are refused by name, and nothing is a traceback."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from catalog.store.maintenance.verify import verify
from catalog.store.runs import History
from ingest.cli import main

pytestmark = pytest.mark.slow

TINY = str(Path(__file__).parents[1] / "fixtures" / "jina-tiny")
GOOD = {"id": "good", "title": "Alien", "plot": "A ship answers a call."}
STRAY = "caf\udce9"
DIGITS = "9" * 5000


def ingest(store: Path, *arguments: str) -> Result:
    """The command, with a model of a few kilobytes and every further column kept."""
    environment = {
        "PLOTSEEK_STORE_PATH": str(store),
        "PLOTSEEK_EMBEDDING_MODEL": TINY,
        "PLOTSEEK_CATALOG_FIELDS": '{extra: "*"}',
    }
    return CliRunner(env=environment).invoke(main, arguments, catch_exceptions=False)


def nested(depth: int) -> Any:
    """`[[[...]]]`"""
    value: Any = "inside"
    for _ in range(depth):
        value = [value]
    return value


def report(store: Path, path: Path) -> dict[str, Any]:
    """What a run that ended well says."""
    result = ingest(store, "--file", str(path), "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize(
    ("row", "refused"),
    [
        ({"title": STRAY, "plot": [STRAY]}, True),
        ({"title": STRAY, "plot": "", STRAY: STRAY}, True),
        ({"title": "A", "plot": "B", "poster": f"https://example.org/{STRAY}.jpg"}, False),
        ({"title": "A", "plot": "B", STRAY: "kept"}, False),
        ({"title": "A", "plot": "B", "external_ids": {STRAY: "1", "imdb": STRAY}}, False),
        ({"title": "A", "plot": "B", "note": nested(600)}, False),
        ({"title": "A", "plot": nested(600)}, True),
        ({"title": "A", "plot": "B", "runtime": f"{DIGITS} min"}, False),
        ({"title": "A", "plot": "B", "votes": ",".join(["999"] * 2000)}, False),
        ({"title": "A", "plot": "B", "genres": [10**400]}, False),
        ({"title": "A", "plot": "B", "genres": ["g" * 100_000]}, False),
        ({"id": "i" * 100_000, "title": "A", "plot": "B"}, False),
    ],
)
def test_one_bad_row_costs_at_most_that_row(tmp_path: Path, row: dict[str, object], refused: bool) -> None:
    path = tmp_path / "films.json"
    path.write_text(json.dumps([GOOD, row]), encoding="utf-8")
    found = report(tmp_path / "store", path)
    assert (found["added"], found["refused"]) == (2 - refused, int(refused))
    assert verify(tmp_path / "store").differences == ()
    if refused:
        kept = [json.loads(line) for line in Path(found["refused_file"]).read_text(encoding="utf-8").splitlines()]
        assert [line["row"] for line in kept] == [row]


@pytest.mark.parametrize("name", ["films.json", "films.jsonl"])
@pytest.mark.parametrize(("cell", "refused"), [(f'"year": {DIGITS}', False), (f'"x": {"[" * 5000}{"]" * 5000}', True)])
def test_json_that_python_does_not_read_costs_at_most_its_row(
    tmp_path: Path, name: str, cell: str, refused: bool
) -> None:
    rows = [json.dumps(GOOD), '{"id": "bad", "title": "A", "plot": "B", ' + cell + "}", json.dumps({**GOOD, "id": 3})]
    path = tmp_path / name
    path.write_text("\n".join(rows) if name.endswith("l") else f"[{','.join(rows)}]", encoding="utf-8")
    found = report(tmp_path / "store", path)
    assert (found["added"], found["refused"]) == (3 - refused, int(refused))
    assert found["unreadable"] == ({} if refused else {"year": 1})


def test_a_header_with_stray_bytes_is_told_and_recorded(tmp_path: Path) -> None:
    path, store = tmp_path / "films.csv", tmp_path / "store"
    store.mkdir()  # one that is not there is left alone
    path.write_bytes(b"titl\xe9,caf\xe9 \xc3\xa9\xc3\xa9\xc3\xa9,plot\nA,B,C\n")
    result = ingest(store, "--file", str(path), "--format", "csv")
    assert result.exit_code == 1
    assert "no column looks like a title; there are titl" in result.stderr
    with History.open(store) as history:
        assert "no column looks like a title" in (history.last(1)[0].reason or "")
    path.write_bytes(b"title,caf\xe9 \xc3\xa9\xc3\xa9\xc3\xa9,plot\nA,B,C\n")
    preview = ingest(store, "--file", str(path), "--dry-run")
    assert preview.exit_code == 0
    assert "from caf" in preview.stdout


def test_dates_beyond_year_9999_cost_at_most_their_value(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow.parquet import write_table

    path = tmp_path / "films.parquet"
    columns = {
        "title": pyarrow.array(["Alien", "Jaws"]),
        "plot": pyarrow.array(["A ship.", "A shark."]),
        "release_date": pyarrow.array([10_000_000, 2000], type=pyarrow.date32()),
        "seen": pyarrow.array([2**60, 0], type=pyarrow.timestamp("ms")),
        "shown": pyarrow.array([[2**45], [0]], type=pyarrow.list_(pyarrow.timestamp("s"))),
    }
    write_table(pyarrow.table(columns), path)
    found = report(tmp_path / "store", path)
    assert (found["added"], found["refused"], found["unreadable"]) == (2, 0, {"year": 1})


def test_values_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    path, store = tmp_path / "films.jsonl", tmp_path / "store"
    rows = [
        {"id": 1, "title": "A", "plot": "B", "year": "abc", "runtime": "long", "rating": "good", "votes": "many"},
        {"id": 2, "title": "A", "plot": "B", "year": 12345, "runtime": 0, "rating": 8, "votes": ""},
        {"id": 3, "title": "A", "plot": "B", "year": "abc", "release_date": "1994-05-12", "rating": 11.0},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    expected = {"rating": 2, "runtime": 1, "votes": 1, "year": 2}
    assert report(store, path)["unreadable"] == expected
    assert report(store, path)["unreadable"] == expected  # not read again
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[::-1]), encoding="utf-8")
    assert report(store, path)["unreadable"] == expected  # rows recognised
    lines = ingest(store, "--file", str(path)).stdout.splitlines()
    assert (
        "could not be read and were left out: rating of 2 films (first: 11.0, line 1), runtime of 1 film (first:"
        " 'long', line 3), votes of 1 film (first: 'many', line 3), year of 2 films (first: 12345, line 2)"
    ) in lines
    with History.open(store) as history:
        assert history.last(1)[0].counts["unreadable"] == 6


TEXTS = st.text(st.characters(exclude_categories=[]), max_size=20) | st.sampled_from(
    [STRAY, "P9999999999999DT1H", "1994", "N/A", "[", "{'a': 1", "\x1b[2J\x9b", "a|b", "1,2"]
)
NUMBERS = st.integers() | st.floats() | st.integers(300, 4200).map(lambda digits: 10**digits)
CELLS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
) | st.integers(1, 900).map(nested)
NAMES = (
    "id title plot year genres directors cast languages countries runtime rating votes poster imdb_id tmdb_id"
    " external_ids keywords crew plot_de original_title release_date link note"
).split()
ROWS = st.dictionaries(st.sampled_from(NAMES) | TEXTS, CELLS, max_size=10).map(
    lambda cells: {"title": "A title", "plot": "A plot."} | cells
)
JSON_FILES = st.lists(ROWS | CELLS, max_size=5).map(lambda rows: json.dumps([GOOD, *rows]).encode())
LINES = st.lists(ROWS | CELLS, max_size=5).map(lambda rows: "\n".join(map(json.dumps, [GOOD, *rows])).encode())
CSV_FILES = st.lists(st.lists(TEXTS, min_size=3, max_size=3), max_size=5).map(
    lambda rows: "\n".join(["title,plot,year", "Alien,A ship,1979", *(",".join(row) for row in rows)]).encode(
        "utf-8", "surrogatepass"
    )
)
_KINDS: list[tuple[str, st.SearchStrategy[Any]]] = [
    ("date32", st.integers(-(2**31), 2**31 - 1)),
    ("date64", st.integers(-(2**36), 2**36).map(lambda days: days * 86_400_000)),
    ("binary", st.binary(max_size=9)),
    ("float64", st.floats()),
    ("float16", st.floats(width=16)),
    ("uint64", st.integers(0, 2**64 - 1)),
]


@st.composite
def parquet_files(draw: st.DrawFn) -> bytes:
    """A title and a plot, and columns of any kind and any value."""
    import pyarrow
    from pyarrow.parquet import write_table

    count = draw(st.integers(1, 3))
    table = pyarrow.table({"title": ["A"] * count, "plot": ["B"] * count})
    for name in draw(st.lists(st.sampled_from(NAMES[3:]), unique=True, max_size=4)):
        kind, values = draw(st.sampled_from(_KINDS))
        cells = draw(st.lists(st.none() | values, min_size=count, max_size=count))
        table = table.append_column(name, pyarrow.array(cells, type=getattr(pyarrow, kind)()))
    sink = pyarrow.BufferOutputStream()
    write_table(table, sink)
    whole: bytes = sink.getvalue().to_pybytes()
    return whole


# Shrinking costs a run a step.
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(data=st.one_of(JSON_FILES, LINES, CSV_FILES, parquet_files(), st.binary(max_size=200)))
def test_no_file_is_a_traceback(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    path = folder / "films"
    path.write_bytes(data)
    for arguments in (["--dry-run"], ["--json", "--allow-deletes"]):
        result = ingest(folder / "store", "--file", str(path), *arguments)
        assert result.exit_code in (0, 1)
        if result.exit_code:
            assert result.stderr.splitlines()[-1].startswith("ingest: ")
    if not result.exit_code:
        json.loads(result.stdout)
