"""What questions need of model and matrix is computed together, and then not again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from catalog.config import load_config
from catalog.store.catalog import Snapshot
from catalog.store.generations import Generations
from query.follow import Ready
from query.local import answered, prepared
from query.models import SearchRequest
from query.prefetch import prefetch
from query.questions import QuestionEmbedder
from query.shared import SharedSnapshot
from query.work import Ticket
from tests.fakes import Heard

CONFIG = load_config(None, {"PLOTSEEK_EMBEDDING_MODEL": "bundled"})
QUESTIONS = [
    SearchRequest("a ship in a storm"),
    SearchRequest("Ein Haifisch im Meer", limit=3),
    SearchRequest(likes=("1",)),
    SearchRequest(likes=("no film",)),
    SearchRequest("tmdb:0", likes=("tmdb:0",)),
    SearchRequest("  "),
]


@pytest.fixture
def ready(seed_store: Path) -> Iterator[Ready]:
    ready = prepared(SharedSnapshot(Generations(seed_store).in_force()), None, CONFIG)
    yield Ready(ready.snapshot, QuestionEmbedder(Heard(ready.model.embedder)))
    ready.snapshot.close()


def test_an_answer_needs_nothing_more_of_the_model(ready: Ready) -> None:
    heard = ready.model.embedder
    assert isinstance(heard, Heard)
    prefetch(ready, QUESTIONS)
    assert heard.questions == []
    (together,) = heard.together
    assert together[:2] == ["a ship in a storm", "Ein Haifisch im Meer"]
    for question in QUESTIONS[:3]:
        answered(ready, question, CONFIG, Ticket(20.0))
    assert (heard.questions, len(heard.together)) == ([], 1)


def test_a_question_alone_is_left_to_itself(ready: Ready) -> None:
    prefetch(ready, QUESTIONS[1:2])
    heard = ready.model.embedder
    assert isinstance(heard, Heard)
    assert (heard.questions, heard.together) == ([], [])


def test_the_answer_is_that_of_a_question_alone(ready: Ready, seed_store: Path) -> None:
    alone = prepared(SharedSnapshot(Generations(seed_store).in_force()), None, CONFIG)
    prefetch(ready, QUESTIONS)
    for question in QUESTIONS[:3]:
        found = answered(ready, question, CONFIG, Ticket(20.0)).hits
        expected = answered(alone, question, CONFIG, Ticket(20.0)).hits
        assert [hit.movie.id for hit in found] == [hit.movie.id for hit in expected]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=1e-6)
    alone.snapshot.close()


def test_similarities_compared_together_are_those_of_each(ready: Ready) -> None:
    vectors = [ready.snapshot.vector(identity) for identity in ready.snapshot.columns.ids[:5]]
    ready.snapshot.compare(vectors)
    for vector in vectors:
        found = ready.snapshot.cosines(vector)
        assert found is ready.snapshot.cosines(vector)
        np.testing.assert_allclose(found, Snapshot.cosines(ready.snapshot, vector), atol=1e-6)
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 5.0
