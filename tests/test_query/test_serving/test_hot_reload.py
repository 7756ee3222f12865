"""What is published is followed, whatever the file system does meanwhile."""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from catalog.movie import Movie
from catalog.store.snapshot import Snapshot
from ingest.run import Request, run
from query.serving.hot_reload import Follower, LoadedGeneration
from query.serving.query_embedder import QuestionEmbedder
from tests.support.fakes import WordEmbedder
from tests.support.service import service, settings
from tests.support.small import fill

ALIEN, JAWS = Movie("1", "Alien", "A ship."), Movie("2", "Jaws", "A shark.")


def load(snapshot: Snapshot, _: LoadedGeneration | None) -> LoadedGeneration:
    return LoadedGeneration(snapshot, QuestionEmbedder(WordEmbedder()))


def number(follower: Follower) -> int:
    with follower.acquire() as loaded:
        return loaded.snapshot.number


def eventually(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + 120
    while not holds() and time.monotonic() < until:
        time.sleep(0.01)
    return holds()


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Follower]:
    fill([ALIEN], tmp_path)
    with closing(Follower(tmp_path, None, load)) as made:
        made.start(interval=0.01)
        assert number(made) == 1
        yield made


def as_loop(path: Path) -> None:
    """Looking at it is an OSError, as on a share that is away for a moment."""
    path.unlink()
    path.symlink_to(path)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def remove(path: Path) -> None:
    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.mark.parametrize("harm", [as_loop, as_folder])
def test_a_moment_without_current_does_not_end_the_following(
    tmp_path: Path, follower: Follower, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    current = tmp_path / "CURRENT"
    text = current.read_text(encoding="ascii")
    harm(current)
    assert eventually(lambda: follower.problem is not None)
    time.sleep(0.1)
    assert number(follower) == 1
    assert follower.overdue(0.05) is follower.problem is not None
    told = [record for record in caplog.records if record.name == "plotseek.catalog"]
    assert len({record.getMessage() for record in told}) == len(told)  # a moment without the file may be told first
    assert told[0].levelno == logging.ERROR
    remove(current)
    current.write_text(text, encoding="ascii")
    assert eventually(lambda: follower.problem is None)
    assert eventually(lambda: follower.overdue(0) is None)
    fill([ALIEN, JAWS], tmp_path)
    assert eventually(lambda: number(follower) == 2)


def test_a_look_that_does_not_end_is_overdue(tmp_path: Path) -> None:
    """Answers go on coming from the generation before."""
    fill([ALIEN], tmp_path)
    there = threading.Event()
    there.set()

    def load_when_there(snapshot: Snapshot, before: LoadedGeneration | None) -> LoadedGeneration:
        assert there.wait(20)
        return load(snapshot, before)

    with closing(Follower(tmp_path, None, load_when_there)) as follower:
        follower.start(interval=0.01)
        assert number(follower) == 1
        there.clear()
        fill([ALIEN, JAWS], tmp_path)
        assert eventually(lambda: follower.overdue(0.2) is not None)
        assert follower.problem is None
        assert re.search(r"has taken \d+ s, and is not done; is its disk", str(follower.overdue(0.2)))
        assert number(follower) == 1
        there.set()
        assert eventually(lambda: number(follower) == 2)
        assert eventually(lambda: follower.overdue(0) is None)


class Panic(BaseException):
    """As a Rust library's is, which is no Exception."""


@pytest.mark.parametrize("fault", [ZeroDivisionError, Panic])
def test_a_fault_of_loading_is_told_and_tried_again(tmp_path: Path, fault: type[BaseException]) -> None:
    fill([ALIEN], tmp_path)
    broken = [True]

    def load_later(snapshot: Snapshot, before: LoadedGeneration | None) -> LoadedGeneration:
        if broken:
            raise fault(broken.pop())
        return load(snapshot, before)

    with closing(Follower(tmp_path, None, load_later)) as follower:
        follower.start(interval=0.01)
        assert eventually(lambda: follower.problem is not None)
        assert str(follower.problem) == f"{tmp_path}: cannot be read: True"
        fill([ALIEN, JAWS], tmp_path)
        assert eventually(lambda: follower.current is not None and number(follower) == 2)


def test_who_stops_the_program_while_it_looks_stops_it(tmp_path: Path) -> None:
    fill([ALIEN], tmp_path)

    def interrupted(_: Snapshot, __: LoadedGeneration | None) -> LoadedGeneration:
        raise KeyboardInterrupt

    with closing(Follower(tmp_path, None, interrupted)) as follower, pytest.raises(KeyboardInterrupt):
        follower.look()


@pytest.mark.slow
def test_a_service_that_is_stale_for_too_long_is_not_ready(tmp_path: Path, seed_file: Path) -> None:

    run(settings(tmp_path), Request(str(seed_file)))
    with service(tmp_path, stale_after=0.5) as url:
        assert eventually(lambda: httpx.get(f"{url}/readyz").status_code == 200)
        as_folder(tmp_path / "CURRENT")
        assert eventually(lambda: httpx.get(f"{url}/readyz").status_code == 503)
        refused = httpx.get(f"{url}/readyz").json()
        assert "CURRENT: Is a directory" in refused["detail"]
        assert httpx.get(f"{url}/search?q=ship").status_code == 200
        remove(tmp_path / "CURRENT")
        (tmp_path / "CURRENT").write_text("0001\n", encoding="ascii")
        assert eventually(lambda: httpx.get(f"{url}/readyz").status_code == 200)
