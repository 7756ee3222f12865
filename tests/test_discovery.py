"""A command finds the service of the same catalog and gets the same answer; what is stale or strange is passed by."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from catalog.errors import MovieNotFound, UsageError
from query.discovery import announced, ask_server
from query.local import LocalCatalog
from query.question import Question
from tests.service import service, settings

SETTLED = Question("space ships", limit=3, diversity=0.0, popularity=1.0, least_confidence=0.05)


@pytest.fixture(scope="module")
def address(seed_store: Path) -> Iterator[tuple[str, int]]:
    with service(seed_store) as url:
        where = urlsplit(url)
        yield where.hostname or "", where.port or 0


def test_the_service_answers_what_would_be_answered_here(seed_store: Path, address: tuple[str, int]) -> None:
    question = Question("space ships", likes=("5",), why=True, limit=4).settled(settings(seed_store).search)
    with announced(seed_store, *address), LocalCatalog(seed_store, settings(seed_store)) as films:
        answer = ask_server(seed_store, question)
        assert answer is not None
        assert answer.result == films.ask(question)
    assert answer.model == "bundled"


def test_its_errors_are_ours(seed_store: Path, address: tuple[str, int]) -> None:
    with announced(seed_store, *address):
        with pytest.raises(MovieNotFound, match="did you mean 'Ghostbusters'"):
            ask_server(seed_store, Question(likes=("Ghostbuster",)))
        with pytest.raises(UsageError):
            ask_server(seed_store, Question("ship", sort="size"))


def test_without_a_service_there_is_no_answer(seed_store: Path, address: tuple[str, int]) -> None:
    with announced(seed_store, *address):
        assert (seed_store / "server.json").exists()
    assert not (seed_store / "server.json").exists()
    assert ask_server(seed_store, SETTLED) is None


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
    with announced(seed_store, *address):
        path.write_text(json.dumps(json.loads(path.read_text()) | changed), encoding="utf-8")
        assert ask_server(seed_store, SETTLED) is None
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00"])
def test_neither_does_a_broken_one(seed_store: Path, text: str) -> None:
    path = seed_store / "server.json"
    path.write_text(text, encoding="utf-8")
    assert ask_server(seed_store, SETTLED) is None
    path.unlink()


def test_an_older_generation_is_not_taken(seed_store: Path, address: tuple[str, int]) -> None:
    current = (seed_store / "CURRENT").read_text(encoding="ascii")
    with announced(seed_store, *address):
        assert ask_server(seed_store, SETTLED) is not None
        (seed_store / "CURRENT").write_text("0099\n", encoding="ascii")
        assert ask_server(seed_store, SETTLED) is None
        (seed_store / "CURRENT").write_text(current, encoding="ascii")


def test_asking_imports_nothing_heavy() -> None:
    script = (
        "import sys, query.discovery\n"
        "heavy = {'numpy', 'torch', 'httpx', 'pydantic', 'fastapi', 'sqlite3', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
