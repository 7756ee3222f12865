"""Keys, hosts and rates: who gets in, and how often."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from catalog.config import ServerConfig
from catalog.errors import (
    AccessDenied,
    ConfigError,
    NotAllowed,
    PlotseekError,
    TooManyRequests,
    UsageError,
)
from query.http.auth import Authenticator, KeyRing, Role, make_key, read_keys
from query.http.cli import main
from query.http.limits import Buckets, Parallel, is_loopback
from tests.support.service import service

pytestmark = pytest.mark.slow

LOCAL = ServerConfig()
HERE = "127.0.0.1"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "keys"


def bearer(key: str) -> dict[str, list[str]]:
    return {"authorization": [f"Bearer {key}"]}


def test_a_key_is_printed_once_and_only_its_hash_is_kept(keys: Path) -> None:
    key = make_key(keys, "website", Role.READ)
    text = keys.read_text(encoding="utf-8")
    assert key not in text
    assert text.startswith("website read ")
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    found = KeyRing(keys).find(key)
    assert found is not None
    assert (found.name, found.role) == ("website", Role.READ)
    assert KeyRing(keys).find(key + "x") is None


def test_a_line_taken_out_is_a_key_revoked(keys: Path) -> None:
    first, second = make_key(keys, "a", Role.READ), make_key(keys, "b", Role.ADMIN)
    ring = KeyRing(keys)
    assert ring.find(first) is not None
    lines = keys.read_text(encoding="utf-8").splitlines()
    keys.write_text(f"# only one\n\n{lines[1]}  # the boss\n", encoding="utf-8")
    assert ring.find(first) is None
    assert ring.find(second) is not None


@pytest.mark.parametrize("line", ["website read", "website write " + "a" * 64, "website read 123", "a b c d"])
def test_a_wrong_line_is_named(keys: Path, line: str) -> None:
    make_key(keys, "good", Role.READ)
    with keys.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    with pytest.raises(ConfigError, match="keys: line 2: must be a name, read or admin, and 64 hexadecimal digits"):
        read_keys(keys)


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "#", "x" * 65])
def test_a_key_needs_a_plain_name(keys: Path, name: str) -> None:
    with pytest.raises(UsageError, match="allowed are letters, digits"):
        make_key(keys, name, Role.READ)
    assert not keys.exists()


def test_a_name_is_taken_once(keys: Path) -> None:
    make_key(keys, "website", Role.READ)
    with pytest.raises(UsageError, match="there is a key 'website' already"):
        make_key(keys, "website", Role.ADMIN)


def test_the_command_makes_keys(keys: Path) -> None:
    runner = CliRunner(env={"PLOTSEEK_SERVER_KEYS_FILE": str(keys)})
    made = runner.invoke(main, ["--make-key", "website", "--role", "admin"])
    assert made.exit_code == 0
    found = KeyRing(keys).find(made.stdout.strip())
    assert found is not None
    assert found.role is Role.ADMIN
    again = runner.invoke(main, ["--make-key", "website"])
    assert (again.exit_code, again.stdout) == (2, "")


def test_a_role_without_a_key_to_make_is_refused(tmp_path: Path) -> None:
    result = CliRunner(env={"PLOTSEEK_STORE_PATH": str(tmp_path)}).invoke(main, ["--role", "read"])
    said = "query-server: --role says what a new key is good for: it goes with --make-key NAME\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", said)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "films.example.org"])
def test_elsewhere_it_starts_only_with_keys(host: str, keys: Path) -> None:
    settings = replace(LOCAL, host=host, keys_file=keys)
    with pytest.raises(ConfigError, match="needs API keys: set server.keys_file and run 'query-server --make-key"):
        Authenticator(settings)
    make_key(keys, "website", Role.READ)
    Authenticator(settings)


def test_the_command_refuses_to_listen_elsewhere_without_keys(tmp_path: Path) -> None:
    result = CliRunner(env={"PLOTSEEK_STORE_PATH": str(tmp_path)}).invoke(main, ["--host", "0.0.0.0"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("query-server: server.host 0.0.0.0 needs API keys: ")


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("[::1]", True), ("localhost", True)]
    + [("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("localhost.example.org", False), ("", False)],
)
def test_what_means_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) is here


READ, ADMIN = Role.READ, Role.ADMIN


@pytest.mark.parametrize(
    ("role", "path", "refusal"),
    [
        (None, "/search", AccessDenied),
        (None, "/movies/1", AccessDenied),
        (None, "/metrics", AccessDenied),
        (None, "/status", AccessDenied),
        (None, "/mcp", AccessDenied),
        (None, "/healthz", None),
        (None, "/readyz", None),
        (None, "/", None),
        (None, "/static/page.js", None),
        (None, "//", AccessDenied),
        (None, "/static", AccessDenied),
        (None, "/healthz/", AccessDenied),
        (READ, "/search", None),
        (READ, "/admin/ingest", NotAllowed),
        (ADMIN, "/search", None),
        (ADMIN, "/admin/ingest", None),
    ],
)
def test_who_may_what(keys: Path, role: Role | None, path: str, refusal: type[PlotseekError] | None) -> None:
    made = {each: make_key(keys, each, each) for each in Role}
    authenticator = Authenticator(replace(LOCAL, host="0.0.0.0", keys_file=keys))
    headers = bearer(made[role]) if role else {}
    if refusal is None:
        authenticator.authorize(path, HERE, "10.0.0.1", headers)
    else:
        with pytest.raises(refusal):
            authenticator.authorize(path, HERE, "10.0.0.1", headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ["Bearer wrong"]},
        {"authorization": ["Bearer "]},
        {"authorization": ["Bearer \u00ff"]},
        {"authorization": ["Basic dXNlcjpwYXNz"]},
        {"x-api-key": ["wrong"]},
        {"x-api-key": ["a", "b"]},
        {"authorization": ["Bearer a"], "x-api-key": ["a"]},
    ],
)
def test_a_wrong_key_is_refused_even_where_none_is_needed(headers: dict[str, list[str]]) -> None:
    with pytest.raises(AccessDenied):
        Authenticator(LOCAL).authorize("/search", HERE, "127.0.0.1", headers)


def test_on_this_machine_reading_needs_no_key_and_an_admin_does(keys: Path) -> None:
    authenticator = Authenticator(replace(LOCAL, keys_file=keys))
    authenticator.authorize("/search", HERE, "127.0.0.1", {"host": ["localhost:8080"]})
    with pytest.raises(AccessDenied, match="role admin"):
        authenticator.authorize("/admin/ingest", HERE, "127.0.0.1", {})
    authenticator.authorize("/admin/ingest", HERE, "127.0.0.1", bearer(make_key(keys, "boss", Role.ADMIN)))


def test_always_means_here_too(keys: Path) -> None:
    key = make_key(keys, "website", Role.READ)
    authenticator = Authenticator(replace(LOCAL, keys_file=keys, require_key="always"))
    with pytest.raises(AccessDenied):
        authenticator.authorize("/search", HERE, "127.0.0.1", {})
    authenticator.authorize("/search", HERE, "127.0.0.1", {"x-api-key": [key]})


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({"host": ["localhost"]}, None),
        ({"host": ["127.0.0.1:8080"]}, None),
        ({"host": ["[::1]:8080"]}, None),
        ({"host": ["Films.example.org"]}, None),
        ({"host": ["evil.example"]}, NotAllowed),
        ({"host": ["localhost.evil.example:8080"]}, NotAllowed),
        ({"host": ["localhost", "localhost"]}, UsageError),
        ({"host": ["localhost"], "origin": ["http://localhost:8080"]}, None),
        ({"host": ["localhost"], "origin": ["https://page.example"]}, None),
        ({"host": ["localhost"], "origin": ["https://evil.example"]}, NotAllowed),
        ({"host": ["localhost"], "origin": ["null"]}, NotAllowed),
    ],
)
def test_where_no_key_protects_foreign_pages_do_not_get_in(
    headers: dict[str, list[str]], refusal: type[PlotseekError] | None
) -> None:
    authenticator = Authenticator(replace(LOCAL, names=("films.example.org",), cors_origins=("https://page.example",)))
    if refusal is None:
        authenticator.authorize("/search", HERE, "127.0.0.1", headers)
    else:
        with pytest.raises(refusal):
            authenticator.authorize("/search", HERE, "127.0.0.1", headers)


@pytest.mark.parametrize(
    ("peer", "trusted", "refused"),
    [
        ("127.0.0.1", (), False),
        ("::1", (), False),
        ("::ffff:127.0.0.1", (), False),
        ("172.18.0.1", (), True),
        ("unknown", ("0.0.0.0/0",), True),
        ("172.18.0.1", ("10.0.0.0/8", "172.18.0.0/24"), False),
        ("::ffff:172.18.0.1", ("172.18.0.0/24",), False),
        ("172.18.1.1", ("172.18.0.0/24",), True),
    ],
)
def test_who_needs_no_key_comes_from_here_or_a_trusted_network(
    keys: Path, peer: str, trusted: tuple[str, ...], refused: bool
) -> None:
    """Whatever it says in Host, and whomever it says that it asks for."""
    settings = replace(LOCAL, host="0.0.0.0", require_key="never", trusted_networks=trusted, keys_file=keys)
    authenticator, local = Authenticator(settings), {"host": ["localhost:8080"]}
    authenticator.authorize("/healthz", peer, "127.0.0.1", local)
    authenticator.authorize("/search", peer, "127.0.0.1", {**local, **bearer(make_key(keys, "website", Role.READ))})
    if not refused:
        authenticator.authorize("/search", peer, "127.0.0.1", local)
        return
    with pytest.raises(AccessDenied, match=r"server\.trusted_networks"):
        authenticator.authorize("/search", peer, "127.0.0.1", local)


def test_what_a_proxy_here_says_of_its_client_is_not_where_it_comes_from(seed_store: Path) -> None:
    with service(seed_store, require_key="never") as url:
        answer = httpx.get(f"{url}/movies/1", headers={"X-Forwarded-For": "10.0.0.1"})
    assert answer.status_code == 200


def taken(buckets: Buckets, client: str, now: float) -> bool:
    try:
        buckets.take(client, now)
    except TooManyRequests:
        return False
    return True


def test_a_bucket_holds_a_burst_and_fills_by_the_rate() -> None:
    buckets = Buckets(rate=2.0, burst=3)
    assert [taken(buckets, "a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert taken(buckets, "b", 0.0)
    assert not taken(buckets, "a", 0.4)
    assert taken(buckets, "a", 0.5)
    assert not taken(buckets, "a", 0.5)
    assert [taken(buckets, "a", 100.0) for _ in range(4)] == [True, True, True, False]


def test_what_is_dear_is_paid_afterwards() -> None:
    buckets = Buckets(rate=2.0, burst=3)
    buckets.take("a", 0.0)
    buckets.spend("a", 0.0, 10)  # 8 below nothing
    with pytest.raises(TooManyRequests, match="too many dear requests; come back in 5 s"):
        buckets.spend("a", 0.0, 1)
    assert not taken(buckets, "a", 4.0)
    with pytest.raises(TooManyRequests) as refused:
        buckets.take("a", 4.0)
    assert refused.value.retry_after == 1
    assert taken(buckets, "a", 4.5)
    assert taken(buckets, "b", 0.0)


def test_so_many_requests_of_one_client_at_a_time() -> None:
    parallel = Parallel(2)
    with parallel.one_more("a"), parallel.one_more("b"):
        with parallel.one_more("a"):
            with pytest.raises(TooManyRequests, match="2 requests of yours are being answered"), parallel.one_more("a"):
                pass
            with parallel.one_more("b"):
                pass
        with parallel.one_more("a"):
            pass


def test_clients_and_keys_have_their_own_rate_and_this_machine_none(keys: Path) -> None:
    key = make_key(keys, "website", Role.READ)
    authenticator = Authenticator(replace(LOCAL, keys_file=keys, rate_limit=0.001, burst=2))
    for _ in range(5):
        authenticator.authorize("/search", HERE, "127.0.0.1", {})
    for client in ("10.0.0.1", "10.0.0.2"):
        for _ in range(2):
            authenticator.authorize("/search", HERE, client, {})
        with pytest.raises(TooManyRequests):
            authenticator.authorize("/search", HERE, client, {})
    for _ in range(2):
        authenticator.authorize("/search", HERE, "127.0.0.1", bearer(key))
    with pytest.raises(TooManyRequests):
        authenticator.authorize("/search", HERE, "10.9.9.9", bearer(key))


def test_no_limit_is_no_limit(keys: Path) -> None:
    key = make_key(keys, "website", Role.READ)
    unlimited, limited = (
        Authenticator(replace(LOCAL, keys_file=keys, rate_limit=rate, burst=1)) for rate in (0.0, 0.001)
    )
    assert admitted(unlimited, 5, bearer(key)) == 5
    assert admitted(limited, 5, bearer(key)) == 1


def admitted(authenticator: Authenticator, times: int, headers: dict[str, list[str]]) -> int:
    """How many of so many requests of one client get in."""
    for count in range(times):
        try:
            authenticator.authorize("/search", HERE, "10.0.0.1", headers)
        except TooManyRequests:
            return count
    return times


@pytest.fixture
def guarded(seed_store: Path, keys: Path) -> Iterator[tuple[httpx.Client, dict[Role, str]]]:
    made = {each: make_key(keys, each, each) for each in Role}
    server = {"keys_file": keys, "require_key": "always", "cors_origins": ("https://page.example",)}
    with service(seed_store, **server) as url, httpx.Client(base_url=url) as http:
        yield http, made


def test_over_http(guarded: tuple[httpx.Client, dict[Role, str]]) -> None:
    http, keys = guarded
    none = http.get("/search?q=ship")
    assert (none.status_code, none.headers["www-authenticate"]) == (401, "Bearer")
    assert none.json()["type"] == "urn:plotseek:access-denied"
    wrong = http.get("/search?q=ship", headers={"Authorization": "Bearer guess"})
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "this API key is not known")
    read = {"Authorization": f"Bearer {keys[Role.READ]}"}
    assert http.get("/search?q=ship", headers=read).status_code == 200
    assert http.get("/admin/ingest", headers=read).status_code == 403
    assert http.get("/admin/ingest", headers={"X-API-Key": keys[Role.ADMIN]}).status_code == 404
    assert http.get("/search?q=ship&key=" + keys[Role.READ]).status_code == 401
    assert http.get("/readyz").status_code == 200


def test_cors(guarded: tuple[httpx.Client, dict[Role, str]]) -> None:
    http, keys = guarded
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    allowed = http.options("/search", headers={"Origin": "https://page.example", **asked})
    refused = http.options("/search", headers={"Origin": "https://evil.example", **asked})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "https://page.example")
    assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (403, False)
    said = "pages of 'https://evil.example' may not ask; server.cors_origins lists those that may"
    assert refused.json()["detail"] == said
    patch = {"Origin": "https://page.example", "Access-Control-Request-Method": "PATCH"}
    assert http.options("/movies", headers=patch).json()["detail"].startswith("pages may ask with GET, POST, PUT, ")
    key = {"Authorization": f"Bearer {keys[Role.READ]}"}
    assert "access-control-allow-origin" not in http.get("/search?q=ship", headers=key).headers
    answer = http.get("/search?q=ship", headers={**key, "Origin": "https://page.example"})
    assert answer.headers["access-control-allow-origin"] == "https://page.example"
    assert "etag" in answer.headers["access-control-expose-headers"].lower()


def test_a_page_of_this_machine_is_told_like_others_that_it_may_not_ask(seed_store: Path) -> None:
    """Where its browser asks before it does: what it asks at once is answered, and its browser keeps that from it."""
    page = {"Origin": "http://localhost:3000"}
    with service(seed_store) as url, httpx.Client(base_url=url) as http:
        refused = http.options("/movies", headers={**page, "Access-Control-Request-Method": "PUT"})
        said = "pages of 'http://localhost:3000' may not ask; server.cors_origins lists those that may"
        assert (refused.status_code, refused.json()["detail"]) == (403, said)
        answer = http.get("/movies/1", headers=page)
        assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (200, False)
        assert http.get("/movies/1", headers={"Origin": "https://evil.example"}).status_code == 403


def test_where_no_keys_are_set_up_the_refusal_says_so(seed_store: Path, keys: Path) -> None:
    unset = "no keys are set up: server.keys_file is not set"
    for settings, missing in (
        ({}, unset),
        ({"keys_file": keys}, "no keys are set up: the file that server.keys_file names is not there"),
    ):
        with service(seed_store, **settings) as url, httpx.Client(base_url=url) as http:
            refused = http.put("/movies", json={}, headers={"X-API-Key": "ps_guess"})
            assert (refused.status_code, refused.json()["detail"]) == (401, f"this API key is not known; {missing}")
            needed = "this needs an API key with the role admin: Authorization: Bearer KEY"
            assert http.put("/movies", json={}).json()["detail"] == f"{needed}; {missing}"
            assert str(keys) not in refused.text
            if settings:  # a service that runs reads what comes into the file
                key = {"X-API-Key": make_key(keys, "boss", Role.ADMIN)}
                assert http.put("/movies", json={}, headers=key).status_code == 400
                assert http.put("/movies", json={}, headers={"X-API-Key": "x"}).json()["detail"] == (
                    "this API key is not known"
                )


def test_a_limit_over_http(seed_store: Path, keys: Path) -> None:
    key = {"X-API-Key": make_key(keys, "website", Role.READ)}
    with service(seed_store, keys_file=keys, rate_limit=0.001, burst=2) as url, httpx.Client(base_url=url) as http:
        answers = [http.get("/healthz", headers=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "1000"
