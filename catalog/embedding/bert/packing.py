"""How sequences of different lengths share a batch without padding (pure, no torch)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """Sequences of equal length that lie next to each other among a batch's packed tokens."""

    start: int
    """Row of the first token."""
    count: int
    length: int

    @property
    def stop(self) -> int:
        return self.start + self.count * self.length


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices of all sequences, longest first, in batches of at most `budget` tokens.

    A sequence longer than the budget is a batch of its own. The longest come first so that memory
    that does not suffice shows at once.
    """
    batch: list[int] = []
    tokens = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and tokens + lengths[index] > budget:
            yield batch
            batch, tokens = [], 0
        batch.append(index)
        tokens += lengths[index]
    if batch:
        yield batch


def runs(lengths: Sequence[int]) -> list[Run]:
    """The runs of equal length in the order given."""
    found: list[Run] = []
    start = first = 0
    for index, length in enumerate(lengths):
        if index + 1 == len(lengths) or lengths[index + 1] != length:
            run = Run(start, index + 1 - first, length)
            found.append(run)
            start, first = run.stop, index + 1
    return found


def tiles(lengths: Sequence[int], size: int) -> list[tuple[int, int, int]]:
    """Each sequence cut into tiles of at most `size` tokens: the tile's first token, the sequence's first and end."""
    found: list[tuple[int, int, int]] = []
    start = 0
    for length in lengths:
        stop = start + length
        found += [(first, start, stop) for first in range(start, stop, size)]
        start = stop
    return found
