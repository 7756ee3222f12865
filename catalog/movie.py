"""What a movie is, the text the model reads of it, and the fingerprints that tell what changed."""

import hashlib
import json
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from catalog.errors import ConfigError, UsageError
from catalog.tables import html_of

MAIN = "main"
"""The source of every movie that is not said to be of another one."""
API = "api"
"""The source of movies that came one by one, over HTTP."""
_SOURCE = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class Movie:
    """One film of the catalogue, cleaned: the only shape in which a film crosses a module border."""

    id: str
    title: str
    plot: str
    year: int | None = None
    original_title: str | None = None
    plot_de: str | None = None
    """A German plot beside the plot, or the plot itself where there is no other."""
    synopsis: str | None = None
    """The whole story, told at length: what the plot is too short for, or the plot itself where there is no other."""
    genres: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    directors: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    runtime: int | None = None
    """Minutes."""
    rating: float | None = None
    """0 to 10, as the source has it."""
    votes: int | None = None
    poster: str | None = None
    """An http(s) address."""
    link: str | None = None
    """An http(s) address: where the source shows the film itself."""
    external_ids: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Ids elsewhere, by lower-case name: {"imdb": "tt0111161", "tmdb": "278"}."""
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Further columns of the source that were asked for: JSON values."""

    def _repr_html_(self) -> str:
        return html_of([{"": name, "film": value} for name, value in self.to_dict().items()], ("", "film"))

    @property
    def story(self) -> str:
        """What happens, told as long as it is known."""
        return self.synopsis or self.plot

    def to_dict(self) -> dict[str, Any]:
        """The film as plain JSON values, empty fields left out."""
        return {
            name: list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
            for name in FIELDS
            if (value := getattr(self, name)) not in (None, (), {})
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Movie":
        """The inverse of `to_dict`."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**fields)


FIELDS = tuple(f.name for f in fields(Movie))
LIST_FIELDS = tuple(f.name for f in fields(Movie) if f.default == ())
_TEMPLATE_FIELDS = tuple(name for name in FIELDS if name not in {"link", "external_ids", "extra"})


def check_source(name: str) -> str:
    """Return the name of a source, which is part of file names, or raise UsageError."""
    if not _SOURCE.fullmatch(name):
        raise UsageError(f"source {name[:60]!r}: allowed are letters, digits, - and _, 40 at most")
    return name


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Digests of a film as it was stored: 16 bytes each, compared per id."""

    text: bytes
    """Of the exact text the model read."""
    metadata: bytes
    """Of everything the catalog keeps about the film."""
    passages: bytes = b""
    """Of synopsis and German plot, which the model reads in passages, if it does; empty without either."""


def check_template(template: str) -> str:
    """Return the template, or raise ConfigError for a field that no movie has."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ConfigError(f"template {template!r}: {error}") from None
    names = {name for _, name, _, _ in parts if name is not None}
    plain = all(not spec and conversion is None for _, name, spec, conversion in parts if name is not None)
    unknown = sorted(names - set(_TEMPLATE_FIELDS))
    if unknown or not names or not plain:
        wrong = f"unknown field {{{unknown[0]}}}" if unknown else "plain fields only, at least one"
        raise ConfigError(f"template {template!r}: {wrong}; allowed are {', '.join(_TEMPLATE_FIELDS)}")
    return template


def model_text(movie: Movie, template: str) -> str:
    """The exact text the model reads; lists are joined with ", ", what is missing is empty."""
    return template.format_map(_Spoken(movie)).strip()


class _Spoken(dict[str, str]):
    """The fields of a movie as words, made only when the template asks for them."""

    def __init__(self, movie: Movie) -> None:
        self._movie = movie

    def __missing__(self, name: str) -> str:
        value = getattr(self._movie, name)
        if value is None:
            return ""
        return ", ".join(value) if isinstance(value, tuple) else str(value)


def fingerprints(movie: Movie, template: str) -> Fingerprints:
    """The digests that decide whether a film is new, changed in text, changed in metadata only, or unchanged."""
    everything = json.dumps(movie.to_dict(), ensure_ascii=False, sort_keys=True)
    return Fingerprints(text_digest(model_text(movie, template)), text_digest(everything), passages_digest(movie))


def passages_digest(movie: Movie) -> bytes:
    """Of what is told of a movie beside its plot; empty where nothing is."""
    told = [text for text in (movie.synopsis, movie.plot_de) if text]
    return text_digest("\n".join(told)) if told else b""


def text_digest(text: str) -> bytes:
    """16 bytes of BLAKE2b: equal texts, equal digests."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
