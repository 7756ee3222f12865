"""The text a model reads, and the fingerprints that tell what changed."""

from dataclasses import replace

import pytest

from catalog.errors import ConfigError
from catalog.movie import Movie, check_template, fingerprints, model_text

FILM = Movie(
    "7", "Das Boot", "A submarine dives.", year=1981, genres=("Drama", "War"), external_ids={"imdb": "tt0082096"}
)


def test_the_default_text_is_title_and_plot() -> None:
    assert model_text(FILM, "{title} {plot}") == "Das Boot A submarine dives."


def test_lists_are_joined_and_missing_fields_are_empty() -> None:
    assert model_text(FILM, "{title} ({year}). {genres}. {directors}") == "Das Boot (1981). Drama, War."


def test_braces_in_a_plot_are_left_alone() -> None:
    assert model_text(replace(FILM, plot="{title} {0.__class__}"), "{plot}") == "{title} {0.__class__}"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{tilte}", r"unknown field \{tilte\}; allowed are id, title, plot"),
        ("{extra}", r"unknown field \{extra\}"),
        ("{title.__class__}", r"unknown field \{title.__class__\}"),
        ("{title!r}", "plain fields only"),
        ("{title:>9}", "plain fields only"),
        ("no field", "plain fields only, at least one"),
        ("{title", "expected '}'"),
    ],
)
def test_an_impossible_template_is_refused(template: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        check_template(template)


def test_fingerprints_tell_text_from_metadata() -> None:
    before = fingerprints(FILM, "{title} {plot}")
    rated = fingerprints(replace(FILM, rating=8.4), "{title} {plot}")
    told = fingerprints(replace(FILM, plot="A boat sinks."), "{title} {plot}")
    assert (rated.text == before.text, rated.metadata == before.metadata) == (True, False)
    assert (told.text == before.text, told.metadata == before.metadata) == (False, False)


def test_a_plot_in_another_field_is_metadata_until_the_template_reads_it() -> None:
    german = replace(FILM, plot_de="Ein U-Boot taucht.")
    assert fingerprints(german, "{title} {plot}").text == fingerprints(FILM, "{title} {plot}").text
    assert fingerprints(german, "{plot_de}").text != fingerprints(FILM, "{plot_de}").text


def test_a_movie_survives_json() -> None:
    assert Movie.from_dict(FILM.to_dict()) == FILM
    assert FILM.to_dict() == {
        "id": "7",
        "title": "Das Boot",
        "plot": "A submarine dives.",
        "year": 1981,
        "genres": ["Drama", "War"],
        "external_ids": {"imdb": "tt0082096"},
    }
