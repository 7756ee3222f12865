"""Sockets, processes and signals: the service on uvicorn."""

import faulthandler
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.supervisors.multiprocess import Multiprocess

from catalog.config import Config
from catalog.store.generations import Generations
from catalog.terminal import say
from query.discovery import announce
from query.http.auth import Authenticator
from query.http.connections import allow_connections, limited_to
from query.http.middleware import App

_SWITCH = 0.0005
"""Seconds a thread may keep the interpreter: at Python's 5 ms the tail of answers is a tenth longer."""
_MOST_CONNECTIONS = 4000
"""Of one process, silent ones included: the idle ones make room for those that come."""
_MOST_UNFINISHED = 65_536
"""Bytes of a request line and headers that are not complete yet."""


def serve(config: Config, config_file: Path | None, *, workers: int, mcp: bool = False) -> int:
    """Serve until SIGTERM or Ctrl-C, then finish what was begun; returns the exit code.

    Raises ConfigError and StoreError for what cannot be served, OSError for an address that cannot be had.
    """
    # What is wrong is said before anything starts.
    Authenticator(config.server)
    if (keys := config.server.keys_file) is not None and not keys.exists():
        say(f"server.keys_file {keys} is not there: no key is known until 'query-server --make-key NAME' makes one")
    Generations(config.store.path).stamp()
    build = partial(application, config, config_file, mcp=mcp)
    with _bind(config.server.host, config.server.port, workers) as listening:
        host, port = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        say(f"plotseek listens at http://{shown}:{port}{'/mcp' if mcp else ''}")
        with nullcontext() if mcp else announce(config.store.path, _reachable(host), port):
            return _run(uvicorn_settings(build, config, workers), listening)


def application(config: Config, config_file: Path | None, *, mcp: bool) -> App:
    """What one process serves."""
    # A mapped file that is cut off, a library that crashes: the process cannot survive it, but says where it was.
    faulthandler.enable()
    sys.setswitchinterval(_SWITCH)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # The SDK tells of every message it handles.
    logging.getLogger("mcp").setLevel(logging.WARNING)
    if (supervisor := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_with, args=(supervisor,), daemon=True).start()
    if mcp:
        from query.http.mcp import create_mcp_app

        return create_mcp_app(config)
    from query.http.app import create_app

    return create_app(config, config_file)


def _end_with(supervisor: multiprocessing.process.BaseProcess) -> None:
    """Stop this worker in an orderly way when the process that started it was killed: nobody else would."""
    supervisor.join()
    os.kill(os.getpid(), signal.SIGTERM)


def uvicorn_settings(build: Callable[[], App], config: Config, workers: int) -> uvicorn.Config:
    """How uvicorn is to run the service; `build` makes it in each process."""
    return uvicorn.Config(
        build,
        factory=True,
        workers=workers,
        # On h11, which bounds the length of what it parses, and refuses what is ambiguous.
        http=limited_to(allow_connections(_MOST_CONNECTIONS)),
        h11_max_incomplete_event_size=_MOST_UNFINISHED,
        ws="none",
        lifespan="on",
        forwarded_allow_ips=list(config.server.proxies),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=config.server.drain,
        log_config=None,
        log_level="warning",
    )


def _run(settings: uvicorn.Config, listening: socket.socket) -> int:
    if settings.workers > 1:
        Multiprocess(settings, sockets=[listening]).run()
        return 0
    server = uvicorn.Server(settings)
    # uvicorn raises the signal once more when it has drained: what was announced would be left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    return 0 if server.started else 1


def _bind(host: str, port: int, workers: int) -> socket.socket:
    if workers == 1 or sys.platform != "linux":
        return bind_to(host, port)
    shared = bind_to(host, port, _OneEach)
    # Bound alone, and from now on only with those that share it: two services can't take one address.
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return shared


class _OneEach(socket.socket):
    """An address that workers share: handed to one of them it becomes a socket of that worker's own.

    Linux then spreads connections over the workers; from one socket for all of them, one may take every connection that
    comes at the same moment.
    """

    def __reduce__(self) -> tuple[Callable[..., socket.socket], tuple[int, Any]]:
        return _join, (self.family, self.getsockname())


def _join(family: int, address: Any) -> socket.socket:
    own = _OneEach(family, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.bind(address)
    return own


def bind_to(host: str, port: int, kind: type[socket.socket] = socket.socket) -> socket.socket:
    """A socket bound to an address; raises OSError that names it."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listening = kind(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, f"{host} port {port}") from error
    listening.set_inheritable(True)
    return listening


def _reachable(host: str) -> str:
    """Where a command on this machine finds what listens everywhere."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
