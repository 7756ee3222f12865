"""A load generator that leaves the cores to the service: keep-alive connections over plain asyncio sockets."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Load:
    """What one load found."""

    seconds: float
    latencies: tuple[float, ...]
    """Seconds of each answer, sorted."""
    failed: int
    """Answers that were not 200."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share of the answers came."""
        place = min(int(share * len(self.latencies)), len(self.latencies) - 1)
        return 1000 * self.latencies[place]


def load(host: str, port: int, paths: Sequence[str], connections: int, seconds: float) -> Load:
    """Ask for `paths`, over and over, from so many connections at once."""
    return asyncio.run(_load(host, port, paths, connections, seconds))


async def _load(host: str, port: int, paths: Sequence[str], connections: int, seconds: float) -> Load:
    queue = _around(paths)
    latencies: list[float] = []
    failed = [0]
    start = perf_counter()
    until = start + seconds
    await asyncio.gather(*(_client(host, port, queue, until, latencies, failed) for _ in range(connections)))
    return Load(perf_counter() - start, tuple(sorted(latencies)), failed[0])


def _around(paths: Sequence[str]) -> Iterator[str]:
    while True:
        yield from paths


async def _client(
    host: str, port: int, paths: Iterator[str], until: float, latencies: list[float], failed: list[int]
) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while (start := perf_counter()) < until:
        writer.write(f"GET {next(paths)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        latencies.append(perf_counter() - start)
        failed[0] += head.split(b" ", 2)[1] != b"200"
    writer.close()
