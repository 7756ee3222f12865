"""Embedding over HTTP: real servers for every way of speaking, and every way of failing."""

import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Event, Timer
from typing import Any

import numpy as np
import pytest

from catalog.arrays import Vectors
from catalog.config import EmbeddingConfig, RemoteConfig
from catalog.embedding.bert.local import open_local
from catalog.embedding.embedder import Embedder, smallest_cosine
from catalog.embedding.remote.embedder import MOST_BYTES, RemoteEmbedder, batches, open_remote
from catalog.embedding.remote.endpoint import Kind, request_url
from catalog.embedding.remote.exchange import retry_after
from catalog.embedding.remote.response import read_vectors
from catalog.embedding.remote.retries import Patience
from catalog.errors import ConfigError, EndpointAway, ModelError, ModelMismatch, ModelUnavailable, Stopped
from catalog.identity import ModelIdentity
from tests.support.endpoint_server import Failure, Rows, StandInEndpoint, Style, serve_endpoint

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[2] / "fixtures" / "jina-tiny"
RIGHT, OTHER = "hf_right", "hf_other"
TEXTS = [f"Film number {number}: a crew of {number} flies into the dark." for number in range(70)]


def toy(texts: Sequence[str]) -> Rows:
    """Vectors that can be computed in the head: length, number of spaces, 1."""
    return [[len(text), text.count(" "), 1.0] for text in texts]


def toy_vectors(texts: Sequence[str]) -> Vectors:
    return read_vectors(toy(texts), len(texts))


def settings(*urls: str, kind: Kind = "tei", model: str = "m", revision: str = "r", **remote: Any) -> EmbeddingConfig:
    return EmbeddingConfig(model=model, revision=revision, remote=RemoteConfig(urls, kind, **remote))


@contextmanager
def opened(
    endpoint: StandInEndpoint,
    kind: Kind = "huggingface",
    *,
    patience: Patience | None = None,
    pauses: list[float] | None = None,
    token: str | None = None,
    dimension: int | None = 3,
    notify: Callable[[str], None] = lambda _: None,
    **remote: Any,
) -> Iterator[RemoteEmbedder]:
    """An embedder on a served endpoint; pauses are noted in `pauses`, if given, and never waited for."""
    waiting = replace(patience or Patience(60), sleep=([] if pauses is None else pauses).append)
    with serve_endpoint(endpoint):
        asked = settings(endpoint.url, kind=kind, **remote)
        embedder = open_remote(asked, token, waiting, dimension=dimension, notify=notify)
        try:
            yield embedder
        finally:
            embedder.close()


@pytest.fixture(scope="module")
def local() -> Embedder:
    return open_local(TINY, "jina-tiny", "r", max_tokens=2048, precision="float32", device="cpu")


@pytest.mark.parametrize(
    ("style", "kind"),
    [
        ("huggingface", "huggingface"),
        ("sentence-embeddings", "huggingface"),
        ("tei", "tei"),
        ("openai", "openai"),
    ],
)
def test_every_kind_answers_as_the_local_model_does(style: Style, kind: Kind, local: Embedder) -> None:
    def embed(texts: list[str]) -> Rows:
        vectors: Rows = (3 * local.embed_documents(texts).vectors).tolist()  # not normalised, as the model's own
        return vectors

    endpoint = StandInEndpoint(style, embed)
    with opened(endpoint, kind, dimension=None, model="jina-tiny", revision="r") as remote:
        assert remote.identity == local.identity
        found = remote.embed_documents(TEXTS)
        expected = local.embed_documents(TEXTS).vectors
        assert found.vectors.dtype == np.float32
        assert np.abs(found.vectors - expected).max() < 1e-5
        assert np.abs(remote.embed_query("space ships") - local.embed_query("space ships")).max() < 1e-5
        assert smallest_cosine(found.vectors, expected) > 0.9999


def test_what_is_sent() -> None:
    bodies = {}
    kinds: list[tuple[Style, Kind]] = [("huggingface", "huggingface"), ("tei", "tei"), ("openai", "openai")]
    for style, kind in kinds:
        endpoint = StandInEndpoint(style, toy)
        with opened(endpoint, kind) as remote:
            remote.embed_query("u\u0308ber\x00 \u00e4")
        (bodies[kind],) = endpoint.bodies
    assert bodies == {
        "huggingface": {"inputs": ["über ä"], "params": {}},
        "tei": {"inputs": ["über ä"], "truncate": True, "normalize": True},
        "openai": {"model": "m", "input": ["über ä"]},
    }


def test_batches_keep_their_order_and_fly_together() -> None:
    endpoint = StandInEndpoint("tei", toy, delay=0.05)
    with opened(endpoint, "tei", in_flight=3) as remote:
        found = remote.embed_documents(TEXTS)
    assert np.array_equal(found.vectors, toy_vectors(TEXTS))
    assert found.truncated == 0
    assert sorted(endpoint.sizes) == [6, 32, 32]
    assert endpoint.together == 3


def test_nothing_to_embed() -> None:
    endpoint = StandInEndpoint("tei", toy)
    with opened(endpoint, "tei") as remote:
        assert remote.embed_documents([]).vectors.shape == (0, 3)
    assert endpoint.sizes == []


def test_batches_hold_32_texts_or_a_megabyte() -> None:
    assert [len(batch) for batch in batches(["a"] * 70)] == [32, 32, 6]
    assert [len(batch) for batch in batches(["é" * 200_000] * 5)] == [2, 2, 1]
    assert [len(batch) for batch in batches(["a", "b" * 2 * MOST_BYTES, "c"])] == [1, 1, 1]
    assert list(batches([])) == []


def test_a_request_stays_below_a_megabyte() -> None:
    endpoint = StandInEndpoint("tei", toy)
    with opened(endpoint, "tei") as remote:
        remote.embed_documents(['"' * 30_000] * 40)
    assert endpoint.most_bytes <= MOST_BYTES + 100
    assert sum(endpoint.sizes) == 40


@pytest.mark.parametrize("status", [413, 422])
def test_a_batch_too_large_is_halved_and_the_size_learned(status: int) -> None:
    endpoint = StandInEndpoint("tei", toy, most_texts=8, too_many=status)
    with opened(endpoint, "tei", in_flight=1) as remote:
        assert np.array_equal(remote.embed_documents(TEXTS[:32]).vectors, toy_vectors(TEXTS[:32]))
        assert endpoint.sizes == [32, 16, 8, 8, 8, 8]
        endpoint.sizes.clear()
        assert np.array_equal(remote.embed_documents(TEXTS[:32]).vectors, toy_vectors(TEXTS[:32]))
    assert endpoint.sizes == [8, 8, 8, 8]


def test_one_text_that_is_too_large_is_named() -> None:
    with opened(StandInEndpoint("tei", toy, most_texts=0), "tei") as remote, pytest.raises(ModelError) as caught:
        remote.embed_query("much")
    assert str(caught.value) == (
        "the endpoint refuses a text of 4 characters: 413: batch size 1 > maximum allowed batch size 0"
    )


def test_a_starting_endpoint_is_waited_for_aloud() -> None:
    said: list[str] = []
    pauses: list[float] = []
    failures = [Failure(503, "loading"), Failure(502), Failure(503, "loading")]
    endpoint = StandInEndpoint("huggingface", toy, failures=failures)
    with opened(endpoint, notify=said.append, pauses=pauses) as remote:
        assert np.array_equal(remote.embed_query("a b"), toy_vectors(["a b"])[0])
    assert said == ["the endpoint is starting (503: loading); waiting up to 60 s"]
    assert len(pauses) == 3
    for pause, least in zip(pauses, (0.5, 1.0, 2.0), strict=True):
        assert least <= pause <= least + 0.5


def test_an_endpoint_that_never_starts_is_given_up() -> None:
    pauses: list[float] = []
    endpoint = StandInEndpoint("huggingface", toy, failures=[Failure(503, "loading")] * 100)
    with opened(endpoint, patience=Patience(100), pauses=pauses) as remote, pytest.raises(EndpointAway) as caught:
        remote.embed_query("a")
    assert sum(pauses) <= 100
    assert str(caught.value) == (
        f"{endpoint.url}: 503: loading; waited {sum(pauses):.0f} s of 100;"
        " try again later, or raise embedding.remote.request_wait"
    )


def test_a_refused_connection_means_starting_too() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        said: list[str] = []
        patience = Patience(5, sleep=lambda _: None)
        remote = open_remote(settings(url), None, patience, dimension=3, notify=said.append)
        with pytest.raises(EndpointAway, match="connection refused; waited"):
            remote.embed_documents(TEXTS)
        remote.close()
    assert set(said) == {"the endpoint is starting (connection refused); waiting up to 5 s"}


def test_a_host_that_does_not_exist_fails_at_once() -> None:
    with pytest.raises(EndpointAway, match=r"is embedding\.remote\.url right\?"):
        open_remote(settings("http://no-such-host.invalid"), None, Patience(60))


def test_an_endpoint_that_does_not_speak_tls_is_wrong_for_good() -> None:
    with serve_endpoint(StandInEndpoint("tei", toy)) as endpoint, pytest.raises(ModelUnavailable) as caught:
        open_remote(settings(endpoint.url.replace("http:", "https:")), None, Patience(60))
    assert type(caught.value) is ModelUnavailable
    assert "is embedding.remote.url right?" in str(caught.value)


def test_retry_after_is_obeyed() -> None:
    pauses: list[float] = []
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    failures = [Failure(429, "slow down", {"Retry-After": "7"}), Failure(429, "", {"Retry-After": later})]
    with opened(StandInEndpoint("tei", toy, failures=failures), "tei", pauses=pauses) as remote:
        remote.embed_query("a")
    assert pauses[0] == 7
    assert 35 < pauses[1] <= 40


def test_a_retry_after_beyond_all_patience_is_said_at_once() -> None:
    failures = [Failure(429, "quota", {"Retry-After": "3600"})]
    pauses: list[float] = []
    endpoint = StandInEndpoint("tei", toy, failures=failures)
    with opened(endpoint, "tei", pauses=pauses) as remote, pytest.raises(ModelUnavailable) as caught:
        remote.embed_query("a")
    expected = (
        f"{endpoint.url}/embed: 429: quota, asks for 3600 s more; waited 0 s of 60;"
        " try again later, or raise embedding.remote.request_wait"
    )
    assert (str(caught.value), pauses) == (expected, [])


@pytest.mark.parametrize("asked", ["0", "Wed, 21 Oct 2015 07:28:00 GMT", "\u00b2", "soon", "", "-5"])
def test_between_two_attempts_is_half_a_second_whatever_a_server_asks(asked: str) -> None:
    pauses: list[float] = []
    failures = [Failure(429, "slow down", {"Retry-After": asked})] * 1000
    endpoint = StandInEndpoint("tei", toy, failures=failures)
    with opened(endpoint, "tei", patience=Patience(20), pauses=pauses) as remote, pytest.raises(EndpointAway):
        remote.embed_query("a")
    assert min(pauses) >= 0.5
    assert sum(pauses) <= 20
    assert len(endpoint.sizes) <= 41


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("9" * 400, math.inf),
        ("\u00b2", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        (None, None),
    ],
)
def test_what_a_retry_after_says(value: str | None, expected: float | None) -> None:
    assert retry_after(value) == expected


def test_a_run_waits_no_longer_than_its_own_patience_though_each_request_might() -> None:
    pauses: list[float] = []
    limited = [Failure(429, "slow down", {"Retry-After": "10"}), Failure(200, "[[1, 1, 1]]")] * 100
    endpoint = StandInEndpoint("tei", toy, failures=limited)
    patience = Patience(60, run=45)
    with (
        opened(endpoint, "tei", patience=patience, pauses=pauses, in_flight=1) as remote,
        pytest.raises(EndpointAway, match=r"waited 0 s, the run 40 of 45; .* raise embedding\.remote\.run_wait"),
    ):
        [remote.embed_query(text) for text in TEXTS]
    assert pauses == [10.0] * 4


@pytest.mark.parametrize("failures", [[Failure(503, "loading")] * 100, [], [Failure(200, drip=True)]])
def test_a_run_that_is_stopped_does_not_wait_for_the_endpoint(failures: list[Failure]) -> None:
    stop = Event()
    endpoint = StandInEndpoint("tei", toy, failures=failures, delay=0 if failures else 30)
    with serve_endpoint(endpoint):
        remote = open_remote(settings(endpoint.url), None, Patience(600, stop=stop.is_set), dimension=3)
        Timer(0.3, stop.set).start()
        with pytest.raises(Stopped, match="stopped as asked"):
            remote.embed_documents(TEXTS)
        remote.close()


def test_a_process_that_is_stopped_leaves_its_requests_behind() -> None:
    code = (
        # What is started in the background by a shell inherits that SIGINT is ignored.
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys\nfrom catalog.config import EmbeddingConfig, RemoteConfig\n"
        "from catalog.embedding.remote.embedder import open_remote\n"
        "from catalog.embedding.remote.retries import Patience\n"
        "remote = open_remote(EmbeddingConfig(remote=RemoteConfig((sys.argv[1],))), None, Patience(600), dimension=3)\n"
        "remote.embed_query('a')\n"
    )
    with serve_endpoint(StandInEndpoint("huggingface", toy, delay=30)) as endpoint:
        command = [sys.executable, "-c", code, endpoint.url]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            until = time.monotonic() + 120
            while not endpoint.sizes and time.monotonic() < until:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=25) != 0
            assert endpoint.answered == []


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_an_ingest_that_waits_for_its_endpoint_stops_when_asked(tmp_path: Path, sent: signal.Signals) -> None:
    films = tmp_path / "films.json"
    films.write_text('[{"id": "1", "title": "Alien", "plot": "A crew finds eggs."}]')
    with serve_endpoint(StandInEndpoint("tei", toy, delay=60)) as endpoint:
        environment = {
            **os.environ,
            "PLOTSEEK_STORE_PATH": str(tmp_path / "store"),
            "PLOTSEEK_EMBEDDING_PROVIDER": "remote",
            "PLOTSEEK_EMBEDDING_MODEL": "m",
            "PLOTSEEK_EMBEDDING_REMOTE_URL": endpoint.url,
            "PLOTSEEK_EMBEDDING_REMOTE_KIND": "tei",
        }
        command = [sys.executable, "-m", "ingest", "--file", str(films)]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            until = time.monotonic() + 50
            while not endpoint.sizes and time.monotonic() < until:
                time.sleep(0.02)
            process.send_signal(sent)
            _, said = process.communicate(timeout=50)
        assert endpoint.answered == []
    assert process.returncode == 128 + sent
    assert said.splitlines()[-1].startswith("ingest: stopped as asked while an endpoint was waited for")


@pytest.mark.parametrize("status", [0, 408, 424, 429, 500, 504])
def test_what_passes_is_tried_again(status: int) -> None:
    said: list[str] = []
    endpoint = StandInEndpoint("tei", toy, failures=[Failure(status)] * 2)
    with opened(endpoint, "tei", notify=said.append) as remote:
        assert np.array_equal(remote.embed_query("a b"), toy_vectors(["a b"])[0])
    assert len(endpoint.sizes) == 3
    assert said == []


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    endpoint = StandInEndpoint("tei", toy, delay=0.3)
    with (
        opened(endpoint, "tei", timeout=0.05, patience=Patience(0.1)) as remote,
        pytest.raises(EndpointAway, match=r"connection lost \(ReadTimeout\); waited 0 s of 0\.1; try again later"),
    ):
        remote.embed_query("a")


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_fails_at_once_with_the_servers_words(status: int) -> None:
    failures = [Failure(status, "no\n\n  thanks " + "x" * 500)]
    endpoint = StandInEndpoint("huggingface", toy, failures=failures)
    pauses: list[float] = []
    with opened(endpoint, pauses=pauses) as remote, pytest.raises(ModelUnavailable) as caught:
        remote.embed_query("a")
    asked = "give a valid token in PLOTSEEK_EMBEDDING_TOKEN"
    advice = asked if status in {401, 403} else "check embedding.remote.url and embedding.remote.kind"
    words = ("no thanks " + "x" * 500)[:200]
    assert str(caught.value) == f"{endpoint.url} refuses ({status}: {words}); {advice}"
    assert (pauses, len(endpoint.sizes)) == ([], 1)


def test_after_a_refusal_nothing_more_is_sent() -> None:
    endpoint = StandInEndpoint("tei", toy, token=RIGHT, delay=0.02)
    with opened(endpoint, "tei", in_flight=2) as remote, pytest.raises(ModelUnavailable):
        remote.embed_documents(TEXTS * 10)
    assert len(endpoint.sizes) < 8


def test_the_token_is_sent_and_never_shown() -> None:
    endpoint = StandInEndpoint("tei", toy, token=RIGHT)
    with opened(endpoint, "tei", token=f" {RIGHT}\n") as remote:
        remote.embed_query("a")
        endpoint.token = OTHER
        with pytest.raises(ModelUnavailable) as caught:
            remote.embed_query("a")
    assert "401: cannot accept Bearer ***" in str(caught.value)
    assert RIGHT not in str(caught.value)


def test_a_secret_in_the_url_is_never_shown() -> None:
    endpoint = StandInEndpoint("huggingface", toy, failures=[Failure(404)])
    with serve_endpoint(endpoint):
        url = f"{endpoint.url}?key=secret"
        with pytest.raises(ModelUnavailable) as caught:
            open_remote(settings(url, kind="huggingface"), None, Patience(60))
    assert "secret" not in str(caught.value)


def test_a_redirect_is_not_followed() -> None:
    failures = [Failure(307, "", {"Location": "http://elsewhere.invalid/"})]
    endpoint = StandInEndpoint("tei", toy, failures=failures)
    with opened(endpoint, "tei") as remote, pytest.raises(ModelUnavailable, match="redirects to http://elsewhere"):
        remote.embed_query("a")


def test_a_redirect_to_nowhere() -> None:
    endpoint = StandInEndpoint("tei", toy, failures=[Failure(307)])
    with opened(endpoint, "tei") as remote, pytest.raises(ModelUnavailable, match="307: redirects to nowhere, which"):
        remote.embed_query("a")


def test_a_body_that_cannot_be_unpacked() -> None:
    failures = [Failure(200, "[[1, 2, 3]]", {"Content-Encoding": "gzip"})]
    endpoint = StandInEndpoint("tei", toy, failures=failures)
    with (
        opened(endpoint, "tei") as remote,
        pytest.raises(ModelError, match="something that cannot be unpacked"),
    ):
        remote.embed_query("a")


@pytest.mark.parametrize(("status", "says"), [(200, "answers more than 64 MB"), (400, r"refuses \(400: 0 0 0")])
def test_an_endless_body_is_not_read_to_its_end(status: int, says: str) -> None:
    endpoint = StandInEndpoint("tei", toy, failures=[Failure(status, "0 " * 500_000, endless=True)])
    with opened(endpoint, "tei") as remote, pytest.raises((ModelError, ModelUnavailable), match=says):
        remote.embed_query("a")


def test_a_body_that_drips_is_given_up() -> None:
    endpoint = StandInEndpoint("tei", toy, failures=[Failure(200, drip=True)] * 9)
    with (
        opened(endpoint, "tei", patience=Patience(4), timeout=1) as remote,
        pytest.raises(EndpointAway, match=r"its answer is not complete after 1 s; waited "),
    ):
        remote.embed_query("a")


def test_headers_that_drip_are_given_up() -> None:
    endpoint = StandInEndpoint("tei", toy, failures=[Failure(200, "X", drip_headers=True)] * 9)
    with (
        opened(endpoint, "tei", patience=Patience(0.4), timeout=0.2) as remote,
        pytest.raises(EndpointAway, match=r"its answer has not begun after 0\.4 s; waited 0 s of 0\.4"),
    ):
        remote.embed_query("a")


def test_a_refusal_that_drips_is_not_waited_for() -> None:
    endpoint = StandInEndpoint("tei", toy, failures=[Failure(403, drip=True)])
    with (
        opened(endpoint, "tei", timeout=0.2) as remote,
        pytest.raises(ModelUnavailable, match=r"refuses \(403: \[{1,100}\); give a valid token"),
    ):
        remote.embed_query("a")


def test_another_dimension_is_another_model() -> None:
    with opened(StandInEndpoint("tei", toy), "tei", dimension=768) as remote, pytest.raises(ModelError) as caught:
        remote.embed_query("a")
    assert str(caught.value) == "the endpoint answers 3 numbers a text, m has 768: another model answers"


def test_a_changing_dimension_is_refused() -> None:
    def embed(texts: list[str]) -> Rows:
        return [[1.0] * (3 if text in TEXTS[:8] else 4) for text in texts]

    endpoint = StandInEndpoint("tei", embed, most_texts=8)
    with opened(endpoint, "tei") as remote, pytest.raises(ModelError, match="now 3, now 4 numbers a text"):
        remote.embed_documents(TEXTS[:16])


WRONG: list[tuple[str, Callable[[Rows], object], str]] = [
    ("count", lambda rows: rows[:-1], "answers 1 vectors to 2 texts"),
    ("tokens", lambda rows: [[row, row] for row in rows], "a vector for each token instead of each text"),
    ("ragged tokens", lambda rows: [[rows[0]], [*rows]], "a vector for each token instead of each text"),
    ("ragged", lambda rows: [rows[0], rows[1][:2]], "something other than one list of numbers"),
    ("flat", lambda _: [1.0, 2.0], "something other than one list of numbers"),
    ("empty rows", lambda _: [[], []], "something other than one list of numbers"),
    ("words", lambda _: [["a", "b"], ["c", "d"]], "something other than one list of numbers"),
    ("null", lambda _: [[1.0, None], [1.0, 2.0]], "something other than one list of numbers"),
    ("NaN", lambda _: [[1.0, float("nan")], [1.0, 2.0]], "NaN or infinity"),
    ("infinity", lambda _: [[1.0, float("inf")], [1.0, 2.0]], "NaN or infinity"),
    ("zeros", lambda _: [[0.0, 0.0], [1.0, 2.0]], "a vector of zeros"),
    ("error", lambda _: {"error": "out of memory"}, "answers an error: out of memory"),
    ("other", lambda _: {"result": 1}, r"does embedding\.remote\.kind fit"),
    ("text", lambda _: "ok", r"does embedding\.remote\.kind fit"),
    ("no index", lambda rows: {"data": [{"embedding": row} for row in rows]}, "without index or embedding"),
    ("indices", lambda rows: {"data": [{"index": 1, "embedding": row} for row in rows]}, "do not count from 0"),
]


@pytest.mark.parametrize(("answer", "says"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_answer_is_refused(answer: Callable[[Rows], object], says: str) -> None:
    with opened(StandInEndpoint("tei", toy, answer=answer), "tei") as remote, pytest.raises(ModelError, match=says):
        remote.embed_documents(["a b", "c"])


@pytest.mark.parametrize("body", ["<html>", "", "[" * 100_000])
def test_what_is_not_json_is_refused(body: str) -> None:
    endpoint = StandInEndpoint("tei", toy, failures=[Failure(200, body)])
    with opened(endpoint, "tei") as remote, pytest.raises(ModelError, match="something that is not JSON"):
        remote.embed_query("a")


@pytest.mark.parametrize("depth", [10, 100, 900, 960, 980, 990, 2000])
def test_lists_nested_deeply_are_refused(depth: int) -> None:
    endpoint = StandInEndpoint("tei", toy, failures=[Failure(200, "[" * depth + "1" + "]" * depth)])
    with opened(endpoint, "tei") as remote, pytest.raises(ModelError):
        remote.embed_query("a")


@pytest.mark.parametrize("scale", [1, 0.5, 1e200, 1e-200])
def test_vectors_have_length_1(scale: float) -> None:
    assert read_vectors([[3 * scale, 4 * scale]], 1).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]


@pytest.mark.parametrize(
    ("url", "kind", "expected"),
    [
        ("https://x.example/", "huggingface", "https://x.example"),
        ("https://x.example/model?a=b#c", "huggingface", "https://x.example/model?a=b"),
        ("http://127.0.0.1:80", "tei", "http://127.0.0.1:80/embed"),
        ("http://x/embed/", "tei", "http://x/embed"),
        ("https://x", "openai", "https://x/v1/embeddings"),
        ("https://x/v1", "openai", "https://x/v1/embeddings"),
        ("https://x/api/v1/embeddings", "openai", "https://x/api/v1/embeddings"),
    ],
)
def test_where_requests_go(url: str, kind: Kind, expected: str) -> None:
    assert request_url(url, kind) == expected


@pytest.mark.parametrize("url", ["ftp://x", "file:///etc/passwd", "x.example", "", "http://", "http://me:pw@x"])
def test_an_impossible_url(url: str) -> None:
    with pytest.raises(ConfigError, match=r"embedding\.remote\.url") as caught:
        request_url(url, "tei")
    assert "pw" not in str(caught.value)


def test_the_identity_knows_no_url() -> None:
    with opened(StandInEndpoint("tei", toy), "tei", dimension=None, model="a/b", revision="r1") as remote:
        assert remote.identity == ModelIdentity("a/b", "r1", 3, 2048)


def test_models_are_told_apart(local: Embedder) -> None:
    def other(texts: list[str]) -> Rows:
        return [[1.0, *[0.0] * 47] if "1" in text else [0.0] * 47 + [1.0] for text in texts]

    here = local.embed_documents(TEXTS[:4]).vectors
    with opened(StandInEndpoint("tei", other), "tei", dimension=None) as remote:
        assert smallest_cosine(remote.embed_documents(TEXTS[:4]).vectors, here) < 0.9
    assert smallest_cosine(here, here[:, :3]) == -1.0
    assert smallest_cosine(here[:0], here[:0]) == 1.0


def test_several_endpoints_share_the_work() -> None:
    endpoints = [StandInEndpoint("tei", toy) for _ in range(3)]
    with ExitStack() as stack:
        for endpoint in endpoints:
            stack.enter_context(serve_endpoint(endpoint))
        urls = [endpoint.url for endpoint in endpoints]
        remote = open_remote(settings(*urls, in_flight=2), None, Patience(60))
        stack.callback(remote.close)
        assert remote.patience.in_flight == 6
        texts = [f"text {number}" for number in range(32 * 6)]
        assert np.array_equal(remote.embed_documents(texts).vectors, toy_vectors(texts))
    assert [endpoint.sizes for endpoint in endpoints] == [[1, 32, 32]] * 3


def test_endpoints_of_different_models_are_refused() -> None:
    first, other = StandInEndpoint("tei", toy), StandInEndpoint("tei", lambda texts: [[0.0, 1.0, 0.0] for _ in texts])
    with serve_endpoint(first), serve_endpoint(other), pytest.raises(ModelMismatch, match="url: endpoint 2 answers wi"):
        open_remote(settings(first.url, other.url), None, Patience(60))
