"""The catalog from a first run to a damaged one: a real Chroma and a real SQLite in a temporary folder."""

import json
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from catalog.errors import CatalogDamaged, CatalogLocked, CatalogMissing, DeletionsRefused, StoreError
from catalog.movie import Movie
from catalog.store.generations import Generations
from catalog.store.snapshot import Snapshot, open_snapshot
from catalog.store.writer import open_writer
from ingest.sync.apply import SyncOutcome, sync
from ingest.sync.plan import Kind, SyncOptions
from tests.support.chroma import server
from tests.support.fakes import WordEmbedder

pytestmark = pytest.mark.usefixtures("place")

in_folder = pytest.mark.parametrize("place", ["folder"], indirect=True)
"""For what looks at Chroma's files; tests/test_catalog/test_store/test_chroma_server.py does so on a server."""

TEMPLATE = "{title} {plot}"
FILMS = [
    Movie("1", "Alien", "a ship in space", year=1979, genres=("Horror",)),
    Movie("2", "Jaws", "a shark", year=1975, rating=8.1),
    Movie("3", "Ghost", "a ghost in love", year=1990),
]


def run(root: Path, movies: list[Movie], embedder: WordEmbedder | None = None, **options: object) -> SyncOutcome:
    settings = SyncOptions(**{"template": TEMPLATE, **options})  # type: ignore[arg-type]
    with open_writer(root, server()) as writer:
        return sync(movies, writer, embedder or WordEmbedder(), settings)


def opened(root: Path) -> closing[Snapshot]:
    """The generation in force, for reading."""
    return closing(open_snapshot(root, server()))


def nearest(root: Path, text: str, count: int = 10) -> list[tuple[str, float]]:
    with opened(root) as snapshot:
        found = snapshot.index.nearest(WordEmbedder().embed_query(text), count)
        return [(near.id, round(near.similarity, 3)) for near in found]


def test_a_first_run_publishes_everything(tmp_path: Path) -> None:
    outcome = run(tmp_path, FILMS)
    assert (outcome.counts[Kind.ADDED], outcome.embedded, outcome.films, outcome.generation) == (3, 3, 3, 1)
    assert nearest(tmp_path, "space ship") == [("1", 1.0), ("2", 0.007), ("3", 0.005)]
    assert (tmp_path / "CURRENT").read_text().split()[0] == "0001"


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
    with opened(tmp_path) as snapshot:
        assert snapshot.movies.ids() == ["1", "2", "4"]
        assert snapshot.movies.get(["2"])["2"].rating == 9.9
        row = snapshot.movies.rows_of(["4"])["4"]
        assert np.allclose(snapshot.vectors[row], WordEmbedder().embed_query("dream"))
        churn = 3 if server() is None else 0  # on a server it is built afresh
        assert (snapshot.info.churn, snapshot.lexical.movies) == (churn, 3)


@in_folder
def test_the_index_says_what_changed_to_any_chroma_user(tmp_path: Path) -> None:
    import chromadb
    from chromadb.config import Settings

    run(tmp_path, FILMS)
    run(tmp_path, [FILMS[0], Movie("2", "Jaws", "a shark", year=1976), FILMS[2]], rebuild_after=10.0)
    folder = tmp_path / "generations" / "0002" / "chroma"
    client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    collection = client.get_collection("movies-0002", embedding_function=None)
    stored = collection.get(ids=["1", "2"])
    assert collection.metadata["model"] == "words"
    assert collection.metadata["template"] == TEMPLATE
    assert not any(stored["documents"] or [])  # plots are in the catalog alone
    assert stored["metadatas"] == [{"title": "Alien", "year": 1979}, {"title": "Jaws", "year": 1976}]


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
    with opened(tmp_path) as snapshot:
        assert snapshot.info.films == 40
    assert [generation.number for generation in Generations(tmp_path).all()] == [1]
    assert run(tmp_path, many[:19], allow_deletes=True).films == 19


def test_another_template_builds_a_generation_of_its_own(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    embedder = WordEmbedder()
    outcome = run(tmp_path, FILMS, embedder, template="{plot}")
    assert (outcome.generation, outcome.embedded) == (2, 3)
    with opened(tmp_path) as snapshot:
        assert snapshot.info.template == "{plot}"


def test_another_model_never_shares_vectors(tmp_path: Path) -> None:
    run(tmp_path, FILMS)
    other = WordEmbedder("other")
    outcome = run(tmp_path, FILMS, other)
    assert (outcome.embedded, outcome.published) == (3, True)
    with opened(tmp_path) as snapshot:
        assert snapshot.info.model == other.identity


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
    (leftover / "movies.sqlite3").write_bytes(b"half a file")
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


def test_a_reader_keeps_what_it_opened_and_the_next_one_sees_what_is_published(tmp_path: Path) -> None:
    run(tmp_path, FILMS[:2])
    with opened(tmp_path) as before:
        assert [near.id for near in before.index.nearest(WordEmbedder().embed_query("ghost"), 5)] == ["2", "1"]
        stamp = Generations(tmp_path).stamp()
        run(tmp_path, FILMS)
        assert Generations(tmp_path).stamp() != stamp
        with opened(tmp_path) as after:
            assert (before.number, after.number) == (1, 2)
            assert after.index.nearest(WordEmbedder().embed_query("ghost"), 1)[0].id == "3"
        assert len(before.index.nearest(WordEmbedder().embed_query("ghost"), 5)) == 2
        assert before.movies.ids() == ["1", "2"]
        assert before.lexical.best({"ghost": 1.0}, 5).rows.tolist() == []


def test_no_catalog_says_which_command_to_run(tmp_path: Path) -> None:
    with pytest.raises(
        CatalogMissing,
        match=r"there is no catalog yet; run 'ingest movies.json' first, or name the settings of one with --config$",
    ):
        open_snapshot(tmp_path)


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
    for attempt in (open_snapshot, lambda root: run(root, FILMS)):
        with pytest.raises(
            StoreError, match=r"plotseek \(layout 99, this one reads 4\); use that version, or build the"
        ):
            attempt(tmp_path)


def test_films_that_were_never_there_leave_no_generation(tmp_path: Path) -> None:
    outcome = run(tmp_path, [])
    assert (outcome.generation, outcome.films) == (None, 0)
    assert Generations(tmp_path).all() == []


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PK\x03\x04")])
def test_a_map_that_is_lost_or_damaged_is_drawn_anew_by_the_next_sync(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    run(tmp_path, FILMS)
    damage(Generations(tmp_path).in_force().film_map)
    run(tmp_path, [*FILMS, Movie("4", "Dream", "a dream")])
    with opened(tmp_path) as snapshot:
        assert (snapshot.film_map.coordinates.shape, snapshot.film_map.added) == ((4, 2), 0)
