"""How much one client may ask: a token bucket for its rate, and so many requests at a time."""

import math
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from catalog.errors import TooManyRequests

_CLIENTS = 10_000
"""Clients whose buckets are remembered; the one not seen for longest is forgotten first."""


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine alone."""
    if host == "localhost":
        return True
    try:
        return _plain(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_in(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address lies in one of these networks."""
    try:
        plain = _plain(address)
    except ValueError:
        return False
    return any(plain in ip_network(network, strict=False) for network in networks)


def network_of(client: str) -> str:
    """Whom an address stands for: one IPv6 client has at least the 2**64 addresses of a /64 network."""
    try:
        address = _plain(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address) and not address.is_loopback:
        return str(ip_network((int(address) >> 64 << 64, 64)))
    return str(address)


def _plain(address: str) -> IPv4Address | IPv6Address:
    """An IPv4 address is one also where it came to a socket of both kinds. Raises ValueError for no address."""
    found = ip_address(address)
    return (found.ipv4_mapped if isinstance(found, IPv6Address) else None) or found


class Buckets:
    """A token bucket for each client: `rate` requests a second, `burst` at once. Of one thread."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now: float) -> None:
        """Take the one that each request costs, at `now`, in seconds of any clock.

        Raises TooManyRequests, which says when to come back.
        """
        level = self._level(client, now)
        if level < 1:
            wait = math.ceil((1 - level) / self._rate)
            raise TooManyRequests(f"too many requests; come back in {wait} s", retry_after=wait)
        self._levels[client] = (level - 1, now)

    def spend(self, client: str, now: float, cost: float) -> None:
        """Take what a dear request costs besides, on credit: its client waits for longer afterwards.

        Raises TooManyRequests for one that is in debt already.
        """
        level = self._level(client, now)
        if level < 0:
            wait = math.ceil((1 - level) / self._rate)
            raise TooManyRequests(f"too many dear requests; come back in {wait} s", retry_after=wait)
        self._levels[client] = (level - cost, now)

    def _level(self, client: str, now: float) -> float:
        level, seen = self._levels.pop(client, (float(self._burst), now))
        level = min(self._burst, level + (now - seen) * self._rate)
        self._levels[client] = (level, now)
        if len(self._levels) > _CLIENTS:
            self._levels.popitem(last=False)
        return level


class Parallel:
    """So many requests of one client at a time, so that a crowd of one leaves room for others."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, client: str) -> Iterator[None]:
        """While a request is read and answered; raises TooManyRequests."""
        if self._open[client] >= self._most:
            raise TooManyRequests(f"{self._most} requests of yours are being answered; wait for one of them")
        self._open[client] += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]
