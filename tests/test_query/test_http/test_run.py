"""`query-server` as a process: it drains, takes its traces with it, and is never down unnoticed."""

import copy
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from query.http.run import _bind
from tests.support.service import service

PROJECT = Path(__file__).parents[3]
SERVER = (sys.executable, "-m", "query.http.cli")
pytestmark = pytest.mark.slow


@dataclass
class Running:
    """A service and what it says."""

    process: "subprocess.Popen[str]"
    url: str = ""
    said: list[str] = field(default_factory=list)
    """Lines of stderr."""

    def listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"listens at (\S+)", line):
                self.url = found[1]

    def ends(self) -> int:
        """The exit code."""
        return self.process.wait(30)

    def workers(self) -> list[int]:
        """Processes that it started to serve."""
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        children = task.read_text(encoding="ascii").split()
        return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def variables(store: Path) -> dict[str, str]:
    return {**os.environ, "PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": "bundled"}


def ended(store: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """A service that does not come up."""
    command = [*SERVER, *options]
    return subprocess.run(command, env=variables(store), cwd=PROJECT, capture_output=True, text=True, timeout=30)


@contextmanager
def started(store: Path, *options: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [*SERVER, "--port", "0", *options], env=variables(store), cwd=PROJECT, stderr=subprocess.PIPE, text=True
    )
    running = Running(process)
    listener = threading.Thread(target=running.listen)
    listener.start()
    try:
        assert eventually(lambda: bool(running.url) and answers(f"{running.url}/readyz")), running.said
        yield running
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
        listener.join()
        assert process.stderr is not None
        process.stderr.close()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def eventually(holds: "object", seconds: float = 40.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if callable(holds) and holds():
            return True
        time.sleep(0.05)
    return False


def sockets(process: int, state: str) -> int:
    """How many of its sockets are in a state: "0A" listens, "01" is connected."""
    own = subprocess.run(["ls", "-l", f"/proc/{process}/fd"], capture_output=True, text=True, check=False).stdout
    lines = Path(f"/proc/{process}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return sum(columns[3] == state and f"socket:[{columns[9]}]" in own for columns in map(str.split, lines))


@pytest.fixture
def store(seed_store: Path, tmp_path: Path) -> Path:
    """A catalog that may be harmed."""
    return Path(shutil.copytree(seed_store, tmp_path / "store"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_begun_is_finished(store: Path, number: signal.Signals) -> None:
    asked = [{"text": f"a ship number {each}", "why": True, "all": True} for each in range(50)]
    got: list[int] = []
    with started(store) as running:
        assert json.loads((store / "server.json").read_text(encoding="utf-8"))["pid"] == running.process.pid
        asking = threading.Thread(
            target=lambda: got.append(httpx.post(f"{running.url}/search", json=asked, timeout=30).status_code)
        )
        asking.start()
        assert eventually(lambda: "plotseek_searches_pending 1.0" in httpx.get(f"{running.url}/metrics").text)
        running.process.send_signal(number)
        asking.join()
        assert (got, running.ends()) == ([200], 0)
    assert not (store / "server.json").exists()
    assert "Traceback" not in "".join(running.said)


def test_a_worker_that_dies_is_started_anew(store: Path) -> None:
    with started(store, "--workers", "2") as running:
        assert eventually(lambda: len(running.workers()) == 2)
        before = running.workers()
        os.kill(before[0], signal.SIGKILL)
        assert eventually(lambda: len(running.workers()) == 2 and before[0] not in running.workers())
        assert eventually(lambda: all(answers(f"{running.url}/search?q=ship") for _ in range(8)))
        running.process.send_signal(signal.SIGTERM)
        assert running.ends() == 0
        assert not any(Path(f"/proc/{worker}").exists() for worker in before)
    assert not (store / "server.json").exists()


def test_workers_end_with_their_supervisor(store: Path) -> None:
    with started(store, "--workers", "2") as running:
        assert eventually(lambda: len(running.workers()) == 2)
        workers = running.workers()
        running.process.kill()
        assert running.ends() == -signal.SIGKILL
        assert eventually(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
        assert not answers(f"{running.url}/healthz")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers share one socket")
def test_connections_are_spread_over_the_workers(store: Path) -> None:
    with started(store, "--workers", "2") as running, ExitStack() as stack:
        assert eventually(lambda: [sockets(worker, "0A") for worker in running.workers()] == [1, 1])
        where = urlsplit(running.url)
        for _ in range(32):
            stack.enter_context(socket.create_connection((where.hostname, where.port)))
        assert eventually(lambda: sum(sockets(worker, "01") for worker in running.workers()) >= 32)
        # All at one of them: once in two thousand million times.
        assert all(sockets(worker, "01") > 0 for worker in running.workers())


def test_an_address_that_workers_share_is_not_shared_with_another_service(store: Path) -> None:
    """Neither while its workers start, nor later."""
    with _bind("127.0.0.1", 0, workers=2) as first:
        host, port = first.getsockname()
        for workers in (1, 2):
            with pytest.raises(OSError, match=f"in use: '127.0.0.1 port {port}'"):
                _bind(host, port, workers)
        with copy.copy(first) as own, copy.copy(first) as other:
            assert own.getsockname() == other.getsockname() == (host, port)
            own.listen()
            other.listen()
            for workers in (1, 2):
                with pytest.raises(OSError, match="in use"):
                    _bind(host, port, workers)
    with started(store, "--workers", "2") as running:
        assert running.url
        second = ended(store, "--port", str(urlsplit(running.url).port), "--workers", "2")
    assert (second.returncode, second.stdout) == (1, "")
    assert "in use" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_file_instead_of_a_catalog_is_said_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "films.json").write_text("[]", encoding="utf-8")
    refused = ended(tmp_path / "films.json", "--port", "0")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"query-server: store.path: {tmp_path / 'films.json'} is a file, not a folder\n"


def test_a_keys_file_that_is_not_there_is_told_at_start(store: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("server: {keys_file: keys}", encoding="utf-8")
    with started(store, "--config", str(config)) as running:
        told = (
            f"server.keys_file {tmp_path / 'keys'} is not there: no key is known until 'query-server --make-key NAME'"
        )
        assert any(line.startswith(told) for line in running.said)


def test_files_that_are_cut_off_under_it_end_it_with_a_word_and_are_named_afterwards(store: Path) -> None:
    """What is mapped and gone is beyond rescue; whoever starts it anew is told what to do."""
    (vectors,) = store.glob("generations/*/vectors.npy")
    with started(store) as running:
        os.truncate(vectors, 0)
        assert not answers(f"{running.url}/search?q=something+else")
        assert running.ends() == -signal.SIGBUS
    assert any("Bus error" in line for line in running.said)
    with service(store) as url:
        assert eventually(lambda: httpx.get(f"{url}/healthz").status_code == 200)
        refused = httpx.get(f"{url}/readyz")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:plotseek:catalog-damaged")
    assert "vectors.npy" in refused.json()["detail"]
