"""What stands behind the routes, without the web framework: the current generation, threads, cache, counters."""

import gc
import gzip
import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from time import monotonic, time
from typing import Any

from cachetools import LRUCache

from catalog.config import Config, EmbeddingConfig
from catalog.errors import CatalogMissing, ChangeNotFound, MovieNotFound, UsageError
from catalog.journal.change import ChangeReport
from catalog.movie import FIELDS
from catalog.printable import utc
from catalog.store.chroma.server import configured_server
from catalog.store.runs import History
from catalog.store.snapshot import Snapshot
from query.answer import HIT_FIELDS, answer_to_dict, facets_to_dict, without_nulls
from query.film_map import draw_map
from query.filters import parse_filter
from query.models import SearchRequest
from query.names import find_movies, movie_named
from query.problems import problem_of
from query.serving.batcher import MOST_TOGETHER
from query.serving.changes import ChangeQueue
from query.serving.cost import cost_of, is_dear
from query.serving.executor import Deadline, WorkPool
from query.serving.hot_reload import Follower, LoadedGeneration
from query.serving.ingest_job import IngestRunner
from query.serving.local import TRIAL, answer, count_values, load_generation
from query.serving.prefetch import prefetch
from query.serving.telemetry import Metrics
from query.suggest import suggest as suggest_titles

log = logging.getLogger("plotseek.questions")

_LEVEL = 5
"""Of gzip; more takes longer than it saves."""
_BESIDES = 500
"""Bytes of an answer besides its body: objects, ETag, a place in the cache."""
_READY_FOR = 1.0
"""Seconds for which one real query answers for all that ask whether we are ready."""


@dataclass(frozen=True, slots=True)
class EncodedAnswer:
    """A body, and the generation that it is all from."""

    body: bytes | None
    """None where the client has it already."""
    generation: int
    etag: str
    """Empty for what nobody is to keep."""
    packed: bool = False
    """By gzip."""

    def size(self) -> int:
        """Bytes that it takes to keep, about."""
        return len(self.body or b"") + _BESIDES


@dataclass(frozen=True, slots=True)
class _Task:
    """What is asked of a generation."""

    kind: str
    asked: object
    """As JSON: the same questions have the same answer."""
    work: Callable[[LoadedGeneration], object]
    ahead: Sequence[SearchRequest] = ()
    """Questions whose vectors are computed before, together with those of others."""
    cost: float = 1.0
    packed: bool = False

    @property
    def key(self) -> str:
        text = json.dumps([self.kind, self.asked], sort_keys=True)
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Service:
    """Answers questions from the current generation; its methods run on one event loop."""

    def __init__(self, config: Config, config_file: Path | None = None) -> None:
        self.config = config
        self.metrics = Metrics()
        self._closing = threading.Event()
        self._follower = Follower(config.store.path, configured_server(config.store), self._load)
        self._pool: WorkPool[SearchRequest] = WorkPool(config.server.threads, config.server.queue, self._prefetch)
        few = max(1, config.server.threads // 2), max(1, config.server.queue // 4)
        self._dear: WorkPool[SearchRequest] = WorkPool(*few, self._prefetch)
        self._health: WorkPool[SearchRequest] = WorkPool(1, config.server.queue, self._prefetch)
        self._cache: LRUCache[str, EncodedAnswer] = LRUCache(config.server.cache_mb << 20, EncodedAnswer.size)
        self.ingest = IngestRunner(config.store.path, config.server.source, config_file)
        self.changes = ChangeQueue(config.store.path, config.store.journal, config_file)
        self._ready_until = 0.0
        self._trials = count()
        self._started = time()

    def start(self) -> None:
        """Open the catalog, in a thread; until that is done requests wait for it."""
        self._follower.start()
        self.changes.start()

    def _load(self, snapshot: Snapshot, before: LoadedGeneration | None) -> LoadedGeneration:
        patient = replace(self.config, embedding=_embedding_within(self.config.embedding, self.config.server.deadline))
        return _freeze(load_generation(snapshot, before, patient, self.metrics.count_batch, self._closing.is_set))

    async def close(self) -> None:
        """Answer what waits, but for an endpoint that is away, and end."""
        self._closing.set()
        await self.changes.close()
        await self.ingest.close()
        self._pool.close()
        self._dear.close()
        self._health.close()
        self._follower.close()

    async def ask(self, request: SearchRequest, deadline: Deadline, known: str = "") -> EncodedAnswer:
        """The answer; `known` is the If-None-Match of a client: what it has already comes without a body."""
        asked = self._accept(request)
        work = partial(self._answer, request=asked, deadline=deadline)
        return await self._give(
            _Task("ask", asked.to_dict(), work, _to_prefetch(asked), cost_of(asked)), deadline, known
        )

    async def ask_many(self, requests: Sequence[SearchRequest], deadline: Deadline) -> EncodedAnswer:
        """All answers, of one generation."""
        asked = []
        for place, request in enumerate(requests, 1):
            with _question(place):
                parse_filter(request.filter)  # where it is wrong, they are prepared in vain
                asked.append(self._accept(request))

        def work(loaded: LoadedGeneration) -> list[dict[str, Any]]:
            answers = []
            for start in range(0, len(asked), MOST_TOGETHER):
                part = asked[start : start + MOST_TOGETHER]
                deadline.check()
                prefetch(loaded, part)
                for place, request in enumerate(part, start + 1):
                    with _question(place):
                        answers.append(self._answer(loaded, request, deadline))
            return answers

        return await self._compute(_Task("many", None, work, cost=sum(map(cost_of, asked))), deadline)

    async def facets(self, request: SearchRequest, deadline: Deadline, known: str = "") -> EncodedAnswer:
        """How many of the films that fit have which value."""
        asked = replace(self._accept(request).for_facets(), limit=request.limit)

        def work(loaded: LoadedGeneration) -> dict[str, Any]:
            return facets_to_dict(count_values(loaded, asked, self.config, deadline))

        return await self._give(
            _Task("facets", asked.to_dict(), work, _to_prefetch(asked), cost_of(asked)), deadline, known
        )

    async def movie(self, name: str, deadline: Deadline, known: str = "", fields: Sequence[str] = ()) -> EncodedAnswer:
        """One film by its id or title, or what `fields` name of it."""
        _check_fields(fields, FIELDS)

        def work(loaded: LoadedGeneration) -> dict[str, Any]:
            return _only(find_movies(loaded.snapshot, name)[0].to_dict(), fields)

        return await self._give(_Task("movie", [name, list(fields)], work), deadline, known)

    async def id_to_delete(self, name: str, deadline: Deadline) -> str:
        """The id of a film by its id, ours or one from elsewhere; one that is not there yet where changes wait.

        Raises MovieNotFound, CatalogMissing.
        """

        def look() -> str:
            with self._follower.acquire() as loaded:
                try:
                    return movie_named(loaded.snapshot, name).id
                except MovieNotFound as error:
                    raise MovieNotFound(f"{error}{_ids_of(loaded.snapshot, name)}") from None

        try:
            return await self._pool.run(look, deadline)
        except (MovieNotFound, CatalogMissing):
            if not await self.changes.count_waiting():
                raise
            return name

    async def outcome(self, number: int, seconds: float) -> ChangeReport:
        """What became of a change, once searches see it or after so many seconds; raises ChangeNotFound."""
        report = await self.changes.outcome(number, seconds, self._sees)
        if report is None:
            raise ChangeNotFound(f"no change has the number {number}, or its report is not kept any more")
        return report

    def _sees(self, generation: int) -> bool:
        current = self._follower.current
        return current is not None and current.snapshot.number >= generation

    async def similar(self, name: str, request: SearchRequest, deadline: Deadline, known: str = "") -> EncodedAnswer:
        """Films like one that is named by its id or title."""
        asked = replace(self._accept(request), likes=(name,))

        def work(loaded: LoadedGeneration) -> dict[str, Any]:
            find_movies(loaded.snapshot, name)  # words that name no film are nothing to be like here
            return self._answer(loaded, asked, deadline)

        return await self._give(_Task("similar", asked.to_dict(), work, cost=cost_of(asked)), deadline, known)

    async def map(self, limit: int, deadline: Deadline, known: str = "") -> EncodedAnswer:
        """The best known films and where they lie; packed in a thread, because the event loop has not 30 ms.

        Not kept here, where each is a megabyte, but by browsers, which know its ETag.
        """
        task = _Task("map", limit, lambda loaded: draw_map(loaded.snapshot, limit).to_dict(), packed=True)
        return self._held(task.key, known) or await self._compute(task, deadline)

    async def suggest(self, typed: str, count: int, deadline: Deadline, known: str = "") -> EncodedAnswer:
        """Titles that begin with what was typed."""

        def work(loaded: LoadedGeneration) -> dict[str, Any]:
            found = suggest_titles(loaded.snapshot, typed, count)
            return {"suggestions": [without_nulls(asdict(each)) for each in found]}

        return await self._give(_Task("suggest", [typed, count], work), deadline, known)

    async def _give(self, task: "_Task", deadline: Deadline, known: str) -> EncodedAnswer:
        """What the task makes of the current generation, from the cache where it was asked before."""
        key = task.key
        if (held := self._held(key, known)) is not None:
            return held
        current = self._follower.current
        if current is not None and (answer := self._cache.get(_etag(current, key))) is not None:
            self.metrics.cached.labels("hit").inc()
            return answer
        self.metrics.cached.labels("miss").inc()
        answer = await self._compute(task, deadline)
        if answer.etag:
            with suppress(ValueError):  # larger than the cache
                self._cache[answer.etag] = answer
        return answer

    def _held(self, key: str, known: str) -> EncodedAnswer | None:
        """An empty answer, where the client has that of the current generation already."""
        current = self._follower.current
        if current is None or not known or (etag := _etag(current, key)).removeprefix("W/") not in known:
            return None
        return EncodedAnswer(None, current.snapshot.number, etag)

    async def _compute(self, task: "_Task", deadline: Deadline) -> EncodedAnswer:
        def call() -> EncodedAnswer:
            with self._follower.acquire() as loaded:
                index, before = loaded.snapshot.index, loaded.snapshot.index.changes
                body = json.dumps(task.work(loaded), ensure_ascii=False).encode("utf-8", "replace")
                sent = gzip.compress(body, _LEVEL, mtime=0) if task.packed else body
                whole = index.problem is None and index.changes == before
                etag = _etag(loaded, task.key) if whole else ""
                return EncodedAnswer(sent, loaded.snapshot.number, etag, task.packed)

        pool = self._dear if is_dear(task.cost) else self._pool
        return await pool.run(call, deadline, task.ahead)

    def _prefetch(self, requests: Sequence[SearchRequest]) -> None:
        with self._follower.acquire() as loaded:
            prefetch(loaded, requests)

    def _answer(self, loaded: LoadedGeneration, request: SearchRequest, deadline: Deadline) -> dict[str, Any]:
        result = answer(loaded, request, self.config, deadline)
        made = answer_to_dict(request.echo(), loaded.snapshot.info.model.name, result)
        if request.fields:
            extra = [name for name, asked in (("why", request.why), ("highlights", request.highlight)) if asked]
            made["results"] = [_only(hit, [*request.fields, *extra]) for hit in made["results"]]
        return made

    def _accept(self, request: SearchRequest) -> SearchRequest:
        """With our defaults; raises UsageError for texts that are too long."""
        most = self.config.server.max_query_length
        names = (*request.likes, *request.dislikes, *request.seen, *request.ratings)
        for text in (request.text, request.filter, *names, *request.disregard):
            if len(text) > most:
                raise UsageError(f"a text of the question has {len(text)} characters; allowed are {most}")
        _check_fields(request.fields, HIT_FIELDS)
        if self.config.server.log_queries:
            log.info("asked %s", json.dumps(request.to_dict()))
        return request.with_defaults(self.config.search)

    async def ready(self) -> int:
        """The number of the generation that has just answered a real question; raises what is wrong."""
        deadline = Deadline(self.config.server.deadline)

        def call() -> int:
            with self._follower.acquire() as loaded:
                if monotonic() >= self._ready_until:
                    # Another text each time: a known one would be answered without the model.
                    trial = replace(TRIAL, text=f"{TRIAL.text} {next(self._trials)}")
                    answer(loaded, trial, self.config, deadline)
                    self._ready_until = monotonic() + _READY_FOR
                problem = loaded.snapshot.index.problem or self._follower.overdue(self.config.server.stale_after)
                if problem is not None:
                    raise problem
                return loaded.snapshot.number

        return await self._health.run(call, deadline)

    @property
    def _pending(self) -> int:
        return self._pool.pending + self._dear.pending

    async def status(self) -> dict[str, Any]:
        """What an operator asks first."""
        return await self._health.run(self._status, Deadline(self.config.server.deadline))

    def _status(self) -> dict[str, Any]:
        with self._follower.acquire() as loaded:
            info = loaded.snapshot.info
            problem = self._follower.problem or loaded.snapshot.index.problem
            said = {
                "version": our_version(),
                "generation": info.number,
                "films": info.films,
                "published": utc(info.published),
                "model": asdict(info.model),
                "fallback_for": info.fallback_for,
                "template": info.template,
                "uptime": round(time() - self._started, 1),
                "pending": self._pending,
                "problem": None if problem is None else problem_of(problem, str(self.config.store.path)).detail,
                "runs": _last_runs(self.config.store.path),
            }
            return without_nulls(said)

    def metrics_text(self) -> bytes:
        """Everything that is counted, in Prometheus' text format."""
        self.metrics.pending.set(self._pending)
        self.metrics.stale.set(self._follower.problem is not None)
        if (current := self._follower.current) is not None:
            info = current.snapshot.info
            self.metrics.generation.set(info.number)
            self.metrics.films.set(info.films)
            self.metrics.published.set(info.published)
        return self.metrics.text()


def our_version() -> str:
    """The installed version; "unknown" in a source tree that was never installed."""
    try:
        return version("plotseek")
    except PackageNotFoundError:
        return "unknown"


@contextmanager
def _question(place: int) -> Iterator[None]:
    """What is wrong with one question of several, by its place."""
    try:
        yield
    except (UsageError, MovieNotFound) as error:
        raise type(error)(f"question {place}: {error}") from None


def _check_fields(names: Sequence[str], allowed: Sequence[str]) -> None:
    for name in names:
        if name not in allowed:
            near = get_close_matches(name, allowed, 1)
            meant = f"; did you mean {near[0]!r}?" if near else f"; allowed are {', '.join(allowed)}"
            raise UsageError(f"fields: no film has a field {name[:40]!r}{meant}")


def _only(values: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """What these names have, in their order; all without names."""
    return {name: values[name] for name in names if name in values} if names else values


def _ids_of(snapshot: Snapshot, title: str) -> str:
    """What to delete instead of a title."""
    try:
        found = find_movies(snapshot, title)[:3]
    except MovieNotFound:
        return ""
    return f"; films are deleted by id, and {title!r} is that of {' or '.join(repr(movie.id) for movie in found)}"


def _to_prefetch(request: SearchRequest) -> list[SearchRequest]:
    """What to prepare together with others: not what takes longer than they should wait for it, as titles do."""
    return [] if request.why or request.likes or request.dislikes or request.ratings else [request]


def _embedding_within(embedding: EmbeddingConfig, seconds: float) -> EmbeddingConfig:
    """The settings with which an endpoint is not waited for any longer: nobody waits for the answer then."""
    remote = embedding.remote
    timeout, wait = min(remote.timeout, seconds), min(remote.request_wait, seconds)
    return replace(embedding, remote=replace(remote, timeout=timeout, request_wait=wait))


def _freeze(loaded: LoadedGeneration) -> LoadedGeneration:
    """Out of the garbage collector's way: while it looks through all that is held nobody is answered."""
    gc.collect()
    gc.freeze()
    return loaded


def _last_runs(store: Path, count: int = 5) -> list[dict[str, Any]]:
    history = History.open_existing(store)
    if history is None:
        return []
    with history:
        runs = history.last(count)
    return [
        without_nulls(
            {
                "started": utc(run.started),
                "ended": None if run.ended is None else utc(run.ended),
                "outcome": run.outcome,
                "counts": dict(run.counts),
            }
        )
        for run in runs
    ]


def _etag(loaded: LoadedGeneration, key: str) -> str:
    """Weak: the body may be compressed on the way."""
    return f'W/"{loaded.version}-{key}"'
