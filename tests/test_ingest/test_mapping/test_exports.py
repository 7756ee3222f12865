"""What home libraries and trackers export is read as it is; what is no film, or no catalogue, is told by name."""

from pathlib import Path
from typing import Any

import pytest

from catalog.errors import NotAMovie, RowRefused, UsageError
from catalog.movie import Movie
from ingest.mapping.mapper import detect, to_movie
from ingest.readers.row import Row
from ingest.readers.source import open_rows
from ingest.sync.rejects import Refusals, RowReader
from ingest.sync.row_cache import Before

PLOT = "A lighthouse keeper hides a stranger."
KODI = {
    "movieid": 7, "label": "Lantern", "title": "Lantern", "originaltitle": "Laterne", "plot": PLOT, "plotoutline": "",
    "runtime": 5400, "year": 1984, "genre": ["Drama"], "director": ["Ada Stern"], "country": ["Germany"],
    "cast": [{"name": "Bo Lind", "role": "Keeper", "order": 0}], "rating": 7.5, "userrating": 0, "votes": "1,204",
    "uniqueid": {"imdb": "tt0000001", "tmdb": "42", "unknown": "x"}, "imdbnumber": "tt0000001", "playcount": 2,
    "tag": ["sea"], "art": {"poster": "image://https%3a%2f%2fexample.org%2fp.jpg/"}, "premiered": "1984-05-02",
}  # fmt: skip
PLEX = {
    "ratingKey": "31", "key": "/library/metadata/31", "guid": "plex://movie/5d7768", "type": "movie",
    "title": "Lantern", "summary": PLOT, "rating": 4.1, "audienceRating": 7.5, "year": 1984, "duration": 5400000,
    "thumb": "/library/metadata/31/thumb/1", "originallyAvailableAt": "1984-05-02",
    "Guid": [{"id": "imdb://tt0000001"}, {"id": "tmdb://42"}, {"id": "tvdb://5"}], "Genre": [{"tag": "Drama"}],
    "Director": [{"tag": "Ada Stern"}], "Role": [{"tag": "Bo Lind", "role": "Keeper"}], "Country": [{"tag": "Germany"}],
    "Rating": [{"image": "imdb://image.rating", "value": 7.1, "type": "audience"}],
}  # fmt: skip
TRAKT = {
    "plays": 3, "last_watched_at": "2024-02-01T20:00:00.000Z",
    "movie": {
        "title": "Lantern", "year": 1984, "ids": {"trakt": 9, "slug": "lantern-1984", "imdb": "tt0000001", "tmdb": 42},
        "overview": PLOT, "released": "1984-05-02", "runtime": 90, "country": "de", "language": "de", "rating": 7.5,
        "votes": 1204, "genres": ["drama"],
    },
}  # fmt: skip
IDS = {"imdb": "tt0000001", "tmdb": "42"}


def movies(*records: dict[str, Any]) -> list[Movie]:
    rows = [Row(f"line {number}", record) for number, record in enumerate(records, 1)]
    field_map = detect(rows)
    return [to_movie(row, field_map) for row in rows]


def test_kodi() -> None:
    assert movies(KODI) == [
        Movie(
            "7", "Lantern", PLOT, 1984, original_title="Laterne", genres=("Drama",), keywords=("sea",),
            directors=("Ada Stern",), actors=("Bo Lind",), countries=("Germany",), runtime=90, rating=7.5, votes=1204,
            poster="https://example.org/p.jpg", external_ids=IDS,
        )
    ]  # fmt: skip


def test_runtimes_in_seconds_are_told_by_most_of_them() -> None:
    assert [found.runtime for found in movies(KODI, KODI | {"runtime": 540}, KODI | {"runtime": "7200"})] == [
        90,
        9,
        120,
    ]
    minutes = KODI | {"runtime": 95}
    assert [found.runtime for found in movies(minutes, minutes, KODI | {"runtime": 900})] == [95, 95, 900]


def test_plex() -> None:
    assert movies(PLEX) == [
        Movie(
            "31", "Lantern", PLOT, 1984, genres=("Drama",), directors=("Ada Stern",), actors=("Bo Lind",),
            countries=("Germany",), runtime=90, rating=7.5, external_ids={**IDS, "tvdb": "5"},
        )
    ]  # fmt: skip
    older = {"guid": "com.plexapp.agents.themoviedb://42?lang=en", "title": "Lantern", "summary": PLOT}
    assert movies(older)[0].external_ids == {"tmdb": "42"}


def test_trakt() -> None:
    assert movies(TRAKT) == [
        Movie(
            "imdb:tt0000001", "Lantern", PLOT, 1984, genres=("drama",), languages=("German",), countries=("Germany",),
            runtime=90, rating=7.5, votes=1204, external_ids={**IDS, "trakt": "9"},
        )
    ]  # fmt: skip


def test_my_anime_list() -> None:
    record = {"MAL_ID": "1", "Name": "Lantern", "Score": "7.5", "Genres": "Drama, Sea", "sypnopsis": PLOT,
              "Type": "Movie", "aired": "May 2, 1984", "Rating": "R - 17+", "Duration": "1 hr. 30 min.",
              "Scored By": "1204"}  # fmt: skip
    assert movies(record) == [
        Movie("1", "Lantern", PLOT, 1984, synopsis=PLOT, genres=("Drama", "Sea"), runtime=90, rating=7.5, votes=1204,
              external_ids={"mal": "1"})
    ]  # fmt: skip


@pytest.mark.parametrize("length", ["90", "90 Min.", "1 Std. 30 Min.", "1:30", "1:30 h"])
def test_a_list_kept_in_german(length: str) -> None:
    record = {"Nr.": "12", "Titel": "Laterne", "Jahr": "1984", "Länge": length, "Genre": "Drama", "Regie": "Ada Stern",
              "Darsteller": "Bo Lind, C. D.", "Land": "Deutschland", "Sprache": "de", "Bewertung": "7,5",
              "Inhaltsangabe": PLOT}  # fmt: skip
    assert movies(record) == [
        Movie("12", "Laterne", PLOT, 1984, genres=("Drama",), directors=("Ada Stern",), actors=("Bo Lind", "C. D."),
              languages=("German",), countries=("Germany",), runtime=90, rating=7.5)
    ]  # fmt: skip
    decomposed = {"Titel": "Laterne", "La\u0308nge": "90", "Handlung": PLOT}
    assert movies(decomposed)[0].runtime == 90


def test_tags_that_are_numbers_are_no_keywords() -> None:
    assert movies({"title": "A", "overview": PLOT, "tags": [1, 3]})[0].keywords == ()
    assert movies({"title": "A", "overview": PLOT, "tags": [1, "sea"]})[0].keywords == ("sea",)


@pytest.mark.parametrize(
    "text",
    [
        "No synopsis information has been added to this title. Help improve our database by adding a synopsis here.",
        "No synopsis has been added for this series yet.\n\nClick here to update this information.",
        "We don't have an overview translated in English. Help us expand our database by adding one.",
        "It looks like we don't have a plot summary for this title yet. Be the first to contribute!",
        "There is no plot summary available for this movie.",
        "The plot is currently unknown.",
        "Plot details are being kept under wraps.",
        "Be the first to add a synopsis!",
        "Wir haben noch keinen Überblick auf Deutsch. Hilf uns, die Datenbank zu erweitern.",
        "Für diesen Film gibt es noch keine Beschreibung.",
        "Leider keine Handlung verfügbar",
    ],
)
def test_what_stands_where_a_plot_is_missing_is_none(text: str) -> None:
    with pytest.raises(RowRefused, match=r"^line 1: '.*' has no plot: field 'plot' is empty: .* says nothing$"):
        movies({"title": "A", "plot": text})


@pytest.mark.parametrize(
    "text",
    [
        "No story is ever told twice.",
        "No information leaves the island until a diver surfaces.",
        "The story is unknown to the villagers.",
        "Details unknown to the court come to light.",
        "Add a description of a thief and a town will burn.",
    ],
)
def test_a_plot_that_begins_like_one_that_is_missing_is_kept(text: str) -> None:
    assert movies({"title": "A", "plot": text})[0].plot == text


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"Name": "A", "Overview": PLOT, "Type": "Series"}, "line 1: 'A' is a series, not a film"),
        ({"Name": "A", "Overview": PLOT, "Type": "BoxSet"}, "line 1: 'A' is a box set, not a film"),
        ({"title": "A", "summary": PLOT, "type": "collection"}, "line 1: 'A' is a box set, not a film"),
        ({"title": "A", "description": PLOT, "type": "TV Show"}, "line 1: 'A' is a series, not a film"),
        ({"title": "A", "plot": PLOT, "Title Type": "TV Episode"}, "line 1: 'A' is an episode, not a film"),
        ({"name": "A", "overview": "", "media_type": "tv"}, "line 1: 'A' is a series, not a film"),
        ({"Titel": "A", "Handlung": PLOT, "Typ": "Serie"}, "line 1: 'A' is a series, not a film"),
    ],
)
def test_what_is_no_film_is_refused_by_name(record: dict[str, Any], told: str) -> None:
    with pytest.raises(NotAMovie) as refused:
        movies({**record, "plot": PLOT} if not any(record.values()) else record)
    assert str(refused.value) == told


def test_series_in_a_trakt_list_are_refused_by_name() -> None:
    show = {"type": "show", "show": {"title": "B", "overview": PLOT}}
    film, series = Row("item 1", {"type": "movie"} | TRAKT), Row("item 2", show)
    field_map = detect([series, film])
    assert to_movie(film, field_map).title == "Lantern"
    with pytest.raises(NotAMovie, match=r"^item 2: a series, not a film$"):
        to_movie(series, field_map)


def test_a_film_that_turns_out_to_be_a_series_is_counted_and_not_kept() -> None:
    rows = [Row("line 1", {"title": "A", "plot": PLOT, "type": "series"}), Row("line 2", {"title": "B", "plot": ""})]
    refusals = Refusals(None)
    reading = RowReader(rows, detect(rows), refusals, None, Before())
    assert list(reading) == []
    assert refusals.shown == ["line 1: 'A' is a series, not a film", "line 2: 'B' has no plot: field 'plot' is empty"]
    assert reading.refused == {"b"}


def test_a_catalogue_of_whatever_may_be_taken_whole() -> None:
    row = Row("line 1", {"title": "A", "plot": PLOT, "type": "series"})
    assert to_movie(row, detect([row], {"kind": []})).title == "A"


RATED = "'query --likes FILE' takes its ratings as likes and dislikes, 'query --seen FILE' leaves out what it names"
LISTED = "'query --seen FILE' leaves out what it names"
BESIDE = "'query --likes' and 'query --seen' read it beside ratings.csv"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date\n2024-01-02,A,1984,https://boxd.it/1,4.5,,,\n",
         f"this is a Letterboxd diary, without plots to search: {RATED}"),
        ("Date,Name,Year,Letterboxd URI,Rating\n2024-01-02,A,1984,https://boxd.it/1,4.5\n",
         f"this is a file of Letterboxd ratings, without plots to search: {RATED}"),
        ("Date,Name,Year,Letterboxd URI\n2024-01-02,A,1984,https://boxd.it/1\n",
         f"this is a Letterboxd list, without plots to search: {LISTED}"),
        ("Const,Your Rating,Date Rated,Title,URL,Title Type,Year\ntt0000001,9,2024-01-02,A,x,Movie,1984\n",
         f"this is a file of IMDb ratings, without plots to search: {RATED}"),
        ("Position,Const,Created,Description,Title,Title Type,Year\n1,tt0000001,2024-01-02,,A,Movie,1984\n",
         f"this is an IMDb list, without plots to search: {LISTED}"),
        ("userId,movieId,rating,timestamp\n1,2,4.5,1112486027\n",
         f"this is a file of MovieLens ratings, without plots to search: {RATED}"),
        ("movieId,title,genres\n1,Lantern (1984),Drama\n",
         f"this is the titles of MovieLens, without plots to search: {BESIDE}"),
        ("Titel,Jahr,Gesehen am\nLaterne,1984,2.1.2024\n",
         f"this is a list of films someone watched or rated, without plots to search: {RATED}"),
        ('[{"rated_at": "2024-01-02", "rating": 8, "movie": {"title": "A", "year": 1984, "ids": {"tmdb": 42}}}]',
         f"this is a file of Trakt ratings, without plots to search: {RATED}"),
    ],
)  # fmt: skip
def test_a_list_without_plots_is_told_with_its_use(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.write_text(content, encoding="utf-8")
    with open_rows(str(path)) as source, pytest.raises(UsageError) as refused:
        detect(source.peek())
    assert str(refused.value) == told
