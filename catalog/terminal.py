"""The edge of every command: errors become one line and an exit code."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from catalog.config import PREFIX, Config, load_config
from catalog.errors import PASSING, PlotseekError, is_full
from catalog.printable import visible


@contextmanager
def one_line_errors(command: str) -> Iterator[None]:
    """Print a PlotseekError as one line on stderr and leave with its exit code."""
    try:
        yield
    except PlotseekError as error:
        say(f"{command}: {' '.join(str(error).split())}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say(f"{command}: stopped")
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has seen enough: `query ... | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        say(f"{command}: {where}{error.strerror or error}")
        sys.exit(PASSING if is_full(error) else 1)


def settings(path: Path | None) -> Config:
    """The configuration of this process: --config, or PLOTSEEK_CONFIG, or config.yaml here.

    The catalog's path is absolute: whoever reads it in a message sees in which folder it was looked for.
    """
    named = os.environ.get(f"{PREFIX}_CONFIG")
    config = load_config(path or (Path(named) if named else None), os.environ)
    return replace(config, store=replace(config.store, path=config.store.path.absolute()))


def say(message: str) -> None:
    """A line for people: on stderr, because stdout is for results."""
    print(visible(message), file=sys.stderr)


def show(result: str) -> None:
    """A result on stdout; what files and servers call things gives the terminal no orders."""
    print(visible(result))
