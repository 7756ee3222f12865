"""The map: like films beside like films, the same picture every time, and films that keep their places."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.errors import CatalogDamaged
from catalog.store.maintenance.film_map import FilmMap
from catalog.store.maintenance.neighbours import nearest
from catalog.store.maintenance.projection import beside, drawn
from catalog.store.maintenance.regions import name_regions


def groups(films: int, kinds_of: int = 4, dimensions: int = 16) -> tuple[Floats, NDArray[np.int64]]:
    """Unit vectors, shape (films, dimensions), around some directions, and which of them each is around."""
    generator = np.random.default_rng(0)
    kinds = np.arange(films) % kinds_of
    vectors = np.eye(kinds_of, dimensions)[kinds] + generator.normal(0, 0.12, (films, dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), kinds


def rows(*numbers: int) -> NDArray[np.int64]:
    return np.array(numbers, dtype=np.int64)


def drawn_of(vectors: Floats) -> FilmMap:
    return FilmMap.draw(vectors, np.arange(len(vectors)))


def alike(drawn_map: FilmMap, kinds: NDArray[np.int64]) -> float:
    """The share of films whose nearest film on the map is of their kind."""
    points = drawn_map.coordinates.astype(np.float64)
    far = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(far, np.inf)
    return float((kinds[far.argmin(axis=1)] == kinds).mean())


@pytest.mark.parametrize("films", [0, 1, 2, 3, 5, 10, 30, 49, 50, 51])
def test_any_number_of_films_has_a_map(films: int) -> None:
    found = drawn_of(groups(films)[0])
    assert found.coordinates.shape == (films, 2)
    assert found.coordinates.dtype == np.uint16
    if films > 1:
        assert (found.coordinates.min(), found.coordinates.max()) == (0, 65_535)


@pytest.mark.parametrize("films", [2, 5, 40])
def test_films_with_one_and_the_same_text_have_a_map(films: int) -> None:
    same = np.tile(groups(1)[0], (films, 1))
    assert drawn_of(same).coordinates.shape == (films, 2)


def test_films_of_one_kind_lie_together() -> None:
    vectors, kinds = groups(200)
    assert alike(drawn_of(vectors), kinds) > 0.98


def test_the_same_vectors_give_the_same_map() -> None:
    vectors, _ = groups(120)
    assert np.array_equal(drawn_of(vectors).coordinates, drawn_of(vectors).coordinates)


def test_what_is_no_landmark_lies_beside_its_like() -> None:
    vectors, kinds = groups(300)
    points = drawn(vectors, np.arange(300), landmarks=100)
    landmarks = np.linspace(0, 299, 100).astype(np.int64)
    others = np.setdiff1d(np.arange(300), landmarks)
    far = np.linalg.norm(points[others][:, None] - points[landmarks][None], axis=2)
    assert float((kinds[landmarks][far.argmin(axis=1)] == kinds[others]).mean()) > 0.98


def test_a_film_like_two_groups_joins_one_of_them() -> None:
    anchors = np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1]]
    places = np.array([[0, 0], [0, 1], [1, 0], [100, 100], [100, 101]], dtype=np.float32)
    between = np.array([[0.9, 0.44]], dtype=np.float32)
    x, y = beside(np.vstack([anchors, between]), rows(5), np.arange(5), places)[0]
    assert max(x, y) < 2  # their mean lies beyond 10


def test_films_keep_their_places_and_new_ones_lie_among_their_like() -> None:
    vectors, kinds = groups(100)
    before = drawn_of(vectors[:95])
    kept, fresh = np.arange(3, 95), np.arange(95, 100)  # rows 0 to 2 are free
    after = before.follow(vectors, np.arange(3, 100), fresh)
    assert after is not None
    assert np.array_equal(after.coordinates[kept], before.coordinates[kept])
    assert after.added == 5
    assert alike(FilmMap(after.coordinates[3:], 5), kinds[3:]) > 0.98


def test_a_film_in_the_row_of_one_that_went_lies_among_its_like() -> None:
    vectors, kinds = groups(100)
    before = drawn_of(vectors)
    vectors[4], kinds[4] = vectors[7], kinds[7]
    after = before.follow(vectors, np.arange(100), rows(4))
    assert after is not None
    assert np.array_equal(np.delete(after.coordinates, 4, axis=0), np.delete(before.coordinates, 4, axis=0))
    assert alike(after, kinds) > 0.97


def test_nothing_new_changes_nothing() -> None:
    vectors, _ = groups(50)
    before = drawn_of(vectors)
    after = before.follow(vectors, np.arange(50), rows())
    assert after is not None
    assert np.array_equal(after.coordinates, before.coordinates)
    assert after.added == 0


def test_much_that_is_new_wants_a_new_map() -> None:
    vectors, _ = groups(100)
    before = drawn_of(vectors[:60])
    assert before.follow(vectors, np.arange(100), np.arange(60, 100)) is None
    assert before.follow(vectors[:40], np.arange(40), np.arange(40)) is None


def test_small_additions_add_up_to_a_new_map() -> None:
    vectors, _ = groups(100)
    following: FilmMap | None = drawn_of(vectors[:60])
    films = 60
    while following is not None and films < 100:
        following = following.follow(vectors[: films + 5], np.arange(films + 5), np.arange(films, films + 5))
        films += 5
    assert films == 90  # 30 of 90 is more than three in ten, 25 of 85 is not


def test_free_rows_draw_no_map_of_their_own() -> None:
    vectors, kinds = groups(120)
    taken = np.arange(0, 120, 2)
    vectors[1::2] = 0.0
    found = FilmMap.draw(vectors, taken)
    assert found.coordinates.shape == (120, 2)
    assert alike(FilmMap(found.coordinates[taken], 0), kinds[taken]) > 0.98


def test_a_map_comes_back_from_disk(tmp_path: Path) -> None:
    found = drawn_of(groups(20)[0])
    found.save(tmp_path / "film_map.npz")
    stored = FilmMap.load(tmp_path / "film_map.npz")
    assert np.array_equal(stored.coordinates, found.coordinates)
    assert stored.added == 0
    (tmp_path / "film_map.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(CatalogDamaged, match="run 'ingest verify --repair'"):
        FilmMap.load(tmp_path / "film_map.npz")


def test_of_few_films_all_are_compared_and_of_many_most_neighbours_are_found() -> None:
    few, _ = groups(300)
    exact = np.argsort(-(few @ few.T - 2 * np.eye(300)), axis=1)[:, :5]
    assert np.array_equal(np.sort(nearest(few, 5)), np.sort(exact))
    many, _ = groups(8000)
    found, wanted = nearest(many, 5), np.argsort(-(many[:200] @ many.T), axis=1)[:, 1:6]
    assert np.mean([len(np.intersect1d(*pair)) / 5 for pair in zip(found[:200], wanted, strict=True)]) > 0.8
    assert not (found == np.arange(8000)[:, None]).any()


def test_films_that_are_all_alike_have_neighbours() -> None:
    same = np.tile(groups(1)[0], (8000, 1))
    found = nearest(same, 5)
    assert (found.min() >= 0, found.max() < 8000, (found == np.arange(8000)[:, None]).any()) == (True, True, False)


WORDS = (
    "submarine",
    "vampire",
    "wedding",
    "outlaw",
    "dragon",
    "boxer",
    "pilot",
    "nurse",
    "heist",
    "ghost",
    "shark",
    "opera",
)


def told(kinds: NDArray[np.int64]) -> Callable[[Sequence[int]], list[tuple[str, Sequence[str]]]]:
    """Plots that all have a word in common, and one of their kind."""
    return lambda some: [(f"Somebody meets a {WORDS[kinds[row]]} {row} in town", ()) for row in some]


def test_regions_are_named_by_what_the_films_there_have_in_common() -> None:
    vectors, kinds = groups(600, kinds_of=12)
    drawn_map = drawn_of(vectors).named(np.arange(600), told(kinds))
    assert drawn_map.regions
    assert {word for region in drawn_map.regions for word in region.name.split(" · ")} <= set(WORDS)
    assert {region.level for region in drawn_map.regions} == {0, 1}
    region = drawn_map.regions[0]
    far = np.linalg.norm(drawn_map.coordinates.astype(np.float64) - (region.x, region.y), axis=1)
    assert {WORDS[kinds[row]] for row in far.argsort()[:5].tolist()} <= set(region.name.split(" · "))


def test_a_few_films_have_a_map_without_regions() -> None:
    vectors, kinds = groups(20)
    assert drawn_of(vectors).named(np.arange(20), told(kinds)).regions == ()


def test_a_map_keeps_its_regions_and_one_of_an_earlier_version_is_drawn_anew(tmp_path: Path) -> None:
    vectors, kinds = groups(300, kinds_of=12)
    named = drawn_of(vectors).named(np.arange(300), told(kinds))
    named.save(tmp_path / "map.npz")
    stored = FilmMap.load(tmp_path / "map.npz")
    assert stored.regions == named.regions != ()
    followed = stored.follow(vectors, np.arange(300), rows())
    assert followed is not None
    assert followed.regions == named.regions
    np.savez(tmp_path / "old.npz", coordinates=named.coordinates, added=np.array(0))
    assert FilmMap.load(tmp_path / "old.npz").follow(vectors, np.arange(300), rows()) is None


@pytest.mark.parametrize(("here", "elsewhere", "name"), [(4, 3, ""), (5, 3, "moon"), (5, 6, ""), (6, 8, "moon")])
def test_a_word_that_chance_may_have_gathered_names_nothing(here: int, elsewhere: int, name: str) -> None:
    """So many of the 25 films of one region hold it, and so many of those of fifteen others, one of each."""
    places = np.array([[4_000 * group, film] for group in range(16) for film in range(25)], dtype=np.float32)
    holding = {*range(here), *range(25, 25 * (1 + elsewhere), 25)}

    def told(rows: Sequence[int]) -> list[tuple[str, Sequence[str]]]:
        return [("on the moon" if row in holding else "in town", ()) for row in rows]

    found = name_regions(places, np.arange(400), told)
    assert [(region.name, region.x, region.level) for region in found] == [(name, 0, 0), (name, 0, 1)][: 2 * bool(name)]


@pytest.mark.parametrize(("films", "name"), [(24, "War"), (12, "")])
def test_a_genre_names_a_region_whose_films_share_no_word(films: int, name: str) -> None:
    """Of a region of so many films all are of one genre, of the seven others three films each."""
    rows = [(group, film) for group in range(8) for film in range(films if group == 0 else 26)]
    places = np.array([[8_000 * group, film] for group, film in rows], dtype=np.float32)

    def told(some: Sequence[int]) -> list[tuple[str, Sequence[str]]]:
        return [("in town", ("Drama", "War") if rows[row][0] == 0 or rows[row][1] < 3 else ("Drama",)) for row in some]

    found = name_regions(places, np.arange(len(rows)), told)
    assert [region.name for region in found if region.level == 0] == [name][: bool(name)]
