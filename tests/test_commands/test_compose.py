"""Dockerfile and docker-compose.yml, where no container engine is: read, and started as plain processes."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.chroma import free_port

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
READ_ONLY = (
    ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    if os.geteuid() == 0 and shutil.which("setpriv")
    else []
)
"""Without root's right to write everywhere."""
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (PROJECT / "docker-compose.yml").read_text(encoding="utf-8")


def compose(settings: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The compose file, with the variables of .env put in."""
    chosen = settings or {}
    text = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: chosen.get(found[1], found[2]), COMPOSE)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    lines = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines if line.strip())]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    return found[max(number for number, (name, _) in enumerate(found) if name == "FROM") :]


def image_environment() -> dict[str, str]:
    pairs = [shlex.split(rest) for name, rest in last_stage() if name == "ENV"]
    return dict(pair.split("=", 1) for line in pairs for pair in line)


def test_the_image_is_pinned_small_and_runs_as_nobody_special() -> None:
    assert [rest.split()[0] for name, rest in instructions() if name == "FROM"] == ["python:3.11.13-slim-bookworm"] * 2
    final = dict(last_stage())
    assert final["USER"] == "plotseek"
    assert [name for name, _ in last_stage()].index("USER") > [name for name, _ in last_stage()].index("RUN")
    assert json.loads(final["CMD"]) == ["query-server"]
    assert "--interval=" in final["HEALTHCHECK"]
    assert {name for name, _ in instructions()}.isdisjoint({"ADD", "MAINTAINER"})
    for run in (rest for name, rest in instructions() if name == "RUN" and "pip install" in rest):
        assert "--no-cache-dir" in run
        assert "-c constraints.txt" in run
    assert "whl/cpu torch" in DOCKERFILE
    assert json.loads(final["VOLUME"]) == [
        image_environment()["PLOTSEEK_STORE_PATH"],
        image_environment()["HF_HOME"],
        compose()["services"]["ingest"]["environment"]["PLOTSEEK_STORE_JOURNAL"],
    ]


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    allowed = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in allowed
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and not rest.startswith("--from")]
    for path in (path for paths in copied for path in paths):
        assert (PROJECT / path).exists(), path
        assert f"!{path}" in allowed, path


def test_the_chroma_image_is_the_tested_version_and_nobody_else_reaches_it() -> None:
    services, networks = compose()["services"], compose()["networks"]
    tested = re.search(r"^chromadb==(.+)$", (PROJECT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert tested is not None
    assert services["chroma"]["image"] == f"chromadb/chroma:{tested[1]}"
    assert "ports" not in services["chroma"]
    assert services["chroma"]["networks"] == ["index"]
    assert networks["index"] == {"internal": True}
    asking = [name for name, service in services.items() if "index" in service["networks"] and name != "chroma"]
    assert asking == ["ingest", "query-server"]
    assert all(services[name]["environment"]["PLOTSEEK_STORE_URL"] == "http://chroma:8000" for name in asking)


def test_only_this_machine_reaches_the_page_unless_it_is_said_otherwise() -> None:
    server = compose()["services"]["query-server"]
    assert server["ports"] == ["127.0.0.1:8080:8080"]
    # Without a key it answers what comes through the network of this file, in which Docker has one address.
    (subnet,) = compose()["networks"]["outside"]["ipam"]["config"]
    assert server["environment"]["PLOTSEEK_SERVER_TRUSTED_NETWORKS"] == subnet["subnet"]
    assert ip_network(subnet["subnet"]).is_private
    for service in compose()["services"].values():
        assert all(re.search(r":size=\d+[mg]$", each) for each in service["tmpfs"])
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]


def test_every_volume_is_declared_and_every_variable_documented() -> None:
    found = compose()
    used = {volume.split(":")[0] for service in found["services"].values() for volume in service["volumes"]}
    assert used - {"./films"} == set(found["volumes"])
    documented = (PROJECT / "docs" / "docker.md").read_text(encoding="utf-8")
    for variable in re.findall(r"\$\{(\w+):-", COMPOSE):
        assert f"`{variable}`" in documented, variable


@dataclass
class Composition:
    """The services of the compose file as processes; hosts, ports and volumes are this machine's."""

    folder: Path
    settings: Mapping[str, str]
    ports: dict[str, int] = field(default_factory=lambda: {"8000": free_port(), "8080": free_port()})
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._services = compose(self.settings)["services"]
        (self.folder / "app").mkdir()
        (self.folder / "catalog").mkdir(mode=0o555 if READ_ONLY else 0o755)
        shutil.copy(PROJECT / "config.yaml", self.folder / "app")
        shutil.copy(PROJECT / "movies.json", self.folder / "app")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['8080']}"

    def _here(self, name: str, text: str) -> str:
        for volume in self._services[name]["volumes"]:
            source, inside = volume.split(":")[:2]
            text = re.sub(rf"^{inside}\b", str(self.folder / source), text)
        text = re.sub(r"^/app\b", str(self.folder / "app"), text)
        text = text.replace("http://chroma:", "http://127.0.0.1:")
        for inside, port in self.ports.items():
            text = re.sub(rf"\b{inside}\b", str(port), text)
        return text

    def environment(self, name: str) -> dict[str, str]:
        """The image's and the service's variables, and no others of ours."""
        given = {**image_environment(), **self._services[name].get("environment", {})}
        given = {key: self._here(name, str(value)) for key, value in given.items() if key != "PATH"}
        port = {"PLOTSEEK_SERVER_PORT": str(self.ports["8080"])} if name == "query-server" else {}
        home = {"HOME": str(self.folder / "home"), "HF_HUB_OFFLINE": "1"}
        return {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT), **given, **port, **home}

    def run(self, name: str, command: list[str]) -> "subprocess.CompletedProcess[str]":
        """`docker compose exec`"""
        translated = [self._here(name, part) for part in command]
        return subprocess.run(
            translated, env=self.environment(name), capture_output=True, text=True, timeout=60, check=False
        )

    def start(self, name: str) -> None:
        """Start a service's process; one that mounts the catalog for reading only may not write into its folder."""
        command = [self._here(name, part) for part in self._services[name]["command"]]
        if name == "chroma":
            command = [str(BIN / "chroma"), *(part.replace("0.0.0.0", "127.0.0.1") for part in command)]
        if READ_ONLY and f"catalog:{image_environment()['PLOTSEEK_STORE_PATH']}:ro" in self._services[name]["volumes"]:
            command = [*READ_ONLY, *command]
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.processes[name] = subprocess.Popen(command, env=self.environment(name), stdout=log, stderr=log)

    def end(self, name: str, number: signal.Signals) -> int:
        """The exit code after a signal."""
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(timeout=60)

    def healthy(self, name: str) -> bool:
        """What the health check says."""
        check = self._services[name].get("healthcheck", {}).get("test")
        if check is None:
            check = ["CMD", *json.loads(dict(last_stage())["HEALTHCHECK"].partition("CMD ")[2])]
        return self.run(name, check[1:]).returncode == 0

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def wait(self, what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 300
        while not what():
            assert time.monotonic() < deadline, {name: self.log(name) for name in self._services}
            time.sleep(0.1)

    def titles(self, question: str) -> list[str]:
        answer = httpx.get(f"{self.url}/search", params={"q": question}, timeout=30).raise_for_status()
        return [hit["title"] for hit in answer.json()["results"]]


@pytest.fixture
def composition(tmp_path: Path) -> Iterator[Composition]:
    """The composition with the bundled model, not started yet."""
    made = Composition(tmp_path, {"PLOTSEEK_EMBEDDING_MODEL": "bundled", "FILMS_SOURCE": "/app/movies.json"})
    with ExitStack() as stack:
        stack.callback(lambda: [made.end(name, signal.SIGKILL) for name in list(made.processes)])
        yield made


def test_the_composition_comes_up_syncs_and_survives_what_happens_to_it(composition: Composition) -> None:
    # The page is there before there is anything to find.
    composition.start("query-server")
    composition.start("chroma")
    composition.wait(lambda: composition.healthy("chroma"))
    assert not composition.healthy("ingest")
    composition.start("ingest")
    composition.wait(lambda: composition.healthy("ingest"))
    composition.wait(lambda: composition.healthy("query-server"))
    assert "<html" in httpx.get(composition.url).text.lower()
    assert httpx.get(f"{composition.url}/status").json()["films"] == 200
    assert "Groundhog Day" in composition.titles("a man relives the same day")
    foreign = httpx.get(f"{composition.url}/search", params={"q": "ship"}, headers={"Host": "films.example.org"})
    assert foreign.status_code == 403

    # Chroma is killed: the search goes on, and a sync says what it misses.
    composition.end("chroma", signal.SIGKILL)
    assert not composition.healthy("chroma")
    assert "Groundhog Day" in composition.titles("a man who relives one day again")
    changed = composition.folder / "app" / "movies.json"
    films = json.loads(changed.read_text(encoding="utf-8"))
    films.append({"title": "The Kettle That Sang", "year": 2024, "plot": "A kettle wins an opera contest."})
    changed.write_text(json.dumps(films), encoding="utf-8")
    assert composition.end("ingest", signal.SIGTERM) == 0
    composition.start("ingest")
    composition.wait(lambda: "cannot be reached" in composition.log("ingest"))
    assert composition.end("ingest", signal.SIGKILL) == -signal.SIGKILL

    # It is back: the next run completes, and the page finds the new film without a restart.
    composition.start("chroma")
    composition.wait(lambda: composition.healthy("chroma"))
    composition.start("ingest")
    composition.wait(lambda: "The Kettle That Sang" in composition.titles("a singing kettle in an opera contest"))
    verified = composition.run("ingest", ["ingest", "verify"])
    assert (verified.returncode, verified.stdout) == (0, "generation 2, 201 films: everything agrees\n")

    # A film is put over HTTP, which the page may only write down, with a key that was just made.
    made = composition.run("ingest", ["query-server", "--make-key", "shop", "--role", "admin"])
    assert made.returncode == 0, made.stderr
    film = {"id": "moths", "title": "The Moth Parliament", "plot": "Moths vote on the moon."}
    assert httpx.put(f"{composition.url}/movies", json=film).status_code == 401
    key = {"Authorization": f"Bearer {made.stdout.strip()}"}
    put = httpx.put(f"{composition.url}/movies", params={"wait": 60}, json=film, headers=key, timeout=90)
    assert (put.status_code, put.json()["state"]) == (200, "done")
    assert "The Moth Parliament" in composition.titles("moths that vote on the moon")
    assert (composition.folder / "changes" / "changes.sqlite3").exists()
    gone = httpx.delete(f"{composition.url}/movies/moths", params={"wait": 60}, headers=key, timeout=90)
    assert (gone.status_code, gone.json()["counts"]) == (200, {"read": 1, "deleted": 1})

    # The page is killed, and stopped.
    composition.end("query-server", signal.SIGKILL)
    composition.start("query-server")
    composition.wait(lambda: composition.healthy("query-server"))
    assert composition.end("query-server", signal.SIGTERM) == 0
    assert composition.end("ingest", signal.SIGTERM) == 0
    assert composition.end("chroma", signal.SIGTERM) in (0, -signal.SIGTERM)
    assert not (composition.folder / "home").exists()
    assert "Traceback" not in composition.log("query-server") + composition.log("ingest")
