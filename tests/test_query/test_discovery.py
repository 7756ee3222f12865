"""A command finds the service of the same catalog and gets the same answer; what is stale or strange is passed by."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from click.testing import CliRunner

from catalog.config import SearchConfig
from ingest.run import Request, run
from query.answer import ModelAnswer
from query.cli import main
from query.discovery import announce, ask_server
from query.http.auth import Role, make_key
from query.models import SearchRequest
from query.serving.local import LocalCatalog
from tests.support.service import service, settings

pytestmark = pytest.mark.slow

REQUEST = SearchRequest("space ships", limit=3, diversity=0.0, popularity=1.0, min_confidence=0.05)


PATIENCE = 20.0
"""For the proof, on a machine that has much to do."""


def asked(store: Path, request: SearchRequest, key: str | None = None) -> ModelAnswer | None:
    return ask_server(store, request, key, PATIENCE)


@pytest.fixture(scope="module")
def address(seed_store: Path) -> Iterator[tuple[str, int]]:
    with service(seed_store) as url:
        where = urlsplit(url)
        yield where.hostname or "", where.port or 0


def test_the_service_answers_what_would_be_answered_here(seed_store: Path, address: tuple[str, int]) -> None:
    request = SearchRequest("space ships", likes=("5",), why=True, limit=4).with_defaults(settings(seed_store).search)
    with announce(seed_store, *address), LocalCatalog(seed_store, settings(seed_store)) as films:
        answer = asked(seed_store, request)
        assert answer is not None
        assert answer.result == films.ask(request)
    assert answer.model == "bundled"


@pytest.mark.parametrize(
    "refused",
    [
        SearchRequest(likes=("Ghostbuster",)),
        SearchRequest("ship", sort="size"),
        SearchRequest("x" * 1001),
        SearchRequest("ship", limit=1001),
        SearchRequest("ship", filter="gnre:Horror"),
    ],
)
def test_what_it_refuses_is_answered_or_refused_here(
    seed_store: Path, address: tuple[str, int], refused: SearchRequest
) -> None:
    with announce(seed_store, *address):
        assert asked(seed_store, REQUEST) is not None
        assert asked(seed_store, refused.with_defaults(SearchConfig())) is None


def test_without_a_service_there_is_no_answer(seed_store: Path, address: tuple[str, int]) -> None:
    with announce(seed_store, *address):
        assert (seed_store / "server.json").exists()
    assert not (seed_store / "server.json").exists()
    assert asked(seed_store, REQUEST) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"port": 9},
        {"catalog": "/somewhere/else"},
        {"port": "8080"},
        {"host": None},
        {"host": "no.such.host.invalid"},
        {"port": 99999999},
    ],
)
def test_a_stale_or_strange_file_harms_nobody(
    seed_store: Path, address: tuple[str, int], changed: dict[str, Any]
) -> None:
    path = seed_store / "server.json"
    with announce(seed_store, *address):
        path.write_text(json.dumps(json.loads(path.read_text()) | changed), encoding="utf-8")
        assert asked(seed_store, REQUEST) is None
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00"])
def test_neither_does_a_broken_one(seed_store: Path, text: str) -> None:
    path = seed_store / "server.json"
    path.write_text(text, encoding="utf-8")
    assert asked(seed_store, REQUEST) is None
    path.unlink()


def test_an_older_generation_is_not_taken(seed_store: Path, address: tuple[str, int]) -> None:
    current = (seed_store / "CURRENT").read_text(encoding="ascii")
    with announce(seed_store, *address):
        assert asked(seed_store, REQUEST) is not None
        (seed_store / "CURRENT").write_text("0099\n", encoding="ascii")
        assert asked(seed_store, REQUEST) is None
        (seed_store / "CURRENT").write_text(current, encoding="ascii")


def test_another_catalog_at_the_same_address_is_not_asked(address: tuple[str, int], tmp_path: Path) -> None:
    """Its generation has the same number: what a killed service announced may be another's port by now."""
    other = tmp_path / "other"
    config = settings(other)
    run(config, Request(str(_one_film(tmp_path))))
    with announce(other, *address):
        assert asked(other, REQUEST) is None


def _one_film(folder: Path) -> Path:
    path = folder / "films.json"
    path.write_text('[{"id": 1, "title": "Alien", "plot": "A ship answers a call."}]', encoding="utf-8")
    return path


def head(length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length


@dataclass
class Impostor:
    """Who listens where a killed service did: says something, once or for ever, and remembers what it was told."""

    said: bytes
    again: bytes = b""
    heard: bytes = b""

    def serve(self, listening: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                self.heard += connection.recv(65536)
                connection.sendall(self.said)
                while self.again:
                    connection.sendall(self.again)
                    time.sleep(0.01)
                while more := connection.recv(65536):
                    self.heard += more


@contextmanager
def listening_as(impostor: Impostor) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=impostor.serve, args=(listening,))
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    "impostor",
    [
        Impostor(b""),
        Impostor(b"\xff\x00\r\n\r\n"),
        Impostor(head(4) + b"null"),
        Impostor(head(64) + b"0" * 64),
        Impostor(b"HTTP/1.1 200 OK\r\nX: ", again=b"x"),
        Impostor(b"", again=b"HTTP/1.1 100 Continue\r\n\r\n"),
        Impostor(head(1 << 40), again=b"[" * 100_000),
        Impostor(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"),
    ],
)
def test_who_took_the_port_of_a_dead_service_learns_nothing(seed_store: Path, impostor: Impostor) -> None:
    with listening_as(impostor) as port, announce(seed_store, "127.0.0.1", port):
        assert ask_server(seed_store, SearchRequest("a secret question"), "a secret key") is None
    assert impostor.heard.startswith(b"GET /proof?nonce=")
    assert impostor.heard.count(b" HTTP/1.1") == 1
    assert b"secret" not in impostor.heard


def test_nothing_said_is_no_proof_where_the_secret_goes_away_meanwhile(seed_store: Path) -> None:
    class Meanwhile(Impostor):
        def serve(self, listening: socket.socket) -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                (seed_store / "server.secret").chmod(0o604)
                connection.sendall(self.said)
                self.heard = connection.recv(65536)

    impostor = Meanwhile(head(0))
    with listening_as(impostor) as port, announce(seed_store, "127.0.0.1", port):
        assert asked(seed_store, SearchRequest("a secret question"), "a secret key") is None
    assert impostor.heard == b""


def test_neither_does_who_has_the_service_prove_it(seed_store: Path, address: tuple[str, int]) -> None:
    """A proof holds for one address: a service that listens elsewhere cannot be asked for it."""

    def relay(listening: socket.socket) -> None:
        with listening.accept()[0] as victim, socket.create_connection(address) as service_:
            service_.sendall(victim.recv(65536))
            answer = b""
            while len(answer.partition(b"\r\n\r\n")[2]) < 64:
                answer += service_.recv(65536)
            proofs.append(answer.rpartition(b"\r\n\r\n")[2])
            victim.sendall(answer)
            heard.append(victim.recv(65536))

    proofs: list[bytes] = []
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=relay, args=(listening,))
        thread.start()
        with announce(seed_store, *listening.getsockname()):
            assert asked(seed_store, REQUEST, "a secret key") is None
        thread.join()
    assert (len(proofs[0]), heard) == (64, [b""])


def test_the_secret_is_its_owners_alone(seed_store: Path, address: tuple[str, int]) -> None:
    with announce(seed_store, *address):
        secret = seed_store / "server.secret"
        assert (secret.stat().st_mode & 0o777, len(secret.read_bytes())) == (0o600, 32)
        assert asked(seed_store, REQUEST) is not None
        secret.chmod(0o604)
        assert asked(seed_store, REQUEST) is None
        assert httpx.get(f"http://{address[0]}:{address[1]}/proof", params={"nonce": "0" * 32}).status_code == 404
        secret.unlink()
        assert asked(seed_store, REQUEST) is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["space ships"],
        ["space", "ships", "--limit", "3", "--why"],
        ["--like", "Ghostbusters", "--limit", "2"],
        ["--like", "5", "--dislike", "soap", "funny", "--why"],
        ["a ship", "--filter", "-year>=1990", "--all", "--offset", "2"],
        ["a ship", "--plain", "--exclude", "1", "--sort", "-title"],
        ["xyzzy qwertz"],
        ["Ein Mann jagt Geister in der Stadt"],
        ["Ghostbuster", "--franchise", "1", "--diversity", "0.5"],
        ["--like", "Ghostbuster"],
        ["--like", "tmdb:1"],
        ["a ship", "--sort", "size"],
        ["a ship", "--filter", "gnre:Horror"],
        ["a ship", "--limit", "500", "--all"],
        ["x" * 1500, "--all", "--limit", "1"],
        ["a\nship \udcff \x00", "--all"],
        [],
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_command_says_the_same_with_a_service_and_without(
    seed_store: Path, address: tuple[str, int], arguments: list[str], form: list[str]
) -> None:
    command = CliRunner(env={"PLOTSEEK_STORE_PATH": str(seed_store)})
    with announce(seed_store, *address):
        there = command.invoke(main, [*arguments, *form])
        here = command.invoke(main, [*arguments, *form, "--no-server"])
    assert (there.exit_code, there.stdout, there.stderr) == (here.exit_code, here.stdout, here.stderr)
    assert (here.exit_code == 0) == bool(here.stdout)


def test_the_command_presents_the_key_of_its_environment(seed_store: Path, tmp_path: Path) -> None:
    key = make_key(tmp_path / "keys", "command", Role.READ)
    with service(seed_store, keys_file=tmp_path / "keys", require_key="always") as url:
        where = urlsplit(url)
        with announce(seed_store, where.hostname or "", where.port or 0):
            assert asked(seed_store, REQUEST) is None
            assert asked(seed_store, REQUEST, "wrong") is None
            assert asked(seed_store, REQUEST, key) is not None
            for shown in (key, "wrong", ""):
                command = CliRunner(env={"PLOTSEEK_STORE_PATH": str(seed_store), "PLOTSEEK_API_KEY": shown})
                assert command.invoke(main, ["soap", "--limit", "1"]).stdout.splitlines()[1].split()[3] == "Fight"


def test_the_command_asks_a_service_without_loading_the_catalog(seed_store: Path, address: tuple[str, int]) -> None:
    script = (
        "import sys; from query.cli import main\n"
        "try: main(['space ships', '--limit', '1', '--json', *sys.argv[1:]])\n"
        "except SystemExit as leaving: code = leaving.code\n"
        "heavy = {'numpy', 'torch', 'httpx', 'pydantic', 'sqlite3', 'asyncio'} & set(sys.modules)\n"
        "print(*sorted(heavy), file=sys.stderr); sys.exit(code)"
    )
    variables = {**os.environ, "PLOTSEEK_STORE_PATH": str(seed_store)}

    def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
        called = [sys.executable, "-c", script, *arguments]
        return subprocess.run(called, capture_output=True, text=True, check=True, env=variables)

    alone = command("--no-server")
    with announce(seed_store, *address):
        # Its proof may come too late while this machine has much to do.
        tried = (command() for _ in range(10))
        served = next(each for each in tried if not each.stderr.strip())
    assert served.stdout == alone.stdout
    assert "numpy" in alone.stderr.split()


def test_asking_imports_nothing_heavy() -> None:
    script = (
        "import sys, query.discovery\n"
        "heavy = {'numpy', 'torch', 'httpx', 'pydantic', 'fastapi', 'sqlite3', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
