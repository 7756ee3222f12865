"""One interface, here and over HTTP: the same results, the same errors."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.errors import CatalogMissing, MovieNotFound, StoreError, UsageError
from query.client import PlotseekClient
from query.film_catalog import FilmCatalog
from query.local import LocalCatalog
from tests.service import service, settings


@pytest.fixture(scope="module")
def here(seed_store: Path) -> Iterator[FilmCatalog]:
    with LocalCatalog(seed_store, settings(seed_store)) as films:
        yield films


@pytest.fixture(scope="module")
def there(seed_store: Path) -> Iterator[FilmCatalog]:
    with service(seed_store) as url, PlotseekClient(url) as films:
        yield films


def test_both_find_the_same(here: FilmCatalog, there: FilmCatalog) -> None:
    assert here.search("space ships", limit=3, why=True) == there.search("space ships", limit=3, why=True)
    assert here.search("space ships").hits[0].movie.title == "Star Trek: Generations"


def test_both_name_similar_films(here: FilmCatalog, there: FilmCatalog) -> None:
    assert here.similar("5") == there.similar("5")
    assert here.similar("Ghostbusters", limit=1).hits[0].movie.title == "Ghostbusters II"


def test_both_recommend(here: FilmCatalog, there: FilmCatalog) -> None:
    found = here.recommend(["Ghostbusters", "a boxer"], ["soap"], text="funny", exclude=["1"], why=True)
    assert found == there.recommend(["Ghostbusters", "a boxer"], ["soap"], text="funny", exclude=["1"], why=True)
    assert found.hits[0].why is not None


def test_both_know_a_film(here: FilmCatalog, there: FilmCatalog) -> None:
    assert here.movie("1") == there.movie("1")
    assert here.movie("1").title == "Star Trek: Generations"


@pytest.mark.parametrize("name", ["99", "tmdb:1", "a/b c?d#e%2f", "../status", "ü"])
def test_both_say_the_same_of_a_film_that_is_not_there(here: FilmCatalog, there: FilmCatalog, name: str) -> None:
    with pytest.raises(MovieNotFound) as ours:
        here.movie(name)
    with pytest.raises(MovieNotFound) as theirs:
        there.movie(name)
    assert str(ours.value) == str(theirs.value) == f"no film has the id {name!r}"


def test_both_refuse_the_same_questions(here: FilmCatalog, there: FilmCatalog) -> None:
    for films in (here, there):
        with pytest.raises(UsageError, match="say what to look for: words, or a film that you like"):
            films.search(" ")
        with pytest.raises(MovieNotFound, match="did you mean 'Ghostbusters' or 'Ghostbusters II'"):
            films.similar("Ghostbuster")


def test_nobody_there_is_an_error_with_the_way_out() -> None:
    with PlotseekClient("http://127.0.0.1:9") as films, pytest.raises(StoreError, match="is query-server running"):
        films.movie("1")


def test_no_catalog_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(CatalogMissing, match="there is no catalog yet; run 'ingest --file movies.json' first"):
        LocalCatalog(tmp_path)
