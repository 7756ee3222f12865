"""The one door for programs and notebooks: a folder of films, filled, embedded and searched."""

import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, cast

import numpy as np

from catalog.arrays import Floats
from catalog.config import Config, load_config, with_settings
from catalog.embedding.embedder import Embedder
from catalog.errors import PlotseekError, UsageError
from catalog.movie import Movie
from catalog.printable import brief
from catalog.terminal import say
from plotseek.given import GIVEN, write_given
from query.models import FacetCounts, SearchRequest, SearchResult, checked_option, items_of
from query.movie_catalog import MovieCatalog, Names, Options, refuse_unknown, request_of

if TYPE_CHECKING:
    import pandas

    from ingest.report import Report
    from query.film_map import DrawnMap
    from query.serving.local import LocalCatalog, MovieVectors

Rows = Iterable[Mapping[str, object]]

_BY_VECTOR = ("filter", "exclude", "offset", "limit", "plain")
"""What can be asked besides a vector."""
_FLAG = re.compile(r"'ingest [^']*'|--(?P<name>[a-z]+(?:-[a-z]+)*)(?: (?P<value>[A-Z]+\b))?")
_SETTING = re.compile(r"in the settings, (catalog\.fields\.\w+)")


class IngestOptions(TypedDict, total=False):
    """What `ingest` takes besides the films; `ingest.run.Request` tells what each means."""

    format: str | None
    limit: int | None
    prune: bool
    allow_deletes: bool
    rebuild: bool
    again: bool
    source: str
    take_over: bool


class Plotseek(MovieCatalog):
    """The films of a folder. Nothing is opened before it is needed; it sees what other processes publish.

    films = Plotseek("data")
    films.ingest([{"title": "Alien", "plot": "The crew of a space tug ..."}])
    films.search("space ships").to_frame()
    """

    def __init__(
        self, path: str | PathLike[str] | None = None, *, settings: Mapping[str, object] | None = None
    ) -> None:
        """`path` is the folder, by default `store.path`; `settings` go before config.yaml and the environment.

        They are named as there: `{"embedding.model": "bundled", "catalog.fields.plot": "told"}`. Raises ConfigError.
        """
        file = os.environ.get("PLOTSEEK_CONFIG")
        config = load_config(Path(file) if file else None, os.environ)
        config = with_settings(config, {} if settings is None else settings)
        self._config = config if path is None else with_settings(config, {"store.path": path})
        self._opened: LocalCatalog | None = None
        self._model: Embedder | None = None

    def ingest(
        self, films: "str | PathLike[str] | Rows | pandas.DataFrame", **options: Unpack[IngestOptions]
    ) -> "Report":
        """Bring the catalog to what a list of dicts, a DataFrame, a file or an address says, as the command does.

        A film needs a title and a plot; only what is new or changed is embedded. Raises UsageError for a wrong option,
        and what `ingest.run` raises.

        format: str | None = None -- of a file: json, jsonl, csv, tsv, parquet; else told by its content
        limit: int | None = None -- read only so many; nothing is deleted then
        prune: bool = True -- films that are not among these go
        allow_deletes: bool = False -- even if they are many
        rebuild: bool = False -- build the catalog anew
        again: bool = False -- read what was rolled back
        source: str = "main" -- whose films these are; those of other sources stay
        take_over: bool = False -- also films of other sources
        """
        refuse_unknown(options, IngestOptions.__annotations__)
        given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        with ExitStack() as stack:
            if not isinstance(films, str | PathLike):
                path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plotseek-"))) / "films.jsonl"
                write_given(films, path)
                films, given = path, {**given, "format": "jsonl", "name": GIVEN}
            return _run(self._config, os.fspath(films), given)

    def embed(self, texts: str | Sequence[str], *, question: bool = False) -> Floats:
        """The vector of a text, shape (d,), or of each of several, shape (n, d); all of length 1.

        By the model of the catalog, or by the configured one where there is no catalog yet. Some models read a
        question otherwise than a plot. Raises ModelError, UsageError for what is no text.
        """
        several = _texts(texts)
        model = self._embedder()
        if not several:
            return np.zeros((0, model.identity.dimension), dtype=np.float32)
        if question:
            vectors = model.embed_queries(several)
        else:
            embedded = model.embed_documents(several)
            vectors = embedded.vectors
            if embedded.truncated:
                say(f"{embedded.truncated} of {len(several)} texts are longer than the model reads, and were cut")
        return vectors[0] if isinstance(texts, str) else vectors

    def vectors(self, movies: Names | None = None) -> "MovieVectors":
        """`ids, matrix` of the films with these ids or titles, or of all; the matrix has the shape (movies, d).

        Raises MovieNotFound, CatalogMissing.
        """
        return self._catalog().vectors(movies)

    def map(self, limit: int = 20_000) -> "DrawnMap":
        """Where the best known films lie, like ones beside each other; `to_frame` makes it a table."""
        return self._catalog().map(checked_option("limit", int, limit))

    def search(self, text: str | Floats | Sequence[float] = "", **options: Unpack[Options]) -> SearchResult:
        if isinstance(text, str):
            return super().search(text, **options)
        if wrong := options.keys() - set(_BY_VECTOR):
            raise UsageError(f"{min(wrong)}: a vector is looked for by similarity alone, with {', '.join(_BY_VECTOR)}")
        return self._catalog().nearest(_vector(text), request_of("", **options))

    def ask(self, request: SearchRequest) -> SearchResult:
        return self._catalog().ask(request)

    def count_facets(self, request: SearchRequest) -> FacetCounts:
        return self._catalog().count_facets(request)

    def movie(self, name: str | int) -> Movie:
        return self._catalog().movie(name)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _catalog(self) -> "LocalCatalog":
        if self._opened is None:
            from query.serving.local import LocalCatalog

            self._opened = LocalCatalog(self._config.store.path, self._config)
        return self._opened

    def _embedder(self) -> Embedder:
        from catalog.store.generations import Generations

        if self._opened is not None or Generations(self._config.store.path).current() is not None:
            return self._catalog().embedder()
        if self._model is None:
            from catalog.embedding.factory import choose_for_new

            choice = choose_for_new(self._config.embedding, say)
            if choice.note:
                say(choice.note)
            self._model = choice.embedder
        return self._model


def _run(config: Config, location: str, options: Mapping[str, Any]) -> "Report":
    """A run whose messages speak of options of Python."""
    from ingest.run import Request, run

    try:
        report = run(config, Request(location, **options), notify=lambda note: say(_in_python(note)))
    except PlotseekError as error:
        error.args = (_in_python(str(error)),)
        raise
    return replace(report, refusals=tuple(map(_in_python, report.refusals)))


def _in_python(message: str) -> str:
    """`--allow-deletes` as `allow_deletes=True`; a whole command stays one."""

    def option(found: re.Match[str]) -> str:
        name = (found["name"] or "").replace("-", "_")
        if name not in IngestOptions.__annotations__:
            return found[0]
        value = "True" if IngestOptions.__annotations__[name] is bool else found["value"] or "..."
        return f"{name}={value}"

    return _SETTING.sub(r"with Plotseek(settings={'\1': COLUMN})", _FLAG.sub(option, message))


def _texts(texts: object) -> list[str]:
    """One text, or several; raises UsageError."""
    several = [texts] if isinstance(texts, str) else items_of(texts, "texts")
    for place, text in enumerate(several):
        if not isinstance(text, str):
            raise UsageError(f"texts: number {place} is {brief(text)}, which is not text")
    return cast(list[str], several)


def _vector(given: object) -> Floats:
    """One vector, shape (d,); raises UsageError."""
    try:
        vector = np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError):
        vector = np.zeros((), dtype=np.float32)
    if vector.ndim == 1:
        return vector
    shape = f" of shape {vector.shape}" if vector.ndim else ""
    raise UsageError(f"search takes one text, or one vector of shape (d,), not {brief(given)}{shape}")
