"""The real service on a real socket, for tests."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

from catalog.config import Config, load_config
from query.http.app import create_app
from query.http.middleware import App
from query.http.run import bind_to, uvicorn_settings


def settings(store: Path, **server: Any) -> Config:
    """The settings of a service for one store."""
    config = load_config(None, {"PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": "bundled"})
    return replace(config, server=replace(config.server, port=0, **server))


@contextmanager
def serving(app: App, config: Config, protocol: type[asyncio.Protocol] | None = None) -> Iterator[str]:
    """Serve in a thread, by another protocol if one is given; yields the address."""
    with bind_to(config.server.host, 0) as listening:
        host, port = listening.getsockname()[:2]
        chosen = uvicorn_settings(lambda: app, config, workers=1)
        chosen.http = protocol or chosen.http
        server = uvicorn.Server(chosen)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def service(store: Path, **server: Any) -> Iterator[str]:
    """The whole service for one store."""
    config = settings(store, **server)
    with serving(create_app(config), config) as url:
        yield url


@contextmanager
def saying(reply: bytes) -> Iterator[int]:
    """A port that answers one connection with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()
