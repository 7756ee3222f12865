"""The grammar of filters: what is understood, and for everything else one line that points at the column."""

import re
from math import inf, nextafter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.errors import UsageError
from catalog.store.columns.conditions import Condition, Filter, Numbers, Range, Tagged, WithId
from query.filters import FIELDS, field_named, parse_filter


def year(low: float, high: float) -> Numbers:
    return Numbers("year", (Range(low, high),))


@pytest.mark.parametrize("text", ["", "  \t "])
def test_nothing_is_no_condition(text: str) -> None:
    assert parse_filter(text) == Filter()
    assert not parse_filter(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("year:1980", year(1980, 1980)),
        ("year=1980", year(1980, 1980)),
        ("year>=1980", year(1980, inf)),
        ("year>1980", year(1981, inf)),
        ("year>1980.5", year(1981, inf)),
        ("year<1980", year(-inf, 1979)),
        ("year<=1980.5", year(-inf, 1980)),
        ("year:1980..1989", year(1980, 1989)),
        ("year:1980..", year(1980, inf)),
        ("year:..1989", year(-inf, 1989)),
        ("year:1980s", year(1980, 1989)),
        ("-year:1980S", Numbers("year", (Range(1980, 1989),), negated=True)),
        ("year:1980s,1995", Numbers("year", (Range(1980, 1989), Range(1995, 1995)))),
        ("year!=1994", Numbers("year", (Range(-inf, 1993), Range(1995, inf)))),
        ("year!=1980s,1985,1990", Numbers("year", (Range(-inf, 1979), Range(1991, inf)))),
        ("rating>7", Numbers("rating", (Range(nextafter(7, inf), inf),))),
        ("rating<=7.5", Numbers("rating", (Range(-inf, 7.5),))),
        ("rating:.5", Numbers("rating", (Range(0.5, 0.5),))),
        ("votes>1000", Numbers("votes", (Range(1001, inf),))),
        ("runtime<90", Numbers("runtime", (Range(-inf, 89),))),
        ("genre:Horror", Tagged("genre", ("horror",))),
        ("GENRES=hörror,Thriller,Horror", Tagged("genre", ("horror", "thriller"))),
        ("-genre:Comedy", Tagged("genre", ("comedy",), negated=True)),
        ("genre!=Comedy", Tagged("genre", ("comedy",), negated=True)),
        ("-genre!=Comedy", Tagged("genre", ("comedy",))),
        ("countries:Germany", Tagged("country", ("germany",))),
        ('director:"Fritz  Lang","F. W. Murnau"', Tagged("director", ("fritz lang", "f. w. murnau"))),
        ("actor:O'Toole", Tagged("actor", ("o'toole",))),
        ('title:"the ""best"""', Tagged("title", ('the "best"',))),
        ("title:Alien:Covenant", Tagged("title", ("alien:covenant",))),
        ("has:plot_de,genres", Tagged("has", ("plot_de", "genre"))),
        ("-has:poster", Tagged("has", ("poster",), negated=True)),
        ("id:12,A-7", WithId(("12", "A-7"))),
        ("imdb:TT0111161", Tagged("id:imdb", ("tt0111161",))),
    ],
)
def test_one_condition(text: str, expected: Condition) -> None:
    assert parse_filter(text) == Filter((expected,))


def test_conditions_follow_each_other() -> None:
    wanted = parse_filter('  year>=1980 genre:"Film Noir"\t-genre:Comedy ')
    assert wanted.conditions == (
        year(1980, inf),
        Tagged("genre", ("film noir",)),
        Tagged("genre", ("comedy",), negated=True),
    )


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("year>1 gnre:Horror", 8, "unknown field 'gnre'; allowed are year, rating"),
        ("gnre:Horror", 1, "did you mean 'genre'?"),
        ("year=>1980", 5, "unknown operator '=>'; allowed are : = != < <= > >=; write year>=1980"),
        ("year:>=1980", 5, "unknown operator ':>='; allowed are : = != < <= > >=; write year>=1980"),
        ("genre:=Horror", 6, "unknown operator ':='; allowed are : = != < <= > >=; write genre:Horror"),
        ("genre==Horror", 6, "unknown operator '=='; allowed are : = != < <= > >=; write genre:Horror"),
        ("year<<1980", 5, "unknown operator '<<'; allowed are : = != < <= > >="),
        ("year>=1980 && genre:War", 12, "'&&' is not known: all conditions must hold, a comma is 'or'"),
        ("(genre:War year>1980)", 1, "a parenthesis is not known: all conditions must hold, a comma is 'or'"),
        ("year:1980 -(genre:War)", 11, "a parenthesis is not known: all conditions must hold"),
        ("genre IN [Horror, War]", 1, "'genre' is not a condition; write genre:A,B, without spaces"),
        ("genre NOT IN [War]", 1, "'genre' is not a condition; write genre:A,B, without spaces"),
        ("genre = Horror", 1, "'genre' is not a condition; write genre:Horror, without spaces"),
        ("!genre:War", 1, "'!genre:War' is not a condition; write -genre:War, without spaces"),
        ("genre>Horror", 6, "'>' is for numbers (year, rating, votes, runtime); 'genre' takes ':', '=' or '!='"),
        ("id>5", 3, "'>' is for numbers"),
        ("genre:", 7, "a value is missing after 'genre:'"),
        ("genre: Horror", 7, "a value is missing after 'genre:'"),
        ("genre:a,,b", 9, "a value is missing after 'genre:a,'"),
        ('genre:" "', 7, "a value is missing after 'genre:'"),
        ('director:"Fritz Lang', 10, "this quote is never closed"),
        ('genre:"a"b', 10, "a space or a comma is missing"),
        ('genre:a"b"', 8, "a space or a comma is missing"),
        ("year:abc", 6, "'abc' is not a number"),
        ("year:1980..x", 12, "'x' is not a number"),
        ("year>1980s", 6, "'1980s' is not a number"),
        ("votes:1980s", 7, "'1980s' is not a number"),
        ("rating:nan", 8, "'nan' is not a number"),
        ("rating:1e5", 8, "'1e5' is not a number"),
        ("rating:٣", 8, "'٣' is not a number"),
        ("votes>" + "9" * 400, 7, "is not a number"),
        ("votes>1,000", 9, "'>' takes one number; several take ':', as in votes:1,2"),
        ("year:..", 6, "a range has a number before or after '..', as in 1980..1989"),
        ("year:1989..1980", 6, "the range '1989..1980' runs backwards; write '1980..1989'"),
        ("year:1980.5", 6, "'1980.5' holds no whole number, and 'year' is one"),
        ("year!=..1990,1980..", 5, "no year is left"),
        ("year >= 1980", 1, "'year' is not a condition; write year>=1980, without spaces"),
        ("genre:War - genre:Drama", 11, "'-' must stand right before its condition: -genre:Comedy"),
        ("genre:War OR genre:Drama", 11, "'OR' is not known: all conditions must hold, a comma is 'or'"),
        ("--genre:War", 1, "'--genre:War' is not a condition"),
        ("has:poster,plott", 12, "unknown value of 'has': 'plott'; allowed are year"),
        ("year>\ud800", 6, "a character that is none"),
        ("year>1 " * 101, 701, "more than 100 conditions"),
        ("year:" + "1," * 100 + "1", 206, "more than 100 numbers"),
    ],
)
def test_an_error_points_at_the_column(text: str, column: int, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter(text)
    message = str(caught.value)
    assert message.startswith(f"filter: column {column}: ")
    assert says in message
    assert "\n" not in message


def test_every_field_has_a_name_and_a_plural() -> None:
    assert [field_named(name) for name in FIELDS] == list(FIELDS)
    assert [field_named(f"{name}s") for name in FIELDS if name not in ("votes", "has", "country")] == [
        name for name in FIELDS if name not in ("votes", "has", "country")
    ]
    assert (field_named("Countries"), field_named("vote"), field_named("plot")) == ("country", "votes", None)


def complaint(text: str) -> str | None:
    try:
        parse_filter(text)
    except UsageError as error:
        return str(error)
    return None


PIECES = st.sampled_from(
    [*FIELDS, *':=!<>-,". ', "..", ">=", "1980s", "1980", "7.5", "Horror", '"', '"a b"', " ", "poster", "OR", "\ud800"]
)


@given(st.one_of(st.text(st.characters()), st.lists(PIECES, max_size=20).map("".join)))
@example("year!=" + "9" * 308)
@example("rating>1" + "7" * 308)
def test_the_parser_raises_nothing_but_usage_errors(text: str) -> None:
    message = complaint(text)
    assert message is None or message.startswith("filter: column ")
    assert message is None or "\n" not in message


def test_every_example_of_the_documentation_is_understood() -> None:
    text = (Path(__file__).parents[2] / "docs" / "filters.md").read_text(encoding="utf-8")
    fields = "|".join(FIELDS)
    examples = re.findall(rf"`(-?(?:{fields})[:=!<>]+[^`]+)`", text)
    assert len(examples) > 25
    assert [complaint(written) for written in examples] == [None] * len(examples)
    shown = re.search(r'--filter "([^"]+)"', text)
    assert shown is not None
    assert len(parse_filter(shown[1]).conditions) == 6


def test_the_errors_of_the_documentation_are_the_real_ones() -> None:
    text = (Path(__file__).parents[2] / "docs" / "filters.md").read_text(encoding="utf-8")
    for wrong in ("year=>1980", 'director:"Fritz'):
        assert f"{complaint(wrong)}\n" in text
