"""What every test shares: no network, no settings of the machine, and one small catalog to query."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chroma import ChromaProcess, running

SEED = json.loads((Path(__file__).parent / "fixtures" / "seed.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True, scope="session")
def _sealed() -> Iterator[None]:
    """No hub, no telemetry, and none of the caller's own settings."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("PLOTSEEK_")]:
        del os.environ[name]
    os.environ["PLOTSEEK_EMBEDDING_MODEL"] = "bundled"
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def seed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The six films the project began with, as a JSON array."""
    path = tmp_path_factory.mktemp("seed") / "seed.json"
    path.write_text(json.dumps(SEED["movies"]), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def seed_store(seed_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of these six films, built with the bundled model. For reading only."""
    from catalog.config import load_config
    from ingest.run import Request, run

    store = tmp_path_factory.mktemp("store")
    config = load_config(None, {"PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": "bundled"})
    run(config, Request(str(seed_file)))
    return store


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaProcess]:
    """A Chroma server that all tests share; whoever breaks it starts one of their own."""
    with running(tmp_path_factory.mktemp("chroma")) as process:
        yield process


@pytest.fixture(params=["folder", pytest.param("server", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where vector indexes are: in the catalog's folder, or on that server."""
    if request.param == "server":
        monkeypatch.setenv("PLOTSEEK_STORE_URL", request.getfixturevalue("chroma").url)
    return str(request.param)
