"""Dear questions are counted by what they cost, and plain ones do not wait behind them."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ingest.run import Request, run
from query.models import SearchRequest
from query.serving.cost import cost_of, is_dear
from query.serving.executor import Deadline
from query.serving.service import Service
from tests.support.service import service, settings

DISLIKES = tuple(f"words number {number}" for number in range(100))


@pytest.mark.parametrize(
    ("request_", "cost", "dear"),
    [
        (SearchRequest("ship"), 1, False),
        (SearchRequest(likes=("5",)), 1.5, False),
        (SearchRequest("ship", why=True), 11, True),
        (SearchRequest("ship", why=True, limit=100), 101, True),
        (SearchRequest("ship", dislikes=DISLIKES), 51, True),
    ],
)
def test_what_a_question_costs(request_: SearchRequest, cost: float, dear: bool) -> None:
    assert (cost_of(request_), is_dear(cost)) == (cost, dear)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/search", {"text": "ship", "dislikes": DISLIKES}),
        ("/search", [{"text": f"ship {number}", "why": True} for number in range(10)]),
        ("/recommend", {"likes": ["5"], "dislikes": DISLIKES}),
        ("/facets", {"text": "ship", "dislikes": DISLIKES}),
    ],
)
def test_a_dear_request_uses_up_the_rate_of_its_client(seed_store: Path, path: str, body: object) -> None:
    here, there = {"X-Forwarded-For": "10.0.0.1"}, {"X-Forwarded-For": "10.0.0.2"}
    with service(seed_store, rate_limit=0.1, burst=20) as url:
        assert httpx.post(f"{url}{path}", json=body, headers=here, timeout=20).status_code == 200
        refused = httpx.get(f"{url}/search?q=ship", headers=here)
        assert httpx.get(f"{url}/search?q=ship", headers=there).status_code == 200
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 100


@pytest.fixture
def busy(seed_store: Path) -> Iterator[Service]:
    made = Service(settings(seed_store, threads=2, queue=16))
    yield made
    asyncio.run(made.close())


@pytest.mark.slow
def test_dear_questions_do_not_take_the_threads_of_plain_ones(busy: Service) -> None:
    async def scene() -> None:
        busy.start()
        await busy.ready()
        dear = [
            asyncio.ensure_future(busy.ask(SearchRequest(f"ship {number}", dislikes=DISLIKES), Deadline(60)))
            for number in range(4)
        ]
        plain = await busy.ask(SearchRequest("a soap"), Deadline(60))
        assert b"Fight Club" in (plain.body or b"")
        assert not any(each.done() for each in dear[2:])
        await asyncio.gather(*dear)

    asyncio.run(scene())


@pytest.mark.slow
def test_answers_are_kept_up_to_so_many_bytes(tmp_path: Path) -> None:
    films = [{"id": str(number), "title": f"Film {number}", "plot": "ship " * 60_000} for number in range(5)]
    films.append({"id": "long", "title": "Long", "plot": "ship " * 300_000})
    (tmp_path / "films.json").write_text(json.dumps(films), encoding="utf-8")
    config = settings(tmp_path / "store", cache_mb=1)
    run(config, Request(str(tmp_path / "films.json")))
    hits: list[bool] = []

    async def scene() -> None:
        made = Service(config)
        for name in ("0", "0", "1", "2", "0", "3", "1", "0", "long", "long", "0"):
            before = made.metrics.cached.labels("hit")._value.get()
            await made.movie(name, Deadline(20))
            hits.append(made.metrics.cached.labels("hit")._value.get() > before)
        await made.close()

    asyncio.run(scene())
    # Three films have room; of these the one not asked for longest goes first. One that is larger than all is not kept.
    assert hits == [False, True, False, False, True, False, False, True, False, False, True]
