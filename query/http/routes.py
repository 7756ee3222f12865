"""The addresses of the service: what each takes, and whom it asks."""

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from time import perf_counter
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import PlainTextResponse
from pydantic import WithJsonSchema
from starlette.exceptions import HTTPException

from catalog.errors import MovieNotFound, UsageError
from catalog.journal.change import ChangeReport, ChangeRequest
from catalog.printable import brief
from query.answer import without_nulls
from query.discovery import prove, read_secret
from query.http import schemas as api
from query.http.schemas import problems
from query.models import SearchRequest
from query.serving.cost import cost_of
from query.serving.executor import Deadline
from query.serving.service import EncodedAnswer, Service
from query.serving.telemetry import MEDIA_TYPE as METRICS_TYPE

T = TypeVar("T")

films = APIRouter(tags=["films"], default_response_class=Response)
"""What is asked about films."""
changes = APIRouter(tags=["changes"])
"""How films come and go one by one."""
operation = APIRouter(tags=["operation"])
"""What operators and their machines ask."""


# What a route depends on is asynchronous, too: the framework would take anything else to a thread, and back.
async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(_service)]


@dataclass(slots=True)
class Caller:
    """Who asks, and until when an answer is of use."""

    request: Request
    service: Service
    known: str
    """The If-None-Match: what is held already comes without a body."""
    deadline: Deadline = field(init=False)
    start: float = field(default_factory=perf_counter)

    def __post_init__(self) -> None:
        self.deadline = Deadline(self.service.config.server.deadline)

    def read(self, *bodies: api.SearchParameters) -> list[SearchRequest]:
        """What they ask, counted by its cost; raises TooManyRequests."""
        requests = [each.request() for each in bodies]
        self.request.state.charge(sum(map(cost_of, requests)) - 1)
        return requests

    async def wait(self, answer: Awaitable[T]) -> T:
        """The answer, unless the client leaves before: then the work for it ends."""
        work = asyncio.ensure_future(answer)
        leaving = asyncio.ensure_future(self._wait_for_leaving())
        try:
            await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise HTTPException(499, "the client left")
            return work.result()
        finally:
            leaving.cancel()
            work.cancel()

    async def _wait_for_leaving(self) -> None:
        while (await self.request.receive())["type"] != "http.disconnect":
            pass

    async def send(self, answer: Awaitable[EncodedAnswer], *, timed: bool = False) -> Response:
        """The answer as it goes out; an object that is `timed` says how long it took, also where it was kept."""
        found = await self.wait(answer)
        kept = {"Cache-Control": "no-cache", "ETag": found.etag} if found.etag else {"Cache-Control": "no-store"}
        headers = {"X-Catalog-Generation": str(found.generation), **kept}
        if found.body is None:
            return Response(status_code=304, headers=headers)
        if found.packed:
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        body = found.body
        if timed:
            body = body[:-1] + f', "took_ms": {1000 * (perf_counter() - self.start):.1f}}}'.encode()
        return Response(body, media_type="application/json", headers=headers)


async def _caller(
    request: Request,
    service: Serving,
    known: Annotated[str, Header(alias="If-None-Match", include_in_schema=False)] = "",
) -> Caller:
    _refuse_twice([name for name, _ in request.query_params.multi_items() if name not in api.REPEATED])
    return Caller(request, service, known)


async def _sends_json(request: Request) -> None:
    """A body must say that it is JSON: what a form of any page may send does not, and is never read as JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    body = await request.body()
    if not is_json and body:
        said = f"Content-Type is {kind[:60]!r}" if kind else "there is no Content-Type"
        raise UsageError(f"{said}; send JSON, and say so: Content-Type: application/json")
    try:
        json.loads(body or b"null", object_pairs_hook=_said_once)
    except RecursionError:
        raise UsageError("the body holds lists or objects that are nested too deep") from None


def _said_once(pairs: list[tuple[str, Any]]) -> None:
    """Raise UsageError for an object that says one thing twice: of which readers take either."""
    _refuse_twice([name for name, _ in pairs])


def _refuse_twice(names: list[str]) -> None:
    for name, times in Counter(names).most_common(1):
        if times > 1:
            raise UsageError(f"{name[:40]!r} is said {times} times; say it once")


_JSON = [Depends(_sends_json)]
Calling = Annotated[Caller, Depends(_caller)]
FilmName = Annotated[
    str, PathParameter(description="Our id, `tmdb:278`, `imdb:tt0111161`, or a title", examples=["tmdb:348"])
]
FilmId = Annotated[
    str,
    PathParameter(description="Our id, `tmdb:278`, `imdb:tt0111161` and the like; no title", examples=["tmdb:348"]),
]
ChangeNumber = Annotated[int, PathParameter(ge=1, le=2**53, description="As PUT and DELETE told it")]
_FOUND = {200: {"model": api.SearchAnswer}, **problems(404)}
_SEVERAL = {200: {"model": api.SearchAnswer | list[api.SearchAnswer]}, **problems(404)}
_COUNTED = {200: {"model": api.Facets}, **problems(404)}


@films.get("/search", responses=_FOUND)
async def search(caller: Calling, asked: Annotated[api.SearchAddress, Query()]) -> Response:
    """Films by what happens in them."""
    (request,) = caller.read(asked)
    return await caller.send(caller.service.ask(request, caller.deadline, caller.known), timed=True)


@films.post("/search", dependencies=_JSON, responses=_SEVERAL)
async def search_long(caller: Calling, body: Annotated[api.SearchBodies, Body()]) -> Response:
    """One question as an object, or several as a list; several answers are of one generation."""
    if isinstance(body, list):
        return await caller.send(caller.service.ask_many(caller.read(*body), caller.deadline))
    (request,) = caller.read(body)
    return await caller.send(caller.service.ask(request, caller.deadline), timed=True)


@films.post("/recommend", dependencies=_JSON, responses=_FOUND)
async def recommend(caller: Calling, body: api.RecommendBody) -> Response:
    """Films for someone who likes and dislikes these."""
    (request,) = caller.read(body)
    return await caller.send(caller.service.ask(request, caller.deadline), timed=True)


@films.get("/movies/{name:path}/similar", responses=_FOUND)
async def similar(caller: Calling, name: FilmName, asked: Annotated[api.SimilarAddress, Query()]) -> Response:
    """Films like this one."""
    if not _asks_for_similar(caller.request):
        # %2Fsimilar: the end of an id.
        return await movie(caller, f"{name}/similar", api.Shown(fields=[]))
    (request,) = caller.read(asked)
    return await caller.send(caller.service.similar(name, request, caller.deadline, caller.known), timed=True)


def _asks_for_similar(request: Request) -> bool:
    """Whether an address that was decoded ends as it was written: an id may end so, too."""
    return unquote(request.scope["raw_path"].decode("ascii").rpartition("/")[2]) == "similar"


@films.get("/movies/{name:path}", responses={200: {"model": api.Film}, **problems(404)})
async def movie(caller: Calling, name: FilmName, shown: Annotated[api.Shown, Query()]) -> Response:
    """One film."""
    if not name:
        raise MovieNotFound("behind /movies/ stands the id or the title of a film; GET /search?filter=... lists films")
    return await caller.send(caller.service.movie(name, caller.deadline, caller.known, shown.fields))


@films.get("/facets", responses=_COUNTED)
async def facets(caller: Calling, asked: Annotated[api.FacetsAddress, Query()]) -> Response:
    """How many of all films that fit have which genre, decade ...; of all films if nothing is looked for."""
    (request,) = caller.read(asked)
    return await caller.send(caller.service.facets(request, caller.deadline, caller.known), timed=True)


@films.post("/facets", dependencies=_JSON, responses=_COUNTED)
async def facets_long(caller: Calling, body: api.FacetsBody) -> Response:
    """How many of all films that fit a long question have which genre, decade ..."""
    (request,) = caller.read(body)
    return await caller.send(caller.service.facets(request, caller.deadline), timed=True)


@films.get("/map", responses={200: {"model": api.MapColumns}, **problems()})
async def film_map(caller: Calling, part: Annotated[api.MapPart, Query()]) -> Response:
    """Where films lie on the map, like ones beside each other: the best known first, a column for each value."""
    return await caller.send(_unpack(caller, caller.service.map(part.limit, caller.deadline, caller.known)))


async def _unpack(caller: Caller, packed: Awaitable[EncodedAnswer]) -> EncodedAnswer:
    """For a client that cannot do it by itself."""
    answer = await packed
    if answer.body is None or "gzip" in caller.request.headers.get("accept-encoding", ""):
        return answer
    return replace(answer, body=gzip.decompress(answer.body), packed=False)


@films.get("/suggest", responses={200: {"model": api.Suggestions}, **problems()})
async def suggest(caller: Calling, typed: Annotated[api.Typed, Query()]) -> Response:
    """Titles as someone types them, the best known first."""
    return await caller.send(caller.service.suggest(typed.q, typed.limit, caller.deadline, caller.known))


_CHANGED: dict[str, Any] = {
    "status_code": 202,
    "responses": {200: {"model": api.ChangeBody}, 202: {"model": api.ChangeBody}, **problems(404)},
    "response_model": None,
    "openapi_extra": {"security": api.KEY_NEEDED},
}
Rows = Annotated[Any, Body(description="A film, or a list of films"), WithJsonSchema(api.ROWS)]


@changes.put("/movies", dependencies=_JSON, **_CHANGED)
async def put_movies(
    caller: Calling, response: Response, asked: Annotated[api.ChangeAsked, Query()], body: Rows
) -> dict[str, Any]:
    """Add films, or replace those with the same ids; on disk when it is answered, found within seconds."""
    rows = _films_of(body)
    _refuse_same_ids(rows, caller.service.config.catalog.fields.get("id", "id"))
    change = ChangeRequest(put=rows, take_over=asked.take_over)
    return await _accepted(caller, response, change, asked.wait)


def _films_of(body: Any) -> tuple[dict[str, Any], ...]:
    """The films of a body, as they are; raises UsageError for what holds none."""
    if isinstance(body, dict) and len(body) == 1:
        ((name, inner),) = body.items()
        if isinstance(inner, list) and inner and all(isinstance(row, dict) for row in inner):
            raise UsageError(f"send the list itself, not an object with it in {name[:40]!r}: [{{...}}, {{...}}]")
    rows = body if isinstance(body, list) else [body]
    if not rows or not all(isinstance(row, dict) and row for row in rows):
        raise UsageError("a film is a JSON object with title and plot, several are a list of them")
    return tuple(rows)


def _refuse_same_ids(rows: Sequence[Mapping[str, Any]], columns: str | Sequence[str]) -> None:
    """Raise UsageError, naming both places, where one id stands twice: one of the films would be lost."""
    names = (columns,) if isinstance(columns, str) else columns
    first: dict[str, int] = {}
    for place, row in enumerate(rows, 1):
        given = next((row[name] for name in names if isinstance(row.get(name), str | int)), None)
        if given is not None and (before := first.setdefault(str(given).strip(), place)) != place:
            raise UsageError(f"film {place}: field 'id': {brief(str(given))} was already seen at film {before}")


async def _names_a_film(request: Request) -> None:
    """First of all, whatever else is wrong with a request to delete what is like a film."""
    if "/" in request.path_params["name"] and _asks_for_similar(request):
        raise HTTPException(405, "Method Not Allowed")


@changes.delete("/movies/{name:path}", dependencies=[Depends(_names_a_film)], **_CHANGED)
async def delete_movie(
    caller: Calling, name: FilmId, response: Response, asked: Annotated[api.ChangeAsked, Query()]
) -> dict[str, Any]:
    """Delete a film, by its id."""
    identity = await caller.service.id_to_delete(name, caller.deadline)
    change = ChangeRequest(delete=(identity,), take_over=asked.take_over)
    return await _accepted(caller, response, change, asked.wait)


@changes.get("/changes/{number}", **{**_CHANGED, "status_code": 200})
async def change(
    caller: Calling, response: Response, number: ChangeNumber, asked: Annotated[api.ChangeLook, Query()]
) -> dict[str, Any]:
    """What became of a change: 200 once it is done or refused, 202 before."""
    return _told(await caller.wait(caller.service.outcome(number, asked.wait)), response)


async def _accepted(caller: Caller, response: Response, change: ChangeRequest, wait: float) -> dict[str, Any]:
    report = await caller.service.changes.append(change)
    return _told(await caller.wait(caller.service.outcome(report.number, wait)) if wait else report, response)


def _told(report: ChangeReport, response: Response) -> dict[str, Any]:
    address = f"/changes/{report.number}"
    response.status_code = 200 if report.ended else 202
    response.headers["Location"] = address
    return {"address": address, **report.to_dict()}


_STATE = {200: {"model": api.State}, **problems()}
_ADMIN: dict[str, Any] = {"response_model": None, "openapi_extra": {"security": api.KEY_NEEDED}}


@operation.get("/status", responses={200: {"model": api.ServiceStatus}, **problems()}, response_model=None)
async def status(service: Serving) -> dict[str, Any]:
    """What answers, and the last runs that filled it."""
    return await service.status()


@operation.get("/healthz", responses=_STATE, response_model=None)
async def healthz() -> dict[str, Any]:
    """The process lives."""
    return {"status": "ok"}


@operation.get("/readyz", responses=_STATE, response_model=None)
async def readyz(service: Serving) -> dict[str, Any]:
    """A real question has just been answered; otherwise the problem says why not."""
    return {"status": "ok", "generation": await service.ready()}


@operation.get("/proof", responses=problems(404), response_class=PlainTextResponse)
async def proof(request: Request, service: Serving, asked: Annotated[api.Nonce, Query()]) -> str:
    """That this is the service of its catalog, to a command that knows the catalog's secret."""
    store = service.config.store.path
    secret = read_secret(store)
    if secret is None:
        raise HTTPException(404, "this service did not announce itself")
    return prove(secret, store, asked.nonce, *request.scope["server"])


@operation.get("/metrics", responses=problems(), response_class=PlainTextResponse)
async def metrics(service: Serving) -> Response:
    """Counters for Prometheus."""
    return Response(service.metrics_text(), media_type=METRICS_TYPE)


@operation.post("/admin/ingest", responses={202: {"model": api.Sync}, **problems(404, 409)}, status_code=202, **_ADMIN)
async def start_ingest(service: Serving) -> dict[str, Any]:
    """Start a sync of server.source; GET tells how it goes."""
    return without_nulls(asdict(await service.ingest.start()))


@operation.get("/admin/ingest", responses={200: {"model": api.Sync}, **problems(404)}, **_ADMIN)
async def last_ingest(service: Serving) -> dict[str, Any]:
    """The last sync that was asked for here."""
    run = service.ingest.last()
    if run is None:
        raise HTTPException(404, "no sync was asked for yet")
    return without_nulls(asdict(run))
