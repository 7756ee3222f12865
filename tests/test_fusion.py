"""How a question is put, what it weighs, and how sure an answer is: numbers that can be computed by hand."""

from dataclasses import replace

import numpy as np
import pytest
from catalog.store.background import Background
from query.confidence import confidences
from query.eras import Era
from query.fusion import WEIGHTS, Weights, fame, fused, out_of_time
from query.lanes import Meaning, Words
from query.phrasing import Phrasing, phrasing, without_chatter
from query.titles import TitleMatch


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a movie where a clown kills children", Phrasing.ASKED),
        ("I saw it as a kid", Phrasing.ASKED),
        ("about two sisters on a farm", Phrasing.ASKED),
        ("a house that repairs itself, and a pool that closes?", Phrasing.ASKED),
        ("black and white comedy with a runaway train", Phrasing.ASKED),
        ("Two sisters inherit a farm. Neither wants it.", Phrasing.TOLD),
        ("In 1969 two sisters inherit a farm.", Phrasing.TOLD),
        ("haunted house", Phrasing.NAMED),
        ("80s slasher", Phrasing.NAMED),
        ("tarantino 1994", Phrasing.NAMED),
        ("two sisters inherit a farm and burn it", Phrasing.OTHER),
    ],
)
def test_how_a_question_is_put(text: str, expected: Phrasing) -> None:
    assert phrasing(text) is expected


def test_every_phrasing_has_weights() -> None:
    assert set(WEIGHTS) == set(Phrasing)


def test_chatter_goes_unless_nothing_else_is_there() -> None:
    assert without_chatter(["movi", "clown"]) == ["clown"]
    assert without_chatter(["movi"]) == ["movi"]


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_fame_counts_between_two_limits() -> None:
    weights = Weights(words=1, known=2, first=1, last=3)
    assert fame(floats(0, 1, 2, 3, 6), weights).tolist() == [0, 0, 2, 4, 4]


def test_another_time_costs_more_the_further_it_is() -> None:
    weights = Weights(words=1, known=1, first=0, time=2)
    loss = out_of_time(floats(1985, 1990, 1997, 1900, np.nan), Era(1980, 1989), weights)
    assert loss[0] == 0
    assert loss[1] == pytest.approx(2 * (1 - np.exp(-1 / 8)))
    assert loss[2] == loss[4] == pytest.approx(2 * (1 - np.exp(-1)))
    assert loss[3] == pytest.approx(2, abs=0.001)
    exact = out_of_time(floats(1997), Era(1994, 1994), weights)
    assert exact[0] == pytest.approx(2 * (1 - np.exp(-1)))


def test_lanes_add_up() -> None:
    meaning = Meaning(floats(0, 0, 0), floats(0, 0, 0), floats(1, 2, 3))
    words = Words(floats(4, 2, 0), 4.0)
    weights = Weights(words=3, known=0, first=0, doubt=2)
    scores = fused(meaning, words, [TitleMatch(2, 1.0)], weights, floats(0, 0.5, 0))
    assert scores.tolist() == [3, 3.5, 23]
    assert fused(None, None, [], weights, floats(1, 2, 3)).tolist() == [1, 2, 3]


BACKGROUND = Background(floats(1), floats(0, 0, 0), floats(1, 1, 1), usual=0.2, near=0.5)


def meant(*similarity: float) -> Meaning:
    return Meaning(floats(0, 0, 0), floats(*similarity), floats(0, 0, 0))


def sure(similarity: float, held: float = 0.0, known: float = 4.0) -> float:
    words = Words(floats(held, 0, 0), held)
    return float(confidences(BACKGROUND, meant(similarity, 0, 0), words, [], floats(known, 4, 4))[0])


def wanted(known: float) -> float:
    return float(0.5 + 0.5 / (1 + np.exp(4.5 - 0.9 * known)))


def test_a_film_as_similar_as_a_hundred_others_is_an_accident() -> None:
    assert sure(0.2) == pytest.approx(wanted(4) / (1 + np.exp(4)), rel=1e-4)
    assert sure(0.5) == pytest.approx(wanted(4) / 2, rel=1e-4)
    assert sure(0.95) == pytest.approx(wanted(4) / (1 + np.exp(-6)), rel=1e-4)


def test_words_and_fame_make_surer() -> None:
    assert sure(0.2) < sure(0.2, held=0.5) < sure(0.2, held=1.5)
    assert sure(0.6, known=1.0) < sure(0.6, known=4.0)


def test_a_film_that_nobody_knows_is_half_as_sure() -> None:
    assert sure(0.95, known=0.0) == pytest.approx(wanted(0) / (1 + np.exp(-6)), rel=1e-4)
    assert wanted(0) == pytest.approx(0.5055, abs=1e-4)


def test_a_title_is_as_sure_as_it_is_similar() -> None:
    found = confidences(BACKGROUND, meant(0, 0, 0), Words(floats(0, 0, 0), 0.0), [TitleMatch(1, 0.9)], floats(0, 0, 1))
    assert found[1] == pytest.approx(0.9)


def test_without_votes_or_background_nothing_is_held_against_a_film() -> None:
    words = Words(floats(0, 0, 0), 0.0)
    unknown = confidences(BACKGROUND, meant(0.95, 0, 0), words, [], floats(0, 0, 0))
    assert unknown[0] == pytest.approx(1 / (1 + np.exp(-6)), rel=1e-4)
    few = replace(BACKGROUND, usual=-30.0, near=-30.0)
    assert confidences(few, meant(0.95, 0, 0), words, [], floats(0, 0, 0)).tolist() == [1, 1, 1]
