"""What the ways to outgrow one machine cost: an index on a Chroma server, a replica, several embedding endpoints.

    python -m benchmarks.scaling --servers [--films 5000]
    python -m benchmarks.scaling --servers --store FOLDER --films 200000

Films are made up, and so are their vectors: what is measured is where they go. The second command takes a catalog that
`benchmarks.scaling` left in FOLDER, and asks its index in three shards on three servers beside that in its folder.
"""

import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np

from benchmarks.grown import StandIn
from benchmarks.scaling import asking
from catalog.config import EmbeddingConfig, RemoteConfig, SearchConfig
from catalog.embedding.remote.embedder import open_remote
from catalog.embedding.remote.retries import Patience
from catalog.movie import Movie
from catalog.store.chroma.build import fill_index, rows_by_shard
from catalog.store.chroma.server import ChromaServer, ShardedServers
from catalog.store.chroma.shards import IndexShard, ShardedIndex
from catalog.store.generation import Generation, stored_vectors
from catalog.store.generations import Generations
from catalog.store.maintenance.backup import back_up
from catalog.store.maintenance.verify import verify
from catalog.store.movies import Movies
from catalog.store.snapshot import Snapshot, open_snapshot
from catalog.store.writer import open_writer
from ingest.sync.apply import sync
from ingest.sync.plan import SyncOptions
from query.models import SearchRequest
from query.search.pipeline import search
from tests.support.chroma import running
from tests.support.endpoint_server import StandInEndpoint, serve_endpoint

_WORDS = "ship storm island winter brother letter train garden robot ghost war love night river stranger".split()
_ASKED = 300
_DELAY = 0.05
"""Seconds a request of 32 texts takes each endpoint."""


def films(count: int, changed: int = 0) -> list[Movie]:
    """Films with plots of 90 words, of which the first `changed` are other ones."""
    random = np.random.default_rng(1)
    plots = [" ".join(random.choice(_WORDS, 90)) for _ in range(count)]
    return [
        Movie(str(number), f"Film {number}", f"changed {plot}" if number < changed else plot, year=1990)
        for number, plot in enumerate(plots)
    ]


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _run(root: Path, server: ChromaServer | None, wanted: list[Movie]) -> None:
    with open_writer(root, server) as writer:
        sync(wanted, writer, StandIn.made_up(), SyncOptions("{title} {plot}", batch=1000))


def places(folder: Path, count: int) -> None:
    """The same life in a folder and on a server."""
    print(f"| {count} films | build | 1 % changed | unchanged | verify | a query of the index |")
    print("|---|---|---|---|---|---|")
    with running(folder / "chroma") as chroma:
        for name, server in (("folder", None), ("server", ChromaServer(chroma.url))):
            root = folder / name
            times = [seconds(lambda: _run(root, server, films(count, changed))) for changed in (0, count // 100)]  # noqa: B023
            times.append(seconds(lambda: _run(root, server, films(count, count // 100))))  # noqa: B023
            times.append(seconds(lambda: verify(root, server=server)))  # noqa: B023
            shown = " | ".join(f"{spent:.1f} s" for spent in times)
            print(f"| {name} | {shown} | {_query(root, server):.1f} ms |")


def _query(root: Path, server: ChromaServer | None) -> float:
    """Median milliseconds of a query through Chroma."""
    vectors = StandIn.made_up().embed_queries([f"question {number}" for number in range(100)])
    with closing(open_snapshot(root, server)) as snapshot:
        return 1000 * statistics.median(seconds(lambda: snapshot.index.nearest(vector, 10)) for vector in vectors)  # noqa: B023


def replica(folder: Path) -> None:
    """What a read replica by `ingest backup` costs, first and after a change."""
    root, copy = folder / "server", folder / "replica"
    first, again = seconds(lambda: back_up(root, copy)), seconds(lambda: back_up(root, copy))
    size = sum(path.stat().st_size for path in copy.rglob("*") if path.is_file())
    print(f"\nA replica: {first:.2f} s, without a change {again:.2f} s, {size / 1e6:.0f} MB, no Chroma in it")


@contextmanager
def _endpoints(count: int) -> Iterator[list[str]]:
    def embed(texts: list[str]) -> list[list[float]]:
        return [[float(zlib.crc32(text.encode())), float(len(text)), 1.0] for text in texts]

    with ExitStack() as stack:
        served = [StandInEndpoint("tei", embed, delay=_DELAY) for _ in range(count)]
        for endpoint in served:
            stack.enter_context(serve_endpoint(endpoint))
        yield [endpoint.url for endpoint in served]


def endpoints() -> None:
    """Texts a second by the number of endpoints, each of which answers one request at a time."""
    print("\n| endpoints | texts/s |\n|---|---|")
    texts = [f"text {number}" for number in range(6400)]
    for count in (1, 2, 4):
        with _endpoints(count) as urls:
            settings = EmbeddingConfig(model="m", remote=RemoteConfig(tuple(urls), "tei", in_flight=1))
            remote = open_remote(settings, None, Patience(60))
            spent = seconds(lambda: remote.embed_documents(texts))  # noqa: B023
            remote.close()
        print(f"| {count} | {len(texts) / spent:.0f} |")


def _divided(source: Path, root: Path, servers: ShardedServers) -> None:
    """A catalog of links to the files of another one, whose index is on servers, filled from its vectors."""
    before = Generations(source).in_force()
    after = Generation(root / "generations" / before.folder.name)
    after.folder.mkdir(parents=True)
    for path in before.folder.iterdir():
        if path != before.chroma:
            (after.folder / path.name).symlink_to(path.absolute())
    (root / "CURRENT").write_bytes((source / "CURRENT").read_bytes())
    info = before.info()
    with closing(Movies.open(before.movies)) as movies:
        counts = rows_by_shard(movies, len(servers.shards))
        shards = [IndexShard(f"films-{number}", rows) for number, rows in enumerate(counts)]
        after.name_shards(shards)
        with closing(ShardedIndex.create(servers.shards, shards, info.about())) as index:
            fill_index(index, movies, stored_vectors(before, info))


def shards(source: Path, questions: Path, count: int = 3) -> None:
    """The index in shards beside the folder: asked in turn, so that both see the same load."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        urls = [stack.enter_context(running(Path(name) / f"chroma-{number}")).url for number in range(count)]
        servers = ShardedServers(
            tuple(ChromaServer(url, query_timeout=60.0, shard=f"{at} of {count}") for at, url in enumerate(urls, 1))
        )
        built = seconds(lambda: _divided(source, Path(name) / "catalog", servers))
        asked, embedder = asking(source, questions)
        alone = stack.enter_context(closing(open_snapshot(source)))
        divided = stack.enter_context(closing(open_snapshot(Path(name) / "catalog", servers)))
        for snapshot in (alone, divided):
            snapshot.warm(60.0)
        vectors = embedder.embed_queries(asked)
        index = _beside([alone, divided], lambda films, at: [n.id for n in films.index.nearest(vectors[at], 300)[:10]])
        page = _beside(
            [alone, divided],
            lambda films, at: [
                hit.movie.id for hit in search(SearchRequest(asked[at]), films, embedder, SearchConfig()).hits
            ],
        )
    print(f"| {alone.info.films} films, {count} shards | folder p50 | shards p50 | ratio | same ten best |")
    print("|---|---|---|---|---|")
    for what, (first, second, same) in (("the index, 300 nearest", index), ("a search", page)):
        print(f"| {what} | {first:.1f} ms | {second:.1f} ms | {second / first:.2f} | {same:.4f} |")
    print(f"\nThe shards were filled in {built:.0f} s")


def _beside(snapshots: Sequence[Snapshot], ask: Callable[[Snapshot, int], list[str]]) -> tuple[float, float, float]:
    """Median milliseconds of each of two snapshots, and the share of films that both give; ten warm them up."""
    times: list[list[float]] = [[], []]
    same = total = 0
    for at in range(_ASKED):
        found = []
        for place, snapshot in enumerate(snapshots):
            began = time.perf_counter()
            found.append(ask(snapshot, at))
            times[place].append(time.perf_counter() - began)
        same += len({*found[0]} & {*found[1]})
        total += len(found[0])
    first, second = (1000 * statistics.median(spent[10:]) for spent in times)
    return first, second, same / max(total, 1)


def main(count: int) -> None:
    """Print one table, and two more figures."""
    with tempfile.TemporaryDirectory() as folder:
        places(Path(folder), count)
        replica(Path(folder))
    endpoints()
