"""The one door for programs and notebooks: a folder of films, filled, embedded and searched."""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, cast

import numpy as np

from catalog.arrays import Floats
from catalog.config import Config, load_config, with_settings
from catalog.embedding.embedder import Embedder
from catalog.errors import UsageError
from catalog.movie import Movie
from catalog.printable import brief
from catalog.terminal import say
from plotseek.given import GIVEN, write_given
from plotseek.messages import in_python, speaking_python
from query.models import FacetCounts, Hit, SearchRequest, SearchResult, checked_option, items_of
from query.movie_catalog import MovieCatalog, Name, Names, Options, refuse_unknown, request_of

if TYPE_CHECKING:
    import pandas

    from ingest.report import Report
    from query.film_map import DrawnMap
    from query.serving.local import LocalCatalog, MovieVectors

Rows = Iterable[Mapping[str, object] | Movie | Hit]

_BY_VECTOR = ("filter", "exclude", "offset", "limit", "plain")
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
        self._settings = dict(settings or {})
        self._opened: LocalCatalog | None = None
        self._model: Embedder | None = None
        self._process = os.getpid()

    @property
    def path(self) -> Path:
        """The folder."""
        return self._config.store.path

    @property
    def model(self) -> str:
        """The name of the model that built the catalog; raises CatalogMissing."""
        return self._catalog().info.model.name

    def __repr__(self) -> str:
        return f"Plotseek({str(self.path)!r})"

    def __len__(self) -> int:
        """How many films there are; raises CatalogMissing."""
        return self._catalog().info.films

    def __bool__(self) -> bool:
        return True

    def __reduce__(self) -> tuple[object, ...]:
        """To another process go the folder and the settings that were given, and it is opened there."""
        return partial(type(self), settings=self._settings), (self.path.absolute(),)

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
        self._check_process()
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
        with speaking_python(Options.__annotations__):
            return self._catalog().nearest(_vector(text), request_of("", **options))

    def ask(self, request: SearchRequest) -> SearchResult:
        with speaking_python(Options.__annotations__):
            return self._catalog().ask(request)

    def count_facets(self, request: SearchRequest) -> FacetCounts:
        with speaking_python(Options.__annotations__):
            return self._catalog().count_facets(request)

    def movie(self, name: Name) -> Movie:
        return self._catalog().movie(name)

    def close(self) -> None:
        if self._opened is not None and self._process == os.getpid():
            self._opened.close()
            self._opened = None

    def _catalog(self) -> "LocalCatalog":
        self._check_process()
        if self._opened is None:
            from query.serving.local import LocalCatalog

            with speaking_python(IngestOptions.__annotations__):
                self._opened = LocalCatalog(self.path, self._config)
            self._say_which_model(self._opened)
        return self._opened

    def _check_process(self) -> None:
        """Raise UsageError in a forked process, where the threads that would answer do not exist."""
        if self._process == os.getpid():
            return
        if self._opened is not None or self._model is not None:
            raise UsageError(
                "these films were opened in another process: make a new Plotseek here, or use the start method spawn"
            )
        self._process = os.getpid()

    def _say_which_model(self, opened: "LocalCatalog") -> None:
        from catalog.embedding.opening import names_model

        info, wanted = opened.info, self._config.embedding.model
        if "embedding.model" in self._settings and not names_model(wanted, info.model) and wanted != info.fallback_for:
            say(
                f"{self.path}: was built with {info.model.name}, which is used; embedding.model is {wanted}:"
                " ingest(FILE, rebuild=True) moves the catalog to it"
            )

    def _embedder(self) -> Embedder:
        from catalog.store.generations import Generations

        self._check_process()
        if self._opened is not None or Generations(self.path).current() is not None:
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

    spoken = partial(in_python, options=IngestOptions.__annotations__)
    with speaking_python(IngestOptions.__annotations__):
        report = run(config, Request(location, **options), notify=lambda note: say(spoken(note)))
    return replace(report, refusals=tuple(map(spoken, report.refusals)), note=report.note and spoken(report.note))


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
