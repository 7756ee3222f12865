"""The current generation, as a long-lived process follows it.

A new generation is opened, read and tried beside the old one, and then takes its place at once: no
request pays for the switch, none sees half of it, and a generation that cannot be opened never
comes to answer here. An old one is closed when its last request is done.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from catalog.errors import PlotseekError, StoreError
from catalog.store.chroma.server import Servers
from catalog.store.generations import Generations
from catalog.store.snapshot import Snapshot
from query.answer import catalog_version
from query.models import SearchRequest
from query.search.understanding import Understood, understand
from query.serving.query_embedder import QuestionEmbedder

log = logging.getLogger("plotseek.catalog")

_RETRY = 5.0
"""Seconds until a generation that could not be opened is tried again: looking at it reads all its files."""

_MOST_PREPARED = 1000
"""Requests that were understood, and are not answered yet."""

Stamp = tuple[int, int] | None
_NEVER: Stamp = (-1, -1)
"""A stamp that no catalog has, and none a missing one."""


@dataclass
class LoadedGeneration:
    """A generation with all that answers need."""

    snapshot: Snapshot
    model: QuestionEmbedder
    users: int = field(default=0, repr=False)
    _prepared: dict[SearchRequest, Understood] = field(default_factory=dict, repr=False)

    @property
    def version(self) -> str:
        """Changes with the films."""
        return catalog_version(self.snapshot.number, self.snapshot.info.published)

    def prepare(self, request: SearchRequest) -> Understood:
        """Understand a request that will be answered soon."""
        if len(self._prepared) >= _MOST_PREPARED:  # of some nobody waits for the answer any more
            self._prepared.clear()
        understood = self._prepared[request] = understand(request, self.snapshot, self.model.identity)
        return understood

    def prepared(self, request: SearchRequest) -> Understood | None:
        """A request as it was understood, once; None where that was not done yet."""
        return self._prepared.pop(request, None)


class Follower:
    """Opens what is published, and hands out what is current.

    Whatever goes wrong while it looks is told by `problem` and in the log, and tried again: a file system that is away
    for a second must not end the following.
    """

    def __init__(
        self,
        root: Path,
        server: Servers | None,
        load: Callable[[Snapshot, LoadedGeneration | None], LoadedGeneration],
    ) -> None:
        """`load` gets a generation, and the one before, whose model it may go on using."""
        self._generations = Generations(root, server)
        self._load = load
        self._loaded: LoadedGeneration | None = None
        self._stamp = _NEVER
        """Of what is loaded."""
        self._refused = _NEVER
        """Of what could not be loaded, and is not tried before `_retry_at`."""
        self._retry_at = 0.0
        self._problem: PlotseekError | None = None
        self._unseen_since: float | None = None
        """When the first look began that has not ended well since, by `monotonic`; None after a good one."""
        self._users = threading.Lock()
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, interval: float = 0.5) -> None:
        """Look for a new generation every so many seconds, in a thread of its own."""
        self._thread = threading.Thread(target=self._follow, args=(interval,), name="follower", daemon=True)
        self._thread.start()

    def _follow(self, interval: float) -> None:
        self.look()
        while not self._stop.wait(interval):
            self.look()

    @property
    def problem(self) -> PlotseekError | None:
        """Why what is published cannot be opened; answers then still come from the generation before."""
        return self._problem

    def overdue(self, after: float) -> PlotseekError | None:
        """What is wrong, once for more than `after` seconds nobody could see, or open, what is published.

        A look that does not come to an end counts, too: a share or an endpoint may be away without a word.
        """
        since = self._unseen_since
        unseen = 0.0 if since is None else monotonic() - since
        if unseen <= after:
            return None
        return self._problem or StoreError(
            f"{self._generations.root}: opening what is published has taken {unseen:.0f} s, and is not done;"
            " is its disk, Chroma or the embedding endpoint away?"
        )

    @property
    def current(self) -> LoadedGeneration | None:
        """The current generation, for a look; `acquire` it to use it."""
        return self._loaded

    @contextmanager
    def acquire(self) -> Iterator[LoadedGeneration]:
        """The current generation, which stays open meanwhile.

        Raises the reason if there is none: CatalogMissing, CatalogDamaged, ModelUnavailable ...
        """
        if self._thread is None or self._loaded is None:
            self.look()
        with self._users:
            loaded = self._loaded
            if loaded is None:
                raise self._problem or StoreError("the service is starting; come back in a second")
            loaded.users += 1
        try:
            yield loaded
        finally:
            self._release(loaded)

    def _release(self, loaded: LoadedGeneration) -> None:
        with self._users:
            loaded.users -= 1
            done = loaded.users == 0 and loaded is not self._loaded
        if done:
            loaded.snapshot.close()

    def look(self) -> None:
        """Open what is published now, if that is new. Raises what is meant to end the program, and nothing else."""
        with self._looking:
            if self._unseen_since is None:
                self._unseen_since = monotonic()
            try:
                self._advance()
            except PlotseekError as error:
                self._fail(error)
            except (KeyboardInterrupt, SystemExit):
                raise
            # Told, and tried again, as nobody else would look. A panic of tantivy is no Exception.
            except BaseException as error:  # noqa: BLE001
                root = self._generations.root
                self._fail(StoreError(f"{root}: cannot be read: {' '.join(str(error).split())}"), error)

    def _advance(self) -> None:
        stamp = self._generations.stamp()
        if stamp == self._refused and monotonic() < self._retry_at:
            return
        if stamp != self._stamp:
            self._refused, self._retry_at = stamp, monotonic() + _RETRY
            self._switch(self._open())
            self._stamp, self._refused = stamp, _NEVER
        self._problem = self._unseen_since = None

    def _fail(self, problem: PlotseekError, cause: BaseException | None = None) -> None:
        problem.__cause__ = problem.__cause__ or cause
        # Once, and not twice a second; where nobody follows, who has nothing to answer from raises it.
        if str(problem) != str(self._problem) and (self._thread is not None or self._loaded is not None):
            fault = None if isinstance(cause, OSError) else cause
            log.error("what is published cannot be opened: %s", problem, exc_info=fault)
        self._problem = problem

    def _open(self) -> LoadedGeneration:
        snapshot = Snapshot(self._generations.in_force(), self._generations.server)
        try:
            return self._load(snapshot, self._loaded)
        except BaseException:
            snapshot.close()
            raise

    def _switch(self, fresh: LoadedGeneration | None) -> None:
        with self._users:
            before, self._loaded = self._loaded, fresh
            idle = before is not None and before.users == 0
        if before is not None and idle:
            before.snapshot.close()

    def close(self) -> None:
        """Stop looking, and close what nobody uses."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        last = self._loaded
        self._switch(None)
        if last is not None and last.users == 0:
            last.model.close()
