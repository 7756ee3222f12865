"""What the lexical index holds of a movie, and the schema of that. Pure, but for the schema.

One field holds all stems of a movie's texts: in the whole search, asked as a flat boolean query, it finds as well as
BM25F over six fields (docs/decisions/0008-two-stage-retrieval.md).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from math import log, sqrt
from typing import TYPE_CHECKING

from catalog.movie import Movie
from catalog.text.folding import fold, plain_title, without_article
from catalog.text.stems import english_terms, german_terms
from catalog.text.translation import is_german, translated_terms

if TYPE_CHECKING:
    import tantivy

#: Of what follows, `catalog/text` and its lexicon: to be raised when they read a movie otherwise, so that the next run
#: builds the index anew.
ANALYSIS = 3

#: Field that can be filtered and counted by value -> field of the movie.
LISTS = {
    "genre": "genres",
    "keyword": "keywords",
    "director": "directors",
    "actor": "actors",
    "language": "languages",
    "country": "countries",
}

#: Fields of a movie that hold one number.
NUMBERS = ("year", "rating", "votes", "runtime")

#: What makes movies be of a kind.
KINDS = ("genre", "keyword")

#: What a movie has or has not, name -> field of the movie; sites with an id come on top.
HAS = {name: name for name in (*NUMBERS, "original_title", "plot_de", "synopsis", "poster")} | LISTS

_BREAKS = re.compile(" +")
_NOTHING = (None, "", ())


def schema() -> "tantivy.Schema":
    """The fields of a document, one a movie."""
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("row", indexed=True, fast=True)
    builder.add_text_field("terms", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("titles", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("endings", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("tags", tokenizer_name="raw", index_option="basic")
    for name in LISTS:
        builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    for name in NUMBERS:
        if name == "rating":
            builder.add_float_field(name, indexed=True, fast=True)
        else:
            builder.add_integer_field(name, indexed=True, fast=True)
    builder.add_float_field("kind_length", fast=True)
    return builder.build()


def document(row: int, movie: Movie, rarity: Mapping[tuple[str, str], float]) -> "tantivy.Document":
    """A movie as the index keeps it; `rarity` is the inverse document frequency of each kind (`kinds_of`)."""
    import tantivy

    made = tantivy.Document()
    made.add_text("id", movie.id)
    made.add_integer("row", row)
    made.add_text("terms", " ".join(movie_terms(movie)))
    titles = movie_titles(movie)
    for title in titles:
        made.add_text("titles", title)
    for ending in title_endings(titles):
        made.add_text("endings", ending)
    for tag in movie_tags(movie):
        made.add_text("tags", tag)
    for name, attribute in LISTS.items():
        for value in dict.fromkeys(map(folded, getattr(movie, attribute))):
            made.add_text(name, value)
    for name in NUMBERS:
        value = getattr(movie, name)
        if value is not None:
            made.add_float(name, float(value)) if name == "rating" else made.add_integer(name, int(value))
    made.add_float("kind_length", sqrt(sum(rarity.get(kind, 0.0) ** 2 for kind in kinds_of(movie))))
    return made


def inverse_document_frequency(movies: int, holders: int) -> float:
    """How rare a kind is among so many movies, in nats; 0 for one that all of them are of, or none."""
    return log(max(movies, 2) / holders) if holders else 0.0


def movie_terms(movie: Movie) -> list[str]:
    """The stems of everything that is said of a movie, each as often as it stands there."""
    names = [
        movie.title,
        movie.original_title,
        *movie.genres,
        *movie.keywords,
        *movie.directors,
        *movie.actors,
        movie.year,
        *movie.languages,
        *movie.countries,
    ]
    said = " ".join(str(name) for name in names if name is not None)
    return [*english_terms(said), *_plot_terms(movie.plot), *german_terms(movie.plot_de or "")]


def _plot_terms(plot: str) -> list[str]:
    """The stems of a plot; of a German one those of its words in English, too: English questions hold them.

    Only of first meanings: all of them find no more films.
    """
    terms = english_terms(plot)
    if is_german(plot):
        said = set(terms)
        terms += [term for term, weight in translated_terms(plot).items() if weight == 1.0 and term not in said]
    return terms


def movie_titles(movie: Movie) -> list[str]:
    """What a movie is called, as people type it: with and without a leading article."""
    plain = [plain_title(title) for title in (movie.title, movie.original_title) if title]
    return [title for title in dict.fromkeys([*plain, *map(without_article, plain)]) if title]


def title_endings(titles: Iterable[str]) -> list[str]:
    """What follows each word of plain titles: "potter and ..." of one that begins with "harry"."""
    endings = {title[place.end() :] for title in titles for place in _BREAKS.finditer(title)}
    return sorted(endings.difference(titles))


def kinds_of(movie: Movie) -> list[tuple[str, str]]:
    """The genres and keywords of a movie: field and folded value."""
    return list(dict.fromkeys((field, folded(value)) for field in KINDS for value in getattr(movie, LISTS[field])))


def movie_tags(movie: Movie) -> Iterator[str]:
    """What else a movie can be filtered by."""
    yield from (tag("title", folded(title)) for title in (movie.title, movie.original_title) if title)
    yield from (tag("has", name) for name, attribute in HAS.items() if getattr(movie, attribute) not in _NOTHING)
    for site, identity in movie.external_ids.items():
        yield tag("has", site)
        yield tag(elsewhere(site), folded(identity))


def listed_values(movie: Movie) -> Iterable[tuple[str, str, str]]:
    """Field, folded value and spelling of everything in a movie's lists."""
    return dict.fromkeys(
        (field, folded(value), value) for field, attribute in LISTS.items() for value in getattr(movie, attribute)
    )


def tag(field: str, value: str) -> str:
    """A tag as one term; no field holds a NUL."""
    return f"{field}\0{value}"


def elsewhere(site: str) -> str:
    """The field of a tag that holds the id at a site."""
    return f"id:{site}"


def folded(value: str) -> str:
    """How values are compared: without case, accents and repeated spaces."""
    return " ".join(fold(value).split())
