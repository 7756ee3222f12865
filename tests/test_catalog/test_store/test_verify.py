"""Verify names every difference, and repair mends it, embedding only what is nowhere."""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalog.errors import CatalogDamaged, StoreError
from catalog.movie import Movie, text_digest
from catalog.store.chroma.collection import VectorIndex
from catalog.store.draft import Draft
from catalog.store.embedding_cache import VectorCache
from catalog.store.generation import Generation, index_digests
from catalog.store.generations import Generations
from catalog.store.lock import writer_lock
from catalog.store.maintenance.verify import repair, verify
from catalog.store.writer import open_writer
from ingest.sync.apply import embed_missing, sync
from ingest.sync.plan import SyncOptions
from tests.support.chroma import server
from tests.support.fakes import WordEmbedder
from tests.test_catalog.test_store.test_catalog import FILMS, TEMPLATE, nearest, run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("place")]

CACHE = "vectors.sqlite3"


def generation(root: Path, number: int) -> Path:
    return root / "generations" / f"{number:04d}"


def opened(root: Path, number: int) -> VectorIndex:
    """The index of a generation, to be changed behind its back."""
    found = Generation(generation(root, number))
    return VectorIndex.open(found.backend(server()), found.collection)


def sign(root: Path, number: int) -> None:
    """Let the files of a generation count as published as they are now, so that only what is in them can tell."""
    found = Generation(generation(root, number))
    Generations(root).publish(found, replace(found.info(), index_files=index_digests(found)))


def mend(root: Path) -> tuple[list[str], list[str]]:
    """What repair said, with the root left out, and the texts it embedded."""
    said: list[str] = []
    embedder = WordEmbedder()

    def embed(draft: Draft) -> int:
        return embed_missing(draft, embedder, 100)[0]

    repair(root, embed, said.append, server())
    return [line.replace(f"{root}/", "") for line in said], embedder.texts


def differences(root: Path, sample: int | None = None) -> list[str]:
    return [line.replace(f"{root}/", "") for line in verify(root, sample, server()).differences]


def test_a_catalog_agrees_with_itself(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    found = verify(tmp_path, server=server())
    assert (found.generation, found.films, found.differences) == (1, 3, ())
    assert verify(tmp_path, 2, server()).differences == ()
    run(tmp_path, FILMS[:2], rebuild_after=10.0)
    assert differences(tmp_path) == []


def test_an_empty_catalog_agrees_with_itself(tmp_path: Path) -> None:
    run(tmp_path, FILMS[:1])
    run(tmp_path, [], allow_deletes=True)
    assert verify(tmp_path, server=server()).films == 0
    assert differences(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "wrong"), [("vectors.npy", "is not the file that was published"), ("lexical/meta.json", "is missing")]
)
def test_a_file_that_changed_is_named_and_made_again(tmp_path: Path, name: str, wrong: str) -> None:
    run(tmp_path, FILMS)
    path = generation(tmp_path, 1) / name
    if wrong == "is missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-4] + b"abcd")
    assert differences(tmp_path) == [f"generations/0001/{name}: {wrong}"]
    assert mend(tmp_path) == (["generation 2 built and published, 0 texts embedded"], [])
    assert differences(tmp_path) == []


@pytest.mark.parametrize("name", ["vectors.npy", "lexical/meta.json", "moments.npz", "film_map.npz"])
@pytest.mark.parametrize("damage", ["noise", "missing"])
def test_the_next_run_makes_a_damaged_file_again_without_embedding(tmp_path: Path, name: str, damage: str) -> None:
    run(tmp_path, FILMS)
    path = generation(tmp_path, 1) / name
    path.unlink()
    if damage == "noise":
        path.write_bytes(b"noise" * 1000)
    embedder = WordEmbedder()
    outcome = run(tmp_path, FILMS, embedder)
    assert (outcome.generation, embedder.texts) == (2, [])
    assert differences(tmp_path) == []


def test_films_that_somebody_changed_are_not_believed(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    with closing(sqlite3.connect(generation(tmp_path, 1) / "movies.sqlite3")) as connection:
        connection.execute("UPDATE movies SET title = 'Another' WHERE id = '1'")
        connection.commit()
    with pytest.raises(CatalogDamaged, match="movies.sqlite3: is not the file that was published; run 'ingest rollb"):
        run(tmp_path, FILMS)
    with open_writer(tmp_path, rebuild=True) as writer:
        assert sync(FILMS, writer, WordEmbedder(), SyncOptions(TEMPLATE, rebuild=True)).embedded == 0
    assert differences(tmp_path) == []


def test_what_chroma_holds_otherwise_is_named_and_mended(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    index = opened(tmp_path, 1)
    other = WordEmbedder().embed_query("war")
    index.put([FILMS[0]], other[np.newaxis])
    index.remove(["2"])
    index.close()
    sign(tmp_path, 1)
    (line,) = differences(tmp_path)
    where = "generations/0001/chroma" if server() is None else f"Chroma at {os.environ['PLOTSEEK_STORE_URL']}"
    assert line == f"{where}: 1 ids differ, '2' for one"
    assert mend(tmp_path) == (["generation 2 built and published, 0 texts embedded"], [])
    assert differences(tmp_path) == []
    assert nearest(tmp_path, "shark", 1) == [("2", 1.0)]


def test_other_metadata_are_named_and_mended(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    index = opened(tmp_path, 1)
    index.put_metadata([Movie("1", "Aliens", "a ship in space", year=1986)])
    index.close()
    sign(tmp_path, 1)
    assert differences(tmp_path) == ["the vector index holds other metadata: 1 films, '1' for one"]
    mend(tmp_path)
    assert differences(tmp_path) == []


@pytest.mark.parametrize("damage", ["missing", "noise", "empty"])
def test_a_lost_cache_is_filled_from_the_matrix(tmp_path: Path, damage: str) -> None:
    run(tmp_path, FILMS)
    path = tmp_path / CACHE
    path.unlink()
    if damage != "missing":
        path.write_bytes(b"noise" * 10_000 if damage == "noise" else b"")
    reason = {
        "missing": f"{CACHE}: is missing",
        "noise": f"{CACHE}: is damaged (file is not a database)",
        "empty": f"{CACHE}: is damaged (no such table: vectors)",
    }
    assert differences(tmp_path) == [reason[damage]]
    aside = [f"{CACHE}: damaged, set aside as {CACHE}.damaged"] if damage == "noise" else []
    filled = f"{CACHE}: 3 vectors taken back from generations/0001/vectors.npy"
    assert mend(tmp_path) == ([*aside, filled], [])
    assert differences(tmp_path) == []


def test_only_what_is_nowhere_is_embedded(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    (tmp_path / CACHE).unlink()
    with closing(VectorCache(tmp_path / CACHE)) as cache:
        digest = text_digest("Jaws a shark")
        cache.put(WordEmbedder().identity, {digest: WordEmbedder().embed_query("Jaws a shark")})
    (generation(tmp_path, 1) / "vectors.npy").write_bytes(b"noise")
    said, texts = mend(tmp_path)
    assert said == ["generation 2 built and published, 2 texts embedded"]
    assert texts == ["Alien a ship in space", "Ghost a ghost in love"]
    assert differences(tmp_path) == []


@pytest.mark.parametrize("damage", ["noise", "empty", "deleted", "half", "schema"])
def test_lost_films_name_every_way_back(tmp_path: Path, damage: str) -> None:
    run(tmp_path, FILMS[:2])
    run(tmp_path, FILMS)
    path = generation(tmp_path, 2) / "movies.sqlite3"
    content = path.read_bytes()
    path.unlink()
    if damage != "deleted":
        # SQLite's message about the schema quotes it, and Python cannot decode that.
        schema = content.replace(b"movies_title", b"\xedovies_title", 1)
        damaged = {"noise": b"noise" * 10_000, "empty": b"", "half": content[: len(content) // 2], "schema": schema}
        path.write_bytes(damaged[damage])
    ways = r"run 'ingest rollback', 'ingest restore FOLDER', or 'ingest --file FILE --rebuild'$"
    with pytest.raises(CatalogDamaged, match=ways):
        run(tmp_path, FILMS[:1])
    with pytest.raises(CatalogDamaged, match=ways):
        mend(tmp_path)
    (line,) = differences(tmp_path)
    assert line.startswith("generations/0002/movies.sqlite3: is ")
    embedder = WordEmbedder()
    with open_writer(tmp_path, server(), rebuild=True) as writer:
        outcome = sync(FILMS, writer, embedder, SyncOptions(TEMPLATE, rebuild=True))
    assert (outcome.generation, outcome.films, embedder.texts) == (3, 3, [])
    assert differences(tmp_path) == []


def roll_back(root: Path) -> int:
    with writer_lock(root):
        return Generations(root).roll_back().number


def test_rollback_goes_to_the_newest_older_generation_that_is_whole(tmp_path: Path) -> None:
    for count in (1, 2, 3):
        run(tmp_path, FILMS[:count])
    (generation(tmp_path, 2) / "vectors.npy").write_bytes(b"noise")
    assert roll_back(tmp_path) == 1
    assert nearest(tmp_path, "ship", 5) == [("1", 0.709)]
    with pytest.raises(StoreError, match=r"there is no older generation to go back to; 'ingest restore' takes a back"):
        roll_back(tmp_path)
    assert [found.number for found in Generations(tmp_path).all()] == [1, 2, 3]
    assert run(tmp_path, FILMS).generation == 4
    assert roll_back(tmp_path) == 1


def test_rollback_helps_where_current_names_nothing(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    (tmp_path / "CURRENT").write_bytes(b"\xff\xff")
    with pytest.raises(CatalogDamaged, match="CURRENT: must hold a number; run 'ingest verify --repair'"):
        run(tmp_path, FILMS)
    assert roll_back(tmp_path) == 1
    shutil.rmtree(generation(tmp_path, 1))
    with pytest.raises(CatalogDamaged, match="0001: is not a finished generation; run 'ingest rollback'"):
        run(tmp_path, FILMS)
    with open_writer(tmp_path, server(), rebuild=True) as writer:
        assert sync(FILMS, writer, WordEmbedder(), SyncOptions(TEMPLATE, rebuild=True)).films == 3


def test_old_generations_are_removed_but_never_the_one_in_force(tmp_path: Path) -> None:
    for count in (1, 2, 3):
        run(tmp_path, FILMS[:count])
    generations = Generations(tmp_path, server())
    assert generations.drop_old(keep=2, grace=300) == []
    assert generations.drop_old(keep=2, grace=0) == [1]
    assert roll_back(tmp_path) == 2
    assert generations.drop_old(keep=1, grace=0) == []
    assert nearest(tmp_path, "shark", 1) == [("2", 1.0)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_readers_leave_the_index_files_as_they_were_published(tmp_path: Path, count: int) -> None:
    run(tmp_path, FILMS[:count])
    for _ in range(3):
        assert nearest(tmp_path, "ship", 1) == [("1", 0.709)]
        assert differences(tmp_path) == []
