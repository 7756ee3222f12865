"""How a command finds a running service of the same catalog, and asks it. Light to import."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from catalog.errors import PlotseekError
from query.answer import ModelAnswer, catalog_version
from query.client import PlotseekClient
from query.models import SearchRequest

_FILE = "server.json"
_CONNECT = 0.25
"""Seconds: it is on this machine."""


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


def ask_server(store: Path, request: SearchRequest, key: str | None = None) -> ModelAnswer | None:
    """Ask the service that runs for this catalog; None if there is none that can answer for it now.

    The request must be `with_defaults`: the service may have others. A refusal counts as no answer: it may be
    a limit of the service, or of the generation before, and answering here says the same in the same words.
    """
    about = _about(store)
    if about is None or about["catalog"] != str(store.resolve()):
        return None
    host = f"[{about['host']}]" if ":" in about["host"] else about["host"]
    try:
        answered = PlotseekClient(f"http://{host}:{about['port']}", key=key, connect=_CONNECT).answer(request)
    except PlotseekError:
        return None
    # Another catalog may be served at this address by now. And a service follows within a second: whoever has
    # just filled the catalog need not wait for it.
    return answered if answered.version == _in_force(store) else None


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
