"""The catalog in this process: for notebooks, for the service, for assistants."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from catalog.arrays import Vector, Vectors
from catalog.config import Config, load_config
from catalog.embedding.embedder import Embedder
from catalog.movie import Movie
from catalog.store.chroma.server import configured_server
from catalog.store.generation import GenerationInfo
from catalog.store.snapshot import Snapshot
from query.answer import check_limit
from query.film_map import DrawnMap, draw_map
from query.models import FacetCounts, SearchRequest, SearchResult, names_of
from query.movie_catalog import MovieCatalog, Name, Names
from query.names import find_movies
from query.search.pipeline import count_facets, search, search_vector
from query.serving.executor import Deadline
from query.serving.hot_reload import Follower, LoadedGeneration
from query.serving.query_embedder import QuestionEmbedder, Watched

TRIAL = SearchRequest("a ship in a storm", limit=1)
"""Asked of every generation before it answers others."""
_TRIAL_SECONDS = 60.0
_WARM_SECONDS = 10.0
"""For one answer of a Chroma server to a new generation: of a million films the first one takes 3 s."""
_PATIENCE = 600.0
"""Seconds: in a notebook nobody else waits."""


class MovieVectors(NamedTuple):
    """Which movie has which vector."""

    ids: tuple[str, ...]
    matrix: Vectors
    """Shape (movies, d), a row for each id."""


class LocalCatalog(MovieCatalog):
    """A catalog's folder, opened for reading; always the current generation, safe to use from any thread.

    with LocalCatalog("data") as films:
        for hit in films.search("a man relives the same day").hits:
            print(hit.movie.title, hit.score)
    """

    def __init__(self, path: Path | str = "data", config: Config | None = None) -> None:
        """Raises CatalogMissing, CatalogDamaged, ModelUnavailable."""
        self._config = config or load_config(None, {})
        server = configured_server(self._config.store)
        self._follower = Follower(
            Path(path), server, lambda snapshot, before: load_generation(snapshot, before, self._config)
        )
        with self._follower.acquire():
            pass

    def ask(self, request: SearchRequest) -> SearchResult:
        """Answer any question."""
        with self._follower.acquire() as loaded:
            return answer(loaded, request, self._config, Deadline(_PATIENCE))

    def count_facets(self, request: SearchRequest) -> FacetCounts:
        with self._follower.acquire() as loaded:
            return count_values(loaded, request, self._config, Deadline(_PATIENCE))

    def movie(self, name: Name) -> Movie:
        """The film with this id, or title; raises MovieNotFound."""
        with self._follower.acquire() as loaded:
            return find_movies(loaded.snapshot, name)[0]

    def nearest(self, vector: Vector, request: SearchRequest) -> SearchResult:
        """By cosine similarity to a vector, shape (d,); of the request count filter, exclude, offset and limit."""
        check_limit(request)
        with self._follower.acquire() as loaded:
            return search_vector(request, vector, loaded.snapshot, self._config.search)

    def vectors(self, names: Names | None = None) -> MovieVectors:
        """Of the films with these ids or titles, in their order, or of all, by id; raises MovieNotFound."""
        wanted = None if names is None else names_of(names, "movies")
        with self._follower.acquire() as loaded:
            snapshot = loaded.snapshot
            ids = snapshot.movies.ids() if wanted is None else [find_movies(snapshot, name)[0].id for name in wanted]
            rows = snapshot.movies.rows_of(ids)
            return MovieVectors(tuple(ids), np.array(snapshot.vectors[[rows[identity] for identity in ids]]))

    def map(self, limit: int) -> DrawnMap:
        """Where the best known films lie on the map."""
        with self._follower.acquire() as loaded:
            return draw_map(loaded.snapshot, limit)

    @property
    def info(self) -> GenerationInfo:
        """What is known of the generation in force: how many films, which model ..."""
        with self._follower.acquire() as loaded:
            return loaded.snapshot.info

    def embedder(self) -> Embedder:
        """The model of the generation in force."""
        with self._follower.acquire() as loaded:
            return loaded.model.embedder

    def close(self) -> None:
        self._follower.close()


def load_generation(
    snapshot: Snapshot,
    before: LoadedGeneration | None,
    config: Config,
    watched: Watched | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> LoadedGeneration:
    """A generation with its model, tried with a question: what is read on first use has been read after it.

    The model of the generation before goes on being used if it is the same. `stop` tells whether to wait for an
    endpoint no more.
    """
    if before is not None and before.model.identity == snapshot.info.model:
        model = before.model
    else:
        model = QuestionEmbedder(_open(snapshot, config, stop), watched=watched)
    snapshot.warm(_WARM_SECONDS)
    loaded = LoadedGeneration(snapshot, model)
    answer(loaded, TRIAL, config, Deadline(_TRIAL_SECONDS))
    return loaded


def answer(loaded: LoadedGeneration, request: SearchRequest, config: Config, deadline: Deadline) -> SearchResult:
    """The answer of one generation; raises UsageError for more films than one answer holds."""
    check_limit(request)
    model = loaded.model.within(deadline)
    return search(request, loaded.snapshot, model, config.search, loaded.prepared(request))


def count_values(loaded: LoadedGeneration, request: SearchRequest, config: Config, deadline: Deadline) -> FacetCounts:
    """The facets of one generation's answer."""
    check_limit(request)
    return count_facets(request, loaded.snapshot, loaded.model.within(deadline), config.search)


def _open(snapshot: Snapshot, config: Config, stop: Callable[[], bool]) -> Embedder:
    from catalog.embedding.factory import open_remembered, warmed
    from catalog.store.vectors.sample import known_vectors

    return warmed(open_remembered(config.embedding, snapshot.info.model, lambda: known_vectors(snapshot), stop=stop))
