"""The words of passages: an inverted index of its own, in which every passage of a long story is a document.

In the document of its movie a long story would drown what the plot says in a few words (length normalisation); by
passages it is compared with plots of about the same length.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

from catalog.movie import Movie
from catalog.store.lexical.index import SCALE, damaged, flat_question, open_published
from catalog.store.lexical.writer import copy_links, writing
from catalog.text.passages import Passage
from catalog.text.stems import english_terms, german_terms

if TYPE_CHECKING:
    import tantivy

_MOST = 2000
"""Passages looked at for a question."""

Told = tuple[int, Movie, list[Passage]]
"""A movie with its row and its passages."""


class PassageWords:
    """One passage a document."""

    def __init__(self, index: "tantivy.Index", path: Path) -> None:
        self._schema = index.schema
        self._searcher = index.searcher()
        self._path = path
        self.passages = self._searcher.num_docs

    @classmethod
    def open(cls, path: Path) -> Self:
        """A published index, untouched; raises CatalogDamaged."""
        return cls(open_published(path, "the index of passages"), path)

    def best(self, terms: Mapping[str, float]) -> dict[int, float]:
        """Rows of the movies whose passages hold the terms best, by BM25 of the best one, the best first."""
        if not terms:
            return {}
        found: dict[int, float] = {}
        with damaged(self._path):
            hits = self._searcher.search(flat_question(self._schema, terms), _MOST, count=False).hits
            rows = self._searcher.fast_field_values("row", [address for _, address in hits])
        for (score, _), row in zip(hits, rows, strict=True):
            found.setdefault(int(row), score * SCALE)  # type: ignore[arg-type]
        return found


def schema() -> "tantivy.Schema":
    """The fields of a document, one a passage."""
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("row", fast=True)
    builder.add_text_field("terms", tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def build_passage_words(path: Path, movies: Iterable[Told]) -> None:
    """Write the index of all passages into a new folder."""
    path.mkdir()
    with writing(path, schema()) as writer:
        for told in movies:
            for document in _documents(*told):
                writer.add_document(document)


def patch_passage_words(before: Path, path: Path, gone: Iterable[str], changed: Iterable[Told]) -> None:
    """Write what the index `before` holds, but for the passages of movies that went or changed, into a new folder."""
    copy_links(before, path)
    with writing(path, schema()) as writer:
        for identity in gone:
            writer.delete_documents_by_term("id", identity)
        for row, movie, passages in changed:
            writer.delete_documents_by_term("id", movie.id)
            for document in _documents(row, movie, passages):
                writer.add_document(document)


def _documents(row: int, movie: Movie, passages: Iterable[Passage]) -> Iterator["tantivy.Document"]:
    import tantivy

    for passage in passages:
        made = tantivy.Document()
        made.add_text("id", movie.id)
        made.add_integer("row", row)
        told = german_terms(passage.text) if passage.german else english_terms(passage.text)
        made.add_text("terms", " ".join([*english_terms(movie.title), *told]))
        yield made
