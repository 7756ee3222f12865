"""The catalog in this process: for notebooks, for the service, for assistants."""

from pathlib import Path

from catalog.config import Config, load_config
from catalog.embedding.embedder import Embedder
from catalog.movie import Movie
from catalog.store.chroma.server import configured_server
from catalog.store.snapshot import Snapshot
from query.models import FacetCounts, SearchRequest, SearchResult
from query.movie_catalog import MovieCatalog
from query.names import movie_named
from query.search.pipeline import count_facets, search
from query.serving.executor import Ticket
from query.serving.hot_reload import Follower, Ready
from query.serving.query_embedder import QuestionEmbedder, Watched

TRIAL = SearchRequest("a ship in a storm", limit=1)
"""Asked of every generation before it answers others."""
_TRIAL_SECONDS = 60.0
_WARM_SECONDS = 10.0
"""For one answer of a Chroma server to a new generation: of a million films the first one takes 3 s."""
_PATIENCE = 600.0
"""Seconds: in a notebook nobody else waits."""


class LocalCatalog(MovieCatalog):
    """A catalog's folder, opened for reading; always the generation in force, safe to use from any thread.

    with LocalCatalog("data") as films:
        for hit in films.search("a man relives the same day").hits:
            print(hit.movie.title, hit.score)
    """

    def __init__(self, path: Path | str = "data", config: Config | None = None) -> None:
        """Raises CatalogMissing, CatalogDamaged, ModelUnavailable."""
        self._config = config or load_config(None, {})
        server = configured_server(self._config.store)
        self._follower = Follower(Path(path), server, lambda snapshot, before: prepared(snapshot, before, self._config))
        with self._follower.lease():
            pass

    def ask(self, request: SearchRequest) -> SearchResult:
        """Answer any question."""
        with self._follower.lease() as ready:
            return answered(ready, request, self._config, Ticket(_PATIENCE))

    def facets(self, request: SearchRequest) -> FacetCounts:
        with self._follower.lease() as ready:
            return counted(ready, request, self._config, Ticket(_PATIENCE))

    def movie(self, name: str) -> Movie:
        """The film with this id; raises MovieNotFound."""
        with self._follower.lease() as ready:
            return movie_named(ready.snapshot, name)

    def close(self) -> None:
        self._follower.close()


def prepared(snapshot: Snapshot, before: Ready | None, config: Config, watched: Watched | None = None) -> Ready:
    """A generation with its model, tried with a question: what is read on first use has been read after it.

    The model of the generation before goes on being used if it is the same.
    """
    if before is not None and before.model.identity == snapshot.info.model:
        model = before.model
    else:
        model = QuestionEmbedder(_opened(snapshot, config), watched=watched)
    snapshot.warm(_WARM_SECONDS)
    ready = Ready(snapshot, model)
    answered(ready, TRIAL, config, Ticket(_TRIAL_SECONDS))
    return ready


def answered(ready: Ready, request: SearchRequest, config: Config, ticket: Ticket) -> SearchResult:
    """The answer of one generation."""
    return search(request, ready.snapshot, ready.model.within(ticket), config.search)


def counted(ready: Ready, request: SearchRequest, config: Config, ticket: Ticket) -> FacetCounts:
    """The facets of one generation's answer."""
    return count_facets(request, ready.snapshot, ready.model.within(ticket), config.search)


def _opened(snapshot: Snapshot, config: Config) -> Embedder:
    from catalog.embedding.bert.local import LocalEmbedder
    from catalog.embedding.factory import open_remembered
    from catalog.store.vectors.sample import known_vectors

    embedder = open_remembered(config.embedding, snapshot.info.model, lambda: known_vectors(snapshot))
    if isinstance(embedder, LocalEmbedder):
        embedder.warm()
    return embedder
