"""Vectors in tiles: the products are those of the matrix, whatever does not divide by what."""

import numpy as np
import pytest

from query.tiles import Tiles


@pytest.mark.parametrize("films", [1, 63, 64, 65, 4095, 4097])
@pytest.mark.parametrize("questions", [1, 2, 16, 17, 40])
def test_products_are_those_of_the_matrix(films: int, questions: int) -> None:
    chance = np.random.default_rng(films)
    matrix = chance.standard_normal((films, 24), dtype=np.float32)
    vectors = list(chance.standard_normal((questions, 24), dtype=np.float32))
    found = Tiles.of(matrix).products(vectors)
    assert [row.shape for row in found] == [(films,)] * questions
    np.testing.assert_allclose(np.stack(found), np.stack(vectors) @ matrix.T, atol=1e-5)


@pytest.mark.parametrize(("dimension", "width"), [(384, 64), (768, 64), (1024, 32), (4096, 8)])
def test_a_tile_is_small_enough_for_kernels_that_copy_nothing(dimension: int, width: int) -> None:
    tiles = Tiles.of(np.ones((70, dimension), dtype=np.float32)).tiles
    assert tiles.shape == (-(-70 // width), dimension, width)


def test_what_is_kept_of_one_question_does_not_keep_the_others() -> None:
    first, second = Tiles.of(np.eye(6, dtype=np.float32)).products([np.ones(6, dtype=np.float32)] * 2)
    assert not np.shares_memory(first, second)
    assert first.base is not None
    assert first.base.shape == (64,)
