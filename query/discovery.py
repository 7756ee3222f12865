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

from query.answer import catalog_version, facets_from_dict, result_from_dict
from query.models import FacetCounts, SearchRequest, SearchResult

_FILE = "server.json"
_CONNECT_SECONDS, _ANSWER_SECONDS = 0.25, 15.0


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and the name of the model that read the question."""

    result: SearchResult
    model: str
    facets: FacetCounts | None = None
    """Where they were asked for."""


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


def ask_server(
    store: Path, question: SearchRequest, key: str | None = None, *, facets: bool = False
) -> Answered | None:
    """Ask the service that runs for this catalog; None if there is none that can answer for it now.

    The question must be settled: the service may have other defaults. A refusal counts as no answer: it may be
    a limit of the service, or of the generation before, and answering here says the same in the same words.
    """
    about = _about(store)
    if about is None or about["catalog"] != str(store.resolve()):
        return None
    pages = ("/search", "/facets") if facets else ("/search",)
    replies = [_posted(about["host"], about["port"], page, question, key) for page in pages]
    # Another catalog may be served at this address by now. And a service follows within a second: whoever has
    # just filled the catalog need not wait for it.
    in_force = _in_force(store)
    bodies = [reply.body for reply in replies if reply is not None and reply.version == in_force]
    if len(bodies) < len(pages):
        return None
    try:
        counts = facets_from_dict(bodies[1]) if facets else None
        return Answered(result_from_dict(bodies[0]), str(bodies[0]["model"]), counts)
    except (KeyError, TypeError):
        return None


def _in_force(store: Path) -> str | None:
    """The version of the generation that CURRENT names."""
    try:
        folder = store / "generations" / (store / "CURRENT").read_text(encoding="ascii").strip()
        info = json.loads((folder / "generation.json").read_text(encoding="utf-8"))
        return catalog_version(info["number"], info["published"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _about(store: Path) -> dict[str, Any] | None:
    try:
        about = json.loads((store / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    wanted = {"host": str, "port": int, "pid": int, "catalog": str}
    whole = isinstance(about, dict) and all(isinstance(about.get(name), kind) for name, kind in wanted.items())
    return about if whole else None


@dataclass(frozen=True, slots=True)
class _Reply:
    version: str
    """Of the catalog that answered, as its ETag begins."""
    body: Any


def _posted(host: str, port: int, page: str, question: SearchRequest, key: str | None) -> _Reply | None:
    """What a service at this address answers; None for a refusal, and for whatever else may be there."""
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    connection = HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
    try:
        connection.sock = socket.create_connection((host, port), _CONNECT_SECONDS)
        connection.sock.settimeout(_ANSWER_SECONDS)
        connection.request("POST", page, json.dumps(question.to_dict()), headers)
        response = connection.getresponse()
        if response.status != 200:
            return None
        version = response.getheader("ETag", "").removeprefix('W/"').rpartition("-")[0]
        return _Reply(version, json.loads(response.read()))
    except (OSError, HTTPException, ValueError, OverflowError):
        return None
    finally:
        connection.close()
