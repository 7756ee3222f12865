"""HTTP itself: methods, lengths, connections, what a client has already, and for whom a proxy asks."""

import gzip
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from catalog.config import ServerConfig
from catalog.errors import AccessDenied, ConfigError, StoreError, TooManyRequests
from query.http.auth import Authenticator, Role, make_key
from query.http.limits import network_of
from tests.support.service import service
from tests.test_query.test_http.test_attacks import connected, exchanged, received

pytestmark = pytest.mark.slow

CLOSE = b"Connection: close\r\n\r\n"
HERE = "127.0.0.1"
POST, JSON = b"POST /search HTTP/1.1", b"Content-Type: application/json"


@pytest.fixture(scope="module")
def url(seed_store: Path) -> Iterator[str]:
    with service(seed_store) as address:
        yield address


def head(*lines: bytes) -> bytes:
    return b"\r\n".join([*lines, b"Host: localhost", b"", b""])


@pytest.mark.parametrize("path", ["/search?q=ship", "/movies/1", "/suggest?q=s", "/healthz", "/openapi.json", "/none"])
def test_head_is_get_without_a_body(url: str, path: str) -> None:
    got, only_head = httpx.get(f"{url}{path}"), httpx.head(f"{url}{path}")
    if "took_ms" in got.text:  # which is not always as long
        got.headers["content-length"] = only_head.headers["content-length"]
    assert (only_head.status_code, only_head.content) == (got.status_code, b"")
    assert {**only_head.headers, "date": ""} == {**got.headers, "date": ""}


def test_a_body_of_two_lengths_is_refused_and_what_follows_is_not_read(url: str) -> None:
    """By Content-Length the second request is a part of the first one, by Transfer-Encoding it is not."""
    hidden = head(b"GET /movies/1 HTTP/1.1")
    body = b"0\r\n\r\n" + hidden
    lengths = b"Content-Length: %d" % len(body)
    status, answer = exchanged(url, head(b"POST /search HTTP/1.1", b"Transfer-Encoding: chunked", lengths) + body)
    assert (status, answer.count(b"HTTP/1.1 ")) == (400, 1)
    assert b"a body has one length" in answer


@pytest.mark.parametrize("coding", ["gzip", "identity", "br, gzip"])
def test_packed_bodies_are_not_unpacked(url: str, coding: str) -> None:
    bomb = gzip.compress(b"[" * 10_000_000)
    answer = httpx.post(f"{url}/search", content=bomb, headers={"Content-Encoding": coding})
    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        "bodies are read as they come; send this one without Content-Encoding",
    )


def test_requests_one_behind_the_other_are_answered_in_order(url: str) -> None:
    asked = [head(b"GET /movies/%d HTTP/1.1" % number) for number in (1, 5, 99, 1)]
    with connected(url) as client:
        client.sendall(b"".join(asked) + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + CLOSE)
        answer = received(client)
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"404", b"200", b"200"]
    assert (
        answer.index(b"Star Trek") < answer.index(b"Ghostbusters") < answer.index(b"no film has the id or title '99'")
    )


@pytest.mark.parametrize("line", [b"GET /healthz HTTP/1.0", b"GET /healthz HTTP/1.0\r\nConnection: keep-alive"])
def test_clients_of_the_first_version_are_answered_once(url: str, line: bytes) -> None:
    with connected(url) as client:
        client.sendall(line + b"\r\n\r\n")
        answer = received(client)
    assert answer.endswith(b'{"status":"ok"}')
    assert b"transfer-encoding" not in answer.lower()


def test_who_waits_to_be_told_to_go_on_is_told(url: str) -> None:
    with connected(url) as client:
        client.sendall(head(POST, JSON, b"Expect: 100-continue", b"Content-Length: 16"))
        assert client.recv(65536).startswith(b"HTTP/1.1 100 ")
        client.sendall(b'{"text": "ship"}')
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("asked", ["q=ship&q=soap", "q=ship&q=ship", "like=5&q=a&q=b"])
def test_a_parameter_is_said_once(url: str, asked: str) -> None:
    """Of two, programs on the way may take either."""
    refused = httpx.get(f"{url}/search?{asked}&limit=1")
    assert (refused.status_code, refused.json()["detail"]) == (400, "'q' is said 2 times; say it once")
    assert httpx.get(f"{url}/search?q=a&like=5&like=3&exclude=1&exclude=2&limit=1").status_code == 200


@pytest.mark.parametrize(
    ("body", "name"), [('{"q": "rat", "q": "ship"}', "q"), ('[{"q": "a"}, {"ratings": {"5": 9, "5": 1}}]', "5")]
)
def test_a_key_of_a_body_is_said_once(url: str, body: str, name: str) -> None:
    refused = httpx.post(f"{url}/search", content=body, headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["detail"]) == (400, f"{name!r} is said 2 times; say it once")


@pytest.mark.parametrize("known", ["{tag}", '"other", {tag}', "{strong}", '{tag}, W/"x"', '{strong} ,"'])
def test_what_a_client_has_already_is_not_sent_again(url: str, known: str) -> None:
    tag = httpx.get(f"{url}/movies/1").headers["etag"]
    sent = known.format(tag=tag, strong=tag.removeprefix("W/"))
    again = httpx.get(f"{url}/movies/1", headers={"If-None-Match": sent})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["x-catalog-generation"] == "1"


@pytest.mark.parametrize("known", ['W/""', "W/", '"', "*", "", "x" * 20_000, "1-"])
def test_what_a_client_only_claims_to_have_is_sent(url: str, known: str) -> None:
    with connected(url) as client:
        client.sendall(
            b"GET /movies/5 HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: " + known.encode() + b"\r\n" + CLOSE
        )
        answer = received(client)
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("unix:", "unix:"),
    ],
)
def test_whom_an_address_stands_for(client: str, network: str) -> None:
    assert network_of(client) == network


def test_a_client_with_many_addresses_is_one_client() -> None:
    authenticator = Authenticator(replace(ServerConfig(), rate_limit=0.001, burst=2))
    for last in (1, 2):
        authenticator.authorize("/search", HERE, f"2001:db8::{last}", {})
    with pytest.raises(TooManyRequests):
        authenticator.authorize("/search", HERE, "2001:db8::3", {})
    authenticator.authorize("/search", HERE, "2001:db8:0:1::3", {})


def test_a_proxy_says_for_whom_it_asks_and_nobody_else_may(seed_store: Path) -> None:
    def statuses(*proxies: str) -> list[int]:
        clients = ["10.0.0.1", "10.0.0.1", "6.6.6.6, 10.0.0.1", "10.0.0.2, 127.0.0.1"]
        with service(seed_store, rate_limit=0.001, burst=2, proxies=proxies) as url:
            return [httpx.get(f"{url}/healthz", headers={"X-Forwarded-For": each}).status_code for each in clients]

    assert statuses("127.0.0.0/8") == [200, 200, 429, 200]
    assert statuses("192.168.0.1") == [200, 200, 200, 200]


def test_a_file_of_keys_that_anybody_may_write_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path / "keys", "website", Role.READ)
    (tmp_path / "keys").chmod(0o606)
    with pytest.raises(ConfigError, match=r"everybody may write into server\.keys_file; run 'chmod o-w'"):
        Authenticator(replace(ServerConfig(), host="0.0.0.0", keys_file=tmp_path / "keys"))


def test_a_file_of_keys_that_breaks_lets_nobody_in_and_is_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = {"x-api-key": [make_key(tmp_path / "keys", "website", Role.READ)]}
    authenticator = Authenticator(replace(ServerConfig(), host="0.0.0.0", keys_file=tmp_path / "keys"))
    authenticator.authorize("/search", HERE, "10.0.0.1", key)
    with (tmp_path / "keys").open("a", encoding="utf-8") as file:
        file.write("half a li")
    with caplog.at_level(logging.ERROR), pytest.raises(StoreError) as refused:
        authenticator.authorize("/search", HERE, "10.0.0.1", key)
    assert str(refused.value) == "the API keys cannot be read; the log of the service says why"
    assert "keys: line 2: must be a name" in caplog.text
    (tmp_path / "keys").unlink()
    with pytest.raises(AccessDenied):
        authenticator.authorize("/search", HERE, "10.0.0.1", key)


def test_half_a_connection_costs_nothing(url: str) -> None:
    for _ in range(50):
        with connected(url) as client:
            client.sendall(b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
            client.shutdown(socket.SHUT_WR)
    assert httpx.get(f"{url}/search?q=soap").status_code == 200
