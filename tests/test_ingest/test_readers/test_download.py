"""Web addresses, against a real server on this machine."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from catalog.errors import PASSING, SourceError, SourceUnreachable, Stopped
from ingest.readers.download import (
    Fetched,
    FetchLimits,
    FetchRequest,
    Unchanged,
    Validators,
    fetch,
    fetch_if_changed,
    shown,
)
from ingest.readers.source import open_rows

pytestmark = pytest.mark.slow

FILMS = [{"title": "A", "plot": "B"}]
BODY = json.dumps(FILMS).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers by path; every request line is kept in the server's `seen`."""

    def do_GET(self) -> None:  # noqa: C901 - one case per behaviour
        assert isinstance(self.server, Server)
        self.server.seen.append(f"{self.path} {self.headers.get('If-None-Match', '')}".strip())
        path, _, rest = self.path.partition("?")
        match path:
            case "/etag" if self.headers.get("If-None-Match") == '"1"':
                self.reply(304, b"")
            case "/dated" if self.headers.get("If-Modified-Since") == "Mon, 01 Jan 2024 00:00:00 GMT":
                self.reply(304, b"")
            case "/etag":
                self.reply(200, BODY, ETag='"1"')
            case "/dated":
                self.reply(200, BODY, **{"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"})
            case "/redirect":
                self.reply(302, b"", Location=rest)
            case "/loop":
                self.reply(301, b"", Location="/loop")
            case "/short":
                self.reply(200, BODY, **{"Content-Length": str(len(BODY) + 5)})
            case "/gzip":
                self.reply(200, gzip.compress(BODY), **{"Content-Encoding": "gzip"})
            case "/stream":
                self.reply(200, BODY * 1000, **{"Content-Length": ""})
            case "/slow":
                self.server.stop.wait(5)
            case "/drip":
                self.send_response(200)
                self.end_headers()
                while not self.server.stop.wait(0.05):
                    self.wfile.write(b" ")
            case "/accented" if self.headers.get("If-None-Match") == '"caf\xe9"':
                self.reply(304, b"")
            case "/accented":
                self.reply(200, BODY, ETag='"caf\xe9"')
            case "/keyed":
                self.reply(200 if self.headers.get("X-Key") == "s3cret" else 403, BODY)
            case "/busy":
                self.reply(503, b"")
            case "/plain" | "/films.json.gz":
                self.reply(200, gzip.compress(BODY) if path.endswith("gz") else BODY)
            case _:
                self.reply(404, b"nothing here")

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silence."""


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[str] = []
        self.stop = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.stop.set()
        running.shutdown()
        thread.join()


def test_a_file_is_fetched_with_what_tells_whether_it_changed(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "download"
    fetched = fetch(f"{server.url}/etag?key=secret", path)
    assert path.read_bytes() == BODY
    assert (fetched.name, fetched.size, fetched.validators.etag) == (f"{server.url}/etag", len(BODY), '"1"')


@pytest.mark.parametrize("page", ["etag", "dated"])
def test_an_unchanged_address_costs_one_request(server: Server, tmp_path: Path, page: str) -> None:
    path = tmp_path / "download"
    first = fetch_if_changed(f"{server.url}/{page}", path, Validators())
    assert isinstance(first, Fetched)
    path.unlink()
    assert fetch_if_changed(f"{server.url}/{page}", path, first.validators) == Unchanged(f"{server.url}/{page}")
    assert len(server.seen) == 2
    assert not path.exists()


def test_a_server_that_knows_no_validators_is_compared_by_bytes(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "download"
    first = fetch(f"{server.url}/plain", path)
    assert fetch_if_changed(f"{server.url}/plain", path, first.validators) == Unchanged(f"{server.url}/plain")
    assert not path.exists()
    assert isinstance(fetch_if_changed(f"{server.url}/plain", path, Validators(digest="other")), Fetched)


def test_redirects(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "download"
    assert fetch(f"{server.url}/redirect?/plain", path).name == f"{server.url}/redirect"
    assert path.read_bytes() == BODY
    for target in ("file:///etc/hostname", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"):
        with pytest.raises(SourceError, match=f"redirected to {target}, of another scheme"):
            fetch(f"{server.url}/redirect?{target}", path)
    with pytest.raises(SourceError, match="more than 5 redirects"):
        fetch(f"{server.url}/loop", path)
    assert server.seen.count("/loop") == 6
    assert not path.exists()


@pytest.mark.parametrize("page", ["plain", "stream"])
def test_too_large_a_file_leaves_nothing(server: Server, tmp_path: Path, page: str) -> None:
    path = tmp_path / "download"
    with pytest.raises(SourceError, match=f"/{page}: larger than 10 bytes; nothing was read"):
        fetch(f"{server.url}/{page}", path, FetchLimits(largest=10))
    assert not path.exists()


def test_what_goes_wrong_on_the_way(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "download"
    with pytest.raises(SourceError, match="/missing: the server answers 404 Not Found"):
        fetch(f"{server.url}/missing", path)
    with pytest.raises(SourceError, match="/short is cut off: "):
        fetch(f"{server.url}/short", path)
    with pytest.raises(SourceError, match=r"/slow: no answer within 0\.2 seconds; try again later"):
        fetch(f"{server.url}/slow", path, FetchLimits(silence=0.2))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(SourceError, match=r"cannot be fetched: .*refused"):
            fetch(f"http://127.0.0.1:{unused.getsockname()[1]}/x", path)
    with pytest.raises(SourceError, match=r"cannot be kept"):
        fetch(f"{server.url}/plain", tmp_path / "no" / "folder")
    assert not path.exists()


@pytest.mark.parametrize("page", ["drip", "slow"])
def test_a_server_that_trickles_or_is_silent_does_not_hold_up_a_stop(server: Server, tmp_path: Path, page: str) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    with pytest.raises(Stopped):
        fetch(f"{server.url}/{page}", tmp_path / "download", stop=stop.is_set)
    assert not (tmp_path / "download").exists()
    timer.join()


def test_a_server_that_trickles_has_a_time_for_the_whole(server: Server, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match=r"/drip: not whole within 0\.5 seconds; raise sync\.fetch_timeout"):
        fetch(f"{server.url}/drip", tmp_path / "download", FetchLimits(total=0.5))
    assert not (tmp_path / "download").exists()


def test_a_validator_beyond_ascii_goes_back_as_it_came(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "download"
    first = fetch(f"{server.url}/accented", path)
    assert first.validators.etag == '"caf\xe9"'
    assert fetch_if_changed(f"{server.url}/accented", path, first.validators) == Unchanged(f"{server.url}/accented")
    odd = Validators(etag='"\u20ac"')  # kept by an earlier version
    assert isinstance(fetch_if_changed(f"{server.url}/plain", path, odd), Fetched)


@pytest.mark.parametrize(
    "url", [f"http://{'a' * 70}.example/x", "http://xn--\u00e4.example/x", "http://a..b/x", "http://host:99999/x"]
)
def test_a_host_that_is_no_name_is_one_line(tmp_path: Path, server: Server, url: str) -> None:
    for address in (url, f"{server.url}/redirect?{url}"):
        with pytest.raises(SourceError, match=r"cannot be fetched: \S"):
            fetch(address, tmp_path / "download")


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"])
def test_a_redirect_to_what_only_this_machine_may_ask_is_not_followed(
    server: Server, tmp_path: Path, host: str
) -> None:
    with pytest.raises(SourceError, match="an address of this link; this is not followed"):
        fetch(f"{server.url}/redirect?http://{host}/latest/meta-data", tmp_path / "download")


def test_what_may_pass_is_told_from_what_does_not(server: Server, tmp_path: Path) -> None:
    codes = {}
    for page in ("busy", "short", "missing"):
        with pytest.raises(SourceError) as failed:
            fetch(f"{server.url}/{page}", tmp_path / "download")
        codes[page] = failed.value.exit_code
    assert codes == {"busy": PASSING, "short": PASSING, "missing": 1}


def test_rows_of_an_address(server: Server) -> None:
    for page in ("plain", "gzip", "films.json.gz", "redirect?/plain"):
        with open_rows(f"{server.url}/{page}") as source:
            assert [getattr(row, "fields", None) for row in source] == FILMS
    with pytest.raises(SourceError, match="404"), open_rows(f"{server.url}/missing"):
        pass


def test_addresses_are_shown_without_secrets() -> None:
    assert shown("https://user:word@example.org:8000/a/b.json?key=1#x") == "https://example.org:8000/a/b.json"


def test_headers_go_to_the_host_that_was_meant_alone(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "download"
    headers = {"X-Key": "s3cret"}
    assert fetch(f"{server.url}/keyed", path, headers=headers).size == len(BODY)
    assert fetch(f"{server.url}/redirect?/keyed", path, headers=headers).size == len(BODY)
    with Server() as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with pytest.raises(SourceError, match=r"the server answers 403 Forbidden; its key is missing or wrong: "):
                fetch(f"{other.url}/redirect?{server.url}/keyed", path, headers=headers)
        finally:
            other.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("asked", "led_to", "sent"),
    [
        ("http://nas/a", "http://nas/b", True),
        ("http://nas/a", "https://nas/a", True),
        ("http://nas:80/a", "https://nas:443/a", True),
        ("http://nas:8096/a", "https://nas:8920/a", False),
        ("http://nas:8096/a", "http://nas:9000/a", False),
        ("https://nas/a", "https://nas.example.org/a", False),
    ],
)
def test_where_headers_go(asked: str, led_to: str, sent: bool) -> None:
    headers = {"X-Key": "s3cret"}
    assert FetchRequest(asked, Validators(), headers).headers_for(led_to) == (headers if sent else {})
