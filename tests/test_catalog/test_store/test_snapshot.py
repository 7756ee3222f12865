"""A published generation as readers have it: what a run patches is what it would build, and reading harms nothing."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.errors import CatalogDamaged, StoreError
from catalog.movie import Movie
from catalog.store.chroma.collection import VectorIndex
from catalog.store.chroma.folder import ChromaFolder
from catalog.store.columns.conditions import Filter
from catalog.store.generation import file_digests, index_digests
from catalog.store.generations import Generations
from catalog.store.lexical.fields import LISTS
from catalog.store.snapshot import Snapshot, open_snapshot
from catalog.store.vectors.moments import Moments
from catalog.text.questions import KINDS
from query.filters import parse_filter
from tests.support.fakes import WORDS, WordEmbedder
from tests.test_catalog.test_store.test_catalog import FILMS, run

pytestmark = pytest.mark.slow

GENRES = ("Horror", "War", "Sci-Fi", "Drama")
QUESTIONS = ("space ship", "ghost", "shark love", "war dream robot")


def film(number: int, plot: str | None = None, **values: Any) -> Movie:
    words = f"{WORDS[number % 8]} {WORDS[number // 8 % 8]} seen by {number} people"
    given: dict[str, Any] = {"year": 1950 + number, "genres": (GENRES[number % 4],), "votes": number or None, **values}
    return Movie(f"m{number}", f"The Film {number}", words if plot is None else plot, **given)


BEFORE = [film(number) for number in range(40)]
AFTER = [
    *BEFORE[2:20],
    film(20, "a robot ghost"),
    film(21, genres=("Comedy",), rating=7.5),
    *BEFORE[22:40],
    film(50, "a shark in love"),
]
"""Two are gone, one has another text, one another genre, one is new."""


def said(snapshot: Snapshot) -> dict[str, object]:
    """What a reader learns from a snapshot, by id."""
    movies, lexical = snapshot.movies, snapshot.lexical
    rows = movies.rows_of(movies.ids())

    def ids(found: Any) -> list[str]:
        return sorted(movies.ids_at([int(row) for row in found]).values())

    keep = parse_filter("year>=1960 -genre:War")
    return {
        "movies": movies.get(movies.ids()),
        "fingerprints": movies.fingerprints(),
        "vectors": {identity: snapshot.vectors[row].tolist() for identity, row in rows.items()},
        "words": {word: ids(lexical.best({word: 1.0}, 100).rows) for word in (*WORDS, "robot", "peopl")},
        "titled": sorted(entry.id for entry in lexical.titled(["film 20", "the film 0", "film 50"], 10)),
        "kept": (lexical.count(keep), ids(lexical.rows(keep, 100))),
        "values": lexical.value_counts(list(LISTS), keep),
        "all values": lexical.value_counts(list(LISTS), Filter()),
        "decades": lexical.number_counts("year", 10, keep),
        "spelt": movies.spellings("genre", ["sci-fi", "comedy", "war"]),
        "rarity": movies.rarity(),
        "nearest": {
            text: [(near.id, round(near.similarity, 5)) for near in nearest_of(snapshot, text)] for text in QUESTIONS
        },
    }


def nearest_of(snapshot: Snapshot, text: str) -> Any:
    return snapshot.index.nearest(WordEmbedder().embed_query(text), 100)


def test_what_a_run_patches_is_what_a_fresh_build_makes(tmp_path: Path) -> None:
    run(tmp_path / "patched", BEFORE)
    run(tmp_path / "patched", AFTER)
    run(tmp_path / "fresh", AFTER)
    with (
        closing(open_snapshot(tmp_path / "patched")) as patched,
        closing(open_snapshot(tmp_path / "fresh")) as fresh,
    ):
        assert (patched.info.churn, patched.info.lexical_churn) == (4, 5)  # it was patched, both indexes
        assert said(patched) == said(fresh)
        for name in ("means", "direction", "covariance"):
            np.testing.assert_allclose(getattr(patched.moments, name), getattr(fresh.moments, name), atol=1e-6)


def test_films_keep_their_rows_and_free_ones_are_used_again(tmp_path: Path) -> None:
    stay = {f"m{number}": number for number in range(2, 40)}
    run(tmp_path, BEFORE)
    run(tmp_path, AFTER)
    assert rows(tmp_path) == (stay | {"m50": 40}, 41)  # a film that goes frees its row for the next run
    run(tmp_path, [*AFTER, film(51), film(52), film(53)])
    assert rows(tmp_path) == (stay | {"m50": 40, "m51": 0, "m52": 1, "m53": 41}, 42)
    run(tmp_path, [*AFTER[:-1], film(52)])
    assert rows(tmp_path) == (stay | {"m52": 1}, 40)


def rows(root: Path) -> tuple[dict[str, int], int]:
    """The row of each film, and how many there are with the free ones."""
    with closing(open_snapshot(root)) as snapshot:
        assert snapshot.info.films == snapshot.movies.count()
        assert snapshot.info.height == len(snapshot.vectors)
        return snapshot.movies.rows_of(snapshot.movies.ids()), snapshot.info.height


def test_searches_ask_the_vector_index_itself(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    generation = Generations(tmp_path).in_force()
    with closing(VectorIndex.open(ChromaFolder(generation.chroma), generation.collection)) as index:
        index.remove(["2"])
    Generations(tmp_path).publish(generation, replace(generation.info(), index_files=index_digests(generation)))
    with closing(open_snapshot(tmp_path)) as snapshot:
        assert sorted(near.id for near in nearest_of(snapshot, "shark")) == ["1", "3"]
        assert snapshot.movies.ids() == ["1", "2", "3"]


def test_reading_leaves_every_file_as_it_was(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    generation = Generations(tmp_path).in_force()
    before = file_digests(generation)
    with closing(open_snapshot(tmp_path)) as snapshot:
        snapshot.warm()
        assert said(snapshot)["words"]
        assert (snapshot.film_map.coordinates.shape, snapshot.moments.means.shape) == ((3, 2), (1, 9))
    assert file_digests(generation) == before


READER = """
import os, sys
from contextlib import closing
from pathlib import Path
from catalog.store.snapshot import open_snapshot
from tests.support.fakes import WordEmbedder

def read():
    with closing(open_snapshot(Path(sys.argv[1]))) as snapshot:
        near = snapshot.index.nearest(WordEmbedder().embed_query("shark"), 1)[0].id
        return near, snapshot.movies.ids_at(snapshot.lexical.best({"ghost": 1.0}, 9).rows.tolist())

read()  # imports everything, which somebody else may not
os.setgid(65534)
os.setuid(65534)
print(read())
"""


def test_a_catalog_that_belongs_to_somebody_else_is_read(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    store = tmp_path / "store"
    run(store, FILMS)
    for path in [store, *store.rglob("*")]:
        os.chown(path, 12345, 12345)
        path.chmod(0o555 if path.is_dir() else 0o444)
    outside = [folder for folder in tmp_path.parents if folder.stat().st_uid == os.getuid() and folder != Path("/")]
    modes = {folder: folder.stat().st_mode for folder in [tmp_path, *outside]}
    for folder, mode in modes.items():
        folder.chmod(mode | 0o055)
    try:
        reading = subprocess.run(
            [sys.executable, "-c", READER, str(store)], capture_output=True, text=True, check=False, timeout=120
        )
    finally:
        for folder, mode in modes.items():
            folder.chmod(mode)
    assert (reading.returncode, reading.stdout, reading.stderr) == (0, "('2', {2: '3'})\n", "")


def test_moments_stand_for_a_scan_of_all_movies() -> None:
    chance = np.random.default_rng(7)
    vectors = (chance.normal(size=(500, 16)) + 1.5).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = np.setdiff1d(np.arange(500), [0, 3, 77, 78, 499])
    vectors[[0, 3, 77, 78, 499]] = np.nan  # free rows, of which nothing may be read
    moments = Moments.of(vectors, rows, np.zeros((0, 0, 16), dtype=np.float32))
    films = vectors[rows].astype(np.float64)
    mean = films.mean(axis=0)
    directions = films - mean
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for question in (films[5], films[200], -films[9], np.eye(16)[2]):
        asked = (question - mean) / np.linalg.norm(question - mean)
        similarity = directions @ asked
        expected = (similarity - similarity.mean()) / similarity.std()
        direction = moments.directions(question[None].astype(np.float32))
        found = moments.similarity(vectors[rows], direction)[:, 0]
        assert np.allclose(found, similarity, atol=1e-4)
        assert np.allclose(moments.z_scores(found, direction[0]), expected, atol=1e-4)


def test_a_movie_is_seen_from_the_mean_of_its_language(tmp_path: Path) -> None:
    """As near to a question as its twin in the other language, which it is not from the mean of both."""
    chance = np.random.default_rng(7)
    told = chance.normal(size=(200, 16)).astype(np.float32)
    told[:, :2] = 0
    english, german = told + 8 * np.eye(16, dtype=np.float32)[0], told[:20] + 8 * np.eye(16, dtype=np.float32)[1]
    vectors = np.concatenate([english, german]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows, none = np.arange(220), np.zeros((0, 0, 16), dtype=np.float32)
    question = np.append([0.0, 0.0], told[3, 2:]).astype(np.float32)[None] / np.linalg.norm(told[3])
    seen = Moments.of(vectors, rows, none, (np.arange(10), np.arange(200, 210)))
    assert np.allclose(seen.means, [vectors[:200].mean(axis=0), vectors[200:].mean(axis=0)], atol=1e-6)
    seen.save(tmp_path / "moments.npz")
    twins = Moments.load(tmp_path / "moments.npz").similarity(vectors[[3, 203]], question)[:, 0]
    both = Moments.of(vectors, rows, none).similarity(vectors[[3, 203]], question)[:, 0]
    assert twins[1] > 0.95 * twins[0]
    assert both[1] < 0.7 * both[0]


@pytest.mark.parametrize(("german", "means"), [(19, 1), (20, 2)])
def test_a_catalog_of_two_languages_has_two_means(tmp_path: Path, german: int, means: int) -> None:
    plots = ["A ship is lost in space.", "Das Schiff ist im All verloren."]
    films = [Movie(str(number), f"Film {number}", plots[number < german]) for number in range(60)]
    run(tmp_path, films)
    with closing(open_snapshot(tmp_path)) as snapshot:
        assert snapshot.moments.means.shape == (means, 9)


def test_a_question_is_seen_from_the_mean_of_its_kind(tmp_path: Path) -> None:
    """Of a catalog with a background; where the questions were never embedded, from the mean movie."""
    examples = np.zeros((len(KINDS), 2, 3), dtype=np.float32)
    examples[KINDS.index("told-de")] = ((0, 1, 0), (0, 3, 0))
    vectors = np.eye(3, dtype=np.float32)[[0, 0, 0]]
    moments = Moments.of(vectors, np.arange(3), examples)
    asked = np.array([0.25, 1.75, 2], dtype=np.float32)
    assert np.allclose(moments.question_direction(asked, "told-de", 60), (0, 0.124, 0.992), atol=1e-3)
    assert np.allclose(moments.question_direction(asked, "told-de", 20), (-0.116, 0.349, 0.930), atol=1e-3)
    moments.save(tmp_path / "moments.npz")
    assert Moments.load(tmp_path / "moments.npz").questions[KINDS.index("told-de")].tolist() == [0, 2, 0]
    without = Moments.of(vectors, np.arange(3), examples[:0, :0])
    assert np.allclose(without.question_direction(asked, "told-de", 60), without.directions(asked[None])[0])


def test_an_index_that_could_not_be_copied_is_opened_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path / "store", FILMS)
    folder = tmp_path / "temporary"
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with closing(open_snapshot(tmp_path / "store")) as snapshot:
        with pytest.raises(StoreError, match="No such file or directory; check the free space"):
            nearest_of(snapshot, "shark")
        assert snapshot.index.problem is not None
        folder.mkdir()
        deadline = time.monotonic() + 120
        while snapshot.index.problem is not None:
            assert time.monotonic() < deadline, "nobody looks again"
            time.sleep(0.05)
        assert nearest_of(snapshot, "shark")[0].id == "2"


def test_a_damaged_folder_is_not_read_again_and_again(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    path = Generations(tmp_path).in_force().chroma / "chroma.sqlite3"
    content = path.read_bytes()
    path.write_bytes(b"noise")
    with closing(open_snapshot(tmp_path)) as snapshot:
        with pytest.raises(CatalogDamaged) as first:
            nearest_of(snapshot, "shark")
        path.write_bytes(content)
        time.sleep(1.5)
        with pytest.raises(CatalogDamaged) as second:
            nearest_of(snapshot, "shark")
        assert second.value is first.value


def test_what_a_killed_reader_left_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "store", FILMS)
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    reading = f"""
import os
from pathlib import Path
from catalog.store.snapshot import open_snapshot
held = open_snapshot(Path({str(tmp_path / "store")!r}))
held.warm()
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", reading], env={**os.environ, "TMPDIR": str(folder)}, check=False)
    (left,) = folder.iterdir()
    with closing(open_snapshot(tmp_path / "store")) as snapshot:
        snapshot.warm()
        assert left.exists()  # it is young: its reader may be about to hold it
        os.utime(left, (0, 0))
        mine = next(path for path in folder.iterdir() if path != left)
        os.utime(mine, (0, 0))
        with closing(open_snapshot(tmp_path / "store")) as other:
            other.warm()
            assert not left.exists()
            assert mine.exists()
