"""How a command finds a running service of the same catalog, and asks it. Only the standard library: every
import counts for a process that lives for a tenth of a second.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from query.answer import result_from_dict
from query.problems import error_of
from query.question import Question
from query.request import SearchResult

_FILE = "server.json"
_CONNECT_SECONDS, _ANSWER_SECONDS = 0.25, 15.0
_ELSEWHERE = frozenset({401, 403, 429})
"""Refusals that say nothing about the question: it can still be answered here."""


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """What a running service answered."""

    result: SearchResult
    model: str


@contextmanager
def announced(store: Path, host: str, port: int) -> Iterator[None]:
    """Let commands find this process while it serves; what a killed one leaves behind harms nobody."""
    path = store / _FILE
    about = {"host": host, "port": port, "pid": os.getpid(), "catalog": str(store.resolve())}
    try:
        store.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_text(json.dumps(about), encoding="utf-8")
        new.replace(path)
    except OSError:
        # A read-only store: commands then answer by themselves.
        yield
        return
    try:
        yield
    finally:
        if (_about(store) or {}).get("pid") == os.getpid():
            path.unlink(missing_ok=True)


def ask_server(store: Path, question: Question, key: str | None = None) -> ServerAnswer | None:
    """Ask the service that runs for this catalog; None if there is none that can answer for it now.

    The question must be settled: the service may have other defaults. Raises the errors that the same
    question would raise here.
    """
    about = _about(store)
    if about is None or about["catalog"] != str(store.resolve()):
        return None
    answer = _posted(about["host"], about["port"], question, key)
    if answer is None:
        return None
    status, body = answer
    if status == 200:
        return _answer(store, body)
    if status < 500 and status not in _ELSEWHERE and isinstance(body, dict) and (error := error_of(body)):
        raise error
    return None


def _answer(store: Path, body: Any) -> ServerAnswer | None:
    try:
        result = result_from_dict(body)
        model = str(body["model"])
    except (KeyError, TypeError):
        return None
    # A service follows within a second; whoever has just filled the catalog need not wait for it.
    return ServerAnswer(result, model) if result.generation == _in_force(store) else None


def _in_force(store: Path) -> int | None:
    try:
        return int((store / "CURRENT").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _about(store: Path) -> dict[str, Any] | None:
    try:
        about = json.loads((store / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    wanted = {"host": str, "port": int, "pid": int, "catalog": str}
    whole = isinstance(about, dict) and all(isinstance(about.get(name), kind) for name, kind in wanted.items())
    return about if whole else None


def _posted(host: str, port: int, question: Question, key: str | None) -> tuple[int, Any] | None:
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    connection = HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
    try:
        connection.sock = socket.create_connection((host, port), _CONNECT_SECONDS)
        connection.sock.settimeout(_ANSWER_SECONDS)
        connection.request("POST", "/search", json.dumps(question.to_dict()), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
