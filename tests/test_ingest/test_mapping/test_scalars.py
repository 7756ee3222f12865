"""One cell, many spellings."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mapping import scalars
from ingest.mapping import text as texts
from ingest.mapping.text import WrongTypeError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1994, 1994),
        (1994.0, 1994),
        ("1994", 1994),
        ("(1994)", 1994),
        ("1994–", 1994),
        ("1994–2001", 1994),
        ("1994-05-12", 1994),
        ("1994-05-12T00:00:00Z", 1994),
        ("May 12, 1994", 1994),
        ("12.5.1994", 1994),
        ("19940512", 1994),
        (19940512, 1994),
        (768700800, 1994),
        ("768700800", 1994),
        (-631152000, 1950),
        (768700800000, 1994),
        ({"$numberInt": "1994"}, 1994),
        (12345, None),
        ("12345", None),
        (199405, None),
        (10_000_000.0, 1970),
        (1870, 1870),
        (2100, 2100),
        ("1869", None),
        (2101, None),
        (0, None),
        ("PG", None),
        ("2/7/68", None),
        ("", None),
        ("\\N", None),
        (None, None),
        (math.nan, None),
        (1e300, None),
        (10**400, None),
    ],
)
def test_year(value: object, expected: int | None) -> None:
    assert scalars.year(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (125, 125),
        (125.0, 125),
        ("125", 125),
        ("125 min", 125),
        ("125 Minuten", 125),
        ("2h 5min", 125),
        ("1 hr 25 min per ep", 85),
        ("1:25", 85),
        ("2h 5m", 125),
        ("2 h 5 min.", 125),
        ("2 hours, 5 minutes", 125),
        ("2h", 120),
        ("PT2H5M", 125),
        ("PT125M", 125),
        ("PT7500S", 125),
        ("02:05:00", 125),
        (75_000_000_000, 125),
        (7_500_000, 125),
        ("1 Season", None),
        ("Passed", None),
        ("", None),
        (0, None),
        (-5, None),
        (None, None),
    ],
)
def test_runtime(value: object, expected: int | None) -> None:
    assert scalars.runtime(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (8.4, 8.4),
        (8, 8.0),
        (0.0, 0.0),
        ("8,4", 8.4),
        ("8.4/10", 8.4),
        ("4/5", 8.0),
        ("84%", 8.4),
        ("84/100", 8.4),
        ("PG-13", None),
        ("TV-MA", None),
        ("74 min", None),
        (11, None),
        (-1, None),
        ("8.4/0", None),
        ("", None),
        (math.inf, None),
    ],
)
def test_rating(value: object, expected: float | None) -> None:
    assert scalars.rating(value) == expected


def test_rating_on_a_scale_to_100() -> None:
    assert [scalars.rating(value, 100.0) for value in (84, 9, "84", "8.4/10", "84%")] == [8.4, 0.9, 8.4, 8.4, 8.4]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1234567, 1234567),
        (12.0, 12),
        ("1234567", 1234567),
        ("1,234,567", 1234567),
        ("1.234.567", 1234567),
        ("1 234 567", 1234567),
        ("1.2M", 1_200_000),
        ("9.5K", 9500),
        ("33k", 33_000),
        (0, 0),
        (-1, None),
        ("many", None),
        (None, None),
    ],
)
def test_votes(value: object, expected: int | None) -> None:
    assert scalars.votes(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("$", "$"),
        ("9", "9"),
        (300, "300"),
        (1917.0, "1917"),
        (8.5, "8.5"),
        ("Fast &amp; Furious", "Fast & Furious"),
        ("  Two\n lines ", "Two lines"),
        ("\u200bGoli\u200b Soda", "Goli Soda"),
        ("Cafe\u0301", "Café"),
        ("'Knockin'' on Heaven''s Door'", "Knockin' on Heaven's Door"),
        ("'71", "'71"),
        ("'Quoted'", "'Quoted'"),
        ("a < b", "a < b"),
        ("\x00\x07", None),
        ("", None),
        ("   ", None),
        ("\\N", None),
        (None, None),
        (math.nan, None),
    ],
)
def test_title(value: object, expected: str | None) -> None:
    assert texts.title(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("A <i>very</i> good<br/>film.", "A very good film."),
        ("I <3 you &amp;quot;too&amp;quot;", 'I <3 you "too"'),
        ("R&B and Q&A; and &nbsp; space", "R&B and Q&A; and space"),
        ("one\r\n\r\ntwo\tthree", "one two three"),
        ("Fun story.", "Fun story."),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("lone \ud800 surrogate", "lone surrogate"),
    ],
)
def test_plot(value: object, expected: str) -> None:
    assert texts.plot(value) == expected


@pytest.mark.parametrize(
    "value",
    ["", " ", "N/A", "n/a", "-", "No overview found.", "Plot unknown.", "Add a Plot", "Add a Plot »", "Under wraps",
     "Plot kept under wraps.", "TBA", "nan", "null", "None", "...", "\\N", None, math.nan],
)  # fmt: skip
def test_plots_that_are_none(value: object) -> None:
    assert texts.plot(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1", "1"),
        ("1.0", "1"),
        ("tt0111161", "tt0111161"),
        (" x ", "x"),
        ({"$oid": "5a9427648b0beebeb6957cf5"}, "5a9427648b0beebeb6957cf5"),
        (12345678901234567890123, "12345678901234567890123"),
        ("", None),
        (None, None),
        (math.nan, None),
    ],
)
def test_identifier(value: object, expected: str | None) -> None:
    assert scalars.identifier(value) == expected


@pytest.mark.parametrize(
    ("clean", "value", "message"),
    [
        (texts.title, ["a"], "a list, a text is expected"),
        (texts.title, True, "true or false, a text is expected"),
        (texts.title, {}, "an object, a text is expected"),
        (texts.plot, 5, "a number, a text is expected"),
        (texts.plot, ["a"], "a list, a text is expected"),
        (scalars.identifier, [1], "a list, a text or a whole number is expected"),
        (scalars.identifier, False, "true or false, a text or a whole number is expected"),
        (scalars.year, [1994], "a list, a year or a date is expected"),
        (scalars.year, True, "true or false, a year or a date is expected"),
        (scalars.runtime, {}, "an object, a number of minutes is expected"),
        (scalars.rating, [], "a list, a number is expected"),
        (scalars.votes, [], "a list, a number is expected"),
    ],
)
def test_values_of_the_wrong_type(clean: Any, value: object, message: str) -> None:
    with pytest.raises(WrongTypeError) as error:
        clean(value)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Suite FranÃ§aise", "Suite Française"),
        ("A message from Bondâ€™s past", "A message from Bond’s past"),
        ("Belli di papÃ\xa0", "Belli di papà"),
        ("stray \udce9 byte", "stray é byte"),
        ("Suite Française", "Suite Française"),
        ("SÃO PAULO", "SÃO PAULO"),
        ("Что делать", "Что делать"),
        ("twice: FranÃƒÂ§ois", "twice: François"),
        ("«FÉMINITÉ»", "«FÉMINITÉ»"),
        ("Ð¿Ñ‚Ð¸Ñ†Ñ‹", "птицы"),
        ("lost: Ã¢ÂEURÂ", "lost: âÂEURÂ"),
        ("â€œopenâ€ ends", "“openâ€ ends"),
        ("plain", "plain"),
    ],
)
def test_mojibake_is_repaired_where_that_is_reversible(text: str, expected: str) -> None:
    assert texts.repair(text) == expected
    if text == expected:
        assert texts.repair(text) is text


@given(st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"])))
def test_clean_text_is_stable_and_printable(text: str) -> None:
    cleaned = texts.clean_text(text)
    assert cleaned == cleaned.strip()
    assert not any(character in cleaned for character in "\n\r\t\0\u200b")
    if "&" not in text:
        assert texts.clean_text(cleaned) == cleaned


ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


@given(ANY)
def test_no_value_is_a_surprise(value: object) -> None:
    cleaned: list[tuple[Callable[[object], object], Callable[[Any], bool]]] = [
        (texts.title, lambda title: title == title.strip() != ""),
        (texts.plot, lambda plot: plot == plot.strip() != ""),
        (scalars.identifier, lambda identifier: identifier == identifier.strip() != ""),
        (scalars.year, lambda year: year in scalars.YEARS),
        (scalars.runtime, lambda minutes: 0 < minutes <= 60_000),
        (scalars.rating, lambda rating: 0 <= rating <= 10),
        (scalars.votes, lambda votes: votes >= 0),
    ]
    for clean, possible in cleaned:
        try:
            found = clean(value)
        except WrongTypeError as error:
            assert str(error)  # noqa: PT017
        else:
            assert found is None or possible(found)
