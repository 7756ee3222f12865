"""JSON and JSON lines: every shape that is accepted, and the place of every mistake."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import SourceError
from ingest.readers.json import read_json, read_json_lines
from ingest.readers.json_window import CHUNK
from ingest.readers.row import AnyRow, Row, UnreadableRow


def array(text: str) -> list[AnyRow]:
    return list(read_json(io.StringIO(text), "f.json"))


def lines(text: str) -> list[AnyRow]:
    return list(read_json_lines(io.StringIO(text, newline="\n"), "f.jsonl"))


def fields(rows: list[AnyRow]) -> list[Any]:
    return [row.fields for row in rows if isinstance(row, Row)]


A, B = {"title": "A"}, {"title": "B"}


@pytest.mark.parametrize(
    "text",
    [
        '[{"title":"A"},{"title":"B"}]',
        '[\n  {"title": "A"},\n\n  {"title": "B"}\n]\n',
        '{"results": [{"title": "A"}, {"title": "B"}], "total": 2}',
        '{"page": 1, "empty": [], "numbers": [1, 2], "data": {"x": null, "films": [{"title":"A"},{"title":"B"}]}}',
        '{"title": "A"}\n{"title": "B"}\n',
        '{"title": "A"} {"title": "B"}',
        '{\n "title": "A"\n},\n{\n "title": "B"\n}\n',
    ],
)
def test_the_shapes_of_json(text: str) -> None:
    assert array(text) == [Row("item 1", A), Row("item 2", B)]


def test_one_film_is_a_film_although_it_holds_a_list_of_objects() -> None:
    film = {"title": "A", "overview": "B", "genres": [{"id": 1, "name": "Drama"}]}
    assert fields(array(json.dumps(film))) == [film]
    assert fields(array(json.dumps({"name": "My list", "description": "Good ones", "items": [film]}))) == [film]


def test_an_object_larger_than_the_window_is_walked() -> None:
    films = [{"title": f"Film {number}", "plot": "x" * 5000} for number in range(1000)]
    text = json.dumps({"meta": {"pages": list(range(1000))}, "results": films, "other": [{"a": 1}, {"a": 2}]})
    assert len(text) > 2 * CHUNK
    assert fields(array(text)) == films
    with pytest.raises(SourceError, match=r"^f\.json, line 1: the file is cut off"):
        array(text[:-1])


def test_values_that_the_window_cuts() -> None:
    for shift in range(12):
        films = [{"plot": "x" * (CHUNK - 30 + shift)}, {"n": 1234567890, "t": True}, {"u": "\u00e9\\"}]
        assert fields(array(json.dumps(films))) == films


def test_integers_are_exact_and_nan_is_nothing() -> None:
    text = '[{"id": 123456789012345678901234567890, "rating": NaN, "votes": -Infinity, "plot": "a\nb"}]'
    row = {"id": 123456789012345678901234567890, "rating": None, "votes": None, "plot": "a\nb"}
    assert fields(array(text)) == [row]


def test_items_that_are_no_objects_cost_only_themselves() -> None:
    assert array('[{"title":"A"}, 5, null, ["x"], {"title":"B"}]') == [
        Row("item 1", A),
        UnreadableRow("item 2", "a number where an object with the film's fields is expected"),
        UnreadableRow("item 3", "null where an object with the film's fields is expected"),
        UnreadableRow("item 4", "a list where an object with the film's fields is expected"),
        Row("item 5", B),
    ]


def test_a_second_list_of_films_is_told() -> None:
    films, reason = '[{"title":"A"}]', "a second list of films, not read; give it as a file of its own"
    assert array(f'{{"films": {films}, "genres": [{{"id": 1}}], "more": {{"series": [{{"title":"B"}}]}}}}') == [
        Row("item 1", A),
        UnreadableRow("list 'series'", reason),
    ]
    other = '[{"name": "Dune", "overview": "A desert.", "year": 2021}, 5]'
    assert array(f'{{"films": {films}, "series": {other}}}')[1:] == [UnreadableRow("list 'series'", reason)]


def test_what_python_does_not_read_costs_only_itself() -> None:
    deep = '{"title": "x\\"]", "a": ' + "[" * 5000 + '"]"' + "]" * 5000 + "}"
    refused = "not usable: nested too deeply"
    assert array(f'[{{"title":"A"}}, {deep}, {{"title":"B"}}]') == [
        Row("item 1", A),
        UnreadableRow("item 2", refused),
        Row("item 3", B),
    ]
    assert array(f'{{"page": 1, "films": [{{"title":"A"}}, {deep}]}}') == [
        Row("item 1", A),
        UnreadableRow("item 2", refused),
    ]
    assert array(deep) == [UnreadableRow("item 1", refused)]
    assert lines(f'{{"title":"A"}}\n{deep}\n')[1] == UnreadableRow("line 2", refused)
    digits = "9" * 5000
    assert fields(array(f'[{{"year": {digits}, "n": 1}}]')) == [{"year": digits, "n": 1}]
    assert fields(lines(f'{{"year": {digits}, "n": 1}}\n')) == [{"year": digits, "n": 1}]


def test_an_array_without_objects_is_no_catalogue() -> None:
    for text in ("[1]", '["a", "b"]', str(list(range(50)))):
        with pytest.raises(SourceError, match="its array holds no objects"):
            array(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1},\n{"a" 2},\n{"a": 3}]', "f.json, line 2: not JSON: Expecting ':' delimiter"),
        ('[{"a": 1}\n{"a": 2}]', "f.json, line 2: not JSON: , or ] expected, '{' found"),
        ('[{"a": 1}] [{"a": 2}]', "f.json, line 1: more text after the end of the JSON"),
        ('[{"a": 1},\n]', "f.json, line 2: not JSON: Expecting value"),
        ("nonsense", "f.json: not JSON: it starts with 'nonsense'"),
        ('[{"a": ' + "[" * 100_000, "f.json, line 1: the file is cut off"),
        ("[" * 100_000 + "]" * 100_000, "f.json: its array holds no objects but, for one, a list"),
    ],
)
def test_mistakes_name_their_line(text: str, message: str) -> None:
    with pytest.raises(SourceError) as refused:
        array(text)
    assert str(refused.value).startswith(message)


FILMS = [
    {
        "title": 'Quotes "inside"',
        "plot": "Ünïcode \\ [not an end] {nor this}",
        "n": [1.5e10, -3, True, None, {"a": []}],
    },
    {"title": "Second", "plot": "é" * 30},
]


@pytest.mark.parametrize("document", [FILMS, {"meta": {"n": 1}, "results": FILMS, "end": "x"}])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_cut_off_anywhere_is_an_error(document: object, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    assert fields(array(text)) == FILMS
    for end in range(1, len(text)):
        with pytest.raises(SourceError, match=r"cut off|no list of films"):
            array(text[:end])


def test_json_lines_cut_off_anywhere() -> None:
    rows = [json.dumps(film) for film in FILMS]
    text = "\n".join(rows) + "\n"
    whole = {len(rows[0]): 1, len(rows[0]) + 1: 1, len(text) - 1: 2, len(text): 2}
    for end in range(1, len(text) + 1):
        if end in whole:
            assert len(lines(text[:end])) == whole[end]
        else:
            with pytest.raises(SourceError, match=r"^f\.jsonl is cut off: line [12] ends in the middle"):
                lines(text[:end])


def test_a_broken_line_costs_that_line_only() -> None:
    rows = lines('{"title":"A"}\n{"title" "x"}\n\n[1]\n{"title":"B"},\r\n{"title":"C"} x\n' + '{"a":' * 99999 + "\n")
    assert rows == [
        Row("line 1", A),
        UnreadableRow("line 2", "not JSON: Expecting ':' delimiter, column 10"),
        UnreadableRow("line 4", "a list where an object with the film's fields is expected"),
        Row("line 5", B),
        UnreadableRow("line 6", "not JSON: more text after the object, column 14"),
        UnreadableRow("line 7", "not usable: nested too deeply"),
    ]


def test_a_file_without_one_good_line_is_no_json_lines() -> None:
    with pytest.raises(SourceError, match="no line is a JSON object"):
        lines("[1]\n[2]\n")
    with pytest.raises(SourceError, match="none of the first 20 lines is a JSON object"):
        lines("title;plot\n" * 1000)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=5), min_size=1, max_size=5), st.sampled_from([None, 1]))
def test_whatever_json_writes_is_read(films: list[dict[str, Any]], indent: int | None) -> None:
    assert fields(array(json.dumps(films, indent=indent))) == films
    assert fields(lines("".join(json.dumps(film) + "\n" for film in films))) == films


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (array, lines):
        try:
            places = [row.place for row in read(text)]
        except SourceError as error:
            assert str(error).startswith("f.json")  # noqa: PT017
        else:
            assert len(set(places)) == len(places)
