"""The service under load from a second process, and beside it the handler that most people would write.

    python -m benchmarks.service STORE [--seconds 20] [--connections 16]

STORE is a catalog's folder, filled with the bundled model. Questions are scraps of its own plots.
"""

import argparse
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote

from benchmarks.load import load
from catalog.store.generations import Generations
from catalog.store.records import Records

HOST = "127.0.0.1"


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--connections", type=int, default=16)
    arguments = parser.parse_args()
    paths = workloads(arguments.store, random.Random(6))  # noqa: S311
    print(f"{'':26} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'per s':>8} {'CPU ms':>8} {'failed':>7}")

    def measure(name: str, server: Server, asked: Sequence[str]) -> None:
        before = cpu_seconds(server.process)
        found = load(HOST, server.port, asked, arguments.connections, arguments.seconds)
        cpu = 1000 * (cpu_seconds(server.process) - before) / max(len(found.latencies), 1)
        figures = [*(found.percentile(share) for share in (0.5, 0.95, 0.99)), found.rate, cpu]
        print(f"{name:26}", *(f"{figure:8.1f}" for figure in figures), f"{found.failed:7d}")

    with our_service(arguments.store) as server:
        for name, asked in paths.items():
            measure(name, server, asked)
    with peer(arguments.store) as server:
        measure("peer: search, distinct", server, paths["search, distinct"])


@dataclass(frozen=True, slots=True)
class Server:
    """A process that answers."""

    port: int
    process: int


def cpu_seconds(process: int) -> float:
    """What a process has used of all cores so far (Linux): other programs on the machine do not change it much."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def workloads(store: Path, chance: random.Random) -> dict[str, list[str]]:
    """Addresses to ask for, by name."""
    generation = Generations(store).in_force()
    records = Records.open(generation.records)
    ids = chance.sample(records.ids(), min(5000, records.count()))
    films = list(records.get(ids).values())
    records.close()
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
def our_service(store: Path) -> Iterator[Server]:
    """`query-server` in a process of its own, ready and warm."""
    port = free_port()
    variables = {"PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": "bundled"}
    command = [sys.executable, "-m", "query.server_cli", "--port", str(port)]
    start = time.perf_counter()
    with running(command, variables) as process:
        wait_for(f"http://{HOST}:{port}/readyz")
        print(f"query-server: {time.perf_counter() - start:.1f} s from start to ready")
        time.sleep(8)  # torch comes in the background
        yield Server(port, process.pid)
        print(f"query-server: {memory(process.pid):.0f} MB of memory at most")


@contextmanager
def peer(store: Path) -> Iterator[Server]:
    """The plain handler on a copy of the same collection."""
    generation = Generations(store).in_force()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(generation.chroma, Path(folder) / "chroma")
        command = [sys.executable, "-m", "benchmarks.service_peer", f"{folder}/chroma"]
        with running([*command, generation.collection, str(port)], {}) as process:
            wait_for(f"http://{HOST}:{port}/search?q=warm")
            yield Server(port, process.pid)
            print(f"peer: {memory(process.pid):.0f} MB of memory at most")


@contextmanager
def running(command: Sequence[str], variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str, seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=30):  # noqa: S310
                return
        except (URLError, ConnectionError):
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def memory(process: int) -> float:
    """Megabytes of a process at its largest, files it has mapped included (Linux)."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
