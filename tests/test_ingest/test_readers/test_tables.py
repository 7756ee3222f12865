"""CSV, TSV and Parquet."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import SourceError
from ingest.readers.csv import Dialect, detect_dialect, read_csv
from ingest.readers.row import AnyRow, Row, UnreadableRow
from ingest.readers.source import open_rows


def table(text: str, dialect: Dialect | None = None) -> list[AnyRow]:
    found = dialect or detect_dialect(text)
    assert found is not None
    return list(read_csv(io.StringIO(text, newline=""), "f.csv", found))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_although_plots_hold_the_others(delimiter: str) -> None:
    rows = [
        ["title", "plot"],
        ["Jaws", "A shark; a beach, a man | a boat"],
        ["Z", "A deputy, a judge, a colonel; 1963"],
    ]
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter).writerows(rows)
    assert detect_dialect(written.getvalue()) == Dialect(delimiter)
    assert table(written.getvalue()) == [
        Row("line 2", dict(zip(rows[0], rows[1], strict=True))),
        Row("line 3", dict(zip(rows[0], rows[2], strict=True))),
    ]


def test_prose_is_no_table() -> None:
    assert detect_dialect("A shark appears.\nThe beach is closed.\n") is None
    assert detect_dialect("title\nJaws\n") is None


def test_quotes_line_breaks_and_places() -> None:
    text = 'title,plot\r\n"Fear, ""and"" more","one\r\ntwo"\r\n\r\nLast,three'
    assert table(text) == [
        Row("line 2", {"title": 'Fear, "and" more', "plot": "one\r\ntwo"}),
        Row("line 5", {"title": "Last", "plot": "three"}),
    ]


def test_imdb_files_know_no_quotes() -> None:
    text = 'tconst\tprimaryTitle\tendYear\ntt1\t"Giliap\t\\N\ntt2\tThe "End"\t\\N\n'
    assert detect_dialect(text) == Dialect("\t", quoted=False)
    assert [row.fields["primaryTitle"] for row in table(text) if isinstance(row, Row)] == ['"Giliap', 'The "End"']


def test_mysql_escapes_quotes_with_backslashes() -> None:
    text = 'title,plot\n"A \\"good\\" film","yes, it is"\n'
    assert table(text) == [Row("line 2", {"title": 'A "good" film', "plot": "yes, it is"})]


def test_records_of_another_width_are_refused_alone() -> None:
    assert table("title,plot,year\nA,B,1990\nC,D\nE,F,1991,G\nH,I,1992,,\n") == [
        Row("line 2", {"title": "A", "plot": "B", "year": "1990"}),
        UnreadableRow("line 3", "2 cells where the header has 3"),
        UnreadableRow("line 4", "4 cells where the header has 3"),
        Row("line 5", {"title": "H", "plot": "I", "year": "1992"}),
    ]


def test_headers_that_are_empty_or_repeated() -> None:
    assert table(",title,title,\n0,A,B,x\n") == [
        Row("line 2", {"column 1": "0", "title": "A", "title 2": "B", "column 4": "x"})
    ]


@pytest.mark.parametrize("end", ['title,plot\nA,B\nC,"D and', "title,plot,year\nA,B,1990\nC,D", 'title,plot\n"A'])
def test_a_table_that_is_cut_off(end: str) -> None:
    with pytest.raises(SourceError, match=r"^f\.csv is cut off: line [23] ends in the middle"):
        table(end)


def test_a_cell_larger_than_any_plot(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("title,plot\nA," + "x" * 200_000 + "\n")
    with open_rows(str(path)) as source:
        assert len(list(source)) == 1
    path.write_text('title,plot\nA,"' + "x y\n" * (5 << 20))
    with pytest.raises(SourceError, match=r"line 2: field larger than field limit"), open_rows(str(path)) as source:
        list(source)


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6))
def test_whatever_the_standard_writer_writes_is_read(rows: list[tuple[str, str, str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([("id", "title", "plot"), *rows])
    read = table(written.getvalue(), Dialect(","))
    assert [tuple(row.fields.values()) for row in read if isinstance(row, Row)] == rows


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    dialect = detect_dialect(text)
    try:
        rows = table(text, dialect or Dialect(","))
    except SourceError as error:
        assert str(error).startswith("f.csv")  # noqa: PT017
    else:
        assert len({row.place for row in rows}) == len(rows)


def test_formats_by_content_and_by_option(tmp_path: Path) -> None:
    path = tmp_path / "films.json"
    path.write_text("title\tplot\nA\tB, C\nD\tE, F\n")
    for kind in (None, "tsv"):
        with open_rows(str(path), format=kind) as source:
            assert next(iter(source)) == Row("line 2", {"title": "A", "plot": "B, C"})
    path.write_text('{"title": "A"}')
    for kind, place in ((None, "item 1"), ("jsonl", "line 1")):
        with open_rows(str(path), format=kind) as source:
            assert list(source) == [Row(place, {"title": "A"})]


def test_repeated_and_empty_names_are_told_apart_however_many() -> None:
    names = ["a", "a", "", "a 2", "a", *["b"] * 50_000]
    (row,) = read_csv(io.StringIO(",".join(names) + "\n" + ",".join("x" * len(names)) + "\n"), "f", Dialect(","))
    assert isinstance(row, Row)
    found = list(row.fields)
    assert found[:6] == ["a", "a 2", "column 3", "a 2 2", "a 3", "b"]
    assert found[-1] == "b 50000"


def parquet(path: Path, rows: list[dict[str, object]]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    write_table(pyarrow.Table.from_pylist(rows), path)


def test_parquet_gives_json_values(tmp_path: Path) -> None:
    path = tmp_path / "films"
    moment = datetime(1999, 3, 31, 12, tzinfo=UTC)
    record: dict[str, object] = {
        "title": "A", "year": 1999, "rating": 8.5, "day": date(1999, 3, 31), "at": moment, "price": Decimal("1.50"),
        "number": Decimal(12345678901234567890),
        "raw": b"abc", "genres": ["x", "y"], "imdb": {"id": 5}, "none": None,
    }  # fmt: skip
    parquet(path, [record])
    with open_rows(str(path)) as source:
        (row,) = source
    assert row == Row(
        "row 1",
        {
            "title": "A", "year": 1999, "rating": 8.5, "day": "1999-03-31", "at": "1999-03-31T12:00:00+00:00",
            "price": 1.5, "number": 12345678901234567890, "raw": "abc",
            "genres": ["x", "y"], "imdb": {"id": 5}, "none": None,
        },
    )  # fmt: skip


def test_parquet_that_is_cut_off_or_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "films.parquet"
    parquet(path, [{"title": str(number)} for number in range(5000)])
    data = path.read_bytes()
    for end in (10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:end])
        with pytest.raises(SourceError, match="is cut off or damaged after row 0: "), open_rows(str(path)) as source:
            list(source)
    path.write_text("title,plot\n")
    with pytest.raises(SourceError, match="is cut off or damaged"), open_rows(str(path), format="parquet") as source:
        list(source)


def test_parquet_in_many_batches_and_packed(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "films.parquet"
    parquet(path, [{"title": str(number)} for number in range(2500)])
    packed = tmp_path / "films.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for each in (path, packed):
        with open_rows(str(each)) as source:
            assert [row.fields["title"] for row in source if isinstance(row, Row)] == [str(n) for n in range(2500)]
