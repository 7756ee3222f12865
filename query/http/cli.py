"""The `query-server` command: parses, checks, serves."""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from catalog.config import Config
from catalog.cores import THREAD_VARIABLES, cores
from catalog.errors import UsageError
from catalog.extras import require
from catalog.terminal import one_line_errors, say, settings, show

_MOST_THREADS = 4
"""Of a matrix product, and no more than half of a worker's cores: threads that have to share one with each other, or
with tonight's ingest, wait for each other (33 questions a second instead of 190)."""


@click.command()
@click.option("--host", help="Where to listen (default: server.host).")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes any free one (default: server.port).")
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Processes; each reads the catalog itself.")
@click.option(
    "--mcp", type=click.Choice(["stdio", "http"]), help="Serve assistants over the Model Context Protocol instead."
)
@click.option("--make-key", metavar="NAME", help="Add an API key to server.keys_file, print it once, and leave.")
@click.option("--role", type=click.Choice(["read", "admin"]), help="What the new key is good for (default: read).")
@click.option("--config", type=click.Path(path_type=Path), help="Another settings file than config.yaml.")
@click.version_option(package_name="plotseek")
def main(
    workers: int,
    mcp: str | None,
    make_key: str | None,
    role: str | None,
    config: Path | None,
    **address: str | int | None,
) -> None:
    """Serve the catalog over HTTP, with a page to look at.

    \b
    query-server
    query-server --host 0.0.0.0 --port 80
    query-server --make-key website --role read
    query-server --mcp stdio
    """
    with one_line_errors("query-server"):
        require("server", "query-server")
        config_ = _with_address(settings(config), address)
        if make_key is not None:
            _add_key(config_, make_key, role or "read")
            return
        if role is not None:
            raise UsageError("--role says what a new key is good for: it goes with --make-key NAME")
        if mcp == "stdio":
            from query.http.mcp import serve_stdio

            serve_stdio(config_)
            return

        for name in THREAD_VARIABLES:
            os.environ.setdefault(name, str(max(1, min(_MOST_THREADS, cores() // (2 * workers)))))

        from query.http.run import serve

        sys.exit(serve(config_, config, workers=workers, mcp=mcp == "http"))


def _with_address(config: Config, address: Mapping[str, Any]) -> Config:
    """With the host and the port that were given."""
    given = {name: value for name, value in address.items() if value is not None}
    return replace(config, server=replace(config.server, **given))


def _add_key(config: Config, name: str, role: str) -> None:
    from query.http.auth import Role, make_key

    if config.server.keys_file is None:
        raise UsageError(
            "server.keys_file is not set: name the file that shall hold the hashed keys, in config.yaml or in the"
            " variable PLOTSEEK_SERVER_KEYS_FILE, where the service finds it, too"
        )
    key = make_key(config.server.keys_file, name, Role(role))
    say(f"query-server: key {name!r} with the role {role}; it is shown this once, only its hash is kept:")
    show(key)


if __name__ == "__main__":
    main(prog_name="query-server")
