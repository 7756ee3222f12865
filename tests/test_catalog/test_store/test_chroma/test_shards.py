"""The vector index in shards on several Chroma servers: the same answers, and what one that is away costs."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from catalog.config import load_config
from catalog.errors import CatalogDamaged, ChromaUnreachable, StoreError
from catalog.movie import Movie
from catalog.store.chroma.collection import VectorIndex, film_of
from catalog.store.chroma.server import ChromaServer, Servers, ShardedServers, configured_server
from catalog.store.chroma.shards import shard_of
from catalog.store.generation import Generation
from catalog.store.generations import Generations
from catalog.store.maintenance.backup import back_up, restore
from catalog.store.maintenance.verify import verify
from catalog.store.snapshot import open_snapshot
from catalog.store.writer import open_writer
from tests.support.chroma import ChromaProcess, Proxy, running
from tests.support.fakes import WORDS
from tests.support.small import fill
from tests.test_catalog.test_store.test_chroma_server import Distinct, await_cure

LONG = " ".join(f"{WORDS[sentence % 8]} sentence {sentence} of it." for sentence in range(400))
FILMS = [
    *(Movie(str(number), f"Film {number}", f"{WORDS[number % 8]} number {number}", year=1990) for number in range(60)),
    Movie("long", "Long", "A story.", synopsis=LONG),
]


def servers(urls: Sequence[str]) -> Servers:
    """As the settings name them."""
    found = configured_server(load_config(None, {"PLOTSEEK_STORE_URL": str(list(urls))}).store)
    assert found is not None
    return found


@contextmanager
def three(folder: Path) -> Iterator[list[ChromaProcess]]:
    with ExitStack() as stack:
        yield [stack.enter_context(running(folder / f"chroma-{number}")) for number in range(1, 4)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Addresses of three servers that nobody breaks."""
    with three(tmp_path_factory.mktemp("servers")) as processes:
        yield [process.url for process in processes]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[list[ChromaProcess]]:
    """Three servers of the test's own, to be broken."""
    with three(tmp_path) as processes:
        yield processes


def in_force(root: Path) -> Generation:
    return Generations(root).in_force()


def near(root: Path, server: Servers | None, question: str, *, whole: bool = False) -> dict[str, float]:
    """The ten best, most similar first."""
    with closing(open_snapshot(root, server)) as snapshot:
        found = snapshot.index.nearest(Distinct().embed_query(question), 10, whole=whole)
        return {film.id: film.similarity for film in found}


def collections(urls: Sequence[str]) -> list[list[str]]:
    """Names of the collections that each server has."""
    return [ChromaProcess(Path(), int(url.rpartition(":")[2])).collections() for url in urls]


def assert_whole(root: Path, server: Servers, films: Sequence[Movie]) -> None:
    """Everything that was published agrees, and answers."""
    found = verify(root, server=server)
    assert (found.films, found.differences) == (len(films), ())
    with closing(open_snapshot(root, server)) as snapshot:
        assert len(snapshot.index.nearest(Distinct().embed_query("a question"), 10)) == 10


def test_a_film_stays_in_its_shard_and_its_passages_with_it() -> None:
    assert [shard_of(film, 3) for film in ("1", "2", "3", "heat", "\udc80")] == [2, 1, 1, 0, 1]
    assert film_of("heat\x1f12") == "heat"
    assert shard_of("heat\x1f12", 3) == shard_of("heat", 3)
    assert shard_of("heat", 1) == 0


@pytest.mark.slow
def test_shards_give_the_ten_best_that_one_folder_gives(tmp_path: Path, shared: list[str]) -> None:
    server, embedder = servers(shared), Distinct()
    fill(FILMS, tmp_path / "folder", embedder=Distinct())
    fill(FILMS, tmp_path / "shards", server, embedder)
    assert in_force(tmp_path / "shards").chroma.exists() is False
    for question in map(str, range(40)):
        for whole in (False, True):
            alone = near(tmp_path / "folder", None, question, whole=whole)
            divided = near(tmp_path / "shards", server, question, whole=whole)
            assert list(divided) == list(alone)
            assert divided == pytest.approx(alone, abs=1e-5)
    assert_whole(tmp_path / "shards", server, FILMS)


@pytest.mark.slow
def test_every_shard_has_its_own_films_and_their_passages(tmp_path: Path, shared: list[str]) -> None:
    server = servers(shared)
    fill(FILMS, tmp_path, server, Distinct())
    passages = 0
    for number, (address, shard) in enumerate(zip(shared, in_force(tmp_path).shards, strict=True)):
        with closing(VectorIndex.open(ChromaServer(address), shard.collection)) as index:
            rows = index.ids()
        assert {film_of(row) for row in rows} == {film.id for film in FILMS if shard_of(film.id, 3) == number}
        assert (len(rows), shard.collection[-2:]) == (shard.rows, f"-{number + 1}")
        passages += sum(film_of(row) != row for row in rows)
    assert passages == in_force(tmp_path).info().passages > 2


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
def test_a_catalog_of_fewer_films_than_shards_answers(tmp_path: Path, shared: list[str], count: int) -> None:
    server = servers(shared)
    fill(FILMS[:count], tmp_path, server, Distinct())
    assert len(near(tmp_path, server, "a question")) == count
    assert verify(tmp_path, server=server).differences == ()


@pytest.mark.slow
def test_one_server_may_have_several_shards(tmp_path: Path, shared: list[str]) -> None:
    server, before = servers([shared[0]] * 2), collections(shared)
    fill(FILMS, tmp_path, server, Distinct())
    new = [sorted(set(now) - set(then)) for now, then in zip(collections(shared), before, strict=True)]
    assert new == [[shard.collection for shard in in_force(tmp_path).shards], [], []]
    assert_whole(tmp_path, server, FILMS)


@pytest.mark.slow
def test_another_number_of_shards_is_built_without_embedding(tmp_path: Path, shared: list[str]) -> None:
    root, embedder, before = tmp_path / "store", Distinct(), collections(shared)
    fill(FILMS, root, servers(shared[:1]), Distinct())
    assert in_force(root).collection_file.read_text(encoding="ascii").count("\n") == 1
    for urls in (shared, shared[:2], shared[1:], list(reversed(shared)), shared[2:]):
        old, server = in_force(root).number, servers(urls)
        if len(urls) != len(in_force(root).shards):
            with pytest.raises(StoreError, match=rf"shards, and store.url names {len(urls)}; run ingest to divide it"):
                near(root, server, "a question")
        fill(FILMS, root, server, embedder)
        assert (in_force(root).number, len(in_force(root).shards)) == (old + 1, len(urls))
        assert_whole(root, server, FILMS)
    fill(FILMS, root, None, embedder)
    assert near(root, None, "a question")
    assert embedder.texts == []
    Generations(root, servers(shared)).drop_old(keep=1, grace=0)
    assert collections(shared) == before


@pytest.mark.slow
def test_a_backup_of_shards_has_an_index_in_its_folder(tmp_path: Path, shared: list[str]) -> None:
    server = servers(shared)
    fill(FILMS, tmp_path / "store", server, Distinct())
    back_up(tmp_path / "store", tmp_path / "backup")
    assert list(near(tmp_path / "backup", None, "a question")) == list(near(tmp_path / "store", server, "a question"))
    restore(tmp_path / "backup", tmp_path / "new", server)
    assert_whole(tmp_path / "new", server, FILMS)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["gone", "a row gone", "a row more", "another vector", "COLLECTION"])
def test_a_damaged_shard_is_noticed_and_built_again(tmp_path: Path, shared: list[str], damage: str) -> None:
    server = servers(shared)
    fill(FILMS, tmp_path, server, Distinct())
    name, _ = in_force(tmp_path).shards[1]
    other = next(film for film in FILMS if shard_of(film.id, 3) != 1)
    own = [film for film in FILMS if shard_of(film.id, 3) == 1]
    if damage == "gone":
        ChromaServer(shared[1]).remove(name)
    elif damage == "COLLECTION":
        in_force(tmp_path).collection_file.write_text(f"{name} many\n", encoding="ascii")
    else:
        with closing(VectorIndex.open(ChromaServer(shared[1]), name)) as index:
            if damage == "a row gone":
                index.remove([own[0].id])
            else:
                changed = own if damage == "another vector" else [other]
                index.put(changed, Distinct().embed_queries([f"other {film.id}" for film in changed]))
    where = "" if damage == "COLLECTION" else rf"Chroma at {shared[1]}, shard 2 of 3: "
    with pytest.raises(CatalogDamaged, match=rf"{where}.*run 'ingest verify --repair'$"):
        near(tmp_path, server, "a question")
    embedder = Distinct()
    fill(FILMS, tmp_path, server, embedder)
    assert embedder.texts == []
    assert_whole(tmp_path, server, FILMS)


@pytest.mark.slow
def test_a_shard_that_is_away_costs_its_own_films_until_it_is_back(tmp_path: Path, own: list[ChromaProcess]) -> None:
    root, server = tmp_path / "store", servers([process.url for process in own])
    fill(FILMS, root, server, Distinct())
    question = Distinct().embed_query("a question")
    with closing(open_snapshot(root, server)) as snapshot:
        whole = snapshot.index.nearest(question, 100)
        own[1].end(signal.SIGKILL)
        away = rf"^Chroma at {own[1].url}, shard 2 of 3: cannot be reached \(.*\); start it, or check store.url$"
        with pytest.raises(ChromaUnreachable, match=away) as raised:
            snapshot.index.nearest(question, 100)
        reached = snapshot.index.reach(question, 100)
        assert reached.problems == (None, raised.value, None)
        assert raised.value is snapshot.index.problem
        assert reached.neighbours == [film for film in whole if shard_of(film.id, 3) != 1]
        with closing(open_snapshot(root, server)) as opened:
            assert opened.index.reach(question, 100).neighbours == reached.neighbours
        own[0].end(signal.SIGKILL)
        own[2].end(signal.SIGKILL)
        assert snapshot.index.reach(question, 100).neighbours == []
        for process in own:
            process.start()
        await_cure(snapshot)
        assert snapshot.index.nearest(question, 100) == whole


@pytest.mark.slow
def test_nothing_is_written_while_a_shard_is_away(tmp_path: Path, own: list[ChromaProcess]) -> None:
    root, server = tmp_path / "store", servers([process.url for process in own])
    fill(FILMS[:20], root, server, Distinct())
    own[2].end(signal.SIGKILL)
    embedder = Distinct()
    for films in (FILMS[:20], FILMS):
        with pytest.raises(ChromaUnreachable, match=rf"^Chroma at {own[2].url}, shard 3 of 3: cannot be reached"):
            fill(films, root, server, embedder)
    with pytest.raises(ChromaUnreachable):
        verify(root, server=server)
    assert (embedder.texts, in_force(root).number) == ([], 1)


@dataclass
class Killing(Proxy):
    """Kills the server behind it before it passes on, or answers, so many requests from now."""

    process: ChromaProcess | None = None
    left: int = -1
    passed: int = 0
    answered: bool = False

    def respond(self, method, path, headers, content):  # type: ignore[no-untyped-def]
        self.passed += 1
        self.left -= 1
        assert self.process is not None
        if self.left == 0 and not self.answered:
            self.process.end(signal.SIGKILL)
        try:
            found = super().respond(method, path, headers, content)
        except httpx.HTTPError:
            return 502, b"gone"
        if self.left == 0 and self.answered:
            self.process.end(signal.SIGKILL)
        return found


@dataclass
class Ending(Proxy):
    """Answers so many requests, and says then that what is behind it is gone."""

    left: int = 2

    def respond(self, method, path, headers, content):  # type: ignore[no-untyped-def]
        self.left -= 1
        return super().respond(method, path, headers, content) if self.left >= 0 else (502, b"gone")


@pytest.mark.parametrize("left", [0, 1, 2])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
def test_a_server_that_goes_while_it_is_reached_is_one_line(own: list[ChromaProcess], left: int) -> None:
    with Ending(own[0].url, left=left).serving() as served, pytest.raises(ChromaUnreachable, match="answers 502"):
        ChromaServer(served.url).connect(new=False)


STEPS = 21
"""Moments of a publication at which a shard may be killed; each of the three in turn."""


# Chroma's client leaves its sockets open where it cannot be made, because its server ends meanwhile.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
def test_a_shard_killed_at_any_step_of_a_publication_leaves_no_half_generation(
    tmp_path: Path, own: list[ChromaProcess]
) -> None:
    root = tmp_path / "store"
    with ExitStack() as stack:
        proxies = [Killing(process.url, process=process) for process in own]
        server = servers([stack.enter_context(proxy.serving()).url for proxy in proxies])
        fill(FILMS, root, server, Distinct())
        published, requests = FILMS, [proxy.passed for proxy in proxies]
        for step in range(0, STEPS, 8):  # all of them take minutes
            proxy, wanted = proxies[step % 3], changed(step)
            proxy.left, proxy.answered = 1 + step * requests[step % 3] // STEPS, step % 2 == 1
            before = in_force(root).number
            with pytest.raises(StoreError):
                fill(wanted, root, server, Distinct())
            assert proxy.left <= 0
            assert in_force(root).number == before
            with closing(open_snapshot(root, server)) as snapshot:
                reached = snapshot.index.reach(Distinct().embed_query("a question"), 100)
            assert [problem is not None for problem in reached.problems] == [at == step % 3 for at in range(3)]
            assert {near.id for near in reached.neighbours} == {
                film.id for film in published if shard_of(film.id, 3) != step % 3
            }
            own[step % 3].start()
            assert_whole(root, server, published)
            fill(wanted, root, server, Distinct())
            published = wanted
            assert_whole(root, server, published)
        with open_writer(root, server) as writer:
            writer.generations.drop_old(keep=1, grace=0)
        assert collections([process.url for process in own]) == [[shard.collection] for shard in in_force(root).shards]


def changed(version: int) -> list[Movie]:
    """The films, some of them with another text."""
    return [
        replace(film, plot=f"{film.plot} {version}") if number % 7 == version % 7 else film
        for number, film in enumerate(FILMS)
    ]


def test_one_address_is_one_server_and_none_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLOTSEEK_STORE_TOKEN", "secret")
    for text in ("", "[]", "''"):
        assert configured_server(load_config(None, {"PLOTSEEK_STORE_URL": text}).store) is None
    for text in ("http://one:8000/", "[http://one:8000]"):
        alone = configured_server(load_config(None, {"PLOTSEEK_STORE_URL": text}).store)
        assert isinstance(alone, ChromaServer)
        assert (alone.url, alone.where) == ("http://one:8000", "Chroma at http://one:8000")
    several = servers(["http://one:8000/chroma", "https://two"])
    assert isinstance(several, ShardedServers)
    assert [server.where for server in several.shards] == [
        "Chroma at http://one:8000/chroma, shard 1 of 2",
        "Chroma at https://two, shard 2 of 2",
    ]
    assert {server.headers["Authorization"] for server in several.shards} == {"Bearer secret"}
