"""A model behind HTTP: Hugging Face Inference Endpoints, text-embeddings-inference, and OpenAI's way.

What a catalog remembers of it is the model's name and revision as configured, never the URL: the same model may move.
Prompts, where a model has them, are the endpoint's business.
"""

import itertools
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from catalog.arrays import Vector, Vectors
from catalog.embedding.bert.tokenizer import clean
from catalog.embedding.embedder import Embedded
from catalog.embedding.remote.response import read_vectors
from catalog.errors import ConfigError, ModelError, ModelMismatch, ModelUnavailable, PlotseekError
from catalog.identity import ModelIdentity

if TYPE_CHECKING:
    import httpx

Kind = Literal["huggingface", "tei", "openai"]

MOST_TEXTS = 32
"""Of one request; text-embeddings-inference takes no more by default."""
MOST_BYTES = 1_000_000
"""Of one request's JSON."""
_LONGEST_PAUSE = 30.0
_SAME_MODEL = 0.999
"""Least cosine between two endpoints' vectors of one text."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to send texts, and how long to wait."""

    url: str
    kind: Kind
    model: str
    token: str | None
    timeout: float
    """Seconds for one answer."""
    start_timeout: float
    """Seconds that a starting endpoint is waited for."""
    patience: float
    """Seconds that one request waits in all on an endpoint that is up, but busy."""


class _Refused(Exception):
    """The request was too large for the server (413, 422): half of it may not be."""


class _Busy(Exception):
    """The same request may succeed later."""

    def __init__(self, reason: str, *, starting: bool, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.starting = starting
        self.retry_after = retry_after


class EndpointClient:
    """Sends texts and receives vectors: in requests that the endpoint takes, as often as it needs."""

    def __init__(
        self, endpoint: Endpoint, notify: Callable[[str], None], sleep: Callable[[float], None] | None = None
    ) -> None:
        """Take an endpoint without asking it anything yet. Raises ConfigError for an impossible URL."""
        self._endpoint = endpoint
        self._url = request_url(endpoint.url, endpoint.kind)
        self._shown = self._url.split("?")[0]  # what follows may be a secret
        self._notify = notify
        self._sleep = sleep
        self._http = _http_client(endpoint)
        self._most_texts = MOST_TEXTS
        self._told = False

    def vectors(self, texts: Sequence[str], stop: Event | None = None) -> Vectors:
        """Embed one batch; unit vectors, shape (n, d), row i for text i. Once `stop` is set, nothing is repeated.

        Raises ModelUnavailable where the endpoint refuses or stays away, ModelError where its answer is wrong.
        """
        stop = stop or Event()
        if len(texts) > self._most_texts:
            return self._halved(texts, stop)
        try:
            return self._patiently(texts, stop)
        except _Refused as refused:
            if len(texts) == 1:
                raise ModelError(f"the endpoint refuses a text of {len(texts[0]):,} characters: {refused}") from None
        vectors = self._halved(texts, stop)
        self._most_texts = min(self._most_texts, (len(texts) + 1) // 2)  # both halves went through: learned
        return vectors

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _halved(self, texts: Sequence[str], stop: Event) -> Vectors:
        middle = (len(texts) + 1) // 2
        first, second = self.vectors(texts[:middle], stop), self.vectors(texts[middle:], stop)
        if first.shape[1] != second.shape[1]:
            raise ModelError(f"{self._shown} answers now {first.shape[1]}, now {second.shape[1]} numbers a text")
        return np.concatenate([first, second])

    def _patiently(self, texts: Sequence[str], stop: Event) -> Vectors:
        """Repeat a request while the endpoint starts, is busy or drops the connection."""
        waited = 0.0
        pause = 0.5
        while True:
            try:
                return self._once(texts)
            except _Busy as busy:
                limit = self._endpoint.start_timeout if busy.starting else self._endpoint.patience
                # Half of the pause is jitter: many clients must not come back at one moment.
                wait = random.uniform(pause / 2, pause) if busy.retry_after is None else busy.retry_after  # noqa: S311
                if stop.is_set() or waited + wait > limit:
                    raise self._given_up(busy, waited, limit) from None
                self._tell(busy, limit)
            (self._sleep or stop.wait)(wait)
            waited += wait
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _once(self, texts: Sequence[str]) -> Vectors:
        import httpx

        try:
            response = self._http.post(self._url, content=self._body(texts))
        except httpx.ConnectError as error:
            if _has_cause(error, ConnectionRefusedError):
                raise _Busy("connection refused", starting=True) from None
            raise ModelUnavailable(f"{self._shown}: {error}; is embedding.remote.url right?") from error
        except httpx.TransportError as error:
            reason = f"connection lost ({type(error).__name__})"
            raise _Busy(reason, starting=isinstance(error, httpx.ConnectTimeout)) from None
        self._judge(response)
        self._told = False
        try:
            answer = json.loads(response.content)
        except (ValueError, RecursionError):
            raise ModelError(f"{self._shown}: the endpoint answers something that is not JSON") from None
        return read_vectors(answer, len(texts))

    def _judge(self, response: "httpx.Response") -> None:
        """Raise what the status means, unless it is 200."""
        status = response.status_code
        if status == 200:
            return
        words = f"{status}: {self._words(response)}"
        if status in {413, 422}:
            raise _Refused(words)
        if status in {408, 424, 429} or status >= 500:
            raise _Busy(words, starting=status in {502, 503}, retry_after=_retry_after(response))
        if response.is_redirect:
            words = f"{status}: redirects to {response.headers['Location'][:200]}, which is not followed"
        advice = "check embedding.remote.url and embedding.remote.kind"
        if status in {401, 403}:
            advice = "give a valid token in PLOTSEEK_EMBEDDING_TOKEN"
        raise ModelUnavailable(f"{self._shown} refuses ({words}); {advice}")

    def _words(self, response: "httpx.Response") -> str:
        """The server's own words, in one short line and without the token."""
        text = " ".join(response.text[:2000].split())
        if self._endpoint.token:
            text = text.replace(self._endpoint.token, "***")
        return text[:200] or response.reason_phrase

    def _body(self, texts: Sequence[str]) -> bytes:
        match self._endpoint.kind:
            case "huggingface":
                body: dict[str, object] = {"inputs": texts, "params": {}}
            case "tei":
                body = {"inputs": texts, "truncate": True, "normalize": True}
            case "openai":
                body = {"model": self._endpoint.model, "input": texts}
        return json.dumps(body, ensure_ascii=False).encode()

    def _tell(self, busy: _Busy, limit: float) -> None:
        if busy.starting and not self._told:
            self._told = True
            self._notify(f"the endpoint is starting ({busy}); waiting up to {limit:g} s")

    def _given_up(self, busy: _Busy, waited: float, limit: float) -> ModelUnavailable:
        setting = "; raise embedding.remote.start_timeout or start it" if busy.starting else "; try again later"
        asks = f", asks for {busy.retry_after:g} s more" if busy.retry_after is not None else ""
        return ModelUnavailable(f"{self._shown}: {busy}; waited {waited:.0f} of {limit:g} s{asks}{setting}")


class ClientsInTurn:
    """Several endpoints of one model as one client: each request goes to the next of them."""

    def __init__(self, clients: Sequence[EndpointClient]) -> None:
        """Raises ModelMismatch if they do not give the same vectors, ModelUnavailable, ModelError."""
        self._clients = clients
        self._turns = itertools.cycle(clients)
        first, *others = [client.vectors(["hello world"]) for client in clients]
        for number, other in enumerate(others, 2):
            if smallest_cosine(first, other) < _SAME_MODEL:
                raise ModelMismatch(
                    f"embedding.remote.url: endpoint {number} answers with another model than the first"
                )

    def vectors(self, texts: Sequence[str], stop: Event | None = None) -> Vectors:
        """Embed one batch as `EndpointClient.vectors` does."""
        return next(self._turns).vectors(texts, stop)

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()


@dataclass(frozen=True, slots=True)
class RemoteEmbedder:
    """An endpoint as an `Embedder`. How many texts it cut is not known here: `truncated` is 0."""

    identity: ModelIdentity
    client: EndpointClient | ClientsInTurn
    in_flight: int

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        """Embed n texts with up to `in_flight` requests at a time. Raises ModelUnavailable, ModelError."""
        parts = list(batches([clean(text) for text in texts]))
        with ThreadPoolExecutor(self.in_flight) as pool:
            stop = Event()
            futures = [pool.submit(self.client.vectors, part, stop) for part in parts]
            try:
                found = [self._checked(future.result()) for future in futures]
            finally:  # after a failure or an interrupt, send nothing more and wait for nobody
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
        empty: Vectors = np.empty((0, self.identity.dimension), dtype=np.float32)
        return Embedded(np.concatenate([empty, *found]), truncated=0)

    def embed_query(self, text: str) -> Vector:
        """Embed one query. Raises ModelUnavailable, ModelError."""
        vector: Vector = self._checked(self.client.vectors([clean(text)]))[0]
        return vector

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed queries as documents are. Raises ModelUnavailable, ModelError."""
        return self.embed_documents(texts).vectors

    def _checked(self, vectors: Vectors) -> Vectors:
        if vectors.shape[1] != self.identity.dimension:
            raise ModelError(
                f"the endpoint answers {vectors.shape[1]} numbers a text, {self.identity.name} has"
                f" {self.identity.dimension}: another model answers"
            )
        return vectors


def open_remote(
    *,
    url: str | Sequence[str],
    kind: Kind,
    model: str,
    revision: str,
    max_tokens: int,
    dimension: int | None = None,
    token: str | None = None,
    timeout: float = 60.0,
    start_timeout: float = 600.0,
    patience: float = 120.0,
    in_flight: int = 4,
    notify: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] | None = None,
) -> RemoteEmbedder:
    """Open an endpoint, or several that share the work, `in_flight` requests each.

    `model`, `revision` and `max_tokens`, as configured, are what a catalog remembers. Without `dimension` one
    request finds it out. `notify` hears when the endpoint is starting.
    Raises ConfigError for an impossible URL, ModelUnavailable and ModelError as `EndpointClient.vectors` does,
    ModelMismatch where several are not the same.
    """
    secret = token.strip() if token else None
    urls = [url] if isinstance(url, str) else url
    clients = [
        EndpointClient(Endpoint(address, kind, model, secret, timeout, start_timeout, patience), notify, sleep)
        for address in urls
    ]
    try:
        client = clients[0] if len(clients) == 1 else ClientsInTurn(clients)
        if dimension is None:
            dimension = client.vectors(["hello world"]).shape[1]
    except PlotseekError:
        for opened in clients:
            opened.close()
        raise
    identity = ModelIdentity(model, revision, dimension, max_tokens)
    return RemoteEmbedder(identity, client, in_flight * len(clients))


def batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut into runs of at most `MOST_TEXTS` texts and `MOST_BYTES` of JSON; a longer text goes alone."""
    start, size = 0, 0
    for index, text in enumerate(texts):
        length = len(json.dumps(text, ensure_ascii=False).encode()) + 2
        if index > start and (index - start == MOST_TEXTS or size + length > MOST_BYTES):
            yield texts[start:index]
            start, size = index, 0
        size += length
    if start < len(texts):
        yield texts[start:]


def request_url(url: str, kind: Kind) -> str:
    """Complete the configured URL to where requests go. Raises ConfigError where it cannot be one."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"embedding.remote.url: {url!r} must begin with http:// or https:// and name a host")
    if parts.username or parts.password:
        raise ConfigError("embedding.remote.url: holds a password; give a token in PLOTSEEK_EMBEDDING_TOKEN instead")
    path = parts.path.rstrip("/")
    if kind == "tei" and not path.endswith("/embed"):
        path += "/embed"
    if kind == "openai" and not path.endswith("/embeddings"):
        path += "/embeddings" if path.endswith("/v1") else "/v1/embeddings"
    return urlunsplit(parts._replace(path=path, fragment=""))


def smallest_cosine(first: Vectors, second: Vectors) -> float:
    """The smallest cosine between two models' unit vectors of the same texts, shape (n, d) each; 1 for no texts.

    The same model in another precision or place gives over .999, another model of the same dimension about 0.
    """
    if first.shape != second.shape:
        return -1.0
    return float(np.einsum("nd,nd->n", first, second).min(initial=1.0))


def _http_client(endpoint: Endpoint) -> "httpx.Client":
    import httpx

    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "plotseek"}
    if endpoint.token:
        headers["Authorization"] = f"Bearer {endpoint.token}"
    timeout = httpx.Timeout(endpoint.timeout, connect=min(10.0, endpoint.timeout))
    # A redirect could carry the token and the texts to another host: none is followed.
    return httpx.Client(headers=headers, timeout=timeout, follow_redirects=False)


def _retry_after(response: "httpx.Response") -> float | None:
    """Seconds that the Retry-After header asks for (RFC 9110, 10.2.3): a number, or a date."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error is not None
