"""Embedding on a Ray cluster of this machine: the same vectors, whatever dies meanwhile."""

import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from catalog.config import Config, EmbeddingConfig, StoreConfig, SyncConfig
from catalog.embedding.factory import Choice, choose_for_new
from catalog.movie import text_digest
from catalog.store.generations import Generations
from catalog.store.snapshot import open_snapshot
from ingest.cli import main
from ingest.distributed.fleet import Fleet
from ingest.distributed.shards import Shards
from ingest.run import Request, run
from tests.support.checkpoints import JINA_TINY, SIX_TEXTS

pytestmark = pytest.mark.slow

SETTINGS = EmbeddingConfig(model=str(JINA_TINY), precision="float32")


def parts(count: int) -> list[dict[bytes, str]]:
    """Texts by digest, in parts of six."""
    numbered = [[f"{number} {text}" for text in SIX_TEXTS] for number in range(count)]
    return [{text_digest(text): text for text in texts} for texts in numbered]


@pytest.fixture(scope="module")
def choice() -> Choice:
    return choose_for_new(SETTINGS)


def expected(choice: Choice, texts: Mapping[bytes, str]) -> dict[bytes, np.ndarray]:
    vectors = choice.embedder.embed_documents(list(texts.values())).vectors
    return dict(zip(texts, vectors, strict=True))


def workers() -> Iterator[int]:
    """The processes of the actors."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and b"ray::MapWorker" in (process / "cmdline").read_bytes():
            yield int(process.name)


def test_an_actor_that_dies_costs_its_batch_and_shards_are_used_again(choice: Choice, tmp_path: Path) -> None:
    wanted = parts(12)
    leftover = Shards(tmp_path, choice.embedder.identity.key)
    first = expected(choice, wanted[0])
    leftover.write("0", list(first), np.stack(list(first.values())), truncated=0)
    killed, found, read = False, dict[bytes, np.ndarray](), 0
    for made in Fleet(SETTINGS, choice, tmp_path).embed(wanted):
        found |= made.vectors
        read += made.read
        if made.read and not killed:
            os.kill(next(workers()), signal.SIGKILL)
            killed = True
    assert read == 6 * 11
    assert found.keys() == {digest for part in wanted for digest in part}
    for part in wanted:
        for digest, vector in expected(choice, part).items():
            assert np.abs(found[digest] - vector).max() < 1e-6
    assert list(tmp_path.iterdir()) == []


def test_a_run_on_a_cluster_makes_the_same_catalog(tmp_path: Path) -> None:
    file = Path("movies.json").absolute()
    config = Config(store=StoreConfig(tmp_path / "here"), embedding=SETTINGS, sync=SyncConfig(batch=20))
    here = run(config, Request(str(file), limit=60))
    there = replace(config, store=StoreConfig(tmp_path / "there"))
    report = run(there, Request(str(file), limit=60, shards=tmp_path / "shards"))
    films, german = 60, 19
    assert (report.films, report.embedded, report.truncated) == (films, films + german, 0)
    assert (here.films, here.embedded, here.truncated) == (films, films + german, 0)
    ours, theirs = open_snapshot(config.store.path), open_snapshot(there.store.path)
    assert ours.movies.ids() == theirs.movies.ids()
    assert np.abs(ours.vectors - theirs.vectors).max() < 1e-6
    assert Generations(there.store.path).in_force().number == 1
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shards", "x"], "--shards is for --on ray"),
        (["--on", "ray"], "several endpoints share the work without it"),
    ],
)
def test_what_goes_with_no_cluster_is_refused_at_once(tmp_path: Path, options: list[str], said: str) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_text("embedding: {provider: remote, remote: {url: http://127.0.0.1:9}}\n")
    answer = CliRunner().invoke(main, ["movies.json", *options, "--config", str(settings)])
    assert answer.exit_code == 2
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1
