"""How a question is put, what it weighs, and how sure an answer is: numbers that can be computed by hand."""

from dataclasses import replace

import numpy as np
import pytest

from catalog.store.vectors.moments import Moments
from catalog.text.questions import KINDS
from query.search.calibration import confidences
from query.search.fusion import WEIGHTS, Weights, fewest_votes, fuse, popularity_prior, weights_of
from query.search.query_analysis import Phrasing, analyze, phrasing, without_query_stopwords
from tests.support.fakes import WordEmbedder


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


def test_every_kind_of_question_has_weights() -> None:
    assert tuple(sorted(WEIGHTS)) == tuple(sorted(KINDS))


def test_query_stopwords_go_unless_nothing_else_is_there() -> None:
    assert without_query_stopwords(["movi", "clown"]) == ["clown"]
    assert without_query_stopwords(["movi"]) == ["movi"]


@pytest.mark.parametrize(("text", "german"), [("Hai", True), ("gift", False), ("Hai Hai", False), ("space", False)])
def test_one_word_is_german_if_it_is_no_english_one(text: str, german: bool) -> None:
    assert analyze(text, WordEmbedder().identity, set).german is german


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_votes_count_between_two_limits() -> None:
    weights = Weights(lexical=1, popularity=2, first=1, last=3)
    assert popularity_prior(floats(0, 1, 2, 3, 6), weights).tolist() == [0, 0, 2, 4, 4]


def test_scores_add_up() -> None:
    weights = Weights(lexical=3, popularity=0, first=0, saturation=2)
    scores = fuse(floats(1, 2, 3), floats(4, 2, 0), 4.0, weights, floats(0, 0.5, 0))
    assert scores.tolist() == [3, 3.5, 3]
    assert fuse(floats(0, 0, 0), floats(0, 0, 0), 0.0, weights, floats(1, 2, 3)).tolist() == [1, 2, 3]


def test_a_handful_of_movies_has_no_rare_words() -> None:
    told = WEIGHTS["told-en"]
    assert weights_of("told-en", rare_words=True) == told
    assert weights_of("told-en", rare_words=False) == replace(told, saturation=0.0)


MOMENTS = Moments(
    floats(0)[None], floats(0), floats(1)[None], p99_similarity=0.2, nearest_similarity=0.5, questions=floats()[None]
)
ONE_HOLDER = float(np.log1p(1000))
"""What a word is worth that one of a thousand movies has."""


def sure(similarity: float, held: float = 0.0, prior: float = 4.0, *, votes_known: bool = True) -> float:
    """The confidence in one of a thousand movies; `held` in words that only one movie has."""
    return float(
        confidences(
            MOMENTS, 1000, floats(similarity), floats(held * ONE_HOLDER), floats(prior), votes_known=votes_known
        )[0]
    )


def wanted(prior: float, held: float = 0.0) -> float:
    return float(0.5 + 0.5 / (1 + np.exp(4.5 - 0.9 * prior - 1.5 * held)))


def test_a_movie_as_similar_as_a_hundredth_of_all_is_an_accident() -> None:
    assert sure(0.2) == pytest.approx(wanted(4) / (1 + np.exp(4)), rel=1e-4)
    assert sure(0.5) == pytest.approx(wanted(4) / 2, rel=1e-4)
    assert sure(0.95) == pytest.approx(wanted(4) / (1 + np.exp(-6)), rel=1e-4)


def test_words_and_votes_make_surer() -> None:
    assert sure(0.2) < sure(0.2, held=0.1) < sure(0.2, held=0.4)
    assert sure(0.2, held=0.4) == pytest.approx(wanted(4, 0.4) * (1 - np.exp(-1) / (1 + np.exp(-4))), rel=1e-4)
    assert sure(0.6, prior=1.0) < sure(0.6, prior=4.0)


def test_a_movie_that_nobody_knows_is_half_as_sure_where_others_are_known() -> None:
    assert sure(0.95, prior=0.0) == pytest.approx(wanted(0) / (1 + np.exp(-6)), rel=1e-4)
    assert wanted(0) == pytest.approx(0.5055, abs=1e-4)


def test_without_votes_or_moments_nothing_is_held_against_a_movie() -> None:
    assert sure(0.95, prior=0.0, votes_known=False) == pytest.approx(1 / (1 + np.exp(-6)), rel=1e-4)
    few = replace(MOMENTS, p99_similarity=-30.0, nearest_similarity=-30.0)
    nothing = floats(0, 0, 0)
    assert confidences(few, 3, floats(0.95, 0, 0), nothing, nothing, votes_known=True).tolist() == [1, 1, 1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_movie_gains_from_the_fewest_votes_on(kind: str) -> None:
    weights = WEIGHTS[kind]
    votes = floats(fewest_votes(weights) - 1, fewest_votes(weights))
    gains = popularity_prior(np.log10(1 + votes), weights)
    assert gains[0] == pytest.approx(0, abs=1e-6)
    assert gains[1] > 1e-4
