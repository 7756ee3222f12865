"""The one door for programs and notebooks: a folder of films, filled, embedded and searched."""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import numpy as np

from catalog.arrays import Floats
from catalog.config import Config, load_config, setting_names, variable_name
from catalog.embedding.embedder import Embedder
from catalog.errors import ConfigError, UsageError
from catalog.movie import Movie
from catalog.terminal import say
from query.models import FacetCounts, SearchRequest, SearchResult
from query.movie_catalog import MovieCatalog, Options, request_of

if TYPE_CHECKING:
    import pandas

    from ingest.report import Report
    from query.film_map import DrawnMap
    from query.serving.local import LocalCatalog, MovieVectors

Rows = Iterable[Mapping[str, object]]

_BY_VECTOR = ("filter", "exclude", "offset", "limit")
"""What can be asked besides a vector."""


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

    def __init__(self, path: str | Path | None = None, *, settings: Mapping[str, object] | None = None) -> None:
        """`path` is the folder, by default `store.path`; `settings` go before config.yaml and the environment.

        They are named as there: `{"embedding.model": "bundled"}`. Raises ConfigError.
        """
        given = {} if path is None else {"store.path": str(path)}
        self._config = _configured({**(settings or {}), **given})
        self._opened: LocalCatalog | None = None
        self._model: Embedder | None = None

    def ingest(self, films: "str | Path | Rows | pandas.DataFrame", **options: Unpack[IngestOptions]) -> "Report":
        """Bring the catalog to what a list of dicts, a DataFrame, a file or an address says, as the command does.

        A film needs a title and a plot; only what is new or changed is embedded. Raises what `ingest.run` raises.
        """
        from ingest.run import Request, run

        if isinstance(films, str | Path):
            return run(self._config, Request(str(films), **options), notify=say)
        with tempfile.TemporaryDirectory(prefix="plotseek-") as folder:
            path = Path(folder) / "films.jsonl"
            _write(films, path)
            options["format"] = "jsonl"
            return run(self._config, Request(str(path), **options), notify=say)

    def embed(self, texts: str | Sequence[str], *, question: bool = False) -> Floats:
        """The vector of a text, shape (d,), or of each of several, shape (n, d); all of length 1.

        By the model of the catalog, or by the configured one where there is no catalog yet. Some models read a
        question otherwise than a plot. Raises ModelError.
        """
        several = [texts] if isinstance(texts, str) else list(texts)
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

    def vectors(self, movies: Sequence[str] | None = None) -> "MovieVectors":
        """`ids, matrix` of the films with these ids, or of all; the matrix has the shape (movies, d).

        Raises MovieNotFound, CatalogMissing.
        """
        return self._catalog().vectors(movies)

    def map(self, limit: int = 20_000) -> "DrawnMap":
        """Where the best known films lie, like ones beside each other; `to_frame` makes it a table."""
        return self._catalog().map(limit)

    def search(self, text: str | Floats | Sequence[float] = "", **options: Unpack[Options]) -> SearchResult:
        """Films by what happens in them, or by cosine similarity to a vector, shape (d,)."""
        if isinstance(text, str):
            return super().search(text, **options)
        if wrong := options.keys() - set(_BY_VECTOR):
            raise UsageError(f"{min(wrong)}: a vector is looked for by similarity alone, with {', '.join(_BY_VECTOR)}")
        return self._catalog().nearest(np.asarray(text, dtype=np.float32), request_of("", **options))

    def ask(self, request: SearchRequest) -> SearchResult:
        return self._catalog().ask(request)

    def count_facets(self, request: SearchRequest) -> FacetCounts:
        return self._catalog().count_facets(request)

    def movie(self, name: str) -> Movie:
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


def _configured(settings: Mapping[str, object]) -> Config:
    """The settings of config.yaml and of the environment, as the commands have them, but for those given."""
    known = setting_names(Config)
    if unknown := [name for name in settings if name not in known]:
        raise ConfigError(f"unknown setting {unknown[0]!r}; {known[0]!r} is one, and config.yaml lists all")
    texts = {variable_name(name): _text(value) for name, value in settings.items()}
    file = os.environ.get("PLOTSEEK_CONFIG")
    return load_config(Path(file) if file else None, {**os.environ, **texts})


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str | Path) else json.dumps(value)


def _write(films: "Rows | pandas.DataFrame", path: Path) -> None:
    """As JSON lines, which the reader of any file takes from there."""
    if isinstance(films, Iterable) and not hasattr(films, "to_json"):
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(f"{json.dumps(row, default=_plain)}\n" for row in films)
        return
    films.to_json(path, orient="records", lines=True, date_format="iso")


def _plain(value: object) -> object:
    """A value that JSON does not know: a list, a number of numpy as one of Python; anything else as it is written."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)
