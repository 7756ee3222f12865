"""What stands behind the routes, without the web framework: the generation in force, threads, cache, counters."""

import gc
import gzip
import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from time import monotonic, time
from typing import Any

from catalog.config import Config
from catalog.errors import UsageError
from catalog.store.chroma.server import configured_server
from catalog.store.runs import History
from query.answer import answer_to_dict, facets_to_dict
from query.film_map import draw_map
from query.http.problems import problem_of
from query.models import SearchRequest
from query.names import movie_named
from query.serving.batcher import MOST_TOGETHER
from query.serving.executor import Ticket, WorkPool
from query.serving.hot_reload import Follower, Ready
from query.serving.ingest_job import IngestRunner
from query.serving.last_used import LastUsed
from query.serving.local import TRIAL, answered, counted, prepared
from query.serving.prefetch import prefetch
from query.serving.telemetry import Instruments
from query.suggest import suggest as suggest_titles

log = logging.getLogger("plotseek.questions")

_LEVEL = 5
"""Of gzip; more takes longer than it saves."""
_READY_FOR = 1.0
"""Seconds for which one real query answers for all that ask whether we are ready."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, and the generation that it is all from."""

    body: bytes | None
    """None where the client has it already."""
    generation: int
    etag: str
    packed: bool = False
    """By gzip."""


class Service:
    """Answers questions from the generation in force; its methods run on one event loop."""

    def __init__(self, config: Config, config_file: Path | None = None) -> None:
        self.config = config
        self.instruments = Instruments()
        self._follower = Follower(
            config.store.path,
            configured_server(config.store),
            lambda snapshot, before: _at_hand(prepared(snapshot, before, config, self.instruments.embedded)),
        )
        self._pool: WorkPool[SearchRequest] = WorkPool(config.server.threads, config.server.queue, self._prefetch)
        self._health: WorkPool[SearchRequest] = WorkPool(1, config.server.queue, self._prefetch)
        self._cache: LastUsed[str, Answer] = LastUsed(config.server.cache)
        self.ingest = IngestRunner(config.store.path, config.server.source, config_file)
        self._ready_until = 0.0
        self._trials = count()
        self._started = time()

    def start(self) -> None:
        """Open the catalog, in a thread; until that is done requests wait for it."""
        self._follower.start()

    async def close(self) -> None:
        await self.ingest.close()
        self._pool.close()
        self._health.close()
        self._follower.close()

    async def ask(self, request: SearchRequest, ticket: Ticket, known: str = "") -> Answer:
        """The answer; `known` is the If-None-Match of a client: what it has already comes without a body."""
        asked = self._taken(request)
        work = partial(self._answered, request=asked, ticket=ticket)
        return await self.answer("ask", asked.to_dict(), work, ticket, known, *_ahead(asked))

    async def ask_many(self, requests: Sequence[SearchRequest], ticket: Ticket) -> Answer:
        """All answers, of one generation."""
        asked = list(map(self._taken, requests))

        def work(ready: Ready) -> list[dict[str, Any]]:
            answers = []
            for start in range(0, len(asked), MOST_TOGETHER):
                part = asked[start : start + MOST_TOGETHER]
                ticket.check()
                prefetch(ready, part)
                answers += [self._answered(ready, request, ticket) for request in part]
            return answers

        return await self._computed("many", work, ticket)

    async def facets(self, request: SearchRequest, ticket: Ticket, known: str = "") -> Answer:
        """How many of the films that fit have which value."""
        asked = self._taken(request).for_facets()

        def work(ready: Ready) -> dict[str, Any]:
            return facets_to_dict(counted(ready, asked, self.config, ticket))

        return await self.answer("facets", asked.to_dict(), work, ticket, known, *_ahead(asked))

    async def movie(self, name: str, ticket: Ticket, known: str = "") -> Answer:
        """One film by its id."""
        return await self.answer(
            "movie", name, lambda ready: movie_named(ready.snapshot, name).to_dict(), ticket, known
        )

    async def similar(self, name: str, request: SearchRequest, ticket: Ticket, known: str = "") -> Answer:
        """Films like one that is named by its id."""
        asked = replace(self._taken(request), likes=(name,))

        def work(ready: Ready) -> dict[str, Any]:
            identity = movie_named(ready.snapshot, name).id
            return self._answered(ready, replace(asked, likes=(identity,)), ticket)

        return await self.answer("similar", asked.to_dict(), work, ticket, known)

    async def map(self, limit: int, ticket: Ticket, known: str = "") -> Answer:
        """The best known films and where they lie; packed in a thread, because the event loop has not 30 ms.

        Not kept here, where each is a megabyte, but by browsers, which know its ETag.
        """
        key = _digest("map", limit)
        if (held := self._held(key, known)) is not None:
            return held
        return await self._computed(key, lambda ready: draw_map(ready.snapshot, limit).to_dict(), ticket, packed=True)

    async def suggest(self, typed: str, count: int, ticket: Ticket, known: str = "") -> Answer:
        """Titles that begin with what was typed."""

        def work(ready: Ready) -> dict[str, Any]:
            return {"suggestions": list(map(asdict, suggest_titles(ready.snapshot, typed, count)))}

        return await self.answer("suggest", [typed, count], work, ticket, known)

    async def answer(
        self,
        kind: str,
        asked: object,
        work: Callable[[Ready], object],
        ticket: Ticket,
        known: str,
        *ahead: SearchRequest,
    ) -> Answer:
        """What `work` makes of the generation in force, from the cache where it was asked before.

        What the questions `ahead` need is computed before, together with that of others.
        """
        key = _digest(kind, asked)
        if (held := self._held(key, known)) is not None:
            return held
        current = self._follower.current
        if current is not None and (answer := self._cache.get(_etag(current, key))) is not None:
            self.instruments.cached.labels("hit").inc()
            return answer
        self.instruments.cached.labels("miss").inc()
        answer = await self._computed(key, work, ticket, ahead)
        self._cache.put(answer.etag, answer)
        return answer

    def _held(self, key: str, known: str) -> Answer | None:
        """An empty answer, where the client has that of the generation in force already."""
        current = self._follower.current
        if current is None or not known or (etag := _etag(current, key)).removeprefix("W/") not in known:
            return None
        return Answer(None, current.snapshot.number, etag)

    async def _computed(
        self,
        key: str,
        work: Callable[[Ready], object],
        ticket: Ticket,
        ahead: Sequence[SearchRequest] = (),
        *,
        packed: bool = False,
    ) -> Answer:
        def call() -> Answer:
            with self._follower.lease() as ready:
                body = json.dumps(work(ready), ensure_ascii=False).encode("utf-8", "replace")
                sent = gzip.compress(body, _LEVEL, mtime=0) if packed else body
                return Answer(sent, ready.snapshot.number, _etag(ready, key), packed)

        return await self._pool.run(call, ticket, ahead)

    def _prefetch(self, requests: Sequence[SearchRequest]) -> None:
        with self._follower.lease() as ready:
            prefetch(ready, requests)

    def _answered(self, ready: Ready, request: SearchRequest, ticket: Ticket) -> dict[str, Any]:
        result = answered(ready, request, self.config, ticket)
        return answer_to_dict(request.echo(), ready.snapshot.info.model.name, result)

    def _taken(self, request: SearchRequest) -> SearchRequest:
        """With our defaults; raises UsageError for texts that are too long."""
        most = self.config.server.max_query_length
        for text in (request.text, request.filter, *request.likes, *request.dislikes):
            if len(text) > most:
                raise UsageError(f"a text of the question has {len(text)} characters; allowed are {most}")
        if self.config.server.log_queries:
            log.info("asked %s", json.dumps(request.to_dict()))
        return request.with_defaults(self.config.search)

    async def ready(self) -> int:
        """The number of the generation that has just answered a real question; raises what is wrong."""
        ticket = Ticket(self.config.server.deadline)

        def call() -> int:
            with self._follower.lease() as ready:
                if monotonic() >= self._ready_until:
                    # Another text each time: a known one would be answered without the model.
                    trial = replace(TRIAL, text=f"{TRIAL.text} {next(self._trials)}")
                    answered(ready, trial, self.config, ticket)
                    self._ready_until = monotonic() + _READY_FOR
                if (problem := ready.snapshot.index.problem) is not None:
                    raise problem
                return ready.snapshot.number

        return await self._health.run(call, ticket)

    async def status(self) -> dict[str, Any]:
        """What an operator asks first."""
        return await self._health.run(self._status, Ticket(self.config.server.deadline))

    def _status(self) -> dict[str, Any]:
        with self._follower.lease() as ready:
            info = ready.snapshot.info
            problem = self._follower.problem or ready.snapshot.index.problem
            return {
                "version": our_version(),
                "generation": info.number,
                "films": info.films,
                "published": info.published,
                "model": asdict(info.model),
                "fallback_for": info.fallback_for,
                "template": info.template,
                "uptime": round(time() - self._started, 1),
                "pending": self._pool.pending,
                "problem": None if problem is None else problem_of(problem, str(self.config.store.path)).detail,
                "runs": _last_runs(self.config.store.path),
            }

    def metrics(self) -> bytes:
        """Everything that is counted, in Prometheus' text format."""
        self.instruments.pending.set(self._pool.pending)
        self.instruments.stale.set(self._follower.problem is not None)
        if (current := self._follower.current) is not None:
            info = current.snapshot.info
            self.instruments.generation.set(info.number)
            self.instruments.films.set(info.films)
            self.instruments.published.set(info.published)
        return self.instruments.text()


def our_version() -> str:
    """The installed version; "unknown" in a source tree that was never installed."""
    try:
        return version("plotseek")
    except PackageNotFoundError:
        return "unknown"


def _ahead(request: SearchRequest) -> list[SearchRequest]:
    """What to prepare together with others: not what takes longer than they should wait for it, as titles do."""
    return [] if request.why or request.likes or request.dislikes else [request]


def _at_hand(ready: Ready) -> Ready:
    """Out of the garbage collector's way: while it looks through all that is held nobody is answered."""
    gc.collect()
    gc.freeze()
    return ready


def _last_runs(store: Path, count: int = 5) -> list[dict[str, Any]]:
    history = History.open_existing(store)
    if history is None:
        return []
    with history:
        runs = history.last(count)
    return [
        {"started": run.started, "ended": run.ended, "outcome": run.outcome, "counts": dict(run.counts)} for run in runs
    ]


def _digest(kind: str, asked: object) -> str:
    text = json.dumps([kind, asked], sort_keys=True)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _etag(ready: Ready, key: str) -> str:
    """Weak: the body may be compressed on the way."""
    return f'W/"{ready.version}-{key}"'
