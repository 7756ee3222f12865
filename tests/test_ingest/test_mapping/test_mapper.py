"""Rows of the usual catalogues become the same kind of movie; what cannot is refused by place and field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import ConfigError, RowRefused, SourceError
from catalog.movie import Movie
from ingest.mapping.detect import detect_ahead, note_of_scores
from ingest.mapping.mapper import FieldMap, FieldSource, RowNotes, describe, detect, to_movie
from ingest.readers.row import Row, UnreadableRow

PLOT = "A lighthouse keeper hides a stranger."


def rows(*records: dict[str, Any]) -> list[Row]:
    return [Row(f"line {number}", record) for number, record in enumerate(records, 1)]


def movie(record: dict[str, Any], given: dict[str, Any] | None = None) -> Movie:
    (row,) = rows(record)
    return to_movie(row, detect([row], given))


def test_our_own_file() -> None:
    record = {
        "id": 1, "title": "Lantern", "original_title": "Laterne", "year": 1984, "genres": ["Drama"],
        "directors": ["Ada Stern"], "countries": ["Germany"], "languages": ["German"], "plot": PLOT,
        "plot_de": "Ein Leuchtturmwärter versteckt einen Fremden.", "rating": 7.5, "votes": 12, "runtime": 90,
        "keywords": ["sea"], "actors": ["Bo Lind"], "poster": "https://example.org/p.jpg",
        "external_ids": {"imdb": "tt0000001"},
    }  # fmt: skip
    found = movie(record)
    assert found.to_dict() == {**record, "id": "1"}
    assert movie(found.to_dict()) == found


GERMAN = "Ein Leuchtturmwärter versteckt einen Fremden."


@pytest.mark.parametrize(
    "name", ["plot_de", "Overview (DE)", "Inhalt", "Kurzinhalt", "Beschreibung", "german_plot", "Deutsche Handlung"]
)
def test_a_german_plot_beside_the_plot(name: str) -> None:
    found = movie({"title": "Lantern", "overview": PLOT, name: GERMAN})
    assert (found.plot, found.plot_de) == (PLOT, GERMAN)


@pytest.mark.parametrize(
    ("record", "german"),
    [
        ({"Inhalt": GERMAN}, None),
        ({"Handlung": GERMAN, "Kurzinhalt": "Ein Leuchtturm."}, None),
        ({"overview": "", "Inhalt": GERMAN}, GERMAN),
        ({"plot_de": GERMAN}, GERMAN),
    ],
    ids=["a German name", "two German names", "no other in this row", "no other name"],
)
def test_a_german_plot_alone_is_the_plot(record: dict[str, Any], german: str | None) -> None:
    found = movie({"title": "Lantern"} | record)
    assert (found.plot, found.plot_de) == (GERMAN, german)


def test_a_file_of_german_plots_has_no_second_one() -> None:
    sample = rows({"title": "Lantern", "Inhalt": GERMAN})
    assert [(found.field, found.sources) for found in describe(detect(sample), sample)] == [
        ("title", ("title",)),
        ("plot", ("Inhalt",)),
    ]


def test_the_names_of_imdb_and_tmdb_ids() -> None:
    record = {
        "id": 5,
        "title": "A",
        "plot": PLOT,
        "interests": ["Sea"],
        "imdb_id": "tt0111161",
        "tmdb_id": 278,
        "ml_id": 3,
    }
    found = movie(record)
    assert found.keywords == ("Sea",)
    assert found.external_ids == {"imdb": "tt0111161", "tmdb": "278", "ml": "3"}


def test_tmdb() -> None:
    found = movie(
        {
            "id": 278, "imdb_id": "tt0111161", "title": "Hafen", "original_title": "Hafen", "overview": PLOT,
            "release_date": "1994-09-23", "runtime": 142, "vote_average": 8.7, "vote_count": 29000,
            "genre_ids": [18], "genres": [{"id": 18, "name": "Drama"}], "original_language": "en",
            "spoken_languages": [{"english_name": "German", "iso_639_1": "de", "name": "Deutsch"}],
            "production_countries": [{"iso_3166_1": "US", "name": "United States of America"}],
            "poster_path": "/abc123.jpg", "keywords": {"keywords": [{"id": 1, "name": "sea"}]},
            "credits": {
                "cast": [{"name": "Bo Lind", "character": "Keeper"}],
                "crew": [{"name": "Ada Stern", "job": "Director"}, {"name": "C. D.", "job": "Writer"}],
            },
            "external_ids": {"imdb_id": "tt0111161", "wikidata_id": "Q172241", "facebook_id": "x"},
        }
    )  # fmt: skip
    assert found == Movie(
        id="278", title="Hafen", plot=PLOT, year=1994, genres=("Drama",), directors=("Ada Stern",),
        actors=("Bo Lind",), languages=("English", "German"), countries=("United States",), runtime=142, rating=8.7,
        votes=29000, poster="https://image.tmdb.org/t/p/w500/abc123.jpg", keywords=("sea",),
        external_ids={"imdb": "tt0111161", "wikidata": "Q172241"},
    )  # fmt: skip


def test_kaggles_tmdb_csv_with_lists_in_pythons_spelling() -> None:
    found = movie(
        {
            "id": "862", "title": "Toys", "overview": PLOT, "genres": "[{'id': 16, 'name': 'Animation'}]",
            "release_date": "1995-10-30", "crew": "[{'job': 'Director', 'name': 'Ada Stern'}]",
            "cast": "[{'name': 'Bo Lind'}]", "runtime": "81.0", "vote_average": "7.7", "vote_count": "5415.0",
            "spoken_languages": "[{'iso_639_1': 'en', 'name': 'English'}]",
        }
    )  # fmt: skip
    assert (found.genres, found.directors, found.actors) == (("Animation",), ("Ada Stern",), ("Bo Lind",))
    assert (found.year, found.runtime, found.rating, found.votes) == (1995, 81, 7.7, 5415)
    assert found.languages == ("English",)


def test_meilisearch() -> None:
    found = movie(
        {"id": 287947, "title": "Bolt", "overview": PLOT, "release_date": 1553299200, "genres": ["Action"],
         "poster": "https://image.tmdb.org/t/p/w500/x.jpg"}
    )  # fmt: skip
    assert (found.id, found.year, found.poster) == ("287947", 2019, "https://image.tmdb.org/t/p/w500/x.jpg")


def test_wikipedia() -> None:
    found = movie(
        {"Release Year": "1901", "Title": "Saloon", "Origin/Ethnicity": "American", "Director": "Unknown",
         "Cast": "", "Genre": "comedy/drama", "Wiki Page": "https://en.wikipedia.org/wiki/Saloon", "Plot": PLOT}
    )  # fmt: skip
    assert found == Movie("saloon-1901", "Saloon", PLOT, 1901, genres=("comedy", "drama"), countries=("United States",))


def test_movielens() -> None:
    found = movie(
        {"movieId": 1, "title": "Matrix, The (1999)", "genres": "Action|Sci-Fi", "plot": PLOT, "imdbId": 133093}
    )
    assert found == Movie(
        "1", "The Matrix", PLOT, 1999, genres=("Action", "Sci-Fi"), external_ids={"imdb": "tt0133093"}
    )


def test_netflix_whose_rating_is_a_certificate() -> None:
    found = movie(
        {"show_id": "s1", "type": "Movie", "title": "Roma Nova", "director": "Ada Stern", "cast": "Bo Lind, C. D.",
         "country": "Mexico, United States", "date_added": "September 25, 2021", "release_year": "2018",
         "rating": "R", "duration": "135 min", "listed_in": "Dramas, International Movies", "description": PLOT}
    )  # fmt: skip
    assert found == Movie(
        "s1", "Roma Nova", PLOT, 2018, genres=("Dramas", "International Movies"), directors=("Ada Stern",),
        actors=("Bo Lind", "C. D."), countries=("Mexico", "United States"), runtime=135,
    )  # fmt: skip


def test_certificates_that_are_numbers_are_no_ratings_when_most_are_not() -> None:
    sample = rows(*({"title": "A", "description": PLOT, "rating": rating} for rating in ("PG", "R", "6", "FSK 12")))
    field_map = detect(sample)
    assert field_map.ignored == {("rating", "rating")}
    assert [to_movie(row, field_map).rating for row in sample] == [None] * 4


def test_jellyfin() -> None:
    found = movie(
        {"Name": "Hafen", "Id": "f00d", "Overview": PLOT, "ProductionYear": 1994, "CommunityRating": 8.1,
         "RunTimeTicks": 85200000000, "Genres": ["Drama"], "ProviderIds": {"Imdb": "tt0111161", "Tmdb": "278"},
         "OriginalTitle": "Harbour", "People": [{"Name": "Bo", "Type": "Actor"}, {"Name": "Ada", "Type": "Director"}],
         "Tags": ["sea"], "PremiereDate": "1994-09-23T00:00:00Z"}
    )  # fmt: skip
    assert found == Movie(
        "f00d", "Hafen", PLOT, 1994, original_title="Harbour", genres=("Drama",), keywords=("sea",), rating=8.1,
        directors=("Ada",), actors=("Bo",), runtime=142, external_ids={"imdb": "tt0111161", "tmdb": "278"},
    )  # fmt: skip


def test_radarr() -> None:
    found = movie(
        {"title": "Hafen", "overview": PLOT, "year": 1994, "tmdbId": 278, "imdbId": "tt0111161", "runtime": 142,
         "ratings": {"imdb": {"votes": 2600000, "value": 9.3, "type": "user"}, "tmdb": {"votes": 1, "value": 8.7}},
         "images": [{"coverType": "fanart", "remoteUrl": "https://example.org/f.jpg"},
                    {"coverType": "poster", "url": "/x", "remoteUrl": "https://example.org/p.jpg"}],
         "originalLanguage": {"id": 1, "name": "English"}}
    )  # fmt: skip
    assert found == Movie(
        "imdb:tt0111161", "Hafen", PLOT, 1994, runtime=142, rating=9.3, votes=2600000, languages=("English",),
        poster="https://example.org/p.jpg", external_ids={"imdb": "tt0111161", "tmdb": "278"},
    )  # fmt: skip


def test_mongodbs_sample() -> None:
    found = movie(
        {"_id": {"$oid": "573a1390f29313caabcd42e8"}, "title": "Raub", "plot": "Short.", "fullplot": PLOT,
         "year": {"$numberInt": "1903"}, "cast": ["Bo Lind"], "imdb": {"rating": 7.4, "votes": 9847, "id": 439}}
    )  # fmt: skip
    assert found == Movie(
        "573a1390f29313caabcd42e8", "Raub", "Short.", 1903, synopsis=PLOT, actors=("Bo Lind",), rating=7.4, votes=9847,
        external_ids={"imdb": "tt0000439"},
    )  # fmt: skip


def test_radarr_before_its_third_version() -> None:
    found = movie({"title": "Hafen", "overview": PLOT, "tmdbId": 278, "ratings": {"votes": 26, "value": 9.3}})
    assert (found.rating, found.votes) == (9.3, 26)


def test_imdbs_search_results_numbered_through() -> None:
    record = {
        "Title": "12. 813", "Year": "1920", "Duration": "1h 5m", "Rating": "6.0", "Votes": "1.6K", "description": PLOT,
        "Movie Link": "https://www.imdb.com/title/tt0010942/?ref_=sr_i_12", "genres": "['Mystery']",
        "Languages": "['None', 'Italian']",
    }  # fmt: skip
    assert movie(record) == Movie(
        "imdb:tt0010942", "813", PLOT, 1920, genres=("Mystery",), languages=("Italian",), runtime=65, rating=6.0,
        votes=1600, external_ids={"imdb": "tt0010942"},
    )  # fmt: skip
    sample = rows(*({"title": f"{n}. Film", "plot": PLOT} for n in range(1, 5)))
    assert [to_movie(row, detect(sample)).title for row in sample] == ["Film"] * 4
    assert movie({"title": "9. April", "plot": PLOT}).title == "9. April"


def test_imdb_top_1000_with_a_column_per_star() -> None:
    record = {"Series_Title": "A", "Released_Year": "PG", "Runtime": "140 min", "Genre": "Drama", "IMDB_Rating": "7.6",
              "Overview": PLOT, "Director": "Ada",
              "Star1": "B", "Star2": "C", "Star3": "D", "No_of_Votes": "269197"}  # fmt: skip
    found = movie(record)
    assert (found.year, found.runtime, found.rating, found.votes) == (None, 140, 7.6, 269197)
    assert found.actors == ("B", "C", "D")


def test_ratings_to_100() -> None:
    sample = rows(*({"title": "A", "plot": PLOT, "score": score} for score in (73, 9, "61.0", 0)))
    field_map = detect(sample)
    assert [to_movie(row, field_map).rating for row in sample] == [7.3, 0.9, 6.1, 0.0]


def test_rows_that_are_wrapped() -> None:
    record = {"_index": "films", "_id": "x", "_source": {"title": "A", "overview": PLOT, "id": 3}}
    assert movie(record) == Movie("3", "A", PLOT)


def test_a_column_that_appears_late_is_found() -> None:
    early, late = rows({"title": "A", "plot": PLOT}, {"title": "B", "plot": PLOT, "plot_de": "Ein Leuchtturm."})
    field_map = detect([early])
    assert to_movie(early, field_map).plot_de is None
    assert to_movie(late, field_map).plot_de == "Ein Leuchtturm."


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"imdb_id": "tt0111161", "tmdb_id": 278}, "imdb:tt0111161"),
        ({"imdb_id": "", "tmdb_id": "278.0"}, "tmdb:278"),
        ({"year": 1999}, "the-matrix-1999"),
        ({}, "the-matrix"),
        ({"id": 1}, "1"),
        ({"id": 1.0}, "1"),
        ({"id": "1"}, "1"),
        ({"id": "", "year": 1999}, "the-matrix-1999"),
    ],
)
def test_ids(record: dict[str, Any], expected: str) -> None:
    assert movie({"title": "The Matrix", "plot": PLOT, **record}).id == expected


def test_configured_fields() -> None:
    record = {
        "Titel": "A",
        "Kurz": "Short.",
        "Lang": PLOT,
        "meta": {"jahr": "1999"},
        "a.b": "x",
        "note": 5,
        "rating": 9,
    }
    assert movie(record, {"title": "Titel", "plot": ["None", "Lang", "Kurz"]}).plot == PLOT
    assert movie(record, {"plot": "Kurz + Lang", "year": "meta.jahr", "keywords": ["a.b"]}) == Movie(
        "a-1999", "A", f"Short. {PLOT}", 1999, rating=9, keywords=("x",)
    )
    assert movie(record, {"plot": "Lang", "rating": []}).rating is None
    assert movie(record, {"plot": "Lang", "extra": ["note", "meta.jahr"]}).extra == {"note": 5, "meta.jahr": "1999"}
    assert movie(record, {"plot": "Lang", "extra": "*"}).extra == {
        "Kurz": "Short.", "meta": {"jahr": "1999"}, "a.b": "x", "note": 5,
    }  # fmt: skip


def test_extra_columns_can_be_stored() -> None:
    record = {"title": "A", "plot": PLOT, "x": [float("nan"), {"k\ud800": "v\ud800 &amp; w"}], "y": float("inf")}
    assert movie(record, {"extra": "*"}).extra == {"x": [None, {"k": "v & w"}]}


def test_a_joined_title_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(RowRefused, match=r"^line 1: field 'a \+ b' is a list, a text is expected$"):
        movie({"a": "A", "b": ["x"], "plot": PLOT}, {"title": "a + b"})


def test_an_unknown_field_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match=r"^catalog\.fields: unknown field 'titel'; allowed are id, title, plot, "):
        detect([], {"titel": "x"})


def test_a_column_that_was_named_and_is_not_there_is_told() -> None:
    with pytest.raises(SourceError) as refused:
        detect(rows({"title": "Alien", "plot": "A ship."}), {"title": "Filmtitel"})
    assert str(refused.value) == "catalog.fields.title: no row has 'Filmtitel'; there are title, plot"


def test_the_wrong_file_is_refused_with_its_columns() -> None:
    with pytest.raises(SourceError) as refused:
        detect(rows({"date": "2024", "amount": 5}))
    assert str(refused.value) == (
        "no column looks like a title; there are date, amount; name it in the settings, catalog.fields.title"
    )
    with pytest.raises(SourceError, match=r"no column looks like a plot; there are title, x0,.* and 2 more;"):
        detect(rows({"title": "A", **{f"x{n}": n for n in range(13)}}))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"plot": PLOT}, "line 1: no field for the title"),
        ({"title": "A"}, "line 1: 'A' has no plot: no field for the plot"),
        ({"title": "", "plot": PLOT}, "line 1: field 'title' is empty"),
        ({"title": None, "plot": PLOT}, "line 1: field 'title' is empty"),
        ({"title": "A", "overview": ""}, "line 1: 'A' has no plot: field 'overview' is empty"),
        (
            {"title": "A", "overview": "No overview found."},
            "line 1: 'A' has no plot: field 'overview' is empty: 'No overview found.' says nothing",
        ),
        ({"title": ["A"], "plot": PLOT}, "line 1: field 'title' is a list, a text is expected"),
        ({"title": "A", "plot": 7}, "line 1: field 'plot' is a number, a text is expected"),
        ({"title": True, "plot": PLOT}, "line 1: field 'title' is true or false, a text is expected"),
        ({"title": "A", "plot": PLOT, "id": [1]}, "line 1: field 'id' is a list, a text or a whole number is expected"),
        ({"title": "A", "plot": PLOT, "year": [1]}, "line 1: field 'year' is a list, a year or a date is expected"),
        ({"title": "A", "plot": PLOT, "genres": 5}, "line 1: field 'genres' is a number, a list or a text is expected"),
    ],
)
def test_what_is_refused(record: dict[str, Any], message: str) -> None:
    with pytest.raises(RowRefused) as refused:
        to_movie(Row("line 1", record), FieldMap())
    assert str(refused.value) == message


def test_a_scale_is_looked_for_behind_rows_without_ratings() -> None:
    unrated = [{"title": "A", "plot": PLOT, "rating": 0}] * 1500
    sample = rows(*unrated, {"title": "B", "plot": PLOT, "rating": 85})
    field_map = detect_ahead(lambda count: sample[:count])
    assert to_movie(sample[-1], field_map).rating == 8.5
    assert to_movie(sample[0], field_map).rating == 0
    asked: list[int] = []
    detect_ahead(lambda count: asked.append(count) or sample[-1:])  # type: ignore[func-returns-value]
    assert asked == [1000]


def test_an_unreadable_row_is_refused_with_its_reason() -> None:
    with pytest.raises(RowRefused, match=r"^line 12: not JSON: whatever$"):
        to_movie(UnreadableRow("line 12", "not JSON: whatever"), FieldMap())


def test_repairs_are_counted() -> None:
    notes = RowNotes()
    record = {"title": "Suite FranÃ§aise", "plot": PLOT, "directors": ["RenÃ©", "Ada"], "original_title": "Suite"}
    found = to_movie(Row("line 1", record), FieldMap(), notes)
    assert (found.title, found.directors, notes) == ("Suite Française", ("René", "Ada"), RowNotes(repaired=2))


def test_describe_shows_where_fields_are_and_what_they_give() -> None:
    sample = rows(
        {"Title": "Saloon", "Overview": PLOT, "imdbId": 7, "rating": "PG", "note": "x"},
        {"Title": "", "Overview": PLOT, "imdbId": 8, "rating": "R", "note": "y"},
        {"Title": "Hafen", "Overview": PLOT, "imdbId": 9, "rating": "PG-13", "note": "z"},
    )
    field_map = detect(sample, {"extra": "note"})
    assert describe(field_map, sample) == [
        FieldSource("title", ("Title",), ("Saloon", "Hafen")),
        FieldSource("plot", ("Overview",), (PLOT, PLOT)),
        FieldSource("extra", ("note",), ({"note": "x"}, {"note": "z"})),
        FieldSource("external_ids", ("imdbId",), ({"imdb": "tt0000007"}, {"imdb": "tt0000009"})),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "job", "id", "x"]), inner),
    max_leaves=6,
)
NAMES = ["id", "title", "plot", "overview", "year", "release_date", "genres", "rating", "votes", "runtime", "crew",
         "cast",
         "people", "imdb", "imdb_id", "tmdb_id", "external_ids", "poster", "images", "ratings", "Title", "country",
         "languages", "keywords", "a.b", "ml_id", ""]  # fmt: skip
RECORDS = st.dictionaries(st.sampled_from(NAMES) | st.text(), JSON, max_size=8)
TITLED = st.builds(lambda record, title, plot: {**record, "title": title, "plot": plot}, RECORDS, st.text(), st.text())


@given(st.lists(RECORDS | TITLED, min_size=1, max_size=5))
def test_any_row_is_a_movie_or_refused(records: list[dict[str, Any]]) -> None:
    sample = rows(*records)
    try:
        field_map = detect(sample, {"extra": "*"})
    except SourceError:
        field_map = FieldMap()
    describe(field_map, sample)
    for row in sample:
        try:
            found = to_movie(row, field_map)
        except RowRefused:
            continue
        assert found.id
        assert found.title == found.title.strip() != ""
        assert found.plot == found.plot.strip() != ""
        assert found.year is None or 1870 <= found.year <= 2100
        assert found.rating is None or 0 <= found.rating <= 10
        for text in (found.id, found.title, found.plot, *found.genres, *found.actors):
            text.encode()


LONG = f"{PLOT} And then they go on, and on."


def test_a_synopsis_beside_the_plot() -> None:
    found = movie({"title": "A", "overview": PLOT, "Plot Synopsis": LONG})
    assert (found.plot, found.synopsis, found.story) == (PLOT, LONG, LONG)


def test_a_synopsis_alone_is_the_plot_too() -> None:
    found = movie({"title": "A", "synopsis": LONG})
    assert (found.plot, found.synopsis) == (LONG, LONG)
    assert movie({"title": "A", "plot": "N/A", "synopsis": LONG}).plot == LONG


def test_what_stands_for_no_synopsis_is_none() -> None:
    found = movie({"title": "A", "plot": PLOT, "synopsis": "No synopsis available."})
    assert (found.plot, found.synopsis, found.story) == (PLOT, None, PLOT)


@pytest.mark.parametrize(
    ("films", "ratings", "is_told"),
    [
        ([{"score": 0.91}, {"score": "0.3"}], [None, None], True),  # how near each is to a question
        ([{"score": -0.2}, {"score": None}], [None, None], True),
        ([{"score": 0.91}, {"score": float("nan")}], [None, None], True),
        ([{"score": 0.4, "fit": 90, "rating": 8.5}, {"score": 1.7, "fit": 40, "rating": None}], [8.5, None], True),
        ([{"score": 0.91}, {"score": 7.5}], [0.91, 7.5], False),
        ([{"score": 0}, {"score": 0}], [0, 0], False),
        ([{"score": 8.9, "rank": 1}, {"score": 8.7, "rank": 2}], [8.9, 8.7], False),  # MyAnimeList
        ([{"rating": 0.9}, {"rating": 0.5}], [0.9, 0.5], False),
    ],
)
def test_a_score_that_says_how_near_a_film_is_is_no_rating(
    films: list[dict[str, Any]], ratings: list[float | None], *, is_told: bool
) -> None:
    source = rows(*({"title": "Tug", "plot": PLOT, **film} for film in films))
    field_map = detect(source)
    assert [to_movie(row, field_map).rating for row in source] == ratings
    assert (note_of_scores(field_map) is not None) is is_told
    assert note_of_scores(detect(source, {"rating": "score"})) is None
