"""Questions of one client while others hold 2,000 connections that are of no use, and generations change.

    python -m benchmarks.crowd STORE [--seconds 30] [--connections 8]

Works on a copy of STORE, a catalog filled with the bundled model. The crowd, of other addresses of this machine
(Linux), opens anew what is closed on it: connections that say nothing, bodies that drip, headers that drip, answers
that nobody fetches.
"""

import argparse
import asyncio
import multiprocessing
import random
import shutil
import tempfile
import time
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Load, load
from benchmarks.processes import HOST, Server, query_server
from benchmarks.service import workloads
from benchmarks.soak import SETTINGS, Syncs, exported, syncing
from query.http.auth import Role, make_key

# As through proxies: what comes from this machine itself has no rate limit.
_POST = b"POST /search HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0.3\r\nContent-Length: 100000\r\n\r\n"
_GET = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0.5\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Habit:
    """How some of a crowd behave."""

    name: str
    client: str
    """The address they come from."""
    count: int
    first: bytes = b""
    drip: bytes = b""
    """Twice a second."""


CROWD = (
    Habit("silent", "127.0.0.2", 1500),
    Habit("bodies dripped", "127.0.0.3", 200, _POST, b" "),
    Habit("headers dripped", "127.0.0.4", 100, b"GET /search HTTP/1.1\r\nX: ", b"x"),
    Habit("answers not fetched", "127.0.0.5", 200, _GET * 20),
)


def main() -> None:
    """Print one table."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(options.store, folder / "store")
        (folder / "config.yaml").write_text(SETTINGS.format(folder=folder), encoding="utf-8")
        key = make_key(folder / "keys", "crowd", Role.ADMIN)
        films = exported(folder)
        asked = workloads(folder / "store", random.Random(6))["search, distinct"]  # noqa: S311
        proxies = {"PLOTSEEK_SERVER_PROXIES": "127.0.0.0/8"}
        with query_server(folder / "store", "--config", str(folder / "config.yaml"), variables=proxies) as server:
            syncs = Syncs(server, key, films, folder / "films.jsonl")
            found = measure(server, asked, options, syncs)
    print(f"{len(syncs.runs)} generations published and followed meanwhile, {len(syncs.failed)} syncs failed")
    raise SystemExit(1 if syncs.failed or any(each.failed for each in found) else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--connections", type=int, default=8)
    return parser.parse_args()


def measure(server: Server, asked: list[str], options: argparse.Namespace, syncs: Syncs) -> list[Load]:
    """One line alone, one in the crowd, one in the crowd while generations change."""
    print(f"{'':32} {'p50 ms':>8} {'p99 ms':>8} {'most ms':>8} {'per s':>8} {'failed':>7}")
    load(HOST, server.port, asked[-500:], options.connections, 3)
    third = len(asked) // 3
    found = [_row("alone", server, asked[:third], options)]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
        crowd: Future[dict[str, int]] = other.submit(gather, server.port, 2 * options.seconds + 10)
        time.sleep(5)
        found.append(_row("beside 2,000 connections", server, asked[third : 2 * third], options))
        with syncing(syncs):
            found.append(_row("and while generations change", server, asked[2 * third :], options))
        for name, count in crowd.result().items():
            print(f"{name}: {count} connections opened")
    return found


def _row(name: str, server: Server, asked: list[str], options: argparse.Namespace) -> Load:
    found = load(HOST, server.port, asked, options.connections, options.seconds)
    figures = [*(found.percentile(share) for share in (0.5, 0.99, 1.0)), found.rate]
    print(f"{name:32}", *(f"{figure:8.1f}" for figure in figures), f"{found.failed:7d}", flush=True)
    return found


def gather(port: int, seconds: float) -> dict[str, int]:
    """Be the crowd for so long; returns how many connections each habit came to."""
    return asyncio.run(_gather(port, time.monotonic() + seconds))


async def _gather(port: int, until: float) -> dict[str, int]:
    members = [_member(habit, port, until) for habit in CROWD for _ in range(habit.count)]
    opened = dict.fromkeys((habit.name for habit in CROWD), 0)
    for name, count in await asyncio.gather(*members):
        opened[name] += count
    return opened


async def _member(habit: Habit, port: int, until: float) -> tuple[str, int]:
    opened = 0
    while time.monotonic() < until:
        with suppress(OSError):
            opened += 1
            await _stay(habit, port, until)
        await asyncio.sleep(1)
    return habit.name, opened


async def _stay(habit: Habit, port: int, until: float) -> None:
    """One connection, until the other side closes it; nothing is read but its end."""
    reader, writer = await asyncio.open_connection(HOST, port, local_addr=(habit.client, 0), limit=1024)
    try:
        writer.write(habit.first)
        while time.monotonic() < until and not reader.at_eof() and not writer.transport.is_closing():
            writer.write(habit.drip)
            await writer.drain()
            await asyncio.sleep(0.5)
    finally:
        writer.close()


if __name__ == "__main__":
    main()
