"""Batches by tokens, and runs of equal length."""

from hypothesis import given
from hypothesis import strategies as st

from catalog.embedding.bert.packing import Run, batches, runs, tiles

LENGTHS = st.lists(st.integers(2, 40), max_size=60)


def test_longest_first_within_the_budget() -> None:
    assert list(batches([3, 9, 4, 3, 20], budget=10)) == [[4], [1], [2, 0, 3]]


def test_no_texts_no_batches() -> None:
    assert list(batches([], budget=10)) == []


@given(LENGTHS, st.integers(1, 50))
def test_every_text_is_in_one_batch_and_no_batch_of_several_exceeds_the_budget(lengths: list[int], budget: int) -> None:
    made = list(batches(lengths, budget))
    assert sorted(index for batch in made for index in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or sum(lengths[index] for index in batch) <= budget for batch in made)


def test_runs() -> None:
    assert runs([5, 5, 3, 2, 2]) == [Run(0, 2, 5), Run(10, 1, 3), Run(13, 2, 2)]


@given(LENGTHS)
def test_runs_cover_all_tokens_in_order(lengths: list[int]) -> None:
    made = runs(lengths)
    assert [run.length for run in made for _ in range(run.count)] == lengths
    assert [run.start for run in made[1:]] == [run.stop for run in made[:-1]]
    assert (made[-1].stop if made else 0) == sum(lengths)


def test_tiles_stay_inside_their_sequence() -> None:
    assert tiles([3, 5, 2], size=2) == [(0, 0, 3), (2, 0, 3), (3, 3, 8), (5, 3, 8), (7, 3, 8), (8, 8, 10)]
