"""A load generator that leaves the cores to the service: keep-alive connections over plain asyncio sockets."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

Judge = Callable[[bytes], str | None]
"""Looks at the body of a good answer: what is wrong with it, None if nothing is."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one load found."""

    seconds: float
    latencies: tuple[float, ...]
    """Seconds of each answer, sorted."""
    faults: tuple[str, ...] = ()
    """Answers that were not 200, or not right: one line each."""

    @property
    def failed(self) -> int:
        return len(self.faults)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share of the answers came."""
        place = min(int(share * len(self.latencies)), len(self.latencies) - 1)
        return 1000 * self.latencies[place]


@dataclass(frozen=True, slots=True)
class _Target:
    """Whom a load asks, what, and for how long."""

    host: str
    port: int
    paths: Iterator[str]
    until: float
    judge: Judge | None
    latencies: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def load(
    host: str, port: int, paths: Sequence[str], connections: int, seconds: float, judge: Judge | None = None
) -> Load:
    """Ask for `paths`, over and over, from so many connections at once."""
    return asyncio.run(_load(host, port, paths, connections, seconds, judge))


async def _load(
    host: str, port: int, paths: Sequence[str], connections: int, seconds: float, judge: Judge | None
) -> Load:
    start = perf_counter()
    target = _Target(host, port, _around(paths), start + seconds, judge)
    await asyncio.gather(*(_client(target) for _ in range(connections)))
    return Load(perf_counter() - start, tuple(sorted(target.latencies)), tuple(target.faults))


def _around(paths: Sequence[str]) -> Iterator[str]:
    while True:
        yield from paths


async def _client(target: _Target) -> None:
    reader, writer = await asyncio.open_connection(target.host, target.port)
    while (start := perf_counter()) < target.until:
        path = next(target.paths)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        target.latencies.append(perf_counter() - start)
        status = head.split(b" ", 2)[1].decode()
        fault = f"answers {status}" if status != "200" else target.judge and target.judge(body)
        if fault:
            target.faults.append(f"{path}: {fault}")
    writer.close()
