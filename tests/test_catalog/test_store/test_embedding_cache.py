"""What a flipped bit does to the vector cache: nothing that is published."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalog.errors import CatalogDamaged
from catalog.movie import Movie, text_digest
from catalog.store.draft import Draft
from catalog.store.embedding_cache import VectorCache
from catalog.store.generations import Generations
from catalog.store.maintenance.backup import back_up, restore
from catalog.store.maintenance.verify import repair, verify
from catalog.store.vectors.by_row import open_vectors, write_vectors
from ingest.sync.apply import embed_missing
from tests.support.fakes import WordEmbedder
from tests.test_catalog.test_store.test_catalog import FILMS, nearest, run

IDENTITY = WordEmbedder().identity
JAWS, GHOST = "Jaws a shark", "Ghost a ghost in love"
FOUND = [("2", 1.0), ("1", 0.007), ("3", 0.007)]


def change(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


def flip_bit(path: Path) -> None:
    """The highest bit of an exponent: a number about 1 becomes one about 1e38."""
    with closing(VectorCache(path)) as cache:
        stored = bytearray(cache.get(IDENTITY, [text_digest(JAWS)])[text_digest(JAWS)].tobytes())
    stored[4 * 3 + 3] ^= 0x40
    change(path, "UPDATE vectors SET vector = ? WHERE text_digest = ?", bytes(stored), text_digest(JAWS))


def flip_last_bit(path: Path) -> None:
    """Of a mantissa: only a checksum can tell."""
    with closing(VectorCache(path)) as cache:
        stored = bytearray(cache.get(IDENTITY, [text_digest(JAWS)])[text_digest(JAWS)].tobytes())
    stored[4 * 3] ^= 0x01
    change(path, "UPDATE vectors SET vector = ? WHERE text_digest = ?", bytes(stored), text_digest(JAWS))


def put_nan(path: Path) -> None:
    vector = np.full(IDENTITY.dimension, np.nan, dtype=np.float32)
    change(path, "UPDATE vectors SET vector = ? WHERE text_digest = ?", vector.tobytes(), text_digest(JAWS))


def take_another_films_vector(path: Path) -> None:
    change(
        path,
        "UPDATE vectors SET (vector, checksum) = (SELECT vector, checksum FROM vectors WHERE text_digest = ?)"
        " WHERE text_digest = ?",
        text_digest(GHOST),
        text_digest(JAWS),
    )


def lose_the_vector(path: Path) -> None:
    """As a flipped type of the value does, which SQLite itself would not write."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'vector BLOB NOT NULL', 'vector BLOB')")
    change(path, "UPDATE vectors SET vector = NULL WHERE text_digest = ?", text_digest(JAWS))


def lose_the_checksum(path: Path) -> None:
    change(path, "UPDATE vectors SET checksum = NULL WHERE text_digest = ?", text_digest(JAWS))


Damage = Callable[[Path], None]
damaged = pytest.mark.parametrize(
    "damage", [flip_bit, flip_last_bit, put_nan, take_another_films_vector, lose_the_vector, lose_the_checksum]
)


def make_older(path: Path) -> None:
    """A cache as earlier versions wrote it, without checksums."""
    change(path, "ALTER TABLE vectors DROP COLUMN checksum")
    change(path, "PRAGMA user_version = 0")


def mend(root: Path) -> tuple[list[str], list[str]]:
    """What repair said, with the root left out, and the texts it embedded."""
    said: list[str] = []
    embedder = WordEmbedder()

    def embed(draft: Draft) -> int:
        return embed_missing(draft, embedder, 100)[0]

    repair(root, embed, said.append)
    return [line.replace(f"{root}/", "") for line in said], embedder.texts


def flip_name(path: Path) -> None:
    """A high bit in the name of the model: no UTF-8 any more, which SQLite finds nothing wrong with."""
    change(path, "UPDATE models SET key = CAST(x'f7' || substr(CAST(key AS BLOB), 2) AS TEXT)")


def test_a_cache_whose_model_has_no_name_any_more_is_set_aside(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    flip_name(tmp_path / "vectors.sqlite3")
    assert verify(tmp_path).differences != ()
    aside = "vectors.sqlite3: damaged, set aside as vectors.sqlite3.damaged"
    assert mend(tmp_path) == ([aside, "vectors.sqlite3: 3 vectors taken back from generations/0001/vectors.npy"], [])
    assert verify(tmp_path).differences == ()


def test_a_cache_that_cannot_be_read_is_not_backed_up_over_a_good_one(tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "backup"
    run(store, FILMS)
    back_up(store, folder)
    flip_name(store / "vectors.sqlite3")
    with pytest.raises(
        CatalogDamaged, match="store/vectors.sqlite3: is damaged; the earlier backup stays, run 'ingest"
    ):
        back_up(store, folder)
    assert verify(folder).differences == ()
    flip_name(folder / "vectors.sqlite3")
    with pytest.raises(CatalogDamaged, match="backup/vectors.sqlite3: is damaged .*; take another backup$"):
        restore(folder, tmp_path / "new")


@damaged
def test_a_damaged_vector_is_embedded_again_by_the_run_that_needs_it(tmp_path: Path, damage: Damage) -> None:
    run(tmp_path, FILMS)
    damage(tmp_path / "vectors.sqlite3")
    embedder = WordEmbedder()
    run(tmp_path, FILMS, embedder, rebuild=True)
    assert embedder.texts == [JAWS]
    assert nearest(tmp_path, "shark") == FOUND
    assert verify(tmp_path).differences == ()


@damaged
def test_a_damaged_vector_is_named_and_taken_back_from_the_generation(tmp_path: Path, damage: Damage) -> None:
    run(tmp_path, FILMS)
    damage(tmp_path / "vectors.sqlite3")
    assert verify(tmp_path).differences == (f"{tmp_path}/vectors.sqlite3: 1 vectors are damaged",)
    taken = "vectors.sqlite3: 1 vectors taken back from generations/0001/vectors.npy"
    assert mend(tmp_path) == (["vectors.sqlite3: 1 damaged vectors dropped", taken], [])
    assert verify(tmp_path).differences == ()


def test_a_damaged_vector_that_nobody_needs_is_named_and_dropped(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    run(tmp_path, [FILMS[0], FILMS[2]])
    put_nan(tmp_path / "vectors.sqlite3")
    assert verify(tmp_path).differences == (f"{tmp_path}/vectors.sqlite3: 1 vectors are damaged",)
    assert mend(tmp_path) == (["vectors.sqlite3: 1 damaged vectors dropped"], [])
    assert verify(tmp_path).differences == ()
    embedder = WordEmbedder()
    run(tmp_path, FILMS, embedder)
    assert embedder.texts == [JAWS]


def test_a_change_elsewhere_reads_no_vector_that_it_keeps(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    put_nan(tmp_path / "vectors.sqlite3")
    embedder = WordEmbedder()
    run(tmp_path, [replace(FILMS[0], plot="a robot"), *FILMS[1:]], embedder, rebuild_after=10.0)
    assert embedder.texts == ["Alien a robot"]
    assert nearest(tmp_path, "shark", 1) == [("2", 1.0)]


def test_what_cache_and_generation_hold_otherwise_is_believed_of_neither(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    with closing(VectorCache(tmp_path / "vectors.sqlite3")) as cache:
        cache.put(IDENTITY, {text_digest(JAWS): WordEmbedder().embed_query("war")})
    assert verify(tmp_path).differences == (
        "vectors.npy and the vector cache hold different vectors: 1 films, '2' for one",
    )
    assert mend(tmp_path) == (["generation 2 built and published, 1 texts embedded"], [JAWS])
    assert verify(tmp_path).differences == ()


def test_an_older_cache_gets_its_checksums_and_loses_what_can_be_no_vector(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    make_older(tmp_path / "vectors.sqlite3")
    assert verify(tmp_path).differences == ()  # it is read as it is
    put_nan(tmp_path / "vectors.sqlite3")
    embedder = WordEmbedder()
    assert run(tmp_path, FILMS, embedder).published is False
    with closing(VectorCache(tmp_path / "vectors.sqlite3", reading=True)) as cache:
        known = cache.known(IDENTITY, [text_digest(JAWS), text_digest(GHOST)])
        assert (known, cache.damaged()) == ({text_digest(GHOST)}, 0)
    flip_last = text_digest(GHOST)
    change(tmp_path / "vectors.sqlite3", "UPDATE vectors SET checksum = x'00' WHERE text_digest = ?", flip_last)
    run(tmp_path, FILMS, embedder, rebuild=True)
    assert embedder.texts == [JAWS, GHOST]
    assert verify(tmp_path).differences == ()


def test_what_an_earlier_version_published_of_a_damaged_cache_is_built_again(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    make_older(tmp_path / "vectors.sqlite3")
    flip_bit_of_older = np.zeros(IDENTITY.dimension, dtype=np.float32)
    flip_bit_of_older[3] = 1e38
    change(
        tmp_path / "vectors.sqlite3",
        "UPDATE vectors SET vector = ? WHERE text_digest = ?",
        flip_bit_of_older.tobytes(),
        text_digest(JAWS),
    )
    generation = Generations(tmp_path).in_force()
    vectors = open_vectors(generation.vectors, 3, IDENTITY.dimension)
    parts = [{row: np.array(vectors[row]) if row != 1 else flip_bit_of_older for row in range(3)}]
    write_vectors(generation.vectors.with_name("new.npy"), 3, IDENTITY.dimension, parts)
    os.replace(generation.vectors.with_name("new.npy"), generation.vectors)  # noqa: PTH105
    Generations(tmp_path).publish(generation, generation.info())
    assert verify(tmp_path).differences != ()
    embedder = WordEmbedder()
    assert run(tmp_path, FILMS, embedder).generation == 2
    assert embedder.texts == [JAWS]
    assert verify(tmp_path).differences == ()


def test_a_backup_gives_back_what_is_sound(tmp_path: Path) -> None:
    store, folder = tmp_path / "store", tmp_path / "backup"
    run(store, FILMS)
    back_up(store, folder)
    put_nan(store / "vectors.sqlite3")
    restore(folder, store)
    assert verify(store).differences == ()
    put_nan(folder / "vectors.sqlite3")
    restore(folder, tmp_path / "new")
    with closing(VectorCache(tmp_path / "new" / "vectors.sqlite3", reading=True)) as cache:
        assert cache.known(IDENTITY, [text_digest(JAWS), text_digest(GHOST)]) == {text_digest(GHOST)}
        assert cache.damaged() == 0


@pytest.mark.parametrize("which", [0, 1])
def test_a_flipped_digest_is_mended_in_the_table_as_in_its_index(tmp_path: Path, which: int) -> None:
    run(tmp_path, FILMS)
    path = tmp_path / "vectors.sqlite3"
    content, digest = bytearray(path.read_bytes()), text_digest(JAWS)
    place = content.find(digest)
    for _ in range(which):
        place = content.find(digest, place + 1)
    content[place] ^= 0x10
    path.write_bytes(content)
    assert len(verify(tmp_path).differences) == 1
    dropped = ["1 damaged vectors dropped", "1 vectors taken back from generations/0001/vectors.npy"]
    assert mend(tmp_path) == ([f"vectors.sqlite3: {line}" for line in dropped if which == 0], [])
    assert verify(tmp_path).differences == ()


def test_of_a_damaged_cache_is_kept_what_can_be_read(tmp_path: Path) -> None:
    many = [Movie(str(number), "Many", f"film number {number}") for number in range(200)]
    run(tmp_path, many)
    run(tmp_path, FILMS, allow_deletes=True)
    path = tmp_path / "vectors.sqlite3"
    content = bytearray(path.read_bytes())
    content[-3000:] = b"noise" * 600
    path.write_bytes(content)
    said, texts = mend(tmp_path)
    assert (said[0], texts) == ("vectors.sqlite3: damaged, set aside as vectors.sqlite3.damaged", [])
    assert verify(tmp_path).differences == ()
    embedder = WordEmbedder()
    run(tmp_path, many, embedder, allow_deletes=True)
    assert embedder.texts == []
    assert verify(tmp_path).differences == ()


@pytest.mark.parametrize("header", [b"{'descr': ('<f4'", b"{'descr': '<f4', 'fortran_order': 0j}", b"\x00", b"[" * 90])
def test_a_header_that_is_none_is_a_damaged_file(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "vectors.npy"
    write_vectors(path, 1, 9, [{0: np.ones(9, dtype=np.float32)}])
    content = path.read_bytes()
    path.write_bytes(content[:10] + header.ljust(117) + b"\n" + content[128:])
    with pytest.raises(CatalogDamaged, match=r"vectors.npy: is damaged; run 'ingest verify --repair'$"):
        open_vectors(path, 1, 9)
