"""Questions that wait together are prepared together, and nobody waits for nothing."""

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import pytest

from catalog.arrays import Vector
from catalog.errors import DeadlineExceeded, ModelError, Overloaded
from query.serving.batcher import Batcher
from query.serving.executor import ClientGone, Deadline, WorkPool
from query.serving.query_embedder import QuestionEmbedder
from tests.support.fakes import Heard, WordEmbedder

PATIENT = 20.0


class Kitchen:
    """Prepares nothing until the gate is opened."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.prepared: list[list[str]] = []

    def __call__(self, asked: Sequence[str]) -> None:
        self.prepared.append(list(asked))
        self.begun.set()
        assert self.gate.wait(PATIENT)
        if "broken" in asked:
            raise ModelError("the model holds NaN")


@pytest.fixture
def kitchen() -> Kitchen:
    return Kitchen()


def with_pool(
    kitchen: Kitchen, scene: Callable[[WorkPool[str]], Awaitable[Any]], threads: int = 2, queue: int = 20
) -> None:
    """Play a scene with a pool of threads on an event loop; the gate is open after it."""

    async def play() -> None:
        pool = WorkPool(threads, queue, kitchen)
        try:
            await scene(pool)
        finally:
            kitchen.gate.set()
            pool.close()

    asyncio.run(play())


async def begun(kitchen: Kitchen, pool: WorkPool[str], deadlines: Sequence[tuple[str, Deadline]]) -> list[Any]:
    """A question that is being prepared, and behind it in the line these."""
    tasks = []
    for text, deadline in (("space", Deadline(PATIENT)), *deadlines):
        tasks.append(asyncio.create_task(pool.run(text.upper, deadline, [text])))
        await asyncio.to_thread(kitchen.begun.wait, PATIENT)
    return tasks


def test_what_waits_together_is_prepared_together_and_each_gets_its_own_answer(kitchen: Kitchen) -> None:
    async def scene(pool: WorkPool[str]) -> None:
        tasks = await begun(kitchen, pool, [(text, Deadline(PATIENT)) for text in ("ghost", "shark", "ghost")])
        assert pool.pending == 4
        kitchen.gate.set()
        assert await asyncio.gather(*tasks) == ["SPACE", "GHOST", "SHARK", "GHOST"]
        assert kitchen.prepared == [["space"], ["ghost", "shark", "ghost"]]

    with_pool(kitchen, scene)


def test_what_needs_no_preparation_does_not_wait_for_it(kitchen: Kitchen) -> None:
    async def scene(pool: WorkPool[str]) -> None:
        await begun(kitchen, pool, [])
        assert await pool.run(lambda: 5, Deadline(PATIENT)) == 5

    with_pool(kitchen, scene)


def test_a_full_queue_refuses_at_once(kitchen: Kitchen) -> None:
    async def scene(pool: WorkPool[str]) -> None:
        await begun(kitchen, pool, [(text, Deadline(PATIENT)) for text in ("ghost", "shark")])
        with pytest.raises(Overloaded, match="come back in a second"):
            await pool.run(lambda: 5, Deadline(PATIENT), ["dream"])

    with_pool(kitchen, scene, threads=1, queue=2)


def test_for_who_has_left_or_waited_too_long_nothing_is_prepared(kitchen: Kitchen) -> None:
    async def scene(pool: WorkPool[str]) -> None:
        first, leaving, late, last = await begun(
            kitchen, pool, [("ghost", Deadline(PATIENT)), ("shark", Deadline(0.05)), ("love", Deadline(PATIENT))]
        )
        with pytest.raises(DeadlineExceeded, match=r"no answer within 0\.05 s"):
            await late
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        kitchen.gate.set()
        assert (await first, await last) == ("SPACE", "LOVE")
        assert kitchen.prepared == [["space"], ["love"]]
        assert pool.pending == 0

    with_pool(kitchen, scene)


def test_a_ticket_that_is_over_does_nothing(kitchen: Kitchen) -> None:
    cancelled = Deadline(PATIENT)
    cancelled.cancelled = True
    kitchen.gate.set()

    async def scene(pool: WorkPool[str]) -> None:
        with pytest.raises(ClientGone):
            await pool.run(lambda: 5, cancelled, ["space"])
        with pytest.raises(DeadlineExceeded):
            await pool.run(lambda: 5, Deadline(0.0), ["space"])

    with_pool(kitchen, scene)
    assert kitchen.prepared == []


def test_an_error_reaches_who_asked_and_nobody_else(kitchen: Kitchen) -> None:
    def broken() -> str:
        raise ModelError("the model holds NaN")

    async def scene(pool: WorkPool[str]) -> None:
        first, ghost = await begun(kitchen, pool, [("ghost", Deadline(PATIENT))])
        wrong = asyncio.create_task(pool.run(broken, Deadline(PATIENT), ["broken"]))
        await asyncio.sleep(0)
        kitchen.gate.set()
        with pytest.raises(ModelError, match="the model holds NaN"):
            await wrong
        assert (await first, await ghost) == ("SPACE", "GHOST")
        assert kitchen.prepared == [["space"], ["ghost", "broken"]]
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda: 1 // 0, Deadline(PATIENT), ["space"])
        assert await pool.run(lambda: 5, Deadline(PATIENT), ["space"]) == 5

    with_pool(kitchen, scene)


@contextmanager
def no_more_threads() -> Iterator[None]:
    """Each wants more memory for its stack than there is."""
    before = threading.stack_size(1 << 46)
    try:
        yield
    finally:
        threading.stack_size(before)


@pytest.mark.parametrize("asked", [[], ["space"]])
def test_without_a_thread_who_asked_is_told_and_later_ones_are_answered(kitchen: Kitchen, asked: list[str]) -> None:
    kitchen.gate.set()

    async def scene(pool: WorkPool[str]) -> None:
        with no_more_threads(), pytest.raises(Overloaded, match=r"no thread for this \(can't start new thread\)"):
            await pool.run(lambda: 5, Deadline(PATIENT), asked)
        assert await pool.run(lambda: 5, Deadline(PATIENT), asked) == 5
        assert pool.pending == 0

    with_pool(kitchen, scene)


def test_without_a_thread_to_finish_in_who_was_prepared_is_told(kitchen: Kitchen) -> None:
    kitchen.gate.set()
    busy, done = threading.Event(), threading.Event()

    def wait() -> bool:
        busy.set()
        return done.wait(PATIENT)

    async def scene(pool: WorkPool[str]) -> None:
        waiting = asyncio.create_task(pool.run(wait, Deadline(PATIENT), ["space"]))
        while not busy.is_set():
            await asyncio.sleep(0.01)
        with no_more_threads(), pytest.raises(Overloaded, match="can't start new thread"):
            await pool.run(lambda: 5, Deadline(PATIENT), ["ghost"])
        done.set()
        assert await waiting
        assert await pool.run(lambda: 5, Deadline(PATIENT), ["shark"]) == 5

    with_pool(kitchen, scene)


def test_what_serving_raises_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    served = queue.SimpleQueue[int]()

    def serve(waiting: Sequence[int]) -> None:
        served.put(waiting[0])
        assert waiting[0]

    with closing(Batcher("testing", serve)) as batcher:
        batcher.add(0)
        assert served.get(timeout=PATIENT) == 0
        batcher.add(1)
        assert served.get(timeout=PATIENT) == 1
    assert [record.getMessage() for record in caplog.records] == ["1 that waited together were not served"]


def test_questions_are_embedded_together_and_none_twice() -> None:
    heard, sizes = Heard(WordEmbedder()), list[int]()
    questions = QuestionEmbedder(heard, watched=lambda count, seconds: sizes.append(count))
    assert questions.identity == heard.identity
    vectors = questions.embed_queries(["ghost", "shark", "ghost"])
    np.testing.assert_array_equal(vectors, WordEmbedder().embed_queries(["ghost", "shark", "ghost"]))
    again = questions.embed_query("shark")
    np.testing.assert_array_equal(again, vectors[1])
    assert questions.embed_query("shark") is again
    questions.embed_query("space ship")
    assert (heard.together, sizes) == ([["ghost", "shark"]], [2, 1])
    with pytest.raises(ValueError, match="read-only"):
        again[0] = 5.0


def test_who_has_left_embeds_nothing() -> None:
    heard = Heard(WordEmbedder())
    questions = QuestionEmbedder(heard)
    cancelled = Deadline(PATIENT)
    cancelled.cancelled = True
    with pytest.raises(ClientGone):
        questions.within(cancelled).embed_query("space")
    with pytest.raises(DeadlineExceeded):
        questions.within(Deadline(0.0)).embed_queries(["space", "ship"])
    assert heard.together == []


def test_nobody_waits_for_the_model_longer_than_for_the_answer() -> None:
    busy, done = threading.Event(), threading.Event()

    class Slow(WordEmbedder):
        def embed_query(self, text: str) -> Vector:
            busy.set()
            assert done.wait(PATIENT)
            return super().embed_query(text)

    questions = QuestionEmbedder(Slow())
    first = threading.Thread(target=questions.embed_query, args=("space",))
    first.start()
    assert busy.wait(PATIENT)
    with pytest.raises(DeadlineExceeded, match="busy with other questions"):
        questions.within(Deadline(0.05)).embed_query("ship")
    done.set()
    first.join()
