"""Texts to one endpoint, in requests that it takes, as often as it needs."""

from collections.abc import Callable, Sequence
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, cast

import numpy as np

from catalog.arrays import Vectors
from catalog.embedding.remote.endpoint import Endpoint
from catalog.embedding.remote.exchange import Busy, TooLarge, exchange, open_http
from catalog.embedding.remote.retries import LEAST_WAIT, LONGEST_WAIT, Patience
from catalog.errors import EndpointAway, ModelError, Stopped

if TYPE_CHECKING:
    from tenacity import RetryCallState

MOST_TEXTS = 32
"""Of one request; text-embeddings-inference takes no more by default."""


class EndpointClient:
    """Sends texts and receives vectors; learns how many texts the endpoint takes at a time."""

    def __init__(self, endpoint: Endpoint, patience: Patience, notify: Callable[[str], None]) -> None:
        """Take an endpoint without asking it anything yet. `notify` hears when it is starting."""
        self._endpoint = endpoint
        self._patience = patience
        self._notify = notify
        self._http = open_http(endpoint)
        self._most_texts = MOST_TEXTS
        self._told = False

    def vectors(self, texts: Sequence[str], over: Event) -> Vectors:
        """Embed one batch; unit vectors, shape (n, d), row i for text i. Once `over` is set, nothing is repeated.

        Raises EndpointAway where the endpoint stays busy or away, ModelUnavailable where it refuses, ModelError where
        its answer is wrong.
        """
        if len(texts) > self._most_texts:
            return self._halved(texts, over)
        try:
            return self._patiently(texts, over)
        except TooLarge as refusal:
            if len(texts) == 1:
                raise ModelError(f"the endpoint refuses a text of {len(texts[0]):,} characters: {refusal}") from None
        vectors = self._halved(texts, over)
        self._most_texts = min(self._most_texts, (len(texts) + 1) // 2)  # both halves went through: learned
        return vectors

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _halved(self, texts: Sequence[str], over: Event) -> Vectors:
        middle = (len(texts) + 1) // 2
        first, second = self.vectors(texts[:middle], over), self.vectors(texts[middle:], over)
        if first.shape[1] != second.shape[1]:
            shown = self._endpoint.shown
            raise ModelError(f"{shown} answers now {first.shape[1]}, now {second.shape[1]} numbers a text")
        return np.concatenate([first, second])

    def _patiently(self, texts: Sequence[str], over: Event) -> Vectors:
        """Repeat a request while the endpoint starts, is busy or drops the connection."""
        from tenacity import Retrying, retry_if_exception_type

        spent = ""

        def give_up(state: "RetryCallState") -> bool:
            nonlocal spent
            spent = "" if over.is_set() else self._spent(state)
            return over.is_set() or bool(spent)

        retrying = Retrying(
            retry=retry_if_exception_type(Busy),
            wait=_pause,
            stop=give_up,
            before_sleep=self._tell,
            sleep=partial(self._rest, over),
            reraise=True,
        )
        try:
            vectors = retrying(exchange, self._http, self._endpoint, texts)
        except Busy as busy:
            asks = f", asks for {busy.retry_after:g} s more" if busy.retry_after is not None else ""
            waited = retrying.statistics["idle_for"]
            raise EndpointAway(f"{self._endpoint.shown}: {busy}{asks}; waited {waited:.0f} s{spent}") from None
        self._told = False
        return vectors

    def _rest(self, over: Event, seconds: float) -> None:
        (self._patience.sleep or over.wait)(seconds)
        if over.is_set():
            raise Stopped("nobody waits for this answer any more")

    def _spent(self, state: "RetryCallState") -> str:
        """Which patience does not suffice for the next pause, and what to do; nothing if one may wait."""
        patience = self._patience
        if max(state.idle_for, state.seconds_since_start or 0.0) + state.upcoming_sleep > patience.request:
            return f" of {patience.request:g}; try again later, or raise embedding.remote.request_wait"
        if not patience.spend(state.upcoming_sleep):
            lost = f"the run {patience.lost:.0f} of {patience.run:g}"
            return f", {lost}; try again later, or raise embedding.remote.run_wait"
        return ""

    def _tell(self, state: "RetryCallState") -> None:
        busy = _busy(state)
        if busy.starting and not self._told:
            self._told = True
            self._notify(f"the endpoint is starting ({busy}); waiting up to {self._patience.request:g} s")


def _pause(state: "RetryCallState") -> float:
    """Seconds until the next attempt, jitter included: many clients must not come back at one moment."""
    from tenacity import wait_exponential_jitter

    asked = _busy(state).retry_after
    if asked is not None:
        return max(LEAST_WAIT, asked)
    return wait_exponential_jitter(multiplier=LEAST_WAIT, jitter=LEAST_WAIT, max=LONGEST_WAIT)(state)


def _busy(state: "RetryCallState") -> Busy:
    assert state.outcome is not None  # noqa: S101
    return cast(Busy, state.outcome.exception())
