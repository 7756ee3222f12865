"""Search with conditions in words, over a small catalog."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from catalog.config import SearchConfig
from catalog.errors import UsageError
from catalog.movie import Movie
from catalog.store.snapshot import Snapshot
from query.models import SearchRequest, SearchResult
from query.search.pipeline import count_facets, search
from query.search.wishes import years_missed
from tests.support.fakes import WordEmbedder
from tests.support.small import snapshot_of

FILMS = [
    Movie("1", "Alien", "A ship in space.", year=1979, genres=("Horror",), votes=900, countries=("France",)),
    Movie("2", "Aliens", "A war in space.", year=1986, genres=("Horror", "War"), votes=700),
    Movie("3", "Up", "A dream of a house.", year=2009, genres=("Comedy",), votes=500, countries=("France",)),
    Movie("4", "Up!", "Love.", year=1976, genres=("Comedy",), votes=5),
    Movie("5", "Solaris", "A dream in space.", year=1972, genres=("Drama",), rating=8.0, countries=("France",)),
    Movie("6", "Ghost", "A ghost in love.", year=1990, genres=("Comedy",), rating=9.0, countries=("France",)),
    Movie("7", "2001: A Space Odyssey", "A ship.", year=1968, genres=("Drama",), votes=800),
    Movie("8", "Nine", "A robot.", year=2001, genres=("Drama",), votes=100, countries=("France",)),
]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    with snapshot_of(FILMS, tmp_path_factory.mktemp("films")) as snapshot:
        yield snapshot


def ask(films: Snapshot, text: str, **options: object) -> SearchResult:
    return search(SearchRequest(text, **options), films, WordEmbedder(), SearchConfig())  # type: ignore[arg-type]


def ids(result: SearchResult) -> str:
    return "".join(hit.movie.id for hit in result.hits)


def understood(result: SearchResult) -> str:
    return " ".join(each.filter for each in result.understood)


def test_a_request_without_other_words_lists_what_meets_it_by_votes_rating_and_year(films: Snapshot) -> None:
    result = ask(films, "movies from France")
    assert understood(result) == "country:France"
    assert (ids(result), result.total, result.total_is_exact) == ("13865", 5, True)


def test_what_the_catalog_does_not_hold_is_told_whether_or_not_something_is_left(films: Snapshot) -> None:
    note = "the catalog holds no runtimes: 'under 90 minutes' is not looked for"
    assert (ids(ask(films, "horror under 90 minutes")), understood(ask(films, "horror under 90 minutes"))) == (
        "12",
        "genre:Horror",
    )
    assert ask(films, "horror under 90 minutes").notes == (note,)
    assert note in ask(films, "horror under 90 minutes in space").notes


def test_what_is_chiefly_from_somewhere_comes_first(tmp_path: Path) -> None:
    films = [
        Movie("1", "Sold", "x", votes=900, countries=("United States", "France"), languages=("English", "French")),
        Movie("2", "Bought", "x", votes=800, countries=("France", "Belgium"), languages=("English", "French")),
        Movie("3", "Made", "x", votes=1, countries=("France",), languages=("French",)),
    ]
    with snapshot_of(films, tmp_path) as snapshot:
        assert ids(ask(snapshot, "French movies")) == "321"
        assert ids(ask(snapshot, "French movies", limit=1, offset=1)) == "2"
        assert ids(ask(snapshot, "French movies", sort="-votes")) == "123"


def test_what_meets_a_request_comes_first_and_is_counted(films: Snapshot) -> None:
    result = ask(films, "comedies about space", facets=True)
    assert ids(result)[:3] in ("346", "364", "634", "643", "463", "436")
    assert (set(ids(result)[3:]) >= {"1", "2"}, result.total) == (True, 3)
    assert result.facets is not None
    assert [(value.value, value.count) for value in result.facets[2].values] == [("Comedy", 3)]
    assert count_facets(SearchRequest("comedies about space"), films, WordEmbedder(), SearchConfig()).total == 3
    assert ids(ask(films, "comedies about space", sort="year")) == "463"


def test_a_film_that_meets_a_request_fits_better_than_one_that_does_not(films: Snapshot) -> None:
    result = ask(films, "comedies about space", limit=20)
    fits = [hit.fit or 0 for hit in result.hits]
    assert min(fits[: result.total]) >= 50 >= max(fits[result.total :])
    assert fits == sorted(fits, reverse=True)
    assert {(hit.fit, hit.score) for hit in ask(films, "movies from France").hits} == {(None, None)}


def test_negations_leave_out(films: Snapshot) -> None:
    result = ask(films, "space, not a war film", all=True)
    assert understood(result) == "-genre:War"
    assert set(ids(result)) == {"1", "3", "4", "5", "6", "7", "8"}


def test_pages_of_a_request_never_overlap(films: Snapshot) -> None:
    whole = ids(ask(films, "comedies about love"))
    pages = "".join(ids(ask(films, "comedies about love", offset=offset, limit=2)) for offset in range(0, 8, 2))
    assert pages == whole


def test_a_written_filter_wins_over_what_is_said_of_its_field(films: Snapshot) -> None:
    result = ask(films, "French comedies", filter="genre:Drama")
    assert understood(result) == "country:France"
    assert set(ids(result)) <= {"5", "7", "8"}
    comedies = ask(films, "French comedies")
    assert understood(comedies) == "country:France genre:Comedy"
    for written in ("genre:Comedy", "country:France", "genre:Comedy country:France"):
        narrowed = ask(films, "French comedies", filter=written)
        assert (narrowed.total, set(ids(narrowed))) == (comedies.total, set(ids(comedies)[: comedies.total])), written


@pytest.mark.parametrize("options", [{"literal": True}, {"plain": True}, {"likes": ("1",)}])
def test_nothing_is_read_where_that_was_asked(films: Snapshot, options: dict[str, object]) -> None:
    assert ask(films, "French comedies", **options).understood == ()


def test_a_condition_can_be_disregarded(films: Snapshot) -> None:
    result = ask(films, "French comedies", disregard=("genre:Comedy",))
    assert understood(result) == "country:France"
    with pytest.raises(UsageError, match="unknown field 'gnre'"):
        ask(films, "French comedies", disregard=("gnre:Comedy",))


def test_a_title_is_no_condition_and_the_best_known_comes_first(films: Snapshot) -> None:
    assert (ids(ask(films, "Up"))[0], ids(ask(films, "2001"))[0]) == ("3", "7")
    assert ask(films, "2001").understood == ()


def test_a_film_that_others_shall_be_like_is_left_out(films: Snapshot) -> None:
    result = ask(films, "movies like Alien but with love")
    assert understood(result) == "like:Alien"
    assert "1" not in ids(result)
    assert ids(result) == ids(ask(films, "love", likes=("1",)))


def test_the_score_is_the_similarity_to_the_whole_question(films: Snapshot) -> None:
    whole, told = (WordEmbedder().embed_query(text) for text in ("a movie with love and a robot", "Up! Love."))
    hits = {hit.movie.id: hit.score for hit in ask(films, "a movie with love and a robot", all=True).hits}
    assert hits["4"] == pytest.approx(float(whole @ told), abs=1e-5)


def test_what_no_film_meets_is_said(films: Snapshot) -> None:
    nothing = ask(films, "French war movies")
    assert (nothing.hits, nothing.notes) == ((), ("no film passes genre:War of those that pass country:France",))
    others = ask(films, "French war movies about space", all=True)
    assert others.notes[-1] == "no film meets what was understood: others are shown"
    assert len(others.hits) == 8


def test_a_memory_leans_to_what_it_says(films: Snapshot) -> None:
    asked = "I remember a comedy where somebody had a dream"
    assert understood(ask(films, asked)) == "genre:Comedy"
    assert ids(ask(films, asked, all=True))[0] == "3"
    assert len(ask(films, asked, all=True).hits) == 8


def test_a_movie_misses_the_years_more_the_further_it_is() -> None:
    years = np.array([1985, 1990, 1997, 1900, np.nan], dtype=np.float32)
    assert years_missed(years, 1980, 1989) == pytest.approx(
        [0, 1 - np.exp(-1 / 8), 1 - np.exp(-1), 1, 1 - np.exp(-1)], abs=0.0001
    )
    assert years_missed(years[2:3], 1994, 1994) == pytest.approx([1 - np.exp(-1)])
