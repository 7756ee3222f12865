"""A service whose model is an endpoint ends, and answers what it can, while the endpoint is away."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.config import EmbeddingConfig, RemoteConfig
from catalog.embedding.opening import open_endpoint
from catalog.embedding.remote.retries import Patience
from catalog.errors import DeadlineExceeded, Stopped
from catalog.movie import Movie
from query.models import SearchRequest
from query.serving.executor import Deadline
from query.serving.service import Service
from tests.support.endpoint_server import Failure, Rows, StandInEndpoint, serve_endpoint
from tests.support.service import settings
from tests.support.small import fill


def embed(texts: list[str]) -> Rows:
    return [[len(text), text.count(" "), 1.0] for text in texts]


@contextmanager
def away_later(store: Path, deadline: float) -> Iterator[tuple[Service, StandInEndpoint]]:
    """A service of one film whose endpoint answers, and the endpoint."""
    with serve_endpoint(StandInEndpoint("tei", embed)) as endpoint:
        remote = RemoteConfig((endpoint.url,), "tei")
        embedding = EmbeddingConfig(provider="remote", model="m", remote=remote)
        with closing(open_endpoint(embedding, None, Patience(5.0), print)) as embedder:
            fill([Movie("1", "Alien", "A ship.")], store, embedder=embedder)
        yield Service(replace(settings(store, deadline=deadline, threads=1), embedding=embedding)), endpoint


def test_a_service_that_waits_for_its_endpoint_ends_when_asked(tmp_path: Path) -> None:
    async def play(service: Service, endpoint: StandInEndpoint) -> None:
        service.start()
        await service.ask(SearchRequest("a ship"), Deadline(20.0))
        endpoint.failures += [Failure(503)] * 1000
        waiting = asyncio.create_task(service.ask(SearchRequest("a shark"), Deadline(20.0)))
        while endpoint.answered[-1] != 503:
            await asyncio.sleep(0.01)
        await service.close()
        with pytest.raises(Stopped):
            await waiting

    with away_later(tmp_path, 20.0) as both:
        asyncio.run(play(*both))


def test_an_endpoint_that_is_away_is_waited_for_until_the_deadline(tmp_path: Path) -> None:
    """The one thread is free then, though a run of `ingest` may wait for ten minutes."""

    async def play(service: Service, endpoint: StandInEndpoint) -> None:
        service.start()
        await service.ask(SearchRequest("a ship"), Deadline(20.0))
        endpoint.failures += [Failure(503)] * 1000
        with pytest.raises(DeadlineExceeded):
            await service.ask(SearchRequest("a shark"), Deadline(0.5))
        assert b"Alien" in ((await service.movie("1", Deadline(20.0))).body or b"")
        await service.close()

    with away_later(tmp_path, 1.0) as both:
        asyncio.run(play(*both))
