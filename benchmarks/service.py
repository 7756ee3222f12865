"""The service under load from a second process, and beside it the handler that most people would write.

    python -m benchmarks.service STORE [--seconds 20] [--connections 16] [--workers 1] [--only search,similar]

STORE is a catalog's folder, filled with the bundled model. Questions are scraps of its own plots.
"""

import argparse
import random
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from benchmarks.load import load
from benchmarks.processes import HOST, Server, free_port, index_copy, query_server, running, wait_for
from catalog.store.generations import Generations
from catalog.store.movies import Movies


def main() -> None:
    """Print one table."""
    options = _options()
    paths = workloads(options.store, random.Random(6))  # noqa: S311
    print(f"{'':26} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'per s':>8} {'CPU ms':>8} {'failed':>7}")
    with query_server(options.store, "--workers", str(options.workers)) as server:
        warm(server, paths, options)
        for name, asked in paths.items():
            if options.only in name:
                measure(name, server, asked, options)
        print("query-server: at most", " + ".join(f"{size:.0f}" for size in server.memory()), "MB of memory")
    if not options.no_peer:
        with peer(options.store) as server:
            warm(server, paths, options)
            measure("peer: search, distinct", server, paths["search, distinct"], options)
            print("peer: at most", " + ".join(f"{size:.0f}" for size in server.memory()), "MB of memory")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", default="", help="what the name of a load must hold")
    parser.add_argument("--no-peer", action="store_true")
    return parser.parse_args()


def warm(server: Server, paths: dict[str, list[str]], options: argparse.Namespace) -> None:
    """Some seconds that do not count, with questions that are not asked again."""
    load(HOST, server.port, paths["search, distinct"][-1000:], options.connections, 4)


def measure(name: str, server: Server, asked: Sequence[str], options: argparse.Namespace) -> None:
    """One line of the table."""
    before = server.cpu_seconds()
    found = load(HOST, server.port, asked, options.connections, options.seconds)
    cpu = 1000 * (server.cpu_seconds() - before) / max(len(found.latencies), 1)
    figures = [*(found.percentile(share) for share in (0.5, 0.95, 0.99)), found.rate, cpu]
    print(f"{name:26}", *(f"{figure:8.1f}" for figure in figures), f"{found.failed:7d}", flush=True)


def workloads(store: Path, chance: random.Random) -> dict[str, list[str]]:
    """Addresses to ask for, by name."""
    generation = Generations(store).in_force()
    movies = Movies.open(generation.movies)
    ids = chance.sample(movies.ids(), min(5000, movies.count()))
    films = list(movies.get(ids).values())
    movies.close()
    questions = [f"/search?q={quote(scrap(film.plot, chance))}" for film in films]
    titles = [film.title for film in films[:500]]
    return {
        "search, distinct": questions,
        "search, repeated": questions[:50],
        "similar": [f"/movies/{quote(film.id, safe='')}/similar" for film in films[:3000]],
        "suggest": [f"/suggest?q={quote(title[:length])}" for title in titles for length in range(1, 8)],
    }


def scrap(plot: str, chance: random.Random) -> str:
    """Four to nine words in a row."""
    words = re.findall(r"[\w'-]+", plot)
    count = chance.randint(4, 9)
    start = chance.randrange(max(len(words) - count, 1))
    return " ".join(words[start : start + count])


@contextmanager
def peer(store: Path) -> Iterator[Server]:
    """The plain handler on a copy of the same collection."""
    port = free_port()
    with (
        index_copy(store) as index,
        running([sys.executable, "-m", "benchmarks.service_peer", *index, str(port)], {}) as process,
    ):
        wait_for(f"http://{HOST}:{port}/search?q=warm")
        yield Server(port, process.pid)


if __name__ == "__main__":
    main()
