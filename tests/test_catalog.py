"""The catalog from a first run to a damaged one: a real Chroma and a real SQLite in a temporary folder."""

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from catalog.errors import CatalogDamaged, CatalogLocked, CatalogMissing, DeletionsRefused, StoreError
from catalog.movie import Movie
from catalog.store.catalog import Catalog
from catalog.store.generations import Generations
from catalog.store.verify import verify
from catalog.store.writer import open_writer
from ingest.sync import Kind, Outcome, SyncOptions, sync
from tests.chroma import server
from tests.fakes import WordEmbedder

pytestmark = pytest.mark.usefixtures("place")

in_folder = pytest.mark.parametrize("place", ["folder"], indirect=True)
"""For what looks at Chroma's files; tests/test_chroma_server.py does so on a server."""

TEMPLATE = "{title} {plot}"
FILMS = [
    Movie("1", "Alien", "a ship in space", year=1979, genres=("Horror",)),
    Movie("2", "Jaws", "a shark", year=1975, rating=8.1),
    Movie("3", "Ghost", "a ghost in love", year=1990),
]


def run(root: Path, movies: list[Movie], embedder: WordEmbedder | None = None, **options: object) -> Outcome:
    settings = SyncOptions(**{"template": TEMPLATE, **options})  # type: ignore[arg-type]
    with open_writer(root, server()) as writer:
        return sync(movies, writer, embedder or WordEmbedder(), settings)


def nearest(root: Path, text: str, count: int = 10) -> list[tuple[str, float]]:
    with Catalog.open(root, server()) as catalog:
        found = catalog.snapshot().nearest(WordEmbedder().embed_query(text), count)
        return [(near.id, round(near.similarity, 3)) for near in found]


def test_a_first_run_publishes_everything(tmp_path: Path) -> None:
    outcome = run(tmp_path, FILMS)
    assert (outcome.counts[Kind.ADDED], outcome.embedded, outcome.films, outcome.generation) == (3, 3, 3, 1)
    assert nearest(tmp_path, "space ship") == [("1", 1.0), ("2", 0.007), ("3", 0.005)]
    assert (tmp_path / "CURRENT").read_text() == "0001\n"


def test_a_second_run_embeds_nothing_and_publishes_nothing(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    embedder = WordEmbedder()
    outcome = run(tmp_path, FILMS, embedder)
    assert (outcome.counts[Kind.UNCHANGED], outcome.published, outcome.generation) == (3, False, 1)
    assert embedder.texts == []
    assert [generation.number for generation in Generations(tmp_path).all()] == [1]


def test_each_kind_of_change_is_told_apart(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    embedder = WordEmbedder()
    changed = [
        Movie("1", "Alien", "a ship in space and a robot", year=1979, genres=("Horror",)),
        Movie("2", "Jaws", "a shark", year=1975, rating=9.9),
        Movie("4", "Dream", "a dream"),
    ]
    outcome = run(tmp_path, changed, embedder, rebuild_after=10.0)
    assert dict(outcome.counts) == {
        Kind.TEXT_CHANGED: 1,
        Kind.METADATA_CHANGED: 1,
        Kind.ADDED: 1,
        Kind.DELETED: 1,
    }
    assert embedder.texts == ["Alien a ship in space and a robot", "Dream a dream"]
    assert nearest(tmp_path, "robot", 1) == [("1", 0.579)]
    with Catalog.open(tmp_path, server()) as catalog:
        snapshot = catalog.snapshot()
        assert snapshot.records.ids() == ["1", "2", "4"]
        assert snapshot.records.get(["2"])["2"].rating == 9.9
        assert np.allclose(snapshot.vector("4"), WordEmbedder().embed_query("dream"))
        churn = 3 if server() is None else 0  # on a server it is built afresh
        assert (snapshot.info.churn, snapshot.index.count()) == (churn, 3)


@in_folder
def test_the_index_says_what_changed_to_any_chroma_user(tmp_path: Path) -> None:
    import chromadb
    from chromadb.config import Settings

    run(tmp_path, FILMS)
    run(tmp_path, [FILMS[0], Movie("2", "Jaws", "a shark", year=1975), FILMS[2]], rebuild_after=10.0)
    folder = tmp_path / "generations" / "0002" / "chroma"
    client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    collection = client.get_collection("movies-0002", embedding_function=None)
    stored = collection.get(ids=["1", "2"])
    assert collection.metadata["model"] == "words"
    assert collection.metadata["template"] == TEMPLATE
    assert stored["documents"] == ["Alien a ship in space", "Jaws a shark"]
    assert stored["metadatas"] == [
        {"title": "Alien", "year": 1979, "genres": ["Horror"]},
        {"title": "Jaws", "year": 1975},
    ]


def test_equal_texts_are_embedded_once(tmp_path: Path) -> None:
    embedder = WordEmbedder()
    run(tmp_path, [Movie("1", "Twins", "war"), Movie("2", "Twins", "war")], embedder)
    assert embedder.texts == ["Twins war"]
    assert nearest(tmp_path, "war") == [("1", 1.0), ("2", 1.0)]


def test_a_film_that_comes_back_is_not_embedded_again(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    run(tmp_path, FILMS[:2])
    embedder = WordEmbedder()
    outcome = run(tmp_path, FILMS, embedder)
    assert (outcome.counts[Kind.ADDED], outcome.films, embedder.texts) == (1, 3, [])


def test_too_many_deletions_are_refused_and_change_nothing(tmp_path: Path) -> None:
    many = [Movie(str(number), f"Film {number}", "war") for number in range(40)]
    run(tmp_path, many)
    with pytest.raises(DeletionsRefused, match=r"^21 of 40 films are missing .* --allow-deletes$"):
        run(tmp_path, many[:19])
    with Catalog.open(tmp_path, server()) as catalog:
        assert catalog.snapshot().info.films == 40
    assert [generation.number for generation in Generations(tmp_path).all()] == [1]
    assert run(tmp_path, many[:19], allow_deletes=True).films == 19


def test_another_template_builds_a_generation_of_its_own(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    embedder = WordEmbedder()
    outcome = run(tmp_path, FILMS, embedder, template="{plot}")
    assert (outcome.generation, outcome.embedded) == (2, 3)
    with Catalog.open(tmp_path, server()) as catalog:
        assert catalog.snapshot().info.template == "{plot}"


def test_another_model_never_shares_vectors(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    other = WordEmbedder("other")
    outcome = run(tmp_path, FILMS, other)
    assert (outcome.embedded, outcome.published) == (3, True)
    with Catalog.open(tmp_path, server()) as catalog:
        assert catalog.snapshot().info.model == other.identity


class StoppedError(RuntimeError):
    pass


class FailingEmbedder(WordEmbedder):
    """Gives up after so many texts, as a kill would."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def embed_documents(self, texts):  # type: ignore[no-untyped-def]
        if len(self.texts) + len(texts) > self._after:
            raise StoppedError
        return super().embed_documents(texts)


def test_an_interrupted_run_leaves_the_old_generation_and_keeps_its_vectors(tmp_path: Path) -> None:
    run(tmp_path, FILMS[:1])
    with pytest.raises(StoppedError):
        run(tmp_path, FILMS, FailingEmbedder(after=1), batch=1)
    assert nearest(tmp_path, "shark") == [("1", 0.007)]
    embedder = WordEmbedder()
    run(tmp_path, FILMS, embedder, batch=1)
    assert embedder.texts == ["Ghost a ghost in love"]


def test_what_a_killed_run_left_is_thrown_away(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    leftover = tmp_path / "generations" / "0002"
    leftover.mkdir()
    (leftover / "records.sqlite3").write_bytes(b"half a file")
    assert run(tmp_path, FILMS[:2]).generation == 2
    assert nearest(tmp_path, "shark", 1) == [("2", 1.0)]


@in_folder
@pytest.mark.parametrize("damage", ["empty", "half", "noise", "deleted"])
@pytest.mark.parametrize("pattern", ["*.bin", "chroma.sqlite3"])
def test_a_damaged_index_is_noticed_and_rebuilt_without_embedding(tmp_path: Path, damage: str, pattern: str) -> None:
    run(tmp_path, FILMS)
    for path in (tmp_path / "generations" / "0001" / "chroma").rglob(pattern):
        content = path.read_bytes()
        spoiled = {"empty": b"", "half": content[: len(content) // 2], "noise": os.urandom(len(content))}
        if damage == "deleted":
            path.unlink()
        else:
            path.write_bytes(spoiled[damage])
    with pytest.raises(CatalogDamaged, match=r"run 'ingest verify --repair'$"):
        nearest(tmp_path, "shark")
    embedder = WordEmbedder()
    assert run(tmp_path, FILMS, embedder).generation == 2
    assert embedder.texts == []
    assert nearest(tmp_path, "shark", 1) == [("2", 1.0)]


def test_a_reader_follows_what_is_published(tmp_path: Path) -> None:
    run(tmp_path, FILMS[:2])
    with Catalog.open(tmp_path, server()) as catalog:
        before = catalog.snapshot()
        assert [near.id for near in before.nearest(WordEmbedder().embed_query("ghost"), 5)] == ["2", "1"]
        run(tmp_path, FILMS)
        after = catalog.snapshot()
        assert (before.number, after.number) == (1, 2)
        assert after.nearest(WordEmbedder().embed_query("ghost"), 1)[0].id == "3"
        assert len(before.nearest(WordEmbedder().embed_query("ghost"), 5)) == 2


def test_no_catalog_says_which_command_to_run(tmp_path: Path) -> None:
    with pytest.raises(CatalogMissing, match=r"there is no catalog yet; run 'ingest --file movies.json' first$"):
        Catalog.open(tmp_path)


def test_a_second_writer_is_refused_by_name(tmp_path: Path) -> None:
    name = rf"is being written by process {os.getpid()}, since "
    with open_writer(tmp_path), pytest.raises(CatalogLocked, match=name), open_writer(tmp_path):
        pass
    with open_writer(tmp_path) as writer:
        assert writer.info is None


def test_a_catalog_of_a_newer_layout_is_refused_by_name(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    path = tmp_path / "generations" / "0001" / "generation.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"layout": 99}))
    for attempt in (Catalog.open, lambda root: run(root, FILMS)):
        with pytest.raises(
            StoreError, match=r"plotseek \(layout 99, this one reads 3\); use that version, or build the"
        ):
            attempt(tmp_path)


@in_folder
def test_a_catalog_of_an_older_layout_is_moved_over_without_embedding(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    make_older(tmp_path / "generations" / "0001")
    with pytest.raises(
        StoreError, match=r"\(layout 1, this one reads 3\); run 'ingest --file FILE', which moves it over"
    ):
        Catalog.open(tmp_path)
    embedder = WordEmbedder()
    outcome = run(tmp_path, FILMS, embedder)
    assert (outcome.counts[Kind.UNCHANGED], outcome.published, outcome.generation) == (3, True, 2)
    assert embedder.texts == []
    assert nearest(tmp_path, "space ship") == [("1", 1.0), ("2", 0.007), ("3", 0.005)]
    assert verify(tmp_path).differences == ()


def make_older(generation: Path) -> None:
    """A generation as the first layout had it: films, vectors and Chroma's index, nothing else."""
    connection = sqlite3.connect(generation / "records.sqlite3")
    connection.executescript("DROP TABLE tags; DROP TABLE columns")
    connection.close()
    for name in ("words.sqlite3", "background.npz", "forward.npz"):
        (generation / name).unlink()
    path = generation / "generation.json"
    info = json.loads(path.read_text())
    del info["files"]
    path.write_text(json.dumps(info | {"layout": 1}))


def test_films_that_were_never_there_leave_no_generation(tmp_path: Path) -> None:
    outcome = run(tmp_path, [])
    assert (outcome.generation, outcome.films) == (None, 0)
    assert Generations(tmp_path).all() == []


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PK\x03\x04")])
def test_a_map_that_is_lost_or_damaged_is_drawn_anew_by_the_next_sync(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    run(tmp_path, FILMS)
    damage(Generations(tmp_path).in_force().map)
    run(tmp_path, [*FILMS, Movie("4", "Dream", "a dream")])
    with Catalog.open(tmp_path) as catalog:
        assert (catalog.snapshot().places.places.shape, catalog.snapshot().places.added) == ((4, 2), 0)
