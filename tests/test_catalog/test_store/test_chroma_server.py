"""The vector index on a Chroma server: what may be wrong with it, with the way to it, and with the settings."""

import os
import shutil
import signal
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from catalog.arrays import Vector
from catalog.config import StoreConfig, load_config
from catalog.errors import CatalogDamaged, ChromaUnreachable, ConfigError, StoreError
from catalog.movie import Movie
from catalog.store.chroma.collection import VectorIndex
from catalog.store.chroma.server import CLOUD, ChromaServer, Servers, configured_server
from catalog.store.generation import Generation
from catalog.store.generations import Generations
from catalog.store.maintenance.backup import back_up, restore
from catalog.store.maintenance.verify import verify
from catalog.store.snapshot import Snapshot, open_snapshot
from catalog.store.writer import open_writer
from ingest.sync.apply import Progress, SyncOutcome, sync
from ingest.sync.plan import SyncOptions
from tests.support import survivor
from tests.support.chroma import ChromaProcess, Proxy, certificate, free_port, running
from tests.support.fakes import WordEmbedder
from tests.test_catalog.test_store.test_catalog import FILMS, TEMPLATE

pytestmark = pytest.mark.slow

MANY = [Movie(str(number), "Many", f"film number {number}") for number in range(500)]
"""So many that Chroma's files are full of them."""


class Distinct(WordEmbedder):
    """Another vector for every text: an index of many equal ones finds few of them."""

    def embed_query(self, text: str) -> Vector:
        vector = np.random.default_rng(zlib.crc32(text.encode())).normal(size=self.identity.dimension)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ChromaProcess]:
    """A Chroma server of the test's own, to be broken."""
    with running(tmp_path / "chroma") as process:
        yield process


def run(root: Path, movies: list[Movie], server: Servers | None, embedder: WordEmbedder | None = None) -> SyncOutcome:
    with open_writer(root, server) as writer:
        return sync(movies, writer, embedder or WordEmbedder(), SyncOptions(TEMPLATE, rebuild_after=10.0))


def nearest(root: Path, text: str, server: Servers | None) -> str:
    with closing(open_snapshot(root, server)) as snapshot:
        return snapshot.index.nearest(WordEmbedder().embed_query(text), 1)[0].id


def in_force(root: Path) -> Generation:
    return Generations(root).in_force()


def assert_rebuilt_without_embedding(root: Path, server: ChromaServer) -> None:
    before, embedder = in_force(root).number, WordEmbedder()
    assert run(root, FILMS, server, embedder).generation == before + 1
    assert embedder.texts == []
    assert verify(root, server=server).differences == ()
    assert nearest(root, "shark", server) == "2"


def test_a_catalog_has_one_collection_a_generation_and_takes_old_ones_along(
    tmp_path: Path, chroma: ChromaProcess
) -> None:
    server, before = ChromaServer(chroma.url), set(chroma.collections())
    for count in (1, 2, 3):
        run(tmp_path, FILMS[:count], server)
    ours = sorted(set(chroma.collections()) - before)
    assert [name[:12] for name in ours] == ["movies-0001-", "movies-0002-", "movies-0003-"]
    assert in_force(tmp_path).collection == ours[2]
    assert not in_force(tmp_path).chroma.exists()
    Generations(tmp_path, server).drop_old(keep=2, grace=0)
    assert sorted(set(chroma.collections()) - before) == ours[1:]


def test_catalogs_on_one_server_do_not_meet_not_even_copies(tmp_path: Path, chroma: ChromaProcess) -> None:
    server = ChromaServer(chroma.url)
    run(tmp_path / "one", FILMS[:2], server)
    run(tmp_path / "two", FILMS[1:], server)
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    run(tmp_path / "copy", FILMS, server)
    run(tmp_path / "one", FILMS[:1], server)
    assert [nearest(tmp_path / name, "ghost love", server) for name in ("one", "two", "copy")] == ["1", "3", "3"]
    for name in ("one", "two", "copy"):
        assert verify(tmp_path / name, server=server).differences == ()


def test_what_a_killed_run_left_on_the_server_is_removed(tmp_path: Path, chroma: ChromaProcess) -> None:
    server = ChromaServer(chroma.url)
    run(tmp_path, FILMS[:1], server)
    left = Generations(tmp_path, server).begin().collection
    VectorIndex.create(server, left, {"made_by": "plotseek"}, 5).close()
    assert left in chroma.collections()
    assert run(tmp_path, FILMS, server).generation == 2
    assert left not in chroma.collections()


def test_a_run_that_fails_leaves_no_collection(tmp_path: Path, chroma: ChromaProcess) -> None:
    server, before = ChromaServer(chroma.url), chroma.collections()

    def fail(progress: Progress) -> None:
        if progress.stage == "indexing":
            raise ZeroDivisionError

    with open_writer(tmp_path, server) as writer, pytest.raises(ZeroDivisionError):
        sync(FILMS, writer, WordEmbedder(), SyncOptions(TEMPLATE), fail)
    assert chroma.collections() == before
    assert Generations(tmp_path).all() == []


@pytest.mark.parametrize("damage", ["gone", "a row gone", "another vector", "swapped", "longer"])
def test_a_damaged_collection_is_noticed_and_built_again(tmp_path: Path, chroma: ChromaProcess, damage: str) -> None:
    server = ChromaServer(chroma.url)
    run(tmp_path, FILMS, server)
    if damage == "gone":
        server.remove(in_force(tmp_path).collection)
    else:
        with closing(VectorIndex.open(server, in_force(tmp_path).collection)) as index:
            if damage == "a row gone":
                index.remove(["2"])
            elif damage == "longer":
                index.put([FILMS[1]], 1e3 * WordEmbedder().embed_query("shark")[None])
            else:
                alien, other = WordEmbedder().embed_query("space ship"), WordEmbedder().embed_query("war")
                ghost = WordEmbedder().embed_query("ghost love") if damage == "swapped" else other
                index.put([FILMS[2], FILMS[0]], np.stack([alien, ghost]))
    with pytest.raises(CatalogDamaged, match=rf"^Chroma at {chroma.url}: .*run 'ingest verify --repair'$"):
        nearest(tmp_path, "shark", server)
    (line,) = verify(tmp_path, server=server).differences
    assert line.startswith(f"Chroma at {chroma.url}: ")
    assert_rebuilt_without_embedding(tmp_path, server)


@pytest.mark.parametrize("damage", ["empty", "half", "noise", "deleted"])
def test_index_files_damaged_on_the_server_are_noticed(tmp_path: Path, own: ChromaProcess, damage: str) -> None:
    root, server = tmp_path / "store", ChromaServer(own.url, timeout=15)
    run(root, MANY, server, Distinct())
    own.end()
    damaged = 0
    for path in own.folder.rglob("*.bin"):
        content = path.read_bytes()
        if damage == "deleted":
            path.unlink()
        else:
            path.write_bytes(
                {"empty": b"", "half": content[: len(content) // 2], "noise": os.urandom(len(content))}[damage]
            )
        damaged += 1
    assert damaged
    own.start()
    with pytest.raises(StoreError):
        nearest(root, "shark", server)
    own.end(signal.SIGKILL)
    own.start()
    embedder = Distinct()
    assert run(root, MANY, server, embedder).generation == 2
    assert embedder.texts == []
    assert verify(root, server=server).differences == ()


def test_without_the_server_films_are_found_and_the_rest_says_what_to_do(tmp_path: Path, own: ChromaProcess) -> None:
    root, server = tmp_path / "store", ChromaServer(own.url)
    run(root, FILMS[:2], server)
    own.end(signal.SIGKILL)
    away = rf"^Chroma at {own.url}: cannot be reached \(.*\); start it, or check store.url$"
    with closing(open_snapshot(root, server)) as snapshot:
        assert (snapshot.vectors @ WordEmbedder().embed_query("shark")).argmax() == 1
        assert snapshot.lexical.best({"shark": 1.0}, 5).rows.tolist() == [1]
        with pytest.raises(ChromaUnreachable, match=away):
            snapshot.index.nearest(WordEmbedder().embed_query("shark"), 1)
    for films in (FILMS[:2], FILMS):
        with pytest.raises(ChromaUnreachable, match=away):
            run(root, films, server)
    with pytest.raises(ChromaUnreachable, match=away):
        verify(root, server=server)
    own.start()
    assert nearest(root, "shark", server) == "2"
    assert run(root, FILMS, server).generation == 2
    assert verify(root, server=server).differences == ()


def test_a_server_that_is_away_is_noticed_before_anything_is_embedded(tmp_path: Path) -> None:
    embedder = WordEmbedder()
    with pytest.raises(ChromaUnreachable):
        run(tmp_path, FILMS, ChromaServer(f"http://127.0.0.1:{free_port()}"), embedder)
    assert embedder.texts == []


class Killing(WordEmbedder):
    """Kills the server while a run embeds."""

    def __init__(self, process: ChromaProcess) -> None:
        super().__init__()
        self._process = process

    def embed_documents(self, texts):  # type: ignore[no-untyped-def]
        self._process.end(signal.SIGKILL)
        return super().embed_documents(texts)


def test_a_server_killed_during_a_run_costs_that_run_alone(tmp_path: Path, own: ChromaProcess) -> None:
    root, server = tmp_path / "store", ChromaServer(own.url)
    run(root, FILMS[:1], server)
    with pytest.raises(ChromaUnreachable):
        run(root, FILMS, server, Killing(own))
    own.start()
    embedder = WordEmbedder()
    assert run(root, FILMS, server, embedder).films == 3
    assert embedder.texts == []
    assert verify(root, server=server).differences == ()
    assert len(own.collections()) == 2


def test_a_server_or_a_run_killed_at_any_moment_loses_nothing(
    tmp_path: Path, own: ChromaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLOTSEEK_STORE_URL", own.url)
    root, films, server = tmp_path / "store", 300, ChromaServer(own.url)
    survivor.write(root, films, 0)
    for version in range(1, 4):
        before = survivor.read_twice(root)
        process = survivor.start("write", root, films, version, 0.02)
        if version == 1:
            survivor.kill_server_at_random(process, own, 1.0)
        elif version == 2:
            assert survivor.kill_server_at_rewrite(process, own)
        else:
            survivor.kill_at_random(process, 1.0)
        assert survivor.lost(root) == 0
        survivor.write(root, films, version)
        assert survivor.read_twice(root) - before <= survivor.BATCH
        found = verify(root, server=server)
        assert (found.films, found.differences) == (films, ())


def test_an_index_moves_to_a_server_and_back_without_embedding(tmp_path: Path, chroma: ChromaProcess) -> None:
    server, embedder = ChromaServer(chroma.url), WordEmbedder()
    run(tmp_path, FILMS, None)
    assert run(tmp_path, FILMS, server, embedder).generation == 2
    assert nearest(tmp_path, "shark", server) == "2"
    with pytest.raises(StoreError, match="the vector index is on a Chroma server; set store.url, or run ingest to mo"):
        nearest(tmp_path, "shark", None)
    assert run(tmp_path, FILMS, None, embedder).generation == 3
    assert nearest(tmp_path, "shark", None) == "2"
    assert embedder.texts == []


@pytest.mark.parametrize(("first", "then"), [(True, False), (False, True)])
def test_a_backup_is_restored_wherever_the_index_shall_be(
    tmp_path: Path, chroma: ChromaProcess, *, first: bool, then: bool
) -> None:
    store, server = tmp_path / "store", ChromaServer(chroma.url)
    run(store, FILMS, server if first else None)
    back_up(store, tmp_path / "backup")
    assert verify(tmp_path / "backup").differences == ()
    assert nearest(tmp_path / "backup", "shark", None) == "2"
    target = server if then else None
    assert restore(tmp_path / "backup", tmp_path / "new", target).films == 3
    assert nearest(tmp_path / "new", "shark", target) == "2"
    assert verify(tmp_path / "new", server=target).differences == ()
    assert run(tmp_path / "new", FILMS, target).published is False


def test_a_token_and_headers_go_along_and_https_is_checked(
    tmp_path: Path, chroma: ChromaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = certificate(tmp_path / "certificate.pem")
    wanted = {"Authorization": "Bearer secret", "X-Team": "films"}
    with Proxy(chroma.url, wanted).serving(signed) as proxy:
        store = StoreConfig(url=(proxy.url,), headers={"X-Team": "TEAM"}, certificates=signed)
        monkeypatch.setenv("TEAM", "films")
        with pytest.raises(ChromaUnreachable, match="answers 401 Unauthorized; set PLOTSEEK_STORE_TOKEN, or store.hea"):
            run(tmp_path / "store", FILMS, configured_server(store))
        monkeypatch.setenv("PLOTSEEK_STORE_TOKEN", "secret")
        server = configured_server(store)
        assert "secret" not in repr(server)
        run(tmp_path / "store", FILMS, server)
        assert nearest(tmp_path / "store", "shark", server) == "2"
        with pytest.raises(ChromaUnreachable, match="cannot be reached .*[cC]ertificate"):
            run(tmp_path / "store", FILMS, configured_server(replace(store, certificates=None)))


def test_tenant_and_database_are_settings(tmp_path: Path, own: ChromaProcess) -> None:
    for path, name in (("tenants", "films"), ("tenants/films/databases", "archive")):
        httpx.post(f"{own.url}/api/v2/{path}", json={"name": name}).raise_for_status()
    server = ChromaServer(own.url, "films", "archive")
    run(tmp_path / "store", FILMS, server)
    assert nearest(tmp_path / "store", "shark", server) == "2"
    assert own.collections() == []
    for wrong in (replace(server, tenant="nobody"), replace(server, database="nothing")):
        with pytest.raises(ChromaUnreachable, match="; check store.tenant and store.database$"):
            run(tmp_path / "store", FILMS, wrong)


def test_chroma_cloud_takes_the_same_way_in_smaller_steps(
    tmp_path: Path, chroma: ChromaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="store.cloud needs an API key: set PLOTSEEK_STORE_TOKEN"):
        configured_server(StoreConfig(cloud=True))
    monkeypatch.setenv("PLOTSEEK_STORE_TOKEN", "ck-secret")
    cloud = configured_server(StoreConfig(cloud=True))
    assert isinstance(cloud, ChromaServer)
    assert (cloud.url, cloud.headers, cloud.batch) == (CLOUD, {}, 300)
    with Proxy(chroma.url, {"X-Chroma-Token": "ck-secret"}).serving() as proxy:
        server = configured_server(StoreConfig(url=(proxy.url,), cloud=True))
        films = [Movie(str(number), f"Film {number}", f"war {number}") for number in range(650)]
        run(tmp_path, films, server)
        assert verify(tmp_path, server=server).differences == ()
        elsewhere = configured_server(StoreConfig(url=(proxy.url,), cloud=True, tenant="nobody", database="nothing"))
        with pytest.raises(ChromaUnreachable, match="has no tenant 'nobody' with a database 'nothing'; check store"):
            run(tmp_path, films, elsewhere)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b'"0.6.3"', r'answers as version "0.6.3", not as a Chroma server 1.x; check store.url$'),
        (200, b"<html>", r"answers as version <html>, not as a Chroma server 1.x; check store.url$"),
        (404, b"no such page", r"answers 404 Not Found; check store.url$"),
        (502, b"bad gateway", r"answers 502 Bad Gateway; look at its log, or at the proxy's before it$"),
        (403, b"", r"answers 403 Forbidden; set PLOTSEEK_STORE_TOKEN, or store.headers$"),
    ],
)
def test_what_is_no_chroma_server_is_one_line(tmp_path: Path, status: int, body: bytes, message: str) -> None:
    answering = Proxy("", answer=(status, body)).serving()
    with answering as proxy, pytest.raises(ChromaUnreachable, match=message) as caught:
        run(tmp_path, FILMS, ChromaServer(proxy.url))
    assert "\n" not in str(caught.value)


def test_a_proxy_that_fails_in_the_middle_is_one_line(tmp_path: Path, chroma: ChromaProcess) -> None:
    with Proxy(chroma.url).serving() as proxy:
        server = ChromaServer(proxy.url)
        run(tmp_path, FILMS, server)
        with closing(VectorIndex.open(server, in_force(tmp_path).collection)) as index:
            proxy.answer = (503, b"<h1>maintenance</h1>")
            with pytest.raises(ChromaUnreachable, match="answers 503 Service Unavailable; look at its log, or at the"):
                index.count()


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = ChromaServer(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=0.2)
        with pytest.raises(ChromaUnreachable, match="did not answer in time; look whether it is busy, or raise store"):
            run(tmp_path, FILMS, server)


def test_a_server_that_is_away_is_asked_again_once_it_is_back(tmp_path: Path, own: ChromaProcess) -> None:
    root, server = tmp_path / "store", ChromaServer(own.url)
    run(root, FILMS, server)
    vector = WordEmbedder().embed_query("shark")
    with closing(open_snapshot(root, server)) as snapshot:
        assert snapshot.index.nearest(vector, 1)[0].id == "2"
        own.end(signal.SIGKILL)
        with pytest.raises(ChromaUnreachable, match="cannot be reached") as first:
            snapshot.index.nearest(vector, 1)
        with pytest.raises(ChromaUnreachable) as second:
            snapshot.index.nearest(vector, 1)
        assert second.value is first.value is snapshot.index.problem
        own.start()
        await_cure(snapshot)
        assert snapshot.index.nearest(vector, 1)[0].id == "2"


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>Please log in</html>",
        b"[]",
        b'{"ids": [], "distances": [], "include": ["distances"]}',
        b'{"ids": [["1", "2"]], "distances": [[0.5]], "include": ["distances"]}',
        b'{"ids": [["1", "2"]], "distances": [[null, 0.5]], "include": ["distances"]}',
    ],
)
def test_an_answer_that_is_none_of_chromas_passes(tmp_path: Path, chroma: ChromaProcess, garbage: bytes) -> None:
    run(tmp_path, FILMS, ChromaServer(chroma.url))
    vector, proxy = WordEmbedder().embed_query("shark"), Proxy(chroma.url)
    with proxy.serving(), closing(open_snapshot(tmp_path, ChromaServer(proxy.url))) as snapshot:
        assert snapshot.index.nearest(vector, 1)[0].id == "2"
        proxy.rewrite = lambda _: garbage
        with pytest.raises(ChromaUnreachable, match="gives no answer that is understood .*; look at the proxy before"):
            snapshot.index.nearest(vector, 2)
        proxy.rewrite = bytes
        await_cure(snapshot)
        assert snapshot.index.nearest(vector, 1)[0].id == "2"


def await_cure(snapshot: Snapshot) -> None:
    deadline = time.monotonic() + 120
    while snapshot.index.problem is not None:
        assert time.monotonic() < deadline, "nobody notices that it is back"
        time.sleep(0.05)


def test_a_server_that_accepts_and_never_answers_keeps_one_question_waiting(
    tmp_path: Path, chroma: ChromaProcess
) -> None:
    run(tmp_path, FILMS, ChromaServer(chroma.url))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        silent = ChromaServer(f"http://127.0.0.1:{listening.getsockname()[1]}", query_timeout=0.3)
        with closing(open_snapshot(tmp_path, silent)) as snapshot:
            with pytest.raises(ChromaUnreachable, match="did not answer in time"):
                snapshot.index.nearest(WordEmbedder().embed_query("shark"), 1)
            snapshot.index.close()  # no probe any more
            assert accepted(listening) >= 1
            for _ in range(3):
                with pytest.raises(ChromaUnreachable, match="did not answer in time"):
                    snapshot.index.nearest(WordEmbedder().embed_query("shark"), 1)
            assert accepted(listening) == 0
            assert snapshot.lexical.best({"shark": 1.0}, 5).rows.tolist() == [1]


def accepted(listening: socket.socket) -> int:
    """How many connections wait to be taken."""
    listening.setblocking(False)
    count = 0
    while True:
        try:
            listening.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("{url: chroma:8000}", "store.url: 'chroma:8000' is impossible: allowed is http:// or https://, a host"),
        ("{url: 'http://'}", "store.url: .* is impossible: allowed is http:// or https://"),
        ("{url: 'http://host:99999'}", "store.url: .* is impossible: Port out of range"),
        ("{url: 'http://me:secret@host:8000'}", "secrets do not belong in it; set PLOTSEEK_STORE_TOKEN"),
        ("{headers: {X-Key: 'a secret value'}}", "store.headers: .* allowed are names of variables"),
        (
            "{url: ['http://one:8000', '']}",
            "store.url: .* is impossible: allowed is http:// or https://, a host, and a port",
        ),
        (
            "{url: ['http://one:8000', 'two:8000']}",
            "store.url: .* is impossible: allowed is http:// or https://, a host",
        ),
        (
            "{url: ['http://one:8000', 'http://me:secret@two:8000']}",
            "secrets do not belong in it; set PLOTSEEK_STORE_TOKEN",
        ),
        ("{url: ['http://one:8000', 8000]}", "store.url: .* is not a list of texts"),
        ("{url: {one: 'http://one:8000'}}", "store.url: .* is not a list of texts"),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path: Path, store: str, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"store: {store}", encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path, {})
    assert "\n" not in str(caught.value)


def test_a_header_without_its_variable_is_one_line() -> None:
    store = StoreConfig(url=(f"http://127.0.0.1:{free_port()}",), headers={"X-Key": "NOT_SET"})
    with pytest.raises(ConfigError, match="store.headers: X-Key is to hold the variable NOT_SET, which is not set$"):
        configured_server(store)
