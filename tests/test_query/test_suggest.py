"""Titles are suggested by how they begin, by a later word, and with a typing error, in this order."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import tantivy

from catalog.movie import Movie
from catalog.store.lexical.index import LexicalIndex
from catalog.store.snapshot import Snapshot
from query.suggest import suggest
from tests.support.small import snapshot_of

TITLES = {
    "Harry Potter and the Goblet of Fire": 900,
    "Harry Potter and the Chamber of Secrets": 800,
    "Potter's Field": None,
    "The Green Mile": 700,
    "Fried Green Tomatoes": 300,
    "The Gobbler": 5,
}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    films = [Movie(title, title, "A plot.", votes=votes) for title, votes in TITLES.items()]
    with snapshot_of(films, tmp_path_factory.mktemp("store")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("typed", "titles"),
    [
        (
            "Potter",
            ["Potter's Field", "Harry Potter and the Goblet of Fire", "Harry Potter and the Chamber of Secrets"],
        ),
        ("potter and the ch", ["Harry Potter and the Chamber of Secrets"]),
        ("green", ["The Green Mile", "Fried Green Tomatoes"]),
        ("gob", ["The Gobbler", "Harry Potter and the Goblet of Fire"]),
        ("harri pott", ["Harry Potter and the Goblet of Fire", "Harry Potter and the Chamber of Secrets"]),
        ("fi", []),
        ("otter", ["Potter's Field"]),
        ("tterfield", []),
        ("", []),
    ],
)
def test_titles_are_suggested(snapshot: Snapshot, typed: str, titles: list[str]) -> None:
    assert [suggested.title for suggested in suggest(snapshot, typed, 5)] == titles


def test_no_film_is_suggested_twice(snapshot: Snapshot) -> None:
    titles = [suggested.title for suggested in suggest(snapshot, "the g", 5)]
    assert titles == ["The Green Mile", "The Gobbler", "Harry Potter and the Goblet of Fire"]
    assert len(suggest(snapshot, "harry", 1)) == 1


def test_an_index_from_before_later_words_were_kept_has_none(tmp_path: Path) -> None:
    fields = tantivy.SchemaBuilder().add_text_field("titles", tokenizer_name="raw", index_option="basic")
    tantivy.Index(fields.add_integer_field("votes", fast=True).build(), str(tmp_path))
    assert LexicalIndex.open(tmp_path).titled_from("potter", 5, later=True) == []
