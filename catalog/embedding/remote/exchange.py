"""One request to an endpoint and its answer, and what each way of failing means."""

import json
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import wait
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from catalog.arrays import Vectors
from catalog.background import in_background
from catalog.embedding.remote.endpoint import Endpoint
from catalog.embedding.remote.response import read_vectors
from catalog.errors import EndpointAway, ModelError, ModelUnavailable
from catalog.printable import without_number

if TYPE_CHECKING:
    import httpx

_MOST_ANSWER = 64_000_000
"""Bytes: ten times what 32 vectors of 8,192 numbers take as JSON."""
_MOST_WORDS = 2000
"""Bytes of a refusal that are read."""


class TooLarge(Exception):
    """The request was too large for the server (413, 422): half of it may not be."""


class Busy(Exception):
    """The same request may succeed later."""

    def __init__(self, reason: str, *, starting: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.starting = starting
        self.retry_after = retry_after
        """Seconds that the server asks for."""


def open_http(endpoint: Endpoint) -> "httpx.Client":
    """Connections to an endpoint. A redirect could carry the token and the texts elsewhere: none is followed."""
    import httpx

    timeout = httpx.Timeout(endpoint.timeout, connect=min(10.0, endpoint.timeout))
    return httpx.Client(headers=endpoint.headers(), timeout=timeout, follow_redirects=False)


def exchange(http: "httpx.Client", endpoint: Endpoint, texts: Sequence[str]) -> Vectors:
    """Ask once for the vectors of n texts: shape (n, d), rows of length 1.

    Raises Busy, TooLarge, EndpointAway where there is no way to it, ModelUnavailable where it refuses, and ModelError
    where its answer is wrong.

    httpx limits each read and not all of them: headers that drip come for ever. The thread that reads them is left
    behind, a daemon. Twice the time, so that whatever is known of a slow answer is told first.
    """
    answer = in_background(lambda: _ask(http, endpoint, texts))
    wait([answer], 2 * endpoint.timeout)
    if not answer.done():
        raise Busy(f"its answer has not begun after {2 * endpoint.timeout:g} s")
    return answer.result()


def _ask(http: "httpx.Client", endpoint: Endpoint, texts: Sequence[str]) -> Vectors:
    import httpx

    began = time.monotonic()
    try:
        with http.stream("POST", endpoint.url, content=endpoint.body(texts)) as response:
            if response.status_code != 200:
                _refuse(response, endpoint, began)
            content = _read(response, endpoint, began)
    except httpx.ConnectError as error:
        if _has_cause(error, ConnectionRefusedError):
            raise Busy("connection refused", starting=True) from None
        # A name that is not found, or a network that is not there, may be in a minute; a certificate stays wrong.
        kind = ModelUnavailable if _has_cause(error, ssl.SSLError) else EndpointAway
        raise kind(f"{endpoint.shown}: {without_number(error)}; is embedding.remote.url right?") from error
    except httpx.TransportError as error:
        reason = f"connection lost ({type(error).__name__})"
        raise Busy(reason, starting=isinstance(error, httpx.ConnectTimeout)) from None
    except httpx.DecodingError as error:
        raise ModelError(f"{endpoint.shown} answers something that cannot be unpacked ({error})") from None
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        raise ModelError(f"{endpoint.shown}: the endpoint answers something that is not JSON") from None
    return read_vectors(answer, len(texts))


def _read(response: "httpx.Response", endpoint: Endpoint, began: float) -> bytearray:
    """The whole answer; neither an endless one nor one that drips is waited for."""
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > _MOST_ANSWER:
            raise ModelError(f"{endpoint.shown} answers more than {_MOST_ANSWER // 1_000_000} MB; is it for embedding?")
        if time.monotonic() - began > endpoint.timeout:
            raise Busy(f"its answer is not complete after {endpoint.timeout:g} s")
    return content


def _refuse(response: "httpx.Response", endpoint: Endpoint, began: float) -> None:
    """Raise what a status other than 200 means."""
    status = response.status_code
    words = f"{status}: {_words(response, endpoint, began)}"
    if status in {413, 422}:
        raise TooLarge(words)
    if status in {408, 424, 429} or status >= 500:
        raise Busy(words, starting=status in {502, 503}, retry_after=retry_after(response.headers.get("Retry-After")))
    if response.is_redirect:
        target = response.headers.get("Location", "nowhere")[:200]
        words = f"{status}: redirects to {target}, which is not followed"
    advice = "check embedding.remote.url and embedding.remote.kind"
    if status in {401, 403}:
        advice = "give a valid token in PLOTSEEK_EMBEDDING_TOKEN"
    raise ModelUnavailable(f"{endpoint.shown} refuses ({words}); {advice}")


def _words(response: "httpx.Response", endpoint: Endpoint, began: float) -> str:
    """The server's own words, as far as they come in time, in one short line and without the token."""
    content = b""
    for part in response.iter_bytes():
        content += part[:_MOST_WORDS]
        if len(content) >= _MOST_WORDS or time.monotonic() - began > endpoint.timeout:
            break
    text = " ".join(content[:_MOST_WORDS].decode(errors="replace").split())
    if endpoint.token:
        text = text.replace(endpoint.token, "***")
    return text[:200] or response.reason_phrase


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3): a number, or a date; None for neither."""
    value = (value or "").strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError, OSError):  # the last two: a date beyond what the system can count
        return None


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None
