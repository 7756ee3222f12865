"""Which generation is in force, what leads there, and what goes."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from catalog.errors import CatalogDamaged, CatalogLocked, StoreError
from catalog.store.generations import Generations
from catalog.store.lock import writer, writer_lock
from catalog.store.maintenance.verify import repair, verify
from catalog.store.snapshot import Snapshot, open_snapshot
from catalog.store.writer import open_writer
from ingest.sync.apply import sync
from ingest.sync.plan import SyncOptions
from tests.support.fakes import WordEmbedder
from tests.test_catalog.test_store.test_catalog import FILMS, TEMPLATE, nearest, run

WAYS = r"run 'ingest rollback', 'ingest restore FOLDER', or 'ingest --file FILE --rebuild'$"


def numbers(root: Path) -> list[int]:
    return [generation.number for generation in Generations(root).all()]


def roll_back(root: Path) -> int:
    with writer_lock(root):
        return Generations(root).roll_back().number


def test_what_was_rolled_back_goes_first_and_is_never_returned_to(tmp_path: Path) -> None:
    for count in (1, 2, 3):
        run(tmp_path, FILMS[:count])
    generations = Generations(tmp_path)
    assert generations.drop_old(keep=2, grace=0) == [1]
    assert roll_back(tmp_path) == 2
    assert generations.drop_old(keep=2, grace=0) == []  # the newest keeps its number
    assert run(tmp_path, FILMS).generation == 4
    assert generations.drop_old(keep=2, grace=0) == [3]
    assert roll_back(tmp_path) == 2
    assert numbers(tmp_path) == [2, 4]


def test_rollback_passes_over_what_was_rolled_back(tmp_path: Path) -> None:
    for count in (1, 2, 3):
        run(tmp_path, FILMS[:count])
    assert roll_back(tmp_path) == 2
    assert run(tmp_path, FILMS).generation == 4
    assert [roll_back(tmp_path), roll_back(tmp_path)] == [2, 1]
    with pytest.raises(StoreError, match="there is no older generation to go back to"):
        roll_back(tmp_path)


@pytest.mark.parametrize("number", ["0002", "0003"])
def test_rollback_passes_over_a_file_that_cannot_be_read(tmp_path: Path, number: str) -> None:
    for count in (1, 2, 3):
        run(tmp_path, FILMS[:count])
    path = tmp_path / "generations" / number / "vectors.npy"
    path.unlink()
    path.symlink_to("/proc/self/mem")  # which answers EIO
    assert roll_back(tmp_path) == (1 if number == "0002" else 2)


def test_rollback_leaves_a_generation_of_a_newer_layout(tmp_path: Path) -> None:
    run(tmp_path, FILMS[:1])
    run(tmp_path, FILMS)
    path = tmp_path / "generations/0002/generation.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"layout": 99}))
    assert roll_back(tmp_path) == 1
    assert (path.parent / "ROLLED_BACK").exists()


def test_rollback_passes_over_a_generation_that_says_of_itself_what_it_did_not(tmp_path: Path) -> None:
    for count in (1, 2, 3):
        run(tmp_path, FILMS[:count])
    path = tmp_path / "generations/0002/generation.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"template": "{title}"}))
    assert roll_back(tmp_path) == 1


@pytest.mark.parametrize("current", ["lost", "damaged"])
def test_what_current_names_is_not_thrown_away_though_it_lost_its_last_file(tmp_path: Path, current: str) -> None:
    run(tmp_path, FILMS)
    generation = Generations(tmp_path).in_force()
    generation.info_file.unlink()
    if current == "damaged":
        (tmp_path / "CURRENT").write_bytes(b"\xff")
    with pytest.raises(CatalogDamaged, match="run 'ingest (rollback|verify --repair)'"):
        run(tmp_path, FILMS[:1], prune=False)
    assert generation.movies.exists()
    with open_writer(tmp_path, rebuild=True) as writer:
        assert sync(FILMS, writer, WordEmbedder(), SyncOptions(TEMPLATE, rebuild=True)).embedded == 0
    run(tmp_path, FILMS)
    assert numbers(tmp_path) == [2]


Look = Callable[[Snapshot], object]
PARTS: list[tuple[str, Look]] = [
    ("movies.sqlite3", lambda snapshot: snapshot.movies),
    ("lexical/meta.json", lambda snapshot: snapshot.lexical),
    ("moments.npz", lambda snapshot: snapshot.moments),
    ("film_map.npz", lambda snapshot: snapshot.film_map),
    ("chroma/chroma.sqlite3", lambda snapshot: snapshot.index.nearest(WordEmbedder().embed_query("shark"), 1)),
]


@pytest.mark.parametrize(("name", "look"), PARTS)
def test_a_file_of_another_generation_is_noticed_when_it_is_opened(tmp_path: Path, name: str, look: Look) -> None:
    run(tmp_path / "store", FILMS)
    run(tmp_path / "other", [FILMS[0], FILMS[2]])
    shutil.copyfile(tmp_path / "other/generations/0001" / name, tmp_path / "store/generations/0001" / name)
    with pytest.raises(CatalogDamaged), closing(open_snapshot(tmp_path / "store")) as snapshot:
        look(snapshot)


def test_a_whole_generation_of_another_catalog_is_noticed_when_it_is_opened(tmp_path: Path) -> None:
    run(tmp_path / "store", FILMS)
    run(tmp_path / "other", FILMS[1:])
    shutil.rmtree(tmp_path / "store/generations")
    shutil.copytree(tmp_path / "other/generations", tmp_path / "store/generations")
    message = f"generation.json: is not the file that CURRENT names; run 'ingest verify --repair', or else {WAYS}"
    with pytest.raises(CatalogDamaged, match=message):
        open_snapshot(tmp_path / "store")
    with pytest.raises(CatalogDamaged, match=message):
        run(tmp_path / "store", FILMS)


def test_a_current_that_holds_a_number_alone_still_opens(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    (tmp_path / "CURRENT").write_text("0001\n", encoding="ascii")
    assert nearest(tmp_path, "shark", 1) == [("2", 1.0)]
    assert run(tmp_path, FILMS[:2]).generation == 2


@pytest.mark.parametrize("name", ["CURRENT", "generations/0001/generation.json"])
def test_a_folder_in_a_files_place_is_one_line(tmp_path: Path, name: str) -> None:
    run(tmp_path, FILMS)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(StoreError, match=rf"{name}: Is a directory; check the free space"):
        open_snapshot(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00garbage", b"process 1\x1b[2J", b""])
def test_a_holder_that_cannot_be_read_is_another_process(tmp_path: Path, content: bytes) -> None:
    with writer_lock(tmp_path):
        (tmp_path / "LOCK.holder").write_bytes(content)
        assert writer(tmp_path) == "another process"
        with pytest.raises(CatalogLocked, match="is being written by another process; wait for it to end$"):
            run(tmp_path, FILMS)
    assert writer(tmp_path) is None


@pytest.mark.parametrize("damage", [lambda text: b"\xff\xfe", lambda text: b"0009" + text[4:], lambda text: text[:-3]])
def test_a_damaged_current_is_mended_where_nothing_else_is(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    for count in (1, 2, 3):
        run(tmp_path, FILMS[:count])
    roll_back(tmp_path)
    path = tmp_path / "CURRENT"
    before = path.read_bytes()
    path.write_bytes(damage(before))
    with pytest.raises(CatalogDamaged):
        open_snapshot(tmp_path)
    said: list[str] = []
    repair(tmp_path, lambda _: 0, said.append)
    assert said == [f"{path}: was damaged, names generation 2 with 2 films again"]
    assert path.read_bytes() == before
    assert verify(tmp_path).films == 2


def test_a_damaged_current_is_not_mended_by_an_older_state(tmp_path: Path) -> None:
    run(tmp_path, FILMS[:2])
    run(tmp_path, FILMS)
    (tmp_path / "CURRENT").write_bytes(b"")
    (tmp_path / "generations/0002/movies.sqlite3").write_bytes(b"noise")
    with pytest.raises(CatalogDamaged, match="CURRENT: must hold a number"):
        repair(tmp_path, lambda _: 0)
