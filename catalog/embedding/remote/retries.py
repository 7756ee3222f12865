"""How long requests are repeated: each for itself, and those of a run together."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

LEAST_WAIT = 0.5
"""Seconds between two attempts, whatever a server asks for."""
LONGEST_WAIT = 30.0
"""Seconds between two attempts, unless a server asks for more."""


@dataclass(slots=True)
class Patience:
    """What may still be waited. Safe to use from several threads."""

    request: float
    """Seconds that one request may take, its repetitions included, before it is given up."""
    run: float = math.inf
    """Seconds that a run may lose by waiting."""
    in_flight: int = 1
    """Requests at a time: what they wait side by side is lost once."""
    stop: Callable[[], bool] = lambda: False
    """Whether the run was asked to stop."""
    sleep: Callable[[float], None] | None = None
    """Waits in the place of real time."""
    lost: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def spend(self, seconds: float) -> bool:
        """Take so many seconds out of the run's; False where they are not left."""
        with self._lock:
            share = seconds / self.in_flight
            if self.lost + share > self.run:
                return False
            self.lost += share
            return True
