"""An index whose films were read for an earlier generation is, byte for byte, the one of a fresh build."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from catalog.movie import Fingerprints, Movie
from catalog.store.catalog import Catalog
from catalog.store.forward import LISTS, Forward, kept_forward, read_films
from catalog.store.generations import Generation, Generations
from catalog.store.occurrences import Occurrences, OccurrencesDraft
from catalog.store.records import Entry, Records
from catalog.store.words import WordIndex
from tests.fakes import WordEmbedder
from tests.test_catalog import FILMS, run

pytestmark = pytest.mark.slow

WORDS = "ship ships space Space's ghost shark love war wars dream robot Größe grosse dog dog's don't".split()


def film(number: int, draw: random.Random) -> Movie:
    text = [" ".join(draw.choices(WORDS, k=draw.randint(1, 8))) for _ in range(4)]
    return Movie(
        f"film {number}",
        text[0],
        text[1],
        year=draw.choice([None, 1950, 1999]),
        original_title=draw.choice([None, text[2]]),
        plot_de=draw.choice([None, text[3]]),
        genres=tuple(draw.sample(["War", "war", "Drama", "DRAMA"], k=2)),
        keywords=tuple(draw.sample(WORDS, k=draw.randint(0, 3))),
        directors=tuple(draw.sample(["Ann A", "Bob B"], k=draw.randint(0, 2))),
        rating=draw.choice([None, 7.1, 8.5]),
        external_ids=draw.choice([{}, {"imdb": f"tt{number}"}, {"site": "x"}]),
    )


def changed(films: list[Movie], draw: random.Random) -> list[Movie]:
    """Some films are gone, some are others, some are new, all in another order."""
    kept = [film(int(movie.id[5:]), draw) if draw.random() < 0.1 else movie for movie in films if draw.random() < 0.9]
    draw.shuffle(kept)
    return kept + [film(1000 + draw.randrange(1000) * 100 + number, draw) for number in range(5)]


def indexes(root: Path) -> dict[str, object]:
    """All that is built from what was read."""
    generation = Generations(root).in_force()
    with np.load(generation.forward) as stored:
        forward = {name: stored[name].tobytes() for name in stored.files}
    with closing(sqlite3.connect(generation.records)) as connection:
        tables = list(connection.iterdump())
    return {"words": generation.words.read_bytes(), "forward": forward, "records": tables}


def test_a_patched_index_is_that_of_a_fresh_build(tmp_path: Path) -> None:
    draw = random.Random(4)  # noqa: S311
    films = [film(number, draw) for number in range(60)]
    run(tmp_path / "patched", films)
    for number in range(3):
        films = changed(films, draw)
        run(tmp_path / "patched", films, rebuild_after=10.0, allow_deletes=True)
        with Catalog.open(tmp_path / "patched") as catalog:
            ids = catalog.snapshot().records.ids()
        by_id = {movie.id: movie for movie in films}
        run(tmp_path / f"fresh {number}", [by_id[identity] for identity in ids])
        assert indexes(tmp_path / "patched") == indexes(tmp_path / f"fresh {number}")


def stored(path: Path, movies: list[Movie]) -> Records:
    records = Records.create(path)
    records.put(Entry(movie, Fingerprints(bytes(16), movie.id.rjust(16).encode())) for movie in movies)
    records.close_gaps()
    return records


def test_only_films_that_are_not_known_are_read(tmp_path: Path) -> None:
    with closing(stored(tmp_path / "before", FILMS)) as records:
        before = read_films(records)
    # The fingerprint says that Alien is what it was, so that its plot is not looked at.
    others = [Movie("9", "New", "a robot"), Movie("1", "Alien", "a dream"), FILMS[2]]
    with closing(stored(tmp_path / "after", others)) as records:
        after = read_films(records, before)
    plots = after.lists["field 1"]
    assert [plots.vocabulary[term] for term in plots.terms] == ["robot", "ship", "space", "ghost", "love"]
    assert plots.lengths.tolist() == [1, 2, 2]
    assert plots.vocabulary == ["ghost", "love", "robot", "ship", "space"]
    assert np.array_equal(after.numbers["year"], [np.nan, 1979, 1990], equal_nan=True)
    assert after.digests == [b"9".rjust(16), b"1".rjust(16), b"3".rjust(16)]


@pytest.mark.parametrize("movies", [[], FILMS])
def test_what_was_read_comes_back_from_the_disk(tmp_path: Path, movies: list[Movie]) -> None:
    with closing(stored(tmp_path / "records", movies)) as records:
        forward = read_films(records)
    forward.save(tmp_path / "forward.npz")
    again = Forward.load(tmp_path / "forward.npz")
    assert again is not None
    assert again.digests == forward.digests
    assert [again.lists[name].vocabulary for name in LISTS] == [forward.lists[name].vocabulary for name in LISTS]


def test_what_other_code_read_is_not_taken_over(tmp_path: Path) -> None:
    with closing(stored(tmp_path / "records", FILMS)) as records:
        read_films(records).save(tmp_path / "forward.npz")
    with np.load(tmp_path / "forward.npz") as stored_:
        arrays = {name: stored_[name] for name in stored_.files}
    np.savez(tmp_path / "forward.npz", **{**arrays, "code": np.array("of yesterday")})
    assert Forward.load(tmp_path / "forward.npz") is None


@pytest.mark.parametrize("damage", ["missing", "noise"])
def test_a_damaged_file_is_not_taken_over(tmp_path: Path, damage: str) -> None:
    run(tmp_path, FILMS)
    generation = Generation(tmp_path / "generations" / "0001")
    generation.forward.unlink()
    if damage == "noise":
        generation.forward.write_bytes(b"noise")
    assert kept_forward(generation, generation.info().files) is None
    assert run(tmp_path, FILMS[:2], WordEmbedder(), rebuild_after=10.0).generation == 2
    index = WordIndex.open(Generations(tmp_path).in_force().words, 2)
    assert [index.terms([word])[word].films.tolist() for word in ("ship", "shark")] == [[0], [1]]
    assert index.terms(["ghost"]) == {}
    index.close()


def test_holders_are_the_films_of_each_term_once() -> None:
    draft = OccurrencesDraft()
    for terms in (["b", "a", "b"], [], ["b"]):
        draft.add(terms)
    found = draft.done()
    films, ends = found.holders()
    assert (found.vocabulary, films.tolist(), ends.tolist()) == (["b", "a"], [0, 2, 0], [2, 3])
    chosen = found.chosen(np.array([2, 1]))
    assert chosen == Occurrences(["b"], chosen.terms, chosen.lengths)
    assert (chosen.terms.tolist(), chosen.lengths.tolist()) == ([0], [1, 0])
