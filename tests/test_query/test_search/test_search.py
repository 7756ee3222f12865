"""Search over a small catalog whose vectors can be computed in one's head."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from catalog.config import SearchConfig
from catalog.errors import ModelMismatch, MovieNotFound, UsageError
from catalog.movie import Movie
from catalog.store.snapshot import Snapshot
from query.models import SearchRequest, SearchResult
from query.search.pipeline import count_facets, search, search_vector
from query.search.rerank import series_of
from tests.support.fakes import WordEmbedder
from tests.support.small import snapshot_of

FILMS = [
    Movie(
        "1", "Alien", "A ship in space, and a guest.", year=1979, genres=("Horror",), votes=900_000, keywords=("crew",)
    ),
    Movie("2", "Aliens", "A robot and a ship in space. A war.", year=1986, genres=("Horror",), votes=700_000),
    Movie("3", "Jaws", "A shark.", year=1975, votes=600_000, directors=("Steven Spielberg",)),
    Movie("4", "The Godfather", "A family.", year=1972, genres=("Crime",), votes=2_000_000),
    Movie("5", "Ghost", "A ghost in love.", year=1990, genres=("Romance",), votes=200_000),
    Movie("6", "Solaris", "A dream of love in space.", year=1972, original_title="Solyaris", votes=90_000),
    Movie(
        "7",
        "Lola rennt",
        "A woman runs.",
        plot_de="Eine Frau rennt um das Leben ihres Freundes.",
        year=1998,
        votes=200_000,
    ),
    Movie("8", "Space", "A dream.", year=2010, votes=10),
]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    with snapshot_of(FILMS, tmp_path_factory.mktemp("films")) as snapshot:
        yield snapshot


def ask(films: Snapshot, text: str = "", **options: object) -> SearchResult:
    return search(SearchRequest(text=text, **options), films, WordEmbedder(), SearchConfig())  # type: ignore[arg-type]


def ids(result: SearchResult) -> list[str]:
    return [hit.movie.id for hit in result.hits]


def cosine(first: str, second: str) -> float:
    """Of two of the films."""
    texts = {film.id: f"{film.title} {film.plot}" for film in FILMS}
    return float(WordEmbedder().embed_query(texts[first]) @ WordEmbedder().embed_query(texts[second]))


def test_words_beside_a_like_shift_the_answer_and_never_empty_it(films: Snapshot) -> None:
    alien = ("1",)
    assert ask(films, "qqqq", likes=alien, min_confidence=0.9).total == ask(films, likes=alien).total == 7
    assert ids(ask(films, likes=alien))[:2] == ["2", "6"]
    assert set(ids(ask(films, "love", likes=alien, min_confidence=0.9))[:2]) == {"5", "6"}


def test_a_misspelt_title_is_not_said_to_be_found_by_meaning_alone(films: Snapshot) -> None:
    result = ask(films, "Godfahter")
    assert (ids(result)[0], result.notes) == ("4", ())


@pytest.mark.parametrize("text", ["", "ship"])
def test_a_filter_that_no_film_passes_finds_nothing_and_says_why(films: Snapshot, text: str) -> None:
    result = ask(films, text, filter="genre:Horror year>2000 year<1990")
    assert (result.hits, result.total) == ((), 0)
    assert result.notes[-1:] == ("no film passes year>2000 of those that pass genre:Horror",)
    assert ask(films, text, filter="genre:Horr").notes[-1:] == ("no film has genre:Horr; did you mean Horror?",)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("genre:Horr", "genre:Horr"),
        ('ghosts Directors:"Fritz Lang" year>=1980 in a house', 'Directors:"Fritz Lang" year>=1980'),
        ("-genre:Comedy ship", "-genre:Comedy"),
        ("Mission:Impossible at 12:30", ""),
        ("year:soon genre: Horror", ""),
        ("ghosts year >= 1980 and love < 3", "year>=1980"),
    ],
)
def test_a_filter_among_the_words_is_told_where_it_belongs(films: Snapshot, text: str, written: str) -> None:
    hint = f"{written} is read as words; what must hold is written apart, as a filter"
    assert [note for note in ask(films, text).notes if "read as words" in note] == ([hint] if written else [])


def test_plain_is_cosine_similarity_alone(films: Snapshot) -> None:
    result = ask(films, "robot war", plain=True)
    exact = films.vectors[:8] @ WordEmbedder().embed_query("robot war")
    assert [round(hit.score or 0.0, 5) for hit in result.hits] == sorted(
        (round(float(x), 5) for x in exact), reverse=True
    )
    assert ids(result)[0] == "2"


def test_plain_recommendation_leaves_out_the_film_itself(films: Snapshot) -> None:
    result = ask(films, likes=("6",), plain=True)
    assert len(result.hits) == 7
    assert "6" not in ids(result)
    assert result.hits[0].score == pytest.approx(cosine("6", ids(result)[0]))


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("the godfather", "4"),
        ("Godfather", "4"),
        ("the godfahter", "4"),
        ("jaws", "3"),
        ("SPACE", "8"),
        ("solyaris", "6"),
        ("Lola rennt", "7"),
        ("lola rent", "7"),
        ("lola rentn", "7"),
        ("teh godfather", "4"),
    ],
)
def test_a_title_comes_first(films: Snapshot, typed: str, wanted: str) -> None:
    assert ids(ask(films, typed))[0] == wanted


def test_words_find_people_and_years(films: Snapshot) -> None:
    assert ids(ask(films, "spielberg 1975"))[0] == "3"


def test_a_german_question_finds_an_english_plot_and_a_german_one(films: Snapshot) -> None:
    assert ids(ask(films, "die Liebe eines Gespenstes"))[0] == "5"
    assert ids(ask(films, "das Leben ihres Freundes"))[0] == "7"
    assert ids(ask(films, "Haie"))[0] == "3"


def test_an_english_question_finds_a_german_plot_by_its_words(tmp_path: Path) -> None:
    german = Movie("9", "Rot", "Im Wald frisst ein Wolf die Großmutter.")
    with snapshot_of([*FILMS, german], tmp_path) as snapshot:
        found = ask(snapshot, "grandmother in a forest", why=True).hits[0]
    assert (found.movie.id, found.why and found.why.words) == ("9", ("forest", "grandmother"))


def test_likes_and_dislikes(films: Snapshot) -> None:
    liked = ask(films, likes=("1", "5"))
    assert not {"1", "5"} & set(ids(liked))
    without = ask(films, likes=("something in space",), dislikes=("war",), popularity=0.0)
    ranks = ids(without)
    assert ranks.index("6") < ranks.index("2")


def test_a_film_is_liked_for_its_tags_and_its_time(films: Snapshot) -> None:
    assert ids(ask(films, likes=("1",)))[0] == "2"


def test_excluded_films_stay_away(films: Snapshot) -> None:
    assert "1" not in ids(ask(films, "space ship", exclude=("1", "unknown")))


def test_pages_do_not_overlap(films: Snapshot) -> None:
    whole = ids(ask(films, "space", limit=8))
    pages = [ids(ask(films, "space", limit=3, offset=offset)) for offset in (0, 3, 6)]
    assert [film for page in pages for film in page] == whole
    assert ask(films, "space", limit=3, offset=6).total == 8


def test_a_decade_brings_its_films_forward(films: Snapshot) -> None:
    assert ids(ask(films, "70s space", popularity=0.0))[0] in {"1", "6"}
    assert ids(ask(films, "a ghost of the nineties"))[0] == "5"


def test_popularity_can_be_turned_off_and_round(films: Snapshot) -> None:
    rank = {weight: ids(ask(films, "space dream", popularity=weight)).index("8") for weight in (2.0, 0.0, -2.0)}
    assert rank[2.0] > rank[0.0] >= rank[-2.0] == 0


def test_a_series_can_be_capped(tmp_path: Path) -> None:
    titles = ("Alien", "Alien 3", "Alien: Covenant", "Solaris", "Jaws")
    series = [Movie(title, title, "A ship in space.", votes=10 ** (6 - rank)) for rank, title in enumerate(titles)]
    assert [series_of(title) for title in titles] == ["alien", "alien", "alien", "solaris", "jaws"]
    with snapshot_of(series, tmp_path) as snapshot:
        assert ids(ask(snapshot, "ship in space")) == list(titles)
        assert ids(ask(snapshot, "ship in space", franchise=1)) == ["Alien", "Solaris", "Jaws", *titles[1:3]]
        assert ids(ask(snapshot, "ship in space", franchise=2, limit=3)) == ["Alien", "Alien 3", "Solaris"]


def test_diversity_brings_other_films_forward(films: Snapshot) -> None:
    assert ids(ask(films, "ship in space", diversity=0.0))[:2] == ["1", "2"]
    assert ids(ask(films, "ship in space", diversity=0.9))[1] != "2"


def test_sorted_by_year(films: Snapshot) -> None:
    assert ids(ask(films, "space", sort="-year"))[:2] == ["8", "7"]


def test_why_names_ranks_words_and_sentence(films: Snapshot) -> None:
    why = ask(films, "robot", why=True, limit=1).hits[0].why
    assert why is not None
    assert (dict(why.ranks), why.words, why.sentence) == (
        {"dense": 1, "lexical": 1},
        ("robot",),
        "A robot and a ship in space.",
    )
    near = ask(films, likes=("1", "5"), why=True, limit=1).hits[0].why
    assert near is not None
    assert near.nearest_like == "1"


def test_words_that_no_film_holds_are_said(films: Snapshot) -> None:
    assert ask(films, "qqqq").notes == ("no film holds a word of the question: found by meaning alone",)


def test_search_by_vector(films: Snapshot) -> None:
    vector = WordEmbedder().embed_query("shark") * 3
    found = search_vector(SearchRequest(limit=2), vector, films, SearchConfig())
    assert (found.hits[0].movie.id, round(found.hits[0].score or 0.0, 3), len(found.hits)) == ("3", 1.0, 2)
    rest = search_vector(SearchRequest(exclude=("3",), offset=1), vector, films, SearchConfig())
    everything = search_vector(SearchRequest(), vector, films, SearchConfig())
    assert rest.hits == everything.hits[2:]
    assert rest.total == everything.total - 1


@pytest.mark.parametrize(
    "vector", [np.zeros(9, dtype=np.float32), np.ones(8, dtype=np.float32), np.full(9, np.nan, dtype=np.float32)]
)
def test_an_impossible_vector_is_refused(films: Snapshot, vector: NDArray[np.float32]) -> None:
    with pytest.raises(UsageError, match="must hold 9 finite numbers, not all zero"):
        search_vector(SearchRequest(), vector, films, SearchConfig())


def test_wrong_requests_are_one_line(films: Snapshot) -> None:
    with pytest.raises(UsageError, match=r"^say what to look for: words, a film that you like, or a filter alone$"):
        ask(films, "  ")
    with pytest.raises(UsageError, match=r"^--plain takes one question: words, or one film$"):
        ask(films, "space", likes=("1",), plain=True)
    with pytest.raises(ModelMismatch, match="built with words, not other"):
        search(SearchRequest(text="x"), films, WordEmbedder("other"), SearchConfig())


def test_many_films_can_be_excluded(films: Snapshot) -> None:
    unknown = tuple(f"no film {number}" for number in range(2000))
    result = ask(films, "space", exclude=("2", *unknown, "6"))
    assert (sorted(ids(result)), result.total) == (["1", "3", "4", "5", "7", "8"], 6)
    plain = ask(films, "space", exclude=("2", *unknown, "6"), plain=True)
    assert (sorted(ids(plain)), plain.total) == (["1", "3", "4", "5", "7", "8"], 6)
    listed = ask(films, filter="year>=1972", exclude=("2", *unknown, "6"))
    assert (sorted(ids(listed)), listed.total) == (["1", "3", "4", "5", "7", "8"], 6)


def test_what_is_excluded_is_counted_once_and_only_where_it_would_have_been(films: Snapshot) -> None:
    assert ask(films, "space", filter="year<1976", exclude=("5", "3"), plain=True).total == 2
    assert ask(films, filter="year<1976", exclude=("5", "3")).total == 2


def test_likes_and_dislikes_are_never_in_the_answer(films: Snapshot) -> None:
    assert sorted(ids(ask(films, "space", likes=("Jaws",), dislikes=("Aliens", "5")))) == ["1", "4", "6", "7", "8"]


def test_a_film_is_not_liked_and_disliked(films: Snapshot) -> None:
    with pytest.raises(UsageError, match="^'Aliens' is liked and disliked: name it once$"):
        ask(films, likes=("Jaws", "Aliens"), dislikes=("2",))
    rated = ask(films, likes=("Aliens",), ratings={"Aliens": 2.0, "Jaws": 9.0})
    assert "Aliens" not in [hit.movie.title for hit in rated.hits]


def test_a_slip_in_a_title_does_not_become_words(films: Snapshot) -> None:
    with pytest.raises(MovieNotFound, match=r"did you mean 'The Godfather'\?"):
        ask(films, likes=("the godfahter",))
    with pytest.raises(MovieNotFound, match="no film has the id or title 'qqqq'"):
        ask(films, likes=("qqqq",))
    with pytest.raises(
        MovieNotFound, match=r"^no film has the id or title 'rennt'; did you mean 'Lola rennt'\?; one word"
    ):
        ask(films, likes=("rennt",))
    with pytest.raises(MovieNotFound, match="; one word is taken for a title; several, or words in text, are looked"):
        ask(films, likes=("gore",))
    with pytest.raises(MovieNotFound, match="^no film has the id or title '9999'$"):
        ask(films, likes=("9999",))
    assert ids(ask(films, likes=("a shark in the water",)))[0] == "3"


def test_what_is_not_sure_enough_is_shown_on_demand(films: Snapshot) -> None:
    # A handful of films has no background, so that all of them are certain; a thousand are in test_pages.py.
    assert ask(films, "space", min_confidence=1.0).total == 8
    assert ask(films, "space", all=True).total == 8


def test_a_request_stands_in_its_answer_as_it_was_asked() -> None:
    assert SearchRequest(" space ").echo() == "space"
    asked = SearchRequest("space", likes=("1",), dislikes=("2",))
    assert asked.echo() == {"text": "space", "like": ["1"], "dislike": ["2"]}
    assert SearchRequest.from_dict(asked.to_dict()) == asked
    assert asked.to_dict() == {"text": "space", "likes": ("1",), "dislikes": ("2",)}


def counted(result: SearchResult) -> dict[str, dict[str, int]]:
    assert result.facets is not None
    return {facet.field: {value.value: value.count for value in facet.values} for facet in result.facets}


@pytest.mark.parametrize(
    "options",
    [
        {"text": "space"},
        {"text": "space", "exclude": ("1", "3"), "limit": 2, "offset": 1},
        {"text": "space", "sort": "year", "exclude": ("1",)},
        {"text": "space", "plain": True, "exclude": ("1",)},
        {"likes": ("1",)},
        {"likes": ("1",), "plain": True},
        {"filter": "year<1990"},
        {"filter": "year<1990", "exclude": ("1", "5")},
        {"text": "love", "filter": "year<1991", "likes": ("1",), "dislikes": ("2",)},
    ],
)
def test_facets_count_the_films_of_the_answer(films: Snapshot, options: dict[str, object]) -> None:
    whole = ask(films, **(options | {"limit": 100, "offset": 0}))  # type: ignore[arg-type]
    decades = Counter(f"{hit.movie.year // 10 * 10}s" for hit in whole.hits if hit.movie.year)
    genres = Counter(genre for hit in whole.hits for genre in hit.movie.genres)
    result = ask(films, **options, facets=True)  # type: ignore[arg-type]
    assert (counted(result)["year"], counted(result)["genre"]) == (decades, genres)
    asked = SearchRequest(**options | {"limit": None})  # type: ignore[arg-type]  # there it bounds the values shown
    alone = count_facets(asked, films, WordEmbedder(), SearchConfig())
    assert (alone.facets, alone.total) == (result.facets, result.total) == (result.facets, len(whole.hits))
