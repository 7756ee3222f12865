"""The owner's own check of a generation before it comes into force: `sync.check`, query-evaluate for one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from catalog.config import PREFIX
from catalog.errors import CheckFailed, ConfigError

_LOOK = 0.5
"""Seconds between two looks whether to stop."""


def run_check(command: Sequence[str], store: Path, go_on: Callable[[], None] = lambda: None) -> None:
    """Run a program, without a shell, over a folder that is laid out as a catalog; `go_on` may raise to stop it.

    Raises CheckFailed if it ends with another code than 0, ConfigError if there is no such program.
    """
    program = shutil.which(command[0], path=_path())
    if program is None:
        raise ConfigError(f"sync.check: there is no program {command[0]!r}")
    process = subprocess.Popen(  # noqa: S603 - what the owner configured
        [program, *command[1:]],
        env={**os.environ, f"{PREFIX}_STORE_PATH": str(store)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        output = _output(process, go_on)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    if process.returncode:
        last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "it said nothing")
        raise CheckFailed(f"sync.check refused the new state, nothing was published: {last}")


def _path() -> str:
    """Our own commands are found although cron and systemd know no virtual environment."""
    return os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])


def _output(process: "subprocess.Popen[str]", go_on: Callable[[], None]) -> str:
    while True:
        try:
            return process.communicate(timeout=_LOOK)[0]
        except subprocess.TimeoutExpired:
            go_on()
