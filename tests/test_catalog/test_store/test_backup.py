"""A backup is whole whoever writes meanwhile, and comes back as the newest state, or as an export."""

import json
import shutil
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from catalog.errors import CatalogDamaged, CatalogMissing, StoreError, UsageError
from catalog.movie import Movie
from catalog.store.embedding_cache import VectorCache
from catalog.store.generations import Generations
from catalog.store.maintenance.backup import back_up, restore
from catalog.store.maintenance.verify import verify
from catalog.store.snapshot import Snapshot, open_snapshot
from catalog.store.vectors.moments import FEWEST
from catalog.store.vectors.questions import question_digest
from catalog.store.writer import open_writer
from catalog.text.questions import KINDS, example_questions
from ingest.export import export
from ingest.mapping.mapper import detect, to_movie
from ingest.readers.source import open_rows
from tests.support.chroma import server
from tests.support.fakes import WordEmbedder
from tests.test_catalog.test_store.test_catalog import FILMS, in_folder, nearest, run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("place")]

RICH = Movie(
    "film 9",
    "Ran",
    "a war of brothers, “quoted”",
    year=1985,
    original_title="乱",
    plot_de="Ein Krieg",
    genres=("Drama", "War"),
    keywords=("castle",),
    directors=("Akira Kurosawa",),
    actors=("Tatsuya Nakadai", "Mieko Harada"),
    languages=("Japanese",),
    countries=("Japan", "France"),
    runtime=162,
    rating=8.2,
    votes=130_000,
    poster="https://example.org/ran.jpg",
    external_ids={"imdb": "tt0089881", "tmdb": "11645"},
    extra={"shelf": "B3", "lent": {"to": "Ann", "days": 3}},
)


def test_a_backup_is_a_catalog(tmp_path: Path) -> None:
    run(tmp_path / "store", FILMS)
    assert back_up(tmp_path / "store", tmp_path / "backup").films == 3
    assert verify(tmp_path / "backup").differences == ()
    with closing(open_snapshot(tmp_path / "backup")) as snapshot:  # where the index is on a server, this has its own
        assert first(snapshot, "shark") == "2"


def test_a_replica_follows_the_backups_that_are_made_into_it(tmp_path: Path) -> None:
    store, replica = tmp_path / "store", tmp_path / "replica"
    run(store, FILMS[:2])
    back_up(store, replica)
    stamp = Generations(replica).stamp()
    with closing(open_snapshot(replica)) as before:
        assert first(before, "shark") == "2"
        run(store, FILMS)
        assert Generations(replica).stamp() == stamp
        back_up(store, replica)
        assert Generations(replica).stamp() != stamp
        with closing(open_snapshot(replica)) as after:
            assert after.movies.ids() == ["1", "2", "3"]
            assert first(after, "ghost love") == "3"
        assert first(before, "shark") == "2"


def first(snapshot: Snapshot, text: str) -> str:
    """The id of the film nearest to a text, found twice: by vector and by words."""
    near = snapshot.index.nearest(WordEmbedder().embed_query(text), 1)[0].id
    hits = snapshot.lexical.best(dict.fromkeys(text.split(), 1.0), 1)
    assert snapshot.movies.ids_at(hits.rows.tolist()) == {int(hits.rows[0]): near}
    return near


def test_a_backup_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "backup"
    run(store, FILMS[:1])
    back_up(store, folder)
    back_up(store, folder)
    run(store, FILMS)
    assert back_up(store, folder).number == 2
    assert [generation.number for generation in Generations(folder).all()] == [2]


def test_a_backup_of_another_catalog_is_replaced_only_when_told_to(tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "backup"
    run(store, FILMS)
    back_up(store, folder)
    shutil.rmtree(store)
    run(store, FILMS[:2])
    with pytest.raises(StoreError, match="is a backup of another catalog; name another folder, or repeat with --repla"):
        back_up(store, folder)
    assert verify(folder, server=server()).films == 3
    assert back_up(store, folder, replace_other=True).number == 1
    assert [generation.number for generation in Generations(folder).all()] == [2]
    assert (verify(folder, server=server()).films, verify(folder, server=server()).differences) == (2, ())
    assert back_up(store, folder).number == 1
    restore(folder, tmp_path / "new", server())
    assert back_up(tmp_path / "new", folder).films == 2  # restored, it is that catalog


OTHER = "is a backup of another catalog; name another folder, or repeat with --replace"


@in_folder
def test_a_backup_without_a_name_is_known_by_where_its_catalog_was(tmp_path: Path) -> None:
    one, two, folder = tmp_path / "one", tmp_path / "two", tmp_path / "backup"
    run(one, FILMS)
    run(two, FILMS[:2])
    back_up(one, folder)
    (folder / "CATALOG").unlink()
    mark = (folder / "BACKUP").read_bytes()
    with pytest.raises(StoreError, match=OTHER):
        back_up(two, folder)
    assert ((folder / "BACKUP").read_bytes(), verify(folder).films) == (mark, 3)
    assert back_up(one, folder).films == 3
    assert (folder / "CATALOG").read_bytes() == (one / "CATALOG").read_bytes()
    (folder / "vectors.sqlite3").write_bytes(b"noise" * 1000)
    assert back_up(two, folder, replace_other=True).films == 2
    assert (verify(folder).films, verify(folder).differences) == (2, ())


@in_folder
def test_a_catalog_of_an_earlier_version_is_named_by_a_run_that_changes_nothing(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    (tmp_path / "CATALOG").unlink()
    assert run(tmp_path, FILMS).published is False
    assert len((tmp_path / "CATALOG").read_text().strip()) == 16


@in_folder
def test_a_mark_that_a_kill_left_unfinished_is_no_other_thing(tmp_path: Path) -> None:
    run(tmp_path / "store", FILMS)
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "BACKUP.new").write_text("{")
    assert back_up(tmp_path / "store", tmp_path / "backup").films == 3


@in_folder
def test_a_copy_with_another_number_keeps_its_index(tmp_path: Path) -> None:
    one, two, folder = tmp_path / "one", tmp_path / "two", tmp_path / "backup"
    run(one, FILMS[:2])
    run(two, FILMS)
    back_up(one, folder)
    back_up(two, folder, replace_other=True)
    copy, source = Generations(folder).in_force(), Generations(two).in_force()
    assert (copy.number, source.number) == (2, 1)
    names = [sorted(path.name for path in found.chroma.iterdir() if path.is_dir()) for found in (copy, source)]
    assert names[0] == names[1]  # Chroma names a folder anew with each collection
    assert verify(folder).differences == ()


WRITER = """
import os, sys
from pathlib import Path
from catalog.store.embedding_cache import VectorCache
from tests.support.fakes import WordEmbedder
cache = VectorCache(Path(sys.argv[1]))
embedder = WordEmbedder()
for number in range(500):
    cache.put(embedder.identity, {number.to_bytes(16): embedder.embed_query("war")})
os._exit(9)
"""


@in_folder
def test_what_a_killed_writer_left_in_a_backup_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "backup"
    run(store, FILMS[:2])
    back_up(store, folder)
    subprocess.run([sys.executable, "-c", WRITER, folder / "vectors.sqlite3"], check=False)
    assert (folder / "vectors.sqlite3-wal").stat().st_size > 0
    run(store, FILMS)
    back_up(store, folder)
    assert verify(folder).differences == ()
    assert [path.name for path in folder.glob("vectors*")] == ["vectors.sqlite3"]
    assert restore(folder, tmp_path / "new").films == 3
    assert verify(tmp_path / "new").differences == ()


@in_folder
def test_a_backup_that_took_anothers_place_is_no_wal(tmp_path: Path) -> None:
    run(tmp_path / "one", FILMS[:1])
    run(tmp_path / "two", FILMS)
    back_up(tmp_path / "one", tmp_path / "backup")
    back_up(tmp_path / "two", tmp_path / "backup", replace_other=True)
    header = (tmp_path / "backup" / "vectors.sqlite3").read_bytes()[18:20]
    assert header == b"\x01\x01"  # versions to write and to read it; 2 is WAL


KILLED = """
import os, sys
from pathlib import Path
import chromadb
from catalog.store.maintenance.backup import back_up

def ends_after(left):
    def count(event, arguments):
        nonlocal left
        if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.copyfile", "sqlite3.connect"):
            left -= 1
            if left == 0:
                os._exit(9)
    sys.addaudithook(count)
    back_up(Path(sys.argv[1]), Path(sys.argv[2]), replace_other=True)
    os._exit(0)

for steps in sys.stdin:
    child = os.fork()
    if child == 0:
        ends_after(int(steps))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""A backup in a process of its own for each line of input; forked, for an import takes longer than a backup."""


@in_folder
@pytest.mark.parametrize("other", [True, False])
def test_a_backup_killed_at_any_step_leaves_a_whole_one(tmp_path: Path, *, other: bool) -> None:
    earlier, store, folder = tmp_path / "earlier", tmp_path / "store", tmp_path / "backup"
    run(earlier, FILMS[:1])
    if not other:
        shutil.copytree(earlier, store)
    run(store, FILMS)
    back_up(earlier, tmp_path / "first")
    ended, step, seen = 9, 0, set()
    command = [sys.executable, "-c", KILLED, str(store), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin
        assert process.stdout
        while ended == 9:
            step += 3
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(tmp_path / "first", folder)
            print(step, file=process.stdin)
            ended = int(process.stdout.readline())
            found = verify(folder)
            assert (found.films in (1, 3), found.differences) == (True, ()), step
            seen.add(found.films)
    assert (ended, seen) == (0, {1, 3})
    assert back_up(store, folder, replace_other=True).films == 3
    assert restore(folder, tmp_path / "new").films == 3


def test_only_a_folder_of_its_own_is_written(tmp_path: Path) -> None:
    store, other = tmp_path / "store", tmp_path / "other"
    with pytest.raises(CatalogMissing):
        back_up(store, other)
    run(store, FILMS)
    other.mkdir()
    (other / "letter.txt").write_text("dear ...")
    for folder in (other, store):
        with pytest.raises(StoreError, match="holds other things than a backup; name a new or an empty folder$"):
            back_up(store, folder)
    with pytest.raises(StoreError, match="is a file; name a folder$"):
        back_up(store, other / "letter.txt")


def test_a_backup_during_a_run_is_whole(tmp_path: Path) -> None:
    store = tmp_path / "store"
    run(store, FILMS[:1])
    done = threading.Event()

    def keep_writing() -> None:
        while not done.is_set():
            run(store, FILMS, rebuild_after=10.0)
            run(store, FILMS[:1], rebuild_after=10.0)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        for number in range(5):
            folder = tmp_path / f"backup{number % 2}"
            info = back_up(store, folder)
            assert (verify(folder, server=server()).films, verify(folder, server=server()).differences) == (
                info.films,
                (),
            )
    finally:
        done.set()
        writer.join()


def test_restore_publishes_a_new_generation(tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "backup"
    run(store, FILMS)
    back_up(store, folder)
    run(store, FILMS[:1])
    (store / "vectors.sqlite3").write_bytes(b"noise" * 1000)
    info = restore(folder, store, server())
    assert (info.number, info.films) == (3, 3)
    assert Generations(store).in_force().collection.startswith("movies-0003")
    assert verify(store, server=server()).differences == ()
    embedder = WordEmbedder()
    assert run(store, FILMS, embedder).published is False
    assert run(store, FILMS[1:], embedder, rebuild_after=10.0).generation == 4
    assert embedder.texts == []
    assert verify(store, server=server()).differences == ()


def test_restore_keeps_rows_though_some_are_free(tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "backup"
    run(store, FILMS)
    run(store, FILMS[1:], rebuild_after=10.0)
    back_up(store, folder)
    assert restore(folder, tmp_path / "new", server()).films == 2
    assert verify(tmp_path / "new", server=server()).differences == ()
    with closing(open_snapshot(tmp_path / "new", server())) as snapshot:
        assert snapshot.movies.rows_of(["2", "3"]) == {"2": 1, "3": 2}
        assert (first(snapshot, "shark"), first(snapshot, "ghost love")) == ("2", "3")


def test_restore_keeps_the_means_of_questions_that_the_cache_lost(tmp_path: Path) -> None:
    store, folder, identity = tmp_path / "store", tmp_path / "backup", WordEmbedder().identity
    run(store, [Movie(str(number), f"Film {number}", "a ship") for number in range(FEWEST)])
    back_up(store, folder)
    with closing(VectorCache(folder / "vectors.sqlite3")) as cache:
        texts = [text for kind in KINDS for text in example_questions()[kind]]
        cache.drop(identity, [question_digest(text) for text in texts])
    restore(folder, tmp_path / "new", server())
    with closing(open_snapshot(store)) as before, closing(open_snapshot(tmp_path / "new")) as after:
        assert after.moments.questions.shape == (len(KINDS), identity.dimension)
        assert after.moments.questions.tolist() == before.moments.questions.tolist()


def test_restore_into_nothing(tmp_path: Path) -> None:
    run(tmp_path / "store", FILMS)
    back_up(tmp_path / "store", tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "new", server())
    assert nearest(tmp_path / "new", "shark", 1) == [("2", 1.0)]
    assert verify(tmp_path / "new", server=server()).differences == ()


def test_restore_replaces_what_cannot_be_read(tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "backup"
    run(store, FILMS)
    back_up(store, folder)
    (store / "generations" / "0001" / "movies.sqlite3").write_bytes(b"")
    assert restore(folder, store, server()).number == 2
    assert verify(store, server=server()).differences == ()


@in_folder
@pytest.mark.parametrize("name", ["movies.sqlite3", "vectors.npy", "chroma/chroma.sqlite3", "lexical/meta.json"])
def test_a_damaged_backup_is_refused(tmp_path: Path, name: str) -> None:
    store, folder = tmp_path / "store", tmp_path / "backup"
    run(store, FILMS)
    back_up(store, folder)
    (folder / "generations" / "0001" / name).write_bytes(b"noise" * 1000)
    with pytest.raises(CatalogDamaged, match="; nothing was restored, take another backup$"):
        restore(folder, store, server())
    assert [generation.number for generation in Generations(store).all()] == [1]
    back_up(store, folder)
    assert verify(folder, server=server()).differences == ()


def test_a_folder_without_a_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no finished backup; name a folder that 'ingest backup' wrote$"):
        restore(tmp_path / "nothing", tmp_path / "store")


def test_a_damaged_store_is_not_backed_up_over_a_good_one(tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "backup"
    run(store, FILMS[:1])
    back_up(store, folder)
    run(store, FILMS)
    (store / "generations" / "0002" / "vectors.npy").write_bytes(b"noise")
    with pytest.raises(CatalogDamaged, match="vectors.npy: is not the file that was published; run "):
        back_up(store, folder)
    assert (verify(folder, server=server()).films, verify(folder, server=server()).differences) == (1, ())


def read_back(path: Path) -> list[Movie]:
    with open_rows(str(path)) as rows:
        fields = detect(rows.peek(), {"extra": ("shelf", "lent")})
        return [to_movie(row, fields) for row in rows]


@pytest.mark.parametrize("vectors", [False, True])
def test_an_export_reads_back_as_the_same_films(tmp_path: Path, *, vectors: bool) -> None:
    store, path = tmp_path / "store", tmp_path / "films.jsonl"
    films = [*FILMS, RICH]
    run(store, films)
    with closing(open_snapshot(store)) as snapshot:
        assert export(snapshot, str(path), vectors=vectors) == 4
        row = json.loads(path.read_text(encoding="utf-8").splitlines()[1])
        expected = WordEmbedder().embed_query("Jaws a shark").tolist()
        assert row.get("embedding") == (pytest.approx(expected, abs=1e-8) if vectors else None)
    assert read_back(path) == films
    assert run(store, read_back(path)).published is False


def test_an_export_as_parquet(tmp_path: Path) -> None:
    import pyarrow.parquet

    store, path = tmp_path / "store", tmp_path / "films.parquet"
    run(store, [*FILMS, RICH])
    with closing(open_snapshot(store)) as snapshot:
        export(snapshot, str(path), vectors=True)
    row = pyarrow.parquet.read_table(path).to_pylist()[3]
    assert (row["id"], row["rating"], row["actors"][1]) == ("film 9", 8.2, "Mieko Harada")
    assert (row["shelf"], json.loads(row["lent"])) == ("B3", {"to": "Ann", "days": 3})
    assert len(row["embedding"]) == 9
    films = read_back(path)
    assert films[:3] == FILMS
    assert films[3].external_ids == RICH.external_ids


def test_an_export_that_fails_leaves_nothing(tmp_path: Path) -> None:
    run(tmp_path / "store", FILMS)
    with closing(open_snapshot(tmp_path / "store")) as snapshot:
        with pytest.raises(UsageError, match=r"films.xls: name a .jsonl or .parquet file, or - for JSON lines on std"):
            export(snapshot, str(tmp_path / "films.xls"))
        with pytest.raises(StoreError, match="No such file or directory; check the free space and the folder$"):
            export(snapshot, str(tmp_path / "no" / "films.jsonl"))
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_the_lock_of_a_backup_is_not_the_stores(tmp_path: Path) -> None:
    run(tmp_path / "store", FILMS)
    with open_writer(tmp_path / "store"):
        assert back_up(tmp_path / "store", tmp_path / "backup").films == 3
