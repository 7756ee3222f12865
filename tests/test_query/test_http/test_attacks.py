"""Requests that want to hurt: each is refused or answered as what it is, nothing leaks, and the service stays up."""

import asyncio
import json
import logging
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn

from catalog.config import load_config
from catalog.errors import CatalogDamaged, MovieNotFound
from query.http.app import create_app
from query.http.auth import Authenticator, Role, make_key
from query.http.connections import BoundedProtocol, ConnectionLimit, limited_to
from query.http.middleware import Receive, RequestMiddleware, Scope, Send
from query.problems import problem_of
from tests.support.service import service, serving, settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(seed_store: Path) -> Iterator[str]:
    with service(seed_store) as address:
        yield address


def connected(url: str) -> socket.socket:
    where = urlsplit(url)
    return socket.create_connection((where.hostname or "", where.port or 0), timeout=20)


def received(client: socket.socket) -> bytes:
    """Everything until the other side closes."""
    parts: list[bytes] = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


def exchanged(url: str, request: bytes) -> tuple[int, bytes]:
    """The status and the whole answer to these bytes."""
    with connected(url) as client:
        client.sendall(request)
        answer = received(client)
    return int(answer.split(b" ", 2)[1]), answer


def asked(url: str, target: bytes, *headers: bytes, method: bytes = b"GET") -> tuple[int, bytes]:
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *headers, b"", b""]
    return exchanged(url, b"\r\n".join(lines))


def posted(url: str, path: bytes, body: bytes, *headers: bytes) -> tuple[int, bytes]:
    length = b"Content-Length: %d" % len(body)
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: localhost", b"Connection: close", length, *headers, b"", body]
    return exchanged(url, b"\r\n".join(lines))


def assert_nothing_leaks(url: str, answer: bytes, store: Path) -> None:
    for secret in (b"Traceback", b"site-packages", b".py", b"root:", str(store).encode()):
        assert secret not in answer
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/search?q=%ff%fe&limit=1", 200),
        (b"/search?q=a%00b&limit=1", 200),
        (b"/search?q=%ed%a0%80&limit=1", 200),
        (b"/search?q=ship%0d%0aX-Evil:%201&limit=1", 200),
        (b"/search?q=ship&limit=1&" + b"a=1&" * 3000, 400),
        (b"/search?q=ship&" + b"exclude=1&" * 101, 422),
        (b"/search?q=ship&" + b"a=1&" * 5000, 413),
        (b"/search?q=ship&popularity=nan", 422),
        (b"/search?q=ship&diversity=inf", 422),
        (b"/search?q=ship&limit=" + b"9" * 5000, 422),
        (b"/search?q=ship&offset=-1", 422),
        (b"/search?q=ship&filter=title:%ed%a0%80", 200),
        (b"/search;jsessionid=1?q=ship", 404),
        (b"/movies/%00", 404),
        (b"/movies/%ed%a0%80", 404),
        (b"/movies/%ff", 404),
        (b"/movies/..%2f..%2fetc%2fpasswd", 404),
        (b"/movies/" + b"a/" * 5000, 404),
        (b"/static/..%2f..%2fquery%2fserver.py", 404),
        (b"/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd", 404),
        (b"/static/..%5c..%5cserver.py", 404),
        (b"/static//etc/passwd", 404),
        (b"/static/%00", 404),
        (b"/static/" + b"a" * 5000, 404),
        (b"/..%2fadmin%2fingest", 404),
        (b"/%61dmin/ingest", 401),
        (b"/admin%2fingest", 401),
        (b"/admin/./ingest", 401),
        (b"/healthz/../admin/ingest", 404),
        (b"/static/../admin/ingest", 404),
        (b"/.git/config", 404),
        (b"/docs/", 404),
        (b"/redoc", 404),
    ],
)
def test_odd_addresses(url: str, seed_store: Path, target: bytes, status: int) -> None:
    found, answer = asked(url, target)
    assert (found, answer[:200]) == (status, answer[:200])
    assert b"\r\nX-Evil" not in answer
    assert_nothing_leaks(url, answer, seed_store)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"text": "ship", "popularity": NaN}', 422),
        (b'{"text": "ship", "diversity": Infinity}', 422),
        (b'{"text": "ship", "min_confidence": -Infinity}', 422),
        (b'{"text": "ship", "offset": 1e400}', 422),
        (b'{"text": "ship", "offset": ' + b"9" * 5000 + b"}", 400),
        (b'{"text": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, 400),
        (b"[" * 400 + b"]" * 400, 422),
        *((b'{"a":' * depth + b"1" + b"}" * depth, 400) for depth in range(860, 980, 6)),
        (b"{" + b",".join(b'"k%d": 1' % number for number in range(15_000)) + b"}", 400),
        (b'{"' + b"k" * 200_000 + b'": 1}', 400),
        (b"[" + b",".join([b'{"text": "ship"}'] * 51) + b"]", 422),
        (b"\xff\xfe{", 400),
        (b"null", 422),
        (b'"ship"', 422),
        (b"", 422),
        (b'{"likes": ["\\ud800"]}', 404),
        (b'{"likes": ["\\u0000"]}', 404),
        (b'{"text": "ship", "dislikes": ["\\ud800", "\\u0000"]}', 200),
        (b'{"text": "ship", "exclude": ["\\u0000"]}', 200),
        (b'{"text": "ship", "text": "soap"}', 400),
    ],
)
def test_odd_bodies(url: str, seed_store: Path, body: bytes, status: int) -> None:
    found, answer = posted(url, b"/search", body, b"Content-Type: application/json")
    assert (found, len(answer) < 10_000) == (status, True)
    assert_nothing_leaks(url, answer, seed_store)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([b"Content-Length: 999999999999"], 413),
        ([b"Content-Length: " + b"9" * 400], 400),
        ([b"Content-Length: +5"], 400),
        ([b"Content-Length: 0x10"], 400),
        ([b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"], 400),
        ([b"Transfer-Encoding: gzip, chunked"], 400),
        ([b"Content Length: 5"], 400),
        ([b"X: \x00"], 400),
        ([b"X: a\rb"], 400),
        ([b": empty"], 400),
    ],
)
def test_odd_lengths_and_headers(url: str, seed_store: Path, headers: list[bytes], status: int) -> None:
    lines = [b"POST /search HTTP/1.1", b"Host: localhost", b"Connection: close", *headers, b"", b""]
    found, answer = exchanged(url, b"\r\n".join(lines))
    assert found == status
    assert_nothing_leaks(url, answer, seed_store)


def test_endless_chunks_are_counted_and_the_connection_is_closed(url: str) -> None:
    chunk = b"2710\r\n" + b" " * 10_000 + b"\r\n"
    head = b"POST /search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connected(url) as client:
        client.sendall(head + chunk * 30)
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")
    assert httpx.get(f"{url}/healthz").status_code == 200


@pytest.mark.parametrize("method", [b"OPTIONS", b"TRACE", b"CONNECT", b"PUT", b"PATCH", b"DELETE", b"QUERY"])
def test_other_methods_are_told_which_there_are(url: str, method: bytes) -> None:
    status, answer = asked(url, b"/search?q=ship", method=method)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert (status, b"allow: GET, POST" in head) == (405, True)
    assert body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([b"Host: evil.example"], 403),
        ([b"Host: localhost@evil.example"], 403),
        ([b"Host: localhost.evil.example"], 403),
        ([b"Host: evil.example:80#localhost"], 403),
        ([b"Host: "], 403),
        ([b"Host: localhost", b"Host: localhost"], 400),
        ([b"Host: localhost", b"X-Forwarded-Host: evil.example", b"Forwarded: host=evil.example"], 200),
        ([b"Host: localhost", b"Origin: https://evil.example"], 403),
        ([b"Host: localhost", b"Origin: http://localhost.evil.example"], 403),
        ([b"Host: localhost", b"X-Original-URL: /admin/ingest", b"X-Rewrite-URL: /admin/ingest"], 200),
        ([b"Host: localhost", b"X-HTTP-Method-Override: DELETE"], 200),
        ([b"Host: localhost", b"Range: bytes=0-1"], 200),
        ([b"Host: localhost", b"If-None-Match: " + b"W/" * 5000], 200),
        ([b"Host: localhost", b"Accept-Encoding: gzip;q=99,\xff"], 200),
        ([b"Host: localhost", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"], 200),
        ([b"Host: localhost", *[b"X-%d: 1" % number for number in range(5000)]], 413),
    ],
)
def test_header_tricks(url: str, seed_store: Path, headers: list[bytes], status: int) -> None:
    lines = [b"GET /search?q=soap&limit=1 HTTP/1.1", b"Connection: close", *headers, b"", b""]
    found, answer = exchanged(url, b"\r\n".join(lines))
    assert (found, answer[:300]) == (status, answer[:300])
    assert_nothing_leaks(url, answer, seed_store)


def test_a_key_counts_in_its_headers_only(seed_store: Path, tmp_path: Path) -> None:
    key = make_key(tmp_path / "keys", "website", Role.READ)
    with service(seed_store, keys_file=tmp_path / "keys", require_key="always") as url:
        for headers in (
            {"Cookie": f"key={key}"},
            {"X-Key": key},
            {"Proxy-Authorization": f"Bearer {key}"},
            {"Authorization": key},
            {"Authorization": f"Basic {key}"},
            {"Authorization": f"Bearer {key[:-1]}"},
            {"Authorization": f"Bearer {key}x"},
            {"Authorization": f"Bearer {key.upper()}"},
            {"Authorization": "Bearer " + "x" * 20_000},
        ):
            refused = httpx.get(f"{url}/search?q=ship", headers=headers)
            assert (refused.status_code, key in refused.text) == (401, False)
        assert httpx.get(f"{url}/search?q=ship", headers={"Authorization": f"bearer   {key}"}).status_code == 200


def test_no_line_of_the_log_is_an_attackers(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for target in (b"/search?q=secret%0d%0a2026-01-01%20forged", b"/x%0a2026-01-01%20forged", b"/%1b[31mforged"):
            asked(url, target)
        asked(url, b"/healthz", method=b"FORGED")
        posted(url, b"/search", b'{"text": "secret plans"}', b"Content-Type: application/json", b"User-Agent: forged")
        for method, target in ((b"PUT", b"/movies"), (b"DELETE", b"/movies/secret"), (b"GET", b"/changes/1")):
            asked(url, target, method=method)
        asked(url, b"/movies", method=b"PATCH")
        asked(url, b"/secret", method=b"PUT")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("plotseek")]
    assert [line.rsplit(" ", 2)[0] for line in lines] == [
        "GET /search 200",
        "GET other 404",
        "GET other 404",
        "FORGED /healthz 405",
        "POST /search 200",
        "PUT /movies 401",
        "DELETE /movies/{name:path} 401",
        "GET /changes/{number} 401",
        "PATCH /movies 401",
        "PUT other 404",
    ]


def test_questions_are_logged_where_that_was_asked_for(seed_store: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), service(seed_store, log_queries=True) as url:
        httpx.post(f"{url}/search", json={"text": "a\nship", "filter": "year>1990"})
    lines = [record.getMessage() for record in caplog.records if record.name == "plotseek.questions"]
    assert lines == ['asked {"text": "a\\nship", "filter": "year>1990"}']


class Impatient(BoundedProtocol):
    """One in a hurry."""

    request_seconds = 0.5
    answer_seconds = 0.5


@pytest.fixture
def hasty(seed_store: Path) -> Iterator[str]:
    """A service that waits half a second for requests, and as long for its answers to be fetched."""
    config = settings(seed_store)
    with serving(create_app(config), config, limited_to(1000, Impatient)) as url:
        yield url


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /healthz HT",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /heal",
        b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n" + b" " * 1000,
    ],
)
def test_headers_drop_by_drop_are_given_up(hasty: str, begun: bytes) -> None:
    """Each byte comes in time; the request never comes to an end."""
    with connected(hasty) as client:
        client.settimeout(0.1)
        client.sendall(begun)
        for _ in range(100):
            try:
                client.sendall(b"a")
                if client.recv(65536) == b"":
                    break
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        else:
            pytest.fail("the connection stayed open for ten seconds")
    assert httpx.get(f"{hasty}/healthz").status_code == 200


def test_an_answer_that_nobody_fetches_is_given_up(hasty: str) -> None:
    with connected(hasty) as client:
        # No smaller: through 2 kB the megabytes that the kernel still holds at the end take minutes.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        # Its answers are more than all buffers between the two hold: 60 bytes ask for 30,000.
        client.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500)
        time.sleep(2)
        try:
            fetched = len(received(client))
        except ConnectionResetError:
            fetched = 0
    assert fetched < 500 * len(httpx.get(f"{hasty}/openapi.json").content)
    assert httpx.get(f"{hasty}/healthz").status_code == 200


class Skipping(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward."""

    skipped = 0.0

    def time(self) -> float:
        return super().time() + self.skipped


class Calm(BoundedProtocol):
    """One that waits for requests."""

    request_seconds = 1000.0


class Wire(asyncio.Transport):
    """A transport in which so many bytes lie."""

    lying, aborted = 0, False

    def get_write_buffer_size(self) -> int:
        return self.lying

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def test_each_answer_may_take_its_whole_time_to_be_fetched() -> None:
    """The rest of the one before was fetched, and nobody was told: less than the transport speaks of lay there."""

    async def play() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Skipping)

        async def skip(seconds: float) -> bool:
            loop.skipped += seconds
            await asyncio.sleep(0.01)
            return wire.aborted

        wire, config = (
            Wire(),
            uvicorn.Config(create_app(load_config(None, {})), timeout_keep_alive=1000, log_config=None),
        )
        config.load()
        protocol = Calm(config, uvicorn.server.ServerState(), {}, limit=ConnectionLimit(1))
        protocol.connection_made(wire)
        wire.lying = 5000
        protocol.on_response_complete()
        wire.lying = 0
        assert not await skip(50)
        wire.lying = 70_000
        protocol.pause_writing()
        assert not await skip(50)
        assert await skip(10)
        protocol.connection_lost(None)

    with asyncio.Runner(loop_factory=Skipping) as runner:
        runner.run(play())


def test_a_client_that_takes_its_time_between_requests_is_served(hasty: str) -> None:
    with connected(hasty) as client:
        for _ in range(3):
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(65536).endswith(b'{"status":"ok"}')
            time.sleep(1)


def test_many_connections_at_once(url: str, seed_store: Path) -> None:
    """Hundreds that say nothing, and beside them some that ask."""
    silent = [connected(url) for _ in range(300)]

    def ask(number: int) -> int:
        return httpx.get(f"{url}/search", params={"q": f"soap {number}"}, timeout=20).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(48))) == {200}
    for client in silent:
        client.close()
    assert_nothing_leaks(url, b"", seed_store)


def test_where_there_is_no_room_idle_connections_make_some(seed_store: Path) -> None:
    """The oldest one of whoever has most; nobody else loses any."""
    config = settings(seed_store)
    with serving(create_app(config), config, limited_to(10)) as url, ExitStack() as stack:
        where = urlsplit(url)
        address = where.hostname, where.port
        kept = stack.enter_context(socket.create_connection(address, source_address=("127.0.0.2", 0)))
        begun = stack.enter_context(connected(url))
        begun.sendall(b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n\r\n")
        silent = [stack.enter_context(connected(url)) for _ in range(20)]
        for _ in range(5):
            assert httpx.get(f"{url}/healthz").status_code == 200
        silent[0].settimeout(10)
        with suppress(ConnectionResetError):
            assert silent[0].recv(1) == b""
        asking = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for client, request in ((kept, asking), (begun, b'{"text": "ship"}')):
            client.settimeout(10)
            client.sendall(request)
            assert client.recv(65536).startswith(b"HTTP/1.1 ")


class Brief(RequestMiddleware):
    """One whose streams end soon."""

    stream_seconds = 0.2


@pytest.mark.parametrize(("begun", "status"), [(True, 200), (False, 504)])
def test_a_stream_that_nothing_comes_through_ends(seed_store: Path, begun: bool, status: int) -> None:
    async def silent(scope: Scope, _: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(60)

    config = settings(seed_store, deadline=0.2)
    with serving(Brief(silent, Authenticator(config.server), config.server), config) as url:
        assert asked(url, b"/stream")[0] == status


def test_the_crowd_of_one_client_leaves_room_for_others(seed_store: Path) -> None:
    with service(seed_store, parallel=3) as url, ExitStack() as stack:
        where = urlsplit(url)
        crowd = [
            stack.enter_context(socket.create_connection((where.hostname, where.port), timeout=5)) for _ in range(8)
        ]
        for client in crowd:
            # Requests whose bodies never come.
            client.sendall(
                b"POST /search HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 9\r\n\r\n{"
            )
        refused = [client.recv(65536) for client in crowd[3:]]
        assert {answer[:13] for answer in refused} == {b"HTTP/1.1 429 "}
        elsewhere = {"X-Forwarded-For": "192.0.2.1"}
        assert httpx.get(f"{url}/search?q=ship", headers=elsewhere).status_code == 429
        assert httpx.get(f"{url}/healthz", headers=elsewhere).status_code == 200
        assert httpx.get(f"{url}/readyz", headers=elsewhere).status_code == 200
        assert httpx.get(f"{url}/search?q=ship").status_code == 200


def test_this_machine_may_ask_as_much_at_a_time_as_it_likes(seed_store: Path) -> None:
    with service(seed_store, parallel=1) as url, connected(url) as begun:
        begun.sendall(b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        assert httpx.get(f"{url}/search?q=ship").status_code == 200


def test_a_fault_shows_nothing_of_itself(tmp_path: Path, seed_store: Path) -> None:
    """What is not one of our errors is a 500 without a word about the inside."""
    config = settings(seed_store)
    app = create_app(config)

    async def broken() -> None:
        raise RuntimeError(f"secret {tmp_path}")

    app.add_api_route("/broken", broken)
    with serving(app, config) as url:
        answer = httpx.get(f"{url}/broken")
    assert (answer.status_code, answer.json()["detail"]) == (500, "a fault of the service; its log says more")
    assert "secret" not in answer.text


def test_messages_repeat_what_was_asked_and_hide_where_the_catalog_lies(tmp_path: Path) -> None:
    """A catalog in `data`: the folder's name stands in many questions too."""
    assert problem_of(MovieNotFound("no film has the title 'data'"), "data").detail == "no film has the title 'data'"
    damaged = problem_of(CatalogDamaged("data/CURRENT: the database in data: is broken"), "data")
    assert damaged.detail == "catalog/CURRENT: the database in catalog: is broken"
    root = str(tmp_path)
    assert problem_of(CatalogDamaged(f"{root}: is broken"), root).detail == "catalog: is broken"
    assert json.loads(damaged.body())["status"] == 503
