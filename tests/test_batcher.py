"""Questions that wait together are embedded together, and nobody waits for nothing."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from catalog.embedding.embedder import Vector
from catalog.errors import DeadlineExceeded, ModelError, Overloaded
from query.questions import QuestionEmbedder
from query.work import ClientGone, Ticket
from tests.fakes import WordEmbedder

PATIENT = 20.0


class Gated(WordEmbedder):
    """Embeds nothing until the gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.asked: list[str] = []

    def embed_query(self, text: str) -> Vector:
        self.asked.append(text)
        self.begun.set()
        assert self.gate.wait(PATIENT)
        if text == "broken":
            raise ModelError("the model holds NaN")
        return super().embed_query(text)


@pytest.fixture
def gated() -> Gated:
    return Gated()


@pytest.fixture
def sizes() -> list[int]:
    return []


@pytest.fixture
def batcher(gated: Gated, sizes: list[int]) -> Iterator[QuestionEmbedder]:
    batcher = QuestionEmbedder(gated, capacity=4, watched=lambda count, seconds: sizes.append(count))
    yield batcher
    gated.gate.set()
    batcher.close()


def test_a_vector_is_the_embedders(batcher: QuestionEmbedder, gated: Gated) -> None:
    gated.gate.set()
    vector = batcher.embed("space ship", Ticket(PATIENT))
    np.testing.assert_array_equal(vector, WordEmbedder().embed_query("space ship"))
    assert batcher.identity == gated.identity


def test_what_waits_together_is_one_batch_and_the_same_text_is_embedded_once(
    batcher: QuestionEmbedder, gated: Gated, sizes: list[int]
) -> None:
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(batcher.embed, "space", Ticket(PATIENT))
        gated.begun.wait(PATIENT)
        waiting = [pool.submit(batcher.embed, text, Ticket(PATIENT)) for text in ("ghost", "shark", "ghost", "love")]
        while batcher.waiting < 4:
            pass
        gated.gate.set()
        vectors = [future.result() for future in (first, *waiting)]
    np.testing.assert_array_equal(vectors[1], vectors[3])
    assert sizes == [1, 4]
    assert gated.asked == ["space", "ghost", "shark", "love"]


def test_a_repeated_question_is_remembered(batcher: QuestionEmbedder, gated: Gated) -> None:
    gated.gate.set()
    first = batcher.embed("space", Ticket(PATIENT))
    assert batcher.embed("space", Ticket(PATIENT)) is first
    assert gated.asked == ["space"]
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 5.0


def test_a_full_queue_refuses_at_once(batcher: QuestionEmbedder, gated: Gated) -> None:
    with ThreadPoolExecutor(5) as pool:
        pool.submit(batcher.embed, "space", Ticket(PATIENT))
        gated.begun.wait(PATIENT)
        for text in ("ghost", "shark", "love", "war"):
            pool.submit(batcher.embed, text, Ticket(PATIENT))
        while batcher.waiting < 4:
            pass
        with pytest.raises(Overloaded, match="come back in a second"):
            batcher.embed("dream", Ticket(PATIENT))
        gated.gate.set()


def test_who_has_left_or_waited_too_long_is_not_embedded(batcher: QuestionEmbedder, gated: Gated) -> None:
    with ThreadPoolExecutor(3) as pool:
        pool.submit(batcher.embed, "space", Ticket(PATIENT))
        gated.begun.wait(PATIENT)
        leaving = Ticket(PATIENT)
        left = pool.submit(batcher.embed, "ghost", leaving)
        late = pool.submit(batcher.embed, "shark", Ticket(0.05))
        with pytest.raises(DeadlineExceeded, match=r"no answer within 0\.05 s"):
            late.result()
        leaving.gone = True
        gated.gate.set()
        batcher.embed("love", Ticket(PATIENT))
        with pytest.raises(ClientGone):
            left.result()
    assert gated.asked == ["space", "love"]


def test_a_ticket_that_is_over_asks_nothing(batcher: QuestionEmbedder, gated: Gated) -> None:
    gone = Ticket(PATIENT)
    gone.gone = True
    with pytest.raises(ClientGone):
        batcher.embed("space", gone)
    with pytest.raises(DeadlineExceeded):
        batcher.within(Ticket(0.0)).embed_query("space")
    assert gated.asked == []


def test_an_error_reaches_who_asked_and_the_next_question_is_answered(batcher: QuestionEmbedder, gated: Gated) -> None:
    gated.gate.set()
    with pytest.raises(ModelError, match="the model holds NaN"):
        batcher.embed("broken", Ticket(PATIENT))
    assert batcher.embed("space", Ticket(PATIENT)) is not None


def test_questions_that_wait_together_go_together_once_that_is_at_hand(batcher: QuestionEmbedder, gated: Gated) -> None:
    together: list[list[str]] = []

    def many(texts: Sequence[str]) -> list[Vector]:
        together.append(list(texts))
        return [WordEmbedder().embed_query(text) for text in texts]

    batcher.use(many)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(batcher.embed, "space", Ticket(PATIENT))
        gated.begun.wait(PATIENT)
        waiting = [pool.submit(batcher.embed, text, Ticket(PATIENT)) for text in ("ghost", "shark", "ghost")]
        while batcher.waiting < 3:
            pass
        gated.gate.set()
        vectors = [future.result() for future in (first, *waiting)]
    assert together == [["ghost", "shark"]]
    assert gated.asked == ["space"]
    np.testing.assert_array_equal(vectors[2], WordEmbedder().embed_query("shark"))
