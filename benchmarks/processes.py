"""Commands as processes of their own on this machine, and what they cost (Linux)."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from catalog.store.generations import Generations

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Server:
    """Processes that answer at one port."""

    port: int
    process: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def cpu_seconds(self) -> float:
        """What they have used of all cores so far: other programs on the machine do not change it much."""
        return sum(map(_cpu_seconds, _family(self.process)))

    def memory(self, what: str = "VmHWM") -> list[float]:
        """Megabytes of each process, files it has mapped included: at its largest, or now ("VmRSS")."""
        return [_status(process, what) / 1024 for process in _family(self.process)]


@contextmanager
def query_server(store: Path, *options: str, variables: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`query-server` on a catalog that was filled with the bundled model, ready; says how long that took."""
    port = free_port()
    command = [sys.executable, "-m", "query.http.cli", "--port", str(port), *options]
    own = {"PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": "bundled"}
    start = time.perf_counter()
    with running(command, own | dict(variables or {})) as process:
        wait_for(f"http://{HOST}:{port}/readyz")
        print(f"query-server: {time.perf_counter() - start:.1f} s from start to ready", flush=True)
        yield Server(port, process.pid)


@contextmanager
def index_copy(store: Path) -> Iterator[list[str]]:
    """A private copy of the Chroma folder in force, for peers; yields it and the collection's name."""
    generation = Generations(store).in_force()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(generation.chroma, Path(folder) / "chroma")
        yield [f"{folder}/chroma", generation.collection]


@contextmanager
def running(command: Sequence[str], variables: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A silent process, stopped at the end."""
    process = subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str, seconds: float = 120.0) -> None:
    """Until there is an answer of 200; ends the program if there is none."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=30):  # noqa: S310
                return
        except (URLError, ConnectionError):
            time.sleep(0.05)
    raise SystemExit(f"{url} does not answer")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _family(process: int) -> list[int]:
    """A process and those it started."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    return [process, *(found for child in children for found in _family(int(child)))]


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status(process: int, what: str) -> int:
    return int(Path(f"/proc/{process}/status").read_text(encoding="ascii").split(f"{what}:")[1].split()[0])
