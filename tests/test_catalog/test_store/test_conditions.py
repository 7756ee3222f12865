"""Conditions held against films in a real index, and against the films themselves: the same answer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import UsageError
from catalog.movie import Fingerprints, Movie
from catalog.store.columns.conditions import Filter, Numbers, Range, Tagged, WithId
from catalog.store.columns.facet import Facet, FacetValue
from catalog.store.columns.facets import FACETS, count_facets
from catalog.store.lexical.index import LexicalIndex
from catalog.store.lexical.writer import build_lexical
from catalog.store.movies import Entry, Movies
from query.filters import parse_filter

FILMS = [
    Movie("b", "Öde", "p", year=1979, genres=("Horror", "Sci-Fi"), directors=("Ridley Scott",), rating=8.5, votes=900),
    Movie("a", "Alien", "p", year=1980, genres=("horror",), languages=("English", "German"), rating=7.1, votes=0),
    Movie("d", "zebra", "p", year=1989, genres=("Horror", "HORROR"), runtime=90, poster="http://x/y"),
    Movie("c", "Alien", "p", original_title="Das Ding", keywords=('a "b"',), external_ids={"imdb": "tt1"}, rating=10.0),
    Movie("e", "M", "p", year=1931, actors=("Peter Lorre",), countries=("Côte d'Ivoire",), plot_de="Ein Mörder"),
]


@dataclass(frozen=True)
class Stored:
    """Films, with their rows, as a published generation has them."""

    movies: Movies
    lexical: LexicalIndex

    def found(self, text: str) -> str:
        """The ids of the films a filter keeps, in the order of their rows."""
        keep = parse_filter(text)
        rows = sorted(self.lexical.rows(keep, 1000).tolist())
        assert self.lexical.count(keep) == len(rows)
        ids = self.movies.ids_at(rows)
        return "".join(ids[row] for row in rows)

    def facets(self, text: str, *fields: str, limit: int = 20) -> tuple[Facet, ...]:
        return count_facets(self.lexical, self.movies, parse_filter(text), fields or FACETS, limit)


@contextmanager
def stored(films: Sequence[Movie]) -> Iterator[Stored]:
    with TemporaryDirectory() as folder:
        with closing(Movies.create(Path(folder) / "movies.sqlite3")) as movies:
            movies.put(Entry(film, Fingerprints(b"text", b"metadata")) for film in films)
            pairs = [(entry.row, entry.movie) for part in movies.entries() for entry in part]
            build_lexical(Path(folder) / "lexical", pairs, movies.rarity())
        with closing(Movies.open(Path(folder) / "movies.sqlite3")) as movies:
            yield Stored(movies, LexicalIndex.open(Path(folder) / "lexical"))


@pytest.fixture(scope="module")
def films() -> Iterator[Stored]:
    with stored(FILMS) as opened:
        yield opened


def test_the_empty_filter_keeps_all(films: Stored) -> None:
    assert (films.found(""), films.lexical.count(Filter())) == ("badce", 5)


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
def test_what_a_filter_keeps(films: Stored, text: str, ids: str) -> None:
    assert films.found(text) == ids


def test_a_filter_holds_text_that_a_query_language_would_read_as_its_own(films: Stored) -> None:
    for text in ("x' OR 1=1 --", "x) OR *:*", "hor*", "horror~2", "[a TO z]"):
        assert films.found(f'genre:"{text}"') == ""
        assert films.found(f'id:"{text}"') == ""


def test_a_catalog_without_films_answers_nothing() -> None:
    with stored([]) as empty:
        assert empty.found("genre:War -year>1980") == ""
        assert [facet.values for facet in empty.facets("")] == [()] * len(FACETS)


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("year", "ebad"),
        ("-year", "dabe"),
        ("rating", "abc"),
        ("-rating", "cba"),
        ("votes", "ab"),
        ("-votes", "ba"),
        ("runtime", "d"),
    ],
)
def test_films_that_have_a_number_in_its_order(films: Stored, sort: str, ids: str) -> None:
    name = sort.removeprefix("-")
    known = Filter((Numbers(name, (Range(-inf, inf),)),))
    rows = films.lexical.ordered(known, name, 10, descending=sort.startswith("-"))
    found = films.movies.ids_at(rows)
    assert "".join(found[row] for row in rows) == ids


@pytest.mark.parametrize(("descending", "ids"), [(False, "acebd"), (True, "dbeca")])
def test_films_in_the_order_of_their_titles(films: Stored, *, descending: bool, ids: str) -> None:
    seen, after = [], None
    while part := films.movies.by_title(after, 2, descending=descending):
        seen += [row for _, row in part]
        after = part[-1]
    found = films.movies.ids_at(seen)
    assert "".join(found[row] for row in seen) == ids


def test_facets_count_the_films_of_an_answer(films: Stored) -> None:
    assert films.facets("rating>7", "genre", "year", "rating", "keyword") == (
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
    assert films.facets("", "genre", limit=1) == (Facet("genre", (FacetValue("Horror", 3, 'genre:"Horror"'),), 2),)


def test_an_unknown_facet_is_refused(films: Stored) -> None:
    with pytest.raises(UsageError, match="facets: unknown field 'title'; allowed are year, rating, genre"):
        films.facets("", "title")


def kept(films: Stored, text: str) -> set[str]:
    """The ids of the films a filter keeps."""
    rows = films.lexical.rows(parse_filter(text), 1000)
    return set(films.movies.ids_at(rows.tolist()).values())


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


@settings(max_examples=25, deadline=None)
@given(MOVIES, st.lists(st.lists(st.tuples(ASKED, st.booleans()), min_size=1, max_size=4), max_size=12))
def test_filters_keep_exactly_the_films_for_which_all_conditions_hold(
    movies: list[Movie], filters: list[list[tuple[Asked, bool]]]
) -> None:
    with stored(movies) as films:
        for asked in filters:
            text = " ".join("-" * negated + condition for (condition, _), negated in asked)
            expected = {movie.id for movie in movies if all(holds(movie) != negated for (_, holds), negated in asked)}
            assert kept(films, text) == expected


@settings(max_examples=25, deadline=None)
@given(MOVIES, ASKED)
def test_facets_count_what_their_filters_keep(movies: list[Movie], asked: Asked) -> None:
    with stored(movies) as films:
        among = kept(films, asked[0])
        for facet in films.facets(asked[0]):
            for value in facet.values:
                assert value.count == len(among & kept(films, value.filter)) > 0
            assert facet.total == len(facet.values)
            if facet.field in ("year", "rating"):
                having = sum(getattr(movie, facet.field) is not None for movie in movies if movie.id in among)
                assert sum(value.count for value in facet.values) == having


def test_conditions_without_a_parser(films: Stored) -> None:
    wanted = Filter((Numbers("year", (Range(1931, 1931), Range(1989, 1989))), Tagged("has", ("poster",), negated=True)))
    assert films.lexical.rows(wanted, 10).tolist() == [4]
    assert films.lexical.rows(Filter((WithId(()),)), 10).tolist() == []
