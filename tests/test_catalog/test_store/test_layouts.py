"""A catalog and a backup that an earlier version wrote: moved over, or restored, without embedding anything.

tests/fixtures/layout3.tar.gz was written by commit 55d31cb, with the `make.py` that lies in it:
`cd CHECKOUT; PYTHONPATH=. python make.py FOLDER`. It holds `store`, `backup` of it, and `films.json`, their films.
"""

import json
import tarfile
from pathlib import Path

import pytest

from catalog.errors import StoreError
from catalog.movie import Movie
from catalog.store.generations import Generations
from catalog.store.lock import writer_lock
from catalog.store.maintenance.backup import back_up, restore
from catalog.store.maintenance.verify import verify
from catalog.store.snapshot import open_snapshot
from ingest.sync.plan import Kind
from tests.support.fakes import WordEmbedder
from tests.test_catalog.test_store.test_catalog import nearest, opened, run

pytestmark = pytest.mark.slow

ARCHIVE = Path(__file__).parents[2] / "fixtures" / "layout3.tar.gz"
NEW = "Zwei Halme Eine Liebe zwischen zwei Höfen."
"""What that version did not read: a German plot beside the plot."""
SAYS = r"0001/generation.json: was written by another version of plotseek \(layout 3, this one reads 4\); "


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """What the earlier version wrote."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def films(folder: Path) -> list[Movie]:
    return [Movie.from_dict(values) for values in json.loads((folder / "films.json").read_text(encoding="utf-8"))]


def assert_holds(root: Path, movies: list[Movie]) -> None:
    """The catalog holds these films, everything in it agrees, and they are found."""
    assert (verify(root).films, verify(root).differences) == (len(movies), ())
    with opened(root) as snapshot:
        assert snapshot.movies.get(snapshot.movies.ids()) == {movie.id: movie for movie in movies}
        assert set(snapshot.movies.ids_at(snapshot.lexical.best({"dream": 1.0}, 10).rows.tolist()).values()) == {
            "5", "9", "11",
        }  # fmt: skip
    assert [identity for identity, _ in nearest(root, "ghost love", 1)] == ["3"]


def test_the_next_run_moves_a_catalog_over_without_embedding_anything_again(earlier: Path) -> None:
    store, movies, embedder = earlier / "store", films(earlier), WordEmbedder()
    with pytest.raises(StoreError, match=SAYS + "run 'ingest --file FILE', which moves it over without embedding$"):
        open_snapshot(store)
    outcome = run(store, movies, embedder)
    assert (outcome.counts[Kind.UNCHANGED], outcome.published, outcome.generation) == (12, True, 2)
    assert embedder.texts == [NEW]
    assert_holds(store, movies)
    assert run(store, movies, embedder).published is False


def test_what_changed_meanwhile_alone_is_embedded(earlier: Path) -> None:
    embedder = WordEmbedder()
    changed = [*films(earlier)[1:], Movie("13", "Quay", "A robot ship waits.")]
    outcome = run(earlier / "store", changed, embedder)
    assert (outcome.counts[Kind.ADDED], outcome.counts[Kind.DELETED], embedder.texts) == (
        1,
        1,
        [NEW, "Quay A robot ship waits."],
    )
    assert_holds(earlier / "store", changed)


@pytest.mark.parametrize("into", ["store", "new"])
def test_a_backup_is_restored_without_embedding(earlier: Path, into: str) -> None:
    movies, embedder = films(earlier), WordEmbedder()
    assert restore(earlier / "backup", earlier / into).films == 12
    assert_holds(earlier / into, movies)
    assert run(earlier / into, movies, embedder).published is False
    assert embedder.texts == []


def test_a_backup_takes_the_place_of_one_of_an_earlier_layout(earlier: Path) -> None:
    restore(earlier / "backup", earlier / "new")  # generation 1 as well
    assert back_up(earlier / "new", earlier / "backup", replace_other=True).films == 12  # it has no name yet
    assert_holds(earlier / "backup", films(earlier))


def test_nobody_goes_back_to_a_generation_of_an_earlier_layout(earlier: Path) -> None:
    store = earlier / "store"
    run(store, films(earlier))
    with writer_lock(store), pytest.raises(StoreError, match=SAYS):
        Generations(store).roll_back()
    assert Generations(store).in_force().number == 2
    assert_holds(store, films(earlier))
