"""The map: like films beside like films, the same picture every time, and films that keep their places."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged
from catalog.store.places import Places
from catalog.store.projection import beside, drawn

Floats = NDArray[np.float32]


def groups(films: int, seed: int = 0, dimensions: int = 16) -> tuple[Floats, NDArray[np.int64]]:
    """Unit vectors, shape (films, dimensions), around four directions, and which of them each is around."""
    generator = np.random.default_rng(seed)
    kinds = np.arange(films) % 4
    vectors = np.eye(4, dimensions)[kinds] + generator.normal(0, 0.12, (films, dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), kinds


def digests(*numbers: int) -> list[bytes]:
    return [number.to_bytes(16, "big") for number in numbers]


def alike(places: Places, kinds: NDArray[np.int64]) -> float:
    """The share of films whose nearest film on the map is of their kind."""
    points = places.places.astype(np.float64)
    far = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(far, np.inf)
    return float((kinds[far.argmin(axis=1)] == kinds).mean())


@pytest.mark.parametrize("films", [0, 1, 2, 3, 5, 9, 10, 11, 30])
def test_any_number_of_films_has_a_map(films: int) -> None:
    places = Places.of(groups(films)[0])
    assert places.places.shape == (films, 2)
    assert places.places.dtype == np.uint16
    if films > 1:
        assert (places.places.min(), places.places.max()) == (0, 65_535)


@pytest.mark.parametrize("films", [2, 5, 40])
def test_films_with_one_and_the_same_text_have_a_map(films: int) -> None:
    same = np.tile(groups(1)[0], (films, 1))
    assert Places.of(same).places.shape == (films, 2)


def test_films_of_one_kind_lie_together() -> None:
    vectors, kinds = groups(200)
    assert alike(Places.of(vectors), kinds) > 0.98


def test_the_same_vectors_give_the_same_map() -> None:
    vectors, _ = groups(120)
    assert np.array_equal(Places.of(vectors).places, Places.of(vectors).places)


def test_what_is_no_landmark_lies_beside_its_like() -> None:
    vectors, kinds = groups(300)
    points = drawn(vectors, landmarks=100)
    landmarks = np.linspace(0, 299, 100).astype(np.int64)
    others = np.setdiff1d(np.arange(300), landmarks)
    far = np.linalg.norm(points[others][:, None] - points[landmarks][None], axis=2)
    assert float((kinds[landmarks][far.argmin(axis=1)] == kinds[others]).mean()) > 0.98


def test_a_film_like_two_groups_joins_one_of_them() -> None:
    anchors = np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1]]
    places = np.array([[0, 0], [0, 1], [1, 0], [100, 100], [100, 101]], dtype=np.float32)
    between = np.array([[0.9, 0.44]], dtype=np.float32)
    x, y = beside(between, anchors, places)[0]
    assert max(x, y) < 2  # their mean lies beyond 10


def test_films_keep_their_places_and_new_ones_lie_among_their_like() -> None:
    vectors, kinds = groups(100)
    before = Places.of(vectors[:95])
    after = before.followed(digests(*range(95)), digests(*range(3, 100)), vectors[3:])
    assert after is not None
    assert np.array_equal(after.places[:92], before.places[3:])
    assert after.added == 5
    assert alike(after, kinds[3:]) > 0.98


def test_nothing_new_changes_nothing() -> None:
    vectors, _ = groups(50)
    before = Places.of(vectors)
    after = before.followed(digests(*range(50)), digests(*range(50)), vectors)
    assert after is not None
    assert np.array_equal(after.places, before.places)
    assert after.added == 0


def test_much_that_is_new_wants_a_new_map() -> None:
    vectors, _ = groups(100)
    before = Places.of(vectors[:60])
    assert before.followed(digests(*range(60)), digests(*range(100)), vectors) is None
    assert before.followed(digests(*range(60)), digests(*range(100, 140)), vectors[:40]) is None


def test_small_additions_add_up_to_a_new_map() -> None:
    vectors, _ = groups(100)
    places: Places | None = Places.of(vectors[:60])
    films = 60
    while places is not None and films < 100:
        following = places.followed(digests(*range(films)), digests(*range(films + 5)), vectors[: films + 5])
        places, films = following, films + 5
    assert films == 90  # 30 of 90 is more than three in ten, 25 of 85 is not


def test_a_map_comes_back_from_disk(tmp_path: Path) -> None:
    places = Places.of(groups(20)[0])
    places.save(tmp_path / "map.npz")
    stored = Places.load(tmp_path / "map.npz")
    assert np.array_equal(stored.places, places.places)
    assert stored.added == 0
    (tmp_path / "map.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(CatalogDamaged, match="run 'ingest verify --repair'"):
        Places.load(tmp_path / "map.npz")
