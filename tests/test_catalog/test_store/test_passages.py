"""Long stories in a catalog: a real Chroma and a real SQLite in a temporary folder."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalog.movie import Movie
from catalog.store.draft import Draft
from catalog.store.embedding_cache import VectorCache
from catalog.store.generations import Generations
from catalog.store.maintenance.backup import back_up, restore
from catalog.store.maintenance.verify import repair, verify
from catalog.store.snapshot import Snapshot, open_snapshot
from catalog.store.sqlite import connect
from ingest.sync.apply import embed_missing
from tests.support.chroma import server
from tests.support.fakes import WordEmbedder
from tests.support.small import fill

pytestmark = pytest.mark.usefixtures("place")

in_folder = pytest.mark.parametrize("place", ["folder"], indirect=True)

WALK = [f"They walk on to house number {number} and wait there for a while before they go on." for number in range(40)]
LATE = " ".join([*WALK, "In the cellar sits a robot in love."])
TOLD = 9
"""Passages of that."""
FILMS = [
    Movie("1", "Alien", "a ship in space", synopsis=LATE),
    Movie("2", "Jaws", "a shark"),
    Movie("3", "Ghost", "a ghost in a ship"),
]


def reader() -> WordEmbedder:
    """Reads as much as a passage holds."""
    return WordEmbedder(max_words=200)


def filled(root: Path, films: list[Movie]) -> WordEmbedder:
    """What was read to bring the catalog of a folder to these films."""
    embedder = reader()
    fill(films, root, server(), embedder)
    return embedder


def opened(root: Path) -> closing[Snapshot]:
    return closing(open_snapshot(root, server()))


def nearest(root: Path, text: str, *, whole: bool = False) -> list[tuple[str, float]]:
    with opened(root) as snapshot:
        found = snapshot.index.nearest(reader().embed_query(text), 10, whole=whole)
        return [(near.id, round(near.similarity, 3)) for near in found]


def by_words(root: Path, word: str) -> list[str]:
    """The films that have a passage with a word."""
    with opened(root) as snapshot:
        assert snapshot.passage_words is not None
        found = snapshot.movies.ids_at(list(snapshot.passage_words.best({word: 1.0})))
        return list(found.values())


def files(root: Path) -> set[str]:
    folder = Generations(root).in_force().folder
    return {path.name for path in folder.iterdir()}


def test_what_happens_late_in_a_story_is_near_to_it(tmp_path: Path) -> None:
    embedder = filled(tmp_path, FILMS)
    assert len(embedder.texts) == 3 + TOLD
    assert all(text.startswith("Alien They walk") for text in embedder.texts[1 : 1 + TOLD])
    assert nearest(tmp_path, "robot love") == [("1", 1.0), ("2", 0.007), ("3", 0.005)]
    assert nearest(tmp_path, "robot love", whole=True) == [("2", 0.007), ("1", 0.005), ("3", 0.005)]
    with opened(tmp_path) as snapshot:
        assert (snapshot.info.films, snapshot.info.passages, snapshot.info.rows) == (3, TOLD, 3 + TOLD)
        assert snapshot.index.nearest(reader().embed_query("robot"), 2)[0].id == "1"
        assert snapshot.passage_vectors.shape == (TOLD, 9)
        places, owners = snapshot.passage_places
        assert (places.tolist(), owners.tolist()) == (list(range(TOLD)), [0] * TOLD)


def test_a_second_run_embeds_nothing_and_publishes_nothing(tmp_path: Path) -> None:
    filled(tmp_path, FILMS)
    assert filled(tmp_path, FILMS).texts == []
    assert Generations(tmp_path).in_force().number == 1


def test_a_changed_sentence_embeds_one_passage_or_two(tmp_path: Path) -> None:
    filled(tmp_path, FILMS)
    synopsis = LATE.replace("house number 20 ", "a ghost's house ")
    embedder = filled(tmp_path, [replace(FILMS[0], synopsis=synopsis), *FILMS[1:]])
    assert 1 <= len(embedder.texts) <= 2
    assert all("a ghost's house" in text for text in embedder.texts)
    assert verify(tmp_path, server=server()).differences == ()


def test_passages_come_and_go_with_their_films(tmp_path: Path) -> None:
    more = [Movie(f"m{number}", f"Film {number}", "war") for number in range(60)]
    filled(tmp_path, [*FILMS, *more])
    filled(tmp_path, [*FILMS[1:], *more])
    assert nearest(tmp_path, "robot love")[0][1] == 0.007
    assert not {"passages.npy", "passage_words"} & files(tmp_path)
    late = replace(FILMS[1], synopsis=LATE)
    assert filled(tmp_path, [late, FILMS[2], *more]).texts == [
        text.replace("Alien", "Jaws") for text in filled(tmp_path / "other", FILMS).texts[1 : 1 + TOLD]
    ]
    assert nearest(tmp_path, "robot love")[0] == ("2", 1.0)
    assert by_words(tmp_path, "robot") == ["2"]
    filled(tmp_path, [replace(late, synopsis=LATE.replace("robot", "dog")), FILMS[2], *more])
    assert (by_words(tmp_path, "robot"), by_words(tmp_path, "dog")) == ([], ["2"])
    found = verify(tmp_path, server=server())
    assert (found.films, found.passages, found.differences) == (62, TOLD, ())


def test_without_long_stories_there_is_nothing_of_them(tmp_path: Path) -> None:
    filled(tmp_path, [replace(film, synopsis=None) for film in FILMS])
    assert not {"passages.npy", "passage_words"} & files(tmp_path)
    with opened(tmp_path) as snapshot:
        assert (snapshot.info.passages, snapshot.info.passage_height, snapshot.info.rows) == (0, 0, 3)


def test_a_plot_that_the_model_cuts_has_passages_of_what_is_not_read(tmp_path: Path) -> None:
    embedder = filled(tmp_path, [Movie("1", "Alien", LATE), *FILMS[1:]])
    assert "They walk on to house number 0 " in embedder.texts[0]
    assert not any("house number 0 " in text for text in embedder.texts[1:])
    assert nearest(tmp_path, "robot love")[0] == ("1", 1.0)


GERMAN = replace(FILMS[1], plot_de="Ein robot und seine love.")


def test_a_german_plot_is_a_row_of_its_own_for_a_model_that_reads_german(tmp_path: Path) -> None:
    assert filled(tmp_path, [FILMS[2], GERMAN]).texts[2:] == ["Jaws Ein robot und seine love."]
    assert nearest(tmp_path, "robot love")[0] == ("2", 1.0)
    assert nearest(tmp_path, "robot love", whole=True)[0][1] < 0.1
    assert nearest(tmp_path, "shark")[0] == ("2", 1.0)
    with opened(tmp_path) as snapshot:
        assert (snapshot.info.films, snapshot.info.passages) == (2, 1)
    assert (by_words(tmp_path, "de:robot"), by_words(tmp_path, "robot")) == (["2"], [])
    assert verify(tmp_path, server=server()).differences == ()
    assert filled(tmp_path, [FILMS[2], GERMAN]).texts == []
    assert Generations(tmp_path).in_force().number == 1
    changed = replace(GERMAN, plot_de="Ein ghost und seine love.")
    assert filled(tmp_path, [FILMS[2], changed]).texts == ["Jaws Ein ghost und seine love."]
    assert nearest(tmp_path, "ghost love")[0] == ("2", 1.0)
    filled(tmp_path, [FILMS[2], FILMS[1]])
    assert not {"passages.npy", "passage_words"} & files(tmp_path)


def test_a_german_plot_stands_behind_the_passages_of_a_synopsis(tmp_path: Path) -> None:
    told = replace(FILMS[0], plot_de="Ein war.")
    assert filled(tmp_path, [told]).texts[TOLD:] == [filled(tmp_path / "other", FILMS).texts[TOLD], "Alien Ein war."]
    with opened(tmp_path) as snapshot:
        assert [each.number for part in snapshot.movies.passages.of([0]) for each in part] == list(range(1, TOLD + 2))


def test_a_model_that_reads_no_german_reads_no_german_plot(tmp_path: Path) -> None:
    english = WordEmbedder("bundled")
    fill([FILMS[2], GERMAN], tmp_path, server(), english)
    assert english.texts == ["Ghost a ghost in a ship", "Jaws a shark"]
    assert not {"passages.npy", "passage_words"} & files(tmp_path)
    again = WordEmbedder("sentence-transformers/all-MiniLM-L6-v2")
    assert (again.identity.reads_german, reader().identity.reads_german) == (False, True)


def test_a_german_plot_that_is_the_plot_is_read_once(tmp_path: Path) -> None:
    only = replace(GERMAN, plot="Ein robot und seine love.")
    assert filled(tmp_path, [FILMS[2], only]).texts == ["Ghost a ghost in a ship", "Jaws Ein robot und seine love."]


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A catalog as the version before passages left it."""
    filled(tmp_path, [replace(film, synopsis=None) for film in FILMS])
    generation = Generations(tmp_path).in_force()
    info = generation.info()
    connection = connect(generation.movies)
    connection.executescript("DROP TABLE passages; DROP TABLE synopses;")
    connection.close()
    Generations(tmp_path).publish(generation, replace(info, splitter=0))
    return tmp_path


def test_a_catalog_of_before_opens_and_is_changed_without_embedding(earlier: Path) -> None:
    assert nearest(earlier, "shark")[0] == ("2", 1.0)
    assert verify(earlier, server=server()).differences == ()
    films = [replace(film, synopsis=None, rating=5.0) for film in FILMS]
    assert filled(earlier, films).texts == []
    assert len(filled(earlier, [FILMS[0], *films[1:]]).texts) == TOLD
    assert nearest(earlier, "robot love")[0] == ("1", 1.0)


def test_the_german_plots_of_a_catalog_of_before_are_read_by_the_next_run(earlier: Path) -> None:
    generation = Generations(earlier).in_force()
    connection = connect(generation.movies)
    connection.execute(
        "UPDATE movies SET movie = json_set(movie, '$.plot_de', ?) WHERE id = '2'", ("Ein robot und seine love.",)
    )
    connection.commit()
    connection.close()
    Generations(earlier).publish(generation, replace(generation.info(), splitter=1))
    assert verify(earlier, server=server()).differences == ()
    films = [replace(FILMS[0], synopsis=None), GERMAN, FILMS[2]]
    assert filled(earlier, films).texts == ["Jaws Ein robot und seine love."]
    assert nearest(earlier, "robot love")[0] == ("2", 1.0)


def damage_passages(root: Path) -> None:
    generation = Generations(root).in_force()
    content = bytearray(generation.passages.read_bytes())
    content[-8:] = b"\0" * 8
    generation.passages.write_bytes(content)


def mend(root: Path) -> list[str]:
    """What repair says, which reads nothing anew unless it must."""
    said: list[str] = []

    def embed(draft: Draft) -> int:
        return embed_missing(draft, reader(), 100)[0]

    repair(root, embed, said.append, server())
    return said


def test_damaged_vectors_of_passages_are_noticed_and_mended(tmp_path: Path) -> None:
    filled(tmp_path, FILMS)
    damage_passages(tmp_path)
    path = Generations(tmp_path).in_force().passages
    assert verify(tmp_path, server=server()).differences == (f"{path}: is not the file that was published",)
    assert mend(tmp_path) == ["generation 2 built and published, 0 texts embedded"]
    assert verify(tmp_path, server=server()).differences == ()
    assert nearest(tmp_path, "robot love")[0] == ("1", 1.0)


def test_vectors_of_passages_that_the_cache_lost_are_taken_back(tmp_path: Path) -> None:
    filled(tmp_path, FILMS)
    with opened(tmp_path) as snapshot:
        model = snapshot.info.model
        digests = [each.digest for part in snapshot.movies.passages.all() for each in part]
    with closing(VectorCache(tmp_path / "vectors.sqlite3")) as cache:
        cache.drop(model, digests[:2])
    assert verify(tmp_path, server=server()).differences == (
        "the vector cache lacks the vector of a passage: 2 films, '1' for one",
    )
    assert " 2 vectors taken back from " in mend(tmp_path)[0]
    assert verify(tmp_path, server=server()).differences == ()


def test_a_backup_holds_the_passages(tmp_path: Path) -> None:
    filled(tmp_path / "store", FILMS)
    back_up(tmp_path / "store", tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "again", server())
    assert nearest(tmp_path / "again", "robot love")[0] == ("1", 1.0)
    assert verify(tmp_path / "again", server=server()).passages == TOLD
    assert filled(tmp_path / "again", FILMS).texts == []


@in_folder
def test_chroma_says_which_passage_of_which_film(tmp_path: Path) -> None:
    import chromadb
    from chromadb.config import Settings

    filled(tmp_path, FILMS)
    generation = Generations(tmp_path).in_force()
    client = chromadb.PersistentClient(str(generation.chroma), settings=Settings(anonymized_telemetry=False))
    stored = client.get_collection(generation.collection, embedding_function=None).get(where={"film": "1"})
    assert {each["passage"] for each in stored["metadatas"] or []} == set(range(1, 1 + TOLD))
    assert np.unique(stored["ids"]).size == TOLD
