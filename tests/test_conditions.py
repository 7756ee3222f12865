"""Conditions held against films in a real SQLite file, and against the films themselves: the same answer."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged, UsageError
from catalog.movie import Fingerprints, Movie
from catalog.store.columns import SORTS, FilmColumns, check_sort
from catalog.store.conditions import Filter, Numbers, Range, Tagged, WithId
from catalog.store.facet import Facet, FacetValue
from catalog.store.facets import FACETS, count_facets
from catalog.store.forward import TAGS, read_films
from catalog.store.records import Entry, Records
from catalog.store.sqlite import connect
from catalog.store.tags import tag_rows
from query.filters import parse_filter

SAME = Fingerprints(b"text", b"metadata")
FILMS = [
    Movie("b", "Öde", "p", year=1979, genres=("Horror", "Sci-Fi"), directors=("Ridley Scott",), rating=8.5, votes=900),
    Movie("a", "Alien", "p", year=1980, genres=("horror",), languages=("English", "German"), rating=7.1, votes=0),
    Movie("d", "zebra", "p", year=1989, genres=("Horror", "HORROR"), runtime=90, poster="http://x/y"),
    Movie("c", "Alien", "p", original_title="Das Ding", keywords=('a "b"',), external_ids={"imdb": "tt1"}, rating=10.0),
    Movie("e", "M", "p", year=1931, actors=("Peter Lorre",), countries=("Côte d'Ivoire",), plot_de="Ein Mörder"),
]


def entries(movies: Sequence[Movie]) -> list[Entry]:
    return [Entry(movie, SAME) for movie in movies]


def settle(draft: Records) -> None:
    """What publishing does to the records."""
    draft.close_gaps()
    forward = read_films(draft)
    draft.put_index(FilmColumns.of(draft.ids(), draft.titles(), forward.numbers), tag_rows(forward.lists[TAGS]))


@contextmanager
def stored(movies: Sequence[Movie]) -> Iterator[Records]:
    """The films as a published generation has them."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "records.sqlite3"
        draft = Records.create(path)
        draft.put(entries(movies))
        settle(draft)
        draft.close()
        records = Records.open(path)
        try:
            yield records
        finally:
            records.close()


def found(records: Records, text: str) -> str:
    """The ids of the films a filter keeps, in order of arrival."""
    numbers = records.matching(parse_filter(text))
    ids = records.ids()
    return "".join(ids if numbers is None else [ids[number] for number in numbers])


@pytest.fixture(scope="module")
def records() -> Iterator[Records]:
    with stored(FILMS) as opened:
        yield opened


def test_the_empty_filter_keeps_all(records: Records) -> None:
    assert records.matching(Filter()) is None


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("year>=1980", "ad"),
        ("-year>=1980", "bce"),
        ("year<1980", "be"),
        ("year!=1980", "bde"),
        ("year:1980s", "ad"),
        ("year:1930s,1979", "be"),
        ("rating:7.1", "a"),
        ("rating>7.1", "bc"),
        ("rating<=7.1", "a"),
        ("votes<1000", "ba"),
        ("votes:0", "a"),
        ("runtime:90", "d"),
        ("genre:HORROR", "bad"),
        ("genre:horror,nothing", "bad"),
        ("genre:Horror genre:Sci-Fi", "b"),
        ("-genre:Horror", "ce"),
        ("genre!=Horror", "ce"),
        ("genre:Horr", ""),
        ("language:German", "a"),
        ('director:"ridley scott"', "b"),
        ('actor:"PETER LORRE"', "e"),
        ('country:"cote d\'ivoire"', "e"),
        ('keyword:"A ""B"""', "c"),
        ("title:alien", "ac"),
        ('title:ode,"das ding"', "bc"),
        ("id:d,b,x", "bd"),
        ("-id:d,b", "ace"),
        ("id:D", ""),
        ("imdb:TT1", "c"),
        ("has:poster", "d"),
        ("has:plot_de,original_title", "ce"),
        ("-has:votes", "dce"),
        ("has:imdb", "c"),
        ("has:genre -genre:Sci-Fi rating<9", "a"),
    ],
)
def test_what_a_filter_keeps(records: Records, text: str, ids: str) -> None:
    assert found(records, text) == ids


def test_numbers_are_32_bit_and_in_order(records: Records) -> None:
    numbers = records.matching(parse_filter("genre:Horror,Sci-Fi"))
    assert numbers is not None
    assert (numbers.dtype.name, numbers.tolist()) == ("int32", [0, 1, 2])


def test_a_filter_holds_text_that_sql_would_read_as_its_own(records: Records) -> None:
    assert found(records, 'genre:"x\' OR 1=1 --"') == ""
    assert found(records, 'id:"x\') OR 1=1 --"') == ""


def test_what_was_changed_and_removed_is_found_as_it_is_now(tmp_path: Path) -> None:
    draft = Records.create(tmp_path / "records.sqlite3")
    draft.put(entries(FILMS))
    settle(draft)
    draft.remove(["b", "x"])
    draft.put(
        entries([Movie("d", "zebra", "p", year=1990, genres=("War",)), Movie("f", "New", "p", genres=("Horror",))])
    )
    settle(draft)
    assert draft.columns().ids == ["a", "d", "c", "e", "f"]
    assert found(draft, "genre:Horror") == "af"
    assert found(draft, "genre:War") == "d"
    assert found(draft, "year:1989,1990") == "d"
    assert found(draft, 'director:"Ridley Scott"') == ""
    draft.close()


def test_a_catalog_without_films_answers_nothing() -> None:
    with stored([]) as empty:
        assert found(empty, "genre:War -year>1980") == ""
        assert empty.columns().ids == []
        assert [facet.values for facet in count_facets(empty, empty.columns(), None)] == [()] * len(FACETS)


def test_columns_hold_what_is_known(records: Records) -> None:
    columns = records.columns()
    assert columns.ids == ["b", "a", "d", "c", "e"]
    assert columns.id_order.tolist() == [1, 0, 3, 2, 4]
    assert np.array_equal(columns.year, np.array([1979, 1980, 1989, np.nan, 1931], np.float32), equal_nan=True)
    assert np.array_equal(columns.rating, np.array([8.5, 7.1, np.nan, 10, np.nan], np.float32), equal_nan=True)
    assert columns.votes.tolist() == [900, 0, 0, 0, 0]
    assert (columns.row("c"), columns.rows.get("x")) == (3, None)


def test_an_id_elsewhere_names_a_film(records: Records) -> None:
    assert (records.id_elsewhere("imdb", "tt1"), records.id_elsewhere("imdb", "tt2")) == ("c", None)


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("year", "ebadc"),
        ("-year", "dabec"),
        ("rating", "abcde"),
        ("-rating", "cbade"),
        ("votes", "abcde"),
        ("-votes", "bacde"),
        ("runtime", "dabce"),
        ("title", "acebd"),
        ("-title", "dbeac"),
    ],
)
def test_sorting_puts_unknown_values_last_and_equal_ones_by_id(records: Records, sort: str, ids: str) -> None:
    columns = records.columns()
    rows = np.arange(len(columns.ids))
    keys: list[NDArray[Any]] = [columns.id_order[rows], *columns.sort_keys(sort, rows)]
    order = rows[np.lexsort(keys)]
    assert "".join(columns.ids[row] for row in order) == ids


def test_an_unknown_sort_is_refused() -> None:
    assert [check_sort(f"-{name}") for name in SORTS] == [f"-{name}" for name in SORTS]
    with pytest.raises(UsageError, match=r"sort: unknown field 'size'; allowed are relevance, year, rating, "):
        check_sort("size")
    with pytest.raises(UsageError, match="sort: unknown field '--year'"):
        check_sort("--year")


def test_facets_count_the_films_of_an_answer(records: Records) -> None:
    columns = records.columns()
    numbers = records.matching(parse_filter("rating>7"))
    assert count_facets(records, columns, numbers, ["genre", "year", "rating", "keyword"]) == (
        Facet("genre", (FacetValue("Horror", 2, 'genre:"Horror"'), FacetValue("Sci-Fi", 1, 'genre:"Sci-Fi"')), 2),
        Facet("year", (FacetValue("1980s", 1, "year:1980..1989"), FacetValue("1970s", 1, "year:1970..1979")), 2),
        Facet(
            "rating",
            (
                FacetValue("9-10", 1, "rating>=9"),
                FacetValue("8-9", 1, "rating>=8 rating<9"),
                FacetValue("7-8", 1, "rating>=7 rating<8"),
            ),
            3,
        ),
        Facet("keyword", (FacetValue('a "b"', 1, 'keyword:"a ""b"""'),), 1),
    )
    assert count_facets(records, columns, None, ["genre"], limit=1) == (
        Facet("genre", (FacetValue("Horror", 3, 'genre:"Horror"'),), 2),
    )


def test_an_unknown_facet_is_refused(records: Records) -> None:
    with pytest.raises(UsageError, match="facets: unknown field 'title'; allowed are year, rating, genre"):
        count_facets(records, records.columns(), None, ["title"])


def test_lost_columns_are_a_damaged_catalog(tmp_path: Path) -> None:
    draft = Records.create(tmp_path / "records.sqlite3")
    draft.put(entries(FILMS))
    settle(draft)
    draft.close()
    connection = connect(draft.path)
    connection.execute("DELETE FROM columns WHERE name = 'year'")
    connection.commit()
    connection.close()
    records = Records.open(draft.path)
    with pytest.raises(CatalogDamaged, match="is damaged"):
        records.columns()
    with pytest.raises(CatalogDamaged, match="is damaged"):
        records.matching(parse_filter("year>1980"))
    records.close()


def kept(records: Records, text: str) -> list[int]:
    """The numbers of the films a filter keeps: none if it contradicts itself."""
    try:
        numbers = records.matching(parse_filter(text))
    except UsageError:
        return []
    return [] if numbers is None else numbers.tolist()


GENRES = st.lists(st.sampled_from(["War", "war", "Film Noir", "Krimi", "Kríe"]), max_size=3).map(tuple)
MOVIES = st.lists(
    st.builds(
        Movie,
        id=st.text("abc1", min_size=1, max_size=3),
        title=st.sampled_from(["Alien", "ALIEN", "M"]),
        plot=st.just("p"),
        year=st.none() | st.integers(1978, 1991),
        rating=st.none() | st.integers(0, 100).map(lambda tenths: tenths / 10),
        votes=st.none() | st.integers(0, 5),
        genres=GENRES,
        poster=st.sampled_from([None, "http://x/y"]),
        external_ids=st.sampled_from([{}, {"imdb": "tt1"}]),
    ),
    max_size=12,
    unique_by=lambda movie: movie.id,
)
Asked = tuple[str, Callable[[Movie], bool]]


def number_asked(field: str, sign: str, value: float) -> Asked:
    holds: dict[str, Callable[[float], bool]] = {
        ":": lambda known: known == value,
        "!=": lambda known: known != value,
        "<": lambda known: known < value,
        "<=": lambda known: known <= value,
        ">": lambda known: known > value,
        ">=": lambda known: known >= value,
    }
    return f"{field}{sign}{value}", lambda movie: (known := getattr(movie, field)) is not None and holds[sign](known)


SIGNS = st.sampled_from([":", "!=", "<", "<=", ">", ">="])
ASKED: st.SearchStrategy[Asked] = st.one_of(
    st.builds(number_asked, st.just("year"), SIGNS, st.integers(1978, 1991)),
    st.builds(number_asked, st.just("votes"), SIGNS, st.integers(-1, 5)),
    st.builds(number_asked, st.just("rating"), SIGNS, st.integers(0, 100).map(lambda tenths: tenths / 10)),
    st.just(("year:1980s", lambda movie: movie.year is not None and movie.year // 10 == 198)),
    st.just(("genre:WAR,Krimi", lambda movie: bool({"War", "war", "Krimi"} & set(movie.genres)))),
    st.just(('genre:"film noir"', lambda movie: "Film Noir" in movie.genres)),
    st.just(("genre:krie", lambda movie: "Kríe" in movie.genres)),
    st.just(("title:alien", lambda movie: movie.title != "M")),
    st.just(("has:poster,rating", lambda movie: movie.poster is not None or movie.rating is not None)),
    st.just(("imdb:tt1", lambda movie: bool(movie.external_ids))),
    st.just(("id:a,b,c", lambda movie: movie.id in ("a", "b", "c"))),
)


@settings(max_examples=60, deadline=None)
@given(MOVIES, st.lists(st.lists(st.tuples(ASKED, st.booleans()), min_size=1, max_size=4), max_size=12))
def test_filters_keep_exactly_the_films_for_which_all_conditions_hold(
    movies: list[Movie], filters: list[list[tuple[Asked, bool]]]
) -> None:
    with stored(movies) as records:
        for asked in filters:
            text = " ".join("-" * negated + condition for (condition, _), negated in asked)
            expected = [
                number
                for number, movie in enumerate(movies)
                if all(holds(movie) != negated for (_, holds), negated in asked)
            ]
            assert kept(records, text) == expected


@settings(max_examples=40, deadline=None)
@given(MOVIES, st.data())
def test_facets_count_what_their_filters_keep(movies: list[Movie], data: st.DataObject) -> None:
    with stored(movies) as records:
        chosen = data.draw(st.lists(st.sampled_from(range(len(movies))), unique=True)) if movies else []
        numbers = np.array(sorted(chosen), dtype=np.int32)
        for facet in count_facets(records, records.columns(), numbers):
            counts = Counter[str]()
            for value in facet.values:
                kept = records.matching(parse_filter(value.filter))
                counts[value.value] = len(set(chosen) & set(kept.tolist() if kept is not None else []))
            assert {value.value: value.count for value in facet.values} == dict(counts)
            assert facet.total == len(facet.values)
            if facet.field in ("year", "rating"):
                assert counts.total() == sum(getattr(movies[number], facet.field) is not None for number in chosen)


def test_conditions_without_a_parser(records: Records) -> None:
    wanted = Filter((Numbers("year", (Range(1931, 1931), Range(1989, 1989))), Tagged("has", ("poster",), negated=True)))
    numbers = records.matching(wanted)
    assert numbers is not None
    assert numbers.tolist() == [4]
    none = records.matching(Filter((WithId(()),)))
    assert none is not None
    assert none.tolist() == []
