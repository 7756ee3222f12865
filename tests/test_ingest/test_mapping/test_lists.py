"""Lists of names, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mapping.iso_names import country_name, language_name
from ingest.mapping.lists import names, staff, unique
from ingest.mapping.text import WrongTypeError


def items(value: object, **options: object) -> tuple[str, ...]:
    found = names(value, **options)  # type: ignore[arg-type]
    return found[0] if found else ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["Action", "Comedy"], ("Action", "Comedy")),
        (["Action", "action", " Action "], ("Action",)),
        ("Action|Comedy", ("Action", "Comedy")),
        ("Action, Comedy", ("Action", "Comedy")),
        ("Action; Comedy", ("Action", "Comedy")),
        ("Action", ("Action",)),
        ('["Action", "Comedy"]', ("Action", "Comedy")),
        ("['Action', 'Comedy']", ("Action", "Comedy")),
        ([{"id": 28, "name": "Action"}, {"id": 35, "name": "Comedy"}], ("Action", "Comedy")),
        ("[{'id': 28, 'name': 'Action'}, {'id': 35, 'name': \"Co'medy\"}]", ("Action", "Co'medy")),
        ('[{"id": 28, "name": "Action"}]', ("Action",)),
        ({"28": "Action", "35": "Comedy"}, ("Action", "Comedy")),
        ({"id": 28, "name": "Action"}, ("Action",)),
        ("Robert Downey, Jr., Jude Law", ("Robert Downey, Jr.", "Jude Law")),
        (["None", "Italian", "", None, "N/A"], ("Italian",)),
        ("(no genres listed)", ()),
        ([1984, True, 2.0, {"x": 1}, [1]], ("1984", "2")),
        ([], ()),
        ("", ()),
        ("[]", ()),
        (None, ()),
        (["Fran\u00c3\u00a7ois"], ("François",)),
        ("[not a list", ("[not a list",)),
        ("[__import__('os').system('x')]", ("[__import__('os').system('x')]",)),
        ("[" * 5000 + "]" * 5000, ("[" * 5000 + "]" * 5000,)),
    ],
)
def test_the_ways_to_write_a_list(value: object, expected: tuple[str, ...]) -> None:
    assert items(value) == expected


def test_slashes_separate_genres_only() -> None:
    assert items("drama / romance", slashes=True) == ("drama", "romance")
    assert items("AC/DC") == ("AC/DC",)


def test_languages_and_countries_get_one_name() -> None:
    assert items("en|de|cn|xx|Klingon|en-US", rename=language_name) == ("English", "German", "Cantonese", "Klingon")
    spoken = [{"iso_639_1": "fr", "name": "Français", "english_name": "French"}, {"iso_639_1": "ja", "name": ""}]
    assert items(spoken, rename=language_name) == ("French", "Japanese")
    assert items("USA, UK, West Germany", rename=country_name) == ("United States", "United Kingdom", "West Germany")
    produced = [{"iso_3166_1": "US", "name": "United States of America"}, {"iso_3166_1": "DE", "name": "Germany"}]
    assert items(produced, rename=country_name) == ("United States", "Germany")


def test_a_crew_is_asked_for_its_jobs() -> None:
    crew = [{"name": "A", "job": "Producer"}, {"name": "B", "job": "Director"}]
    people = [{"Name": "C", "Type": "Actor"}, {"Name": "D", "Type": "Director"}]
    assert (staff(crew, "director") or ((), 0))[0] == ("B",)
    assert (staff(str(crew), "director") or ((), 0))[0] == ("B",)
    assert (staff(people, "actor") or ((), 0))[0] == ("C",)
    assert staff("Michael B. Jordan, Adonis Creed", "director") is None
    assert staff([{"name": "A"}], "director") is None


def test_what_was_repaired_is_counted_every_time() -> None:
    for _ in range(2):
        found = names(["Fran\u00c3\u00a7ois", "Ren\u00c3\u00a9", "Anna"])
        assert found is not None
        assert found == (("François", "René", "Anna"), 2)


@pytest.mark.parametrize("value", [5, True, 1.5])
def test_what_cannot_be_a_list(value: object) -> None:
    with pytest.raises(WrongTypeError, match="a list or a text is expected"):
        names(value)


def test_one_and_true_are_not_mixed_up() -> None:
    assert items([1]) == ("1",)
    assert items([True]) == ()


@given(st.lists(st.text()))
def test_unique_keeps_the_first_of_each(texts: list[str]) -> None:
    found = unique(texts)
    assert [text for text in texts if text in found][:1] == list(found[:1])
    assert len({text.casefold() for text in texts}) == len(found)


@given(st.text())
def test_any_text_is_a_list(text: str) -> None:
    assert all(item == item.strip() and item for item in items(text))
