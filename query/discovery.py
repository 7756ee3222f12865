"""How a command finds a running service of the same catalog, makes sure of it, and asks it. Light to import.

A killed service leaves its address behind, and anybody may listen there next. So the service makes a secret that only
its owner can read, and whoever listens proves that it knows it before it gets to see an API key or a question.
"""

import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from catalog.errors import PlotseekError, StoreError
from query.answer import ModelAnswer, catalog_version
from query.client import Connection, PlotseekClient
from query.models import SearchRequest

_FILE = "server.json"
_SECRET = "server.secret"  # noqa: S105  # a file's name
_SECRET_BYTES = 32
_PROOF_SECONDS = 0.1
"""For connecting and for the proof: it is on this machine, and answering here takes not much longer than waiting."""


@contextmanager
def announce(store: Path, host: str, port: int) -> Iterator[None]:
    """Let commands find this process while it serves; what a killed one leaves behind harms nobody."""
    path = store / _FILE
    about = {"host": host, "port": port, "pid": os.getpid(), "catalog": str(store.resolve())}
    try:
        store.mkdir(parents=True, exist_ok=True)
        _replace(store / _SECRET, secrets.token_bytes(_SECRET_BYTES))
        _replace(path, json.dumps(about).encode())
    except OSError:
        # A read-only store: commands then answer by themselves.
        yield
        return
    try:
        yield
    finally:
        if (_about(store) or {}).get("pid") == os.getpid():
            path.unlink(missing_ok=True)


def prove(secret: bytes, store: Path, nonce: str, host: str, port: int) -> str:
    """What only a service that knows the catalog's secret can say to `nonce`, asked at this address.

    Host and port are those of the connection, so that nobody can have it said by a service that listens elsewhere.
    """
    text = "\n".join((nonce, host, str(port), str(store.resolve())))
    return hmac.digest(secret, text.encode(), "sha256").hex()


def ask_server(
    store: Path, request: SearchRequest, key: str | None = None, patience: float = _PROOF_SECONDS
) -> ModelAnswer | None:
    """Ask the service that runs for this catalog; None if there is none that can answer for it now.

    Whoever listens has `patience` seconds to prove that it is this service. The request must be `with_defaults`: the
    service may have others. A refusal counts as no answer: it may be a limit of the service, or of the generation
    before, and answering here says the same in the same words.
    """
    about = _about(store)
    secret = read_secret(store)  # once: with one that goes away meanwhile nothing could be told from a proof
    if about is None or about["catalog"] != str(store.resolve()) or secret is None:
        return None

    def check(connection: Connection) -> None:
        nonce = secrets.token_hex(16)
        proof = connection.exchange("GET", f"/proof?nonce={nonce}").body.decode("latin-1")
        if not hmac.compare_digest(proof.encode(), prove(secret, store, nonce, *connection.peer).encode()):
            raise StoreError("whoever listens there is not the service of this catalog")

    host = f"[{about['host']}]" if ":" in about["host"] else about["host"]
    url = f"http://{host}:{about['port']}"
    try:
        answer = PlotseekClient(url, key=key, connect=patience, check=check).answer(request)
    except PlotseekError:
        return None
    # A service follows within a second: whoever has just filled the catalog need not wait for it.
    return answer if answer.version == _in_force(store) else None


def _replace(path: Path, content: bytes) -> None:
    """Write a file that nobody else can read, not even for a moment."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    new.replace(path)


def read_secret(store: Path) -> bytes | None:
    """What only the service of a catalog and its owner know; None without one, and for one that others can read."""
    try:
        with (store / _SECRET).open("rb") as file:
            private = not os.fstat(file.fileno()).st_mode & 0o077
            secret = file.read(_SECRET_BYTES + 1)
    except OSError:
        return None
    return secret if private and len(secret) == _SECRET_BYTES else None


def _in_force(store: Path) -> str | None:
    """The version of the generation that CURRENT names."""
    try:
        folder = store / "generations" / (store / "CURRENT").read_text(encoding="ascii").split()[0]
        info = json.loads((folder / "generation.json").read_text(encoding="utf-8"))
        return catalog_version(info["number"], info["published"])
    except (OSError, LookupError, ValueError, TypeError):
        return None


def _about(store: Path) -> dict[str, Any] | None:
    try:
        about = json.loads((store / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    wanted = {"host": str, "port": int, "pid": int, "catalog": str}
    if not isinstance(about, dict) or not all(isinstance(about.get(name), kind) for name, kind in wanted.items()):
        return None
    try:
        ip_address(about["host"])  # a name would be asked of others, and that takes time
    except ValueError:
        return None
    return about
