"""What was watched and rated finds its movies in the catalog, and becomes likes, dislikes and what is left out."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.config import SearchConfig
from catalog.errors import UsageError
from catalog.movie import Movie
from catalog.store.snapshot import Snapshot
from query.models import SearchRequest
from query.search.pipeline import count_facets, search
from query.watched.film import NamedFilm, film_named
from query.watched.matching import match
from query.watched.ratings import likes_and_dislikes, resolve
from tests.support.fakes import WordEmbedder
from tests.support.small import snapshot_of

FILMS = [
    Movie("1", "The Lantern", "A space ship.", 1984, votes=10, external_ids={"imdb": "tt0000001", "tmdb": "42"}),
    Movie("2", "Lantern", "A space ghost.", 2011, votes=900),
    Movie("3", "Stairs", "A shark in love.", 1990, original_title="Die Treppe"),
    Movie("4", "Tides", "A dream of war.", 2001),
    Movie("5", "Tides", "A robot at war.", 2001, votes=7),
    Movie("6", "Undated", "A ghost ship."),
]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    with snapshot_of(FILMS, tmp_path_factory.mktemp("store")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("name", "film"),
    [
        ("imdb:tt0000001 tmdb:42 Lantern (1984)", NamedFilm((("imdb", "tt0000001"), ("tmdb", "42")), "Lantern", 1984)),
        ("tmdb:42", NamedFilm((("tmdb", "42"),))),
        ("trakt:9 Lantern", NamedFilm((("trakt", "9"),), "Lantern")),
        ("Lantern", NamedFilm((), "Lantern")),
        ("re:view (1999)", NamedFilm((), "re:view", 1999)),
        ("(1999)", NamedFilm((), "(1999)")),
    ],
)
def test_a_name_and_back(name: str, film: NamedFilm) -> None:
    assert film_named(name) == film
    assert film.name == name


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("4", "4"),
        ("imdb:tt0000001", "1"),
        ("tmdb:42 Something else (1950)", "1"),
        ("imdb:tt9999999 Lantern (2011)", "2"),
        ("Lantern (1984)", "1"),
        ("lantern (1985)", "1"),
        ("The Lantern (2011)", "2"),
        ("Lantern", "2"),
        ("Lantern (1999)", None),
        ("Die Treppe (1990)", "3"),
        ("Tides (2001)", "5"),
        ("Undated (1950)", "6"),
        ("Tide (2001)", None),
        ("imdb:tt9999999", None),
        ("", None),
        ("???", None),
    ],
)
def test_which_movie_is_meant(snapshot: Snapshot, name: str, identity: str | None) -> None:
    assert match(snapshot, [name]).get(name) == identity
    assert match(snapshot, ["1", name, "Stairs (1990)"]).get(name) == identity


def test_many_names_are_looked_up_together(snapshot: Snapshot) -> None:
    names = [f"imdb:tt{number:07} Film {number} (1990)" for number in range(1100)]
    assert match(snapshot, names) == {"imdb:tt0000001 Film 1 (1990)": "1"}


def test_the_upper_part_is_liked_and_the_low_one_disliked() -> None:
    assert likes_and_dislikes({"a": 8, "b": 10, "c": 7.9, "d": 4, "e": 0, "f": 5}) == (("b", "a"), ("e", "d"))
    assert likes_and_dislikes({"a": 7, "b": 6, "c": 5, "d": 5}) == (("a",), ())
    assert likes_and_dislikes({"a": 5}) == ((), ())
    assert likes_and_dislikes({}) == ((), ())
    many = {str(number): 10.0 for number in range(100)} | {f"-{number}": 1.0 for number in range(100)}
    likes, dislikes = likes_and_dislikes(many)
    assert (likes, dislikes) == (tuple(map(str, range(50))), tuple(f"-{number}" for number in range(20)))


def test_ratings_become_examples_and_all_that_was_seen_is_left_out(snapshot: Snapshot) -> None:
    asked = SearchRequest(
        "ship", exclude=("6",), seen=("Tides (2001)", "Gone (1950)"),
        ratings={"tmdb:42": 9, "Stairs (1990)": 2, "Lantern (2011)": 5, "Lost (1950)": 10},
    )  # fmt: skip
    resolved = resolve(asked, snapshot)
    assert resolved.request == SearchRequest("ship", ("1",), ("3",), exclude=("6", "1", "3", "2", "5", "4"))
    assert resolved.unmatched == ("Lost (1950)", "Gone (1950)")


def test_what_was_seen_is_hidden_from_whichever_source_it_came(tmp_path: Path) -> None:
    films = [
        Movie("kodi:1", "Copper Orchard", "Trees of metal.", 1999, external_ids={"imdb": "tt0000007"}),
        Movie("shelf:1", "Kupfergarten", "Trees of metal.", 1999, external_ids={"imdb": "tt0000007"}),
        Movie("shelf:2", "The Copper Orchard", "Trees of metal.", 1999),
        Movie("remake", "Copper Orchard", "Trees of metal.", 2019),
        Movie("another", "Copper Orchard", "A farm.", 1999, external_ids={"imdb": "tt0000008"}),
    ]
    with snapshot_of(films, tmp_path) as snapshot:
        resolved = resolve(SearchRequest("trees", seen=("imdb:tt0000007 Copper Orchard (1999)",)), snapshot)
        assert set(resolved.request.exclude) == {"kodi:1", "shelf:1", "shelf:2"}
        assert resolved.hidden == 3
        titled = resolve(SearchRequest("trees", seen=("Copper Orchard (2019)",)), snapshot)
        assert titled.request.exclude == ("remake",)


def test_who_has_seen_everything_is_told_so(snapshot: Snapshot) -> None:
    seen = tuple(movie.id for movie in FILMS)
    found = search(SearchRequest("space ship", seen=seen), snapshot, WordEmbedder(), SearchConfig())
    assert (found.hits, found.notes[0]) == ((), "no film passes the list of what was seen or rated: all 6 are on it")


def test_a_search_hides_what_was_seen_and_names_what_it_does_not_know(snapshot: Snapshot) -> None:
    asked = SearchRequest("space ship", seen=("The Lantern (1984)", "Gone (1950)"), all=True, limit=10)
    found = search(asked, snapshot, WordEmbedder(), SearchConfig())
    assert "1" not in [hit.movie.id for hit in found.hits]
    assert len(found.hits) == 5
    assert found.unmatched == ("Gone (1950)",)
    assert count_facets(asked, snapshot, WordEmbedder(), SearchConfig()).total == 5


def test_ratings_alone_recommend(snapshot: Snapshot) -> None:
    asked = SearchRequest(ratings={"The Lantern (1984)": 9, "Stairs (1990)": 1}, limit=10)
    found = search(asked, snapshot, WordEmbedder(), SearchConfig())
    assert [hit.movie.id for hit in found.hits][:2] == ["6", "2"]
    assert {hit.movie.id for hit in found.hits} == {"2", "4", "5", "6"}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (SearchRequest(ratings={"tmdb:42": 5, "Lost": 9}),
         "of 2 rated films the catalog has 1, and none of them is rated 6 of 10 or better: say what to look for"),
        (SearchRequest("ship", plain=True, ratings={"tmdb:42": 9}), "--plain takes one question: words, or one film"),
        (SearchRequest(seen=("tmdb:42",)), "say what to look for: words, a film that you like, or a filter alone"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered(snapshot: Snapshot, asked: SearchRequest, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        search(asked, snapshot, WordEmbedder(), SearchConfig())
    assert str(refused.value) == told


def test_a_request_travels_with_what_was_seen_and_rated() -> None:
    asked = SearchRequest("ship", seen=("tmdb:42",), ratings={"Lost": 9.0})
    assert SearchRequest.from_dict(asked.to_dict()) == asked
    assert len({asked, SearchRequest.from_dict(asked.to_dict()), replace(asked, ratings={})}) == 2
    assert SearchRequest("ship").to_dict() == {"text": "ship"}
