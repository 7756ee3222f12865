"""What a question says of a film's years."""

import pytest

from query.constraints.years import YearRange, find_years, read_years, without_decades


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("an 80s slasher", (1980, 1989)),
        ("from the late 90's", (1996, 1999)),
        ("early 2000s or late 90s maybe", (1996, 2003)),
        ("mid 1970s", (1973, 1976)),
        ("a 00s comedy", (2000, 2009)),
        ("a musical of the fifties", (1950, 1959)),
        ("ein Film aus den 80er Jahren", (1980, 1989)),
        ("späte Achtziger", (1986, 1989)),
        ("tarantino 1994", (1994, 1994)),
        ("films from 1899", (1899, 1899)),
        ("made in 1888", (1888, 1888)),
        ("comedies of the 1890s", (1890, 1899)),
        ("saw it in 2012, it was made in the eighties", (1980, 1989)),
        ("old black & white sci-fi", (1888, 1967)),
        ("a silent film with a train", (1888, 1929)),
        ("ein Stummfilm", (1888, 1929)),
        ("I saw it before 2012 and after 2007", (2008, 2011)),
    ],
)
def test_years_that_are_named(text: str, years: tuple[int, int]) -> None:
    said = read_years(text)
    assert said is not None
    assert said.years == YearRange(*years)


@pytest.mark.parametrize(
    "text",
    [
        "a man in his 30s",
        "1,995 dollars",
        "a gang of 20 men",
        "room 1408",
        "London in 1887",
        "the 1880s",
        "agent 007",
        "a ship in a storm",
        "",
        "before 1990 or after 2010",
    ],
)
def test_numbers_that_are_no_years(text: str) -> None:
    assert read_years(text) is None


def test_decades_are_no_words_to_look_for() -> None:
    assert without_decades("80s slasher").split() == ["slasher"]
    assert without_decades("the 1980s") == "the  "
    assert without_decades("eighties") == "eighties"
    assert without_decades("tarantino 1994") == "tarantino 1994"


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("musicals before 1940", "..1939"),
        ("Musicals vor den 50ern", "..1949"),
        ("bis 1950", "..1950"),
        ("after 2010", "2011.."),
        ("nach den achtziger Jahren", "1990.."),
        ("seit 2000", "2000.."),
        ("between 1950 and 1959", "1950..1959"),
        ("zwischen den 60ern und den 70ern", "1960..1979"),
        ("von 1950 bis 1955", "1950..1955"),
        ("1990-1995", "1990..1995"),
        ("in 1968", "1968"),
    ],
)
def test_ranges_of_years(text: str, years: str) -> None:
    said = read_years(text)
    assert said is not None
    assert str(said.years) == years


def test_every_time_is_told_with_its_place() -> None:
    folded = "war films from the 70s and 1999, not before 1960"
    assert [(folded[said.start : said.end], str(said.years), said.is_year) for said in find_years(folded)] == [
        ("70s", "1970..1979", False),
        ("1999", "1999", True),
        ("before 1960", "..1959", False),
    ]
