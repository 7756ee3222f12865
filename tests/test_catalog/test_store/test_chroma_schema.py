"""A stored collection that names an embedding function runs nothing, wherever it is read."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chromadb.api.types import EmbeddingFunction
from chromadb.utils.embedding_functions import known_embedding_functions, sparse_known_embedding_functions

from catalog.errors import CatalogDamaged, ChromaUnreachable
from catalog.store.chroma.server import ChromaServer
from catalog.store.generation import Generation, index_digests
from catalog.store.generations import Generations
from catalog.store.maintenance.backup import back_up, restore
from catalog.store.maintenance.verify import verify
from catalog.store.snapshot import open_snapshot
from catalog.store.writer import open_writer
from ingest.sync.apply import SyncOutcome, sync
from ingest.sync.plan import SyncOptions
from tests.support.chroma import ChromaProcess, Proxy
from tests.support.fakes import WordEmbedder
from tests.test_catalog.test_store.test_catalog import FILMS, TEMPLATE

Spoil = Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], object]
"""Puts the canary into a collection's configuration, schema or metadata."""

SAYS = "names an embedding function, which plotseek never writes and which may run code; find out who changed it"


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file that an embedding function touches which Chroma knows by name, as it knows `sentence_transformer`."""
    path = tmp_path / "canary"

    class Canary(EmbeddingFunction[Any]):
        def __call__(self, input: Any) -> Any:  # noqa: A002 - Chroma's name
            raise NotImplementedError

        @staticmethod
        def name() -> str:
            return "canary"

        @staticmethod
        def build_from_config(config: dict[str, Any]) -> Any:
            path.touch()
            raise ValueError(config)

    known_embedding_functions["canary"] = Canary
    sparse_known_embedding_functions["canary"] = Canary  # type: ignore[assignment]
    yield path
    del known_embedding_functions["canary"], sparse_known_embedding_functions["canary"]


NAMED = {"type": "known", "name": "canary", "config": {}}


def of_the_vectors(_configuration: dict[str, Any], schema: dict[str, Any], _metadata: dict[str, Any]) -> None:
    schema["keys"]["#embedding"]["float_list"]["vector_index"]["config"]["embedding_function"] = NAMED


def of_all_vectors(_configuration: dict[str, Any], schema: dict[str, Any], _metadata: dict[str, Any]) -> None:
    schema["defaults"]["float_list"]["vector_index"]["config"]["embedding_function"] = NAMED


def of_another_key(_configuration: dict[str, Any], schema: dict[str, Any], _metadata: dict[str, Any]) -> None:
    index = {"enabled": True, "config": {"embedding_function": NAMED, "source_key": "title"}}
    schema["keys"]["other"] = {"sparse_vector": {"sparse_vector_index": index}}


def of_the_configuration(configuration: dict[str, Any], _schema: dict[str, Any], _metadata: dict[str, Any]) -> None:
    configuration["embedding_function"] = NAMED


def by_metadata(_configuration: dict[str, Any], _schema: dict[str, Any], metadata: dict[str, Any]) -> None:
    metadata["embedding_function"] = "canary"


everywhere = pytest.mark.parametrize("spoil", [of_the_vectors, of_all_vectors, of_another_key, of_the_configuration])


def run(root: Path, count: int, server: ChromaServer | None = None) -> SyncOutcome:
    with open_writer(root, server) as writer:
        return sync(FILMS[:count], writer, WordEmbedder(), SyncOptions(TEMPLATE, rebuild_after=10.0))


def spoil_folder(generation: Generation, spoil: Spoil) -> None:
    """Change what the index in a folder says of itself, and let its files count as published like this."""
    with closing(sqlite3.connect(generation.chroma / "chroma.sqlite3")) as connection, connection:
        (identity, *texts) = connection.execute("SELECT id, config_json_str, schema_str FROM collections").fetchone()
        configuration, schema = map(json.loads, texts)
        metadata: dict[str, Any] = {}
        spoil(configuration, schema, metadata)
        connection.execute(
            "UPDATE collections SET config_json_str = ?, schema_str = ?",
            (json.dumps(configuration), json.dumps(schema)),
        )
        rows = [(identity, key, value) for key, value in metadata.items()]
        connection.executemany("INSERT INTO collection_metadata (collection_id, key, str_value) VALUES (?, ?, ?)", rows)
    root = generation.folder.parents[1]
    Generations(root).publish(generation, replace(generation.info(), index_files=index_digests(generation)))


@pytest.mark.parametrize("spoil", [of_the_vectors, of_all_vectors, of_another_key, by_metadata])
def test_a_folder_that_names_a_function_runs_nothing_and_is_built_again(
    tmp_path: Path, canary: Path, spoil: Spoil
) -> None:
    root = tmp_path / "store"
    run(root, 2)
    spoil_folder(Generations(root).in_force(), spoil)
    with closing(open_snapshot(root)) as snapshot, pytest.raises(CatalogDamaged, match=SAYS):
        snapshot.index.nearest(WordEmbedder().embed_query("shark"), 1)
    (line,) = verify(root).differences
    assert line.startswith(f"{root}/generations/0001/chroma: collection 'movies-0001' {SAYS}")
    assert run(root, 3).generation == 2
    assert verify(root).differences == ()
    assert not canary.exists()


@pytest.mark.slow
def test_a_backup_that_names_a_function_runs_nothing(tmp_path: Path, canary: Path) -> None:
    root, folder = tmp_path / "store", tmp_path / "backup"
    run(root, 2)
    back_up(root, folder)
    spoil_folder(Generations(folder).in_force(), of_the_vectors)
    restore(folder, tmp_path / "new")
    assert verify(tmp_path / "new").differences == ()
    run(tmp_path / "new", 3)
    assert not canary.exists()


@pytest.mark.slow
@everywhere
def test_a_server_that_names_a_function_runs_nothing(
    tmp_path: Path, canary: Path, chroma: ChromaProcess, spoil: Spoil
) -> None:
    root = tmp_path / "store"

    def rewrite(content: bytes) -> bytes:
        if b'"configuration_json"' not in content:
            return content
        answer = json.loads(content)
        spoil(answer["configuration_json"], answer["schema"], {})
        return json.dumps(answer).encode()

    with Proxy(chroma.url, rewrite=rewrite).serving() as proxy:
        server = ChromaServer(proxy.url)
        with pytest.raises(CatalogDamaged, match=SAYS):
            run(root, 2, server)
        assert Generations(root).all() == []
        run(root, 2, ChromaServer(chroma.url))
        with closing(open_snapshot(root, server)) as snapshot, pytest.raises(CatalogDamaged, match=SAYS):
            snapshot.index.nearest(WordEmbedder().embed_query("shark"), 1)
    assert not canary.exists()


@pytest.mark.slow
@pytest.mark.parametrize("answer", [b"{}", b"null", b"{", b'{"configuration_json": null}'])
def test_a_server_whose_answers_are_none_is_one_line(tmp_path: Path, chroma: ChromaProcess, answer: bytes) -> None:
    def rewrite(content: bytes) -> bytes:
        return answer if b'"configuration_json"' in content else content

    run(tmp_path, 2, ChromaServer(chroma.url))
    with (
        Proxy(chroma.url, rewrite=rewrite).serving() as proxy,
        closing(open_snapshot(tmp_path, ChromaServer(proxy.url))) as snapshot,
        pytest.raises(
            ChromaUnreachable, match=rf"^Chroma at {proxy.url}: gives no answer that is understood .*; look at"
        ),
    ):
        snapshot.index.nearest(WordEmbedder().embed_query("shark"), 1)


def test_another_distance_is_refused(tmp_path: Path) -> None:
    def by_length(_configuration: dict[str, Any], schema: dict[str, Any], _metadata: dict[str, Any]) -> None:
        schema["keys"]["#embedding"]["float_list"]["vector_index"]["config"]["space"] = "l2"

    run(tmp_path, 2)
    spoil_folder(Generations(tmp_path).in_force(), by_length)
    with closing(open_snapshot(tmp_path)) as snapshot, pytest.raises(CatalogDamaged, match="measures by 'l2', not by"):
        snapshot.index.nearest(WordEmbedder().embed_query("shark"), 1)
