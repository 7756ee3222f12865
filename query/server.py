"""The service: routes, and the one place where errors become problem details. Everything else is elsewhere."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Depends, FastAPI, Header, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from catalog.config import Config
from catalog.errors import PlotseekError, UsageError
from query import api
from query.access import Gate
from query.api import problems
from query.asgi import Doors
from query.instruments import MEDIA_TYPE as METRICS_TYPE
from query.models import SearchRequest
from query.problems import MEDIA_TYPE, Problem, plain_problem, problem_of, status_name
from query.service import Answer, Service, our_version
from query.work import Ticket

WEB = Path(__file__).parent / "web"
T = TypeVar("T")
_MOST_ERRORS = 20
"""Of a wrong request: more are no help, and would be longer than the request."""


class _Documented(FastAPI):
    """With the API keys in its OpenAPI document: the gate stands before the framework, which does not know of them."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        document.setdefault("components", {})["securitySchemes"] = api.KEYS
        document["security"] = [{}, *api.KEY_NEEDED]
        return document


def create_app(config: Config, config_file: Path | None = None) -> FastAPI:
    """The service for one catalog; nothing is opened before it starts.

    Raises ConfigError if it would listen to others without API keys.
    """
    service = Service(config, config_file)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        app.openapi()  # written once, now: questions are held to it
        yield
        await service.close()

    app = _Documented(
        title="plotseek",
        version=our_version(),
        description="Find a film by what happens in it.",
        lifespan=lifespan,
        # These pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    routers = (_films(), _operation())
    for router in routers:
        app.include_router(router)
    _pages(app)
    _errors(app, str(config.store.path), [route for router in routers for route in router.routes])
    _wrap(app, config, service)
    return app


def _wrap(app: FastAPI, config: Config, service: Service) -> None:
    """What stands around the routes; the last one added is the outermost."""
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(Doors, gate=Gate(config.server), settings=config.server, instruments=service.instruments)
    if config.server.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(config.server.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "X-API-Key", "Content-Type", "If-None-Match"],
            expose_headers=["ETag", "X-Catalog-Generation", "Retry-After"],
            max_age=3600,
        )


# What a route depends on is asynchronous, too: the framework would take anything else to a thread, and back.
async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(_service)]
Known = Annotated[str, Header(alias="If-None-Match", include_in_schema=False)]


async def within(request: Request, answer: Awaitable[T]) -> T:
    """The answer, unless the client leaves before: then the work for it ends."""
    work = asyncio.ensure_future(answer)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise HTTPException(499, "the client left")
        return work.result()
    finally:
        gone.cancel()
        work.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _ticket(service: Serving) -> Ticket:
    return Ticket(service.config.server.deadline)


Timed = Annotated[Ticket, Depends(_ticket)]


def _sent(answer: Answer) -> Response:
    """An answer as it goes out."""
    headers = {"Cache-Control": "no-cache", "ETag": answer.etag, "X-Catalog-Generation": str(answer.generation)}
    if answer.body is None:
        return Response(status_code=304, headers=headers)
    if answer.packed:
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(answer.body, media_type="application/json", headers=headers)


async def _asked(
    filter: Annotated[str, Query(description='"year>=1980 genre:Horror -genre:Comedy"')] = "",  # noqa: A002
    exclude: Annotated[list[api.Name] | None, Query(max_length=api.MOST_EXAMPLES)] = None,
    sort: Annotated[str, Query(max_length=40)] = "relevance",
    offset: Annotated[int, Query(ge=0, le=api.MOST_OFFSET)] = 0,
    limit: Annotated[int | None, Query(ge=1, le=api.MOST_RESULTS)] = None,
    plain: bool = False,
    all: bool = False,  # noqa: A002
    why: bool = False,
    franchise: Annotated[int | None, Query(ge=1, le=api.MOST_RESULTS)] = None,
    diversity: Annotated[float | None, Query(ge=0, le=1)] = None,
    popularity: Annotated[float | None, Query(ge=-2, le=2)] = None,
) -> SearchRequest:
    """What an address may say besides the words."""
    return SearchRequest(
        filter=filter,
        exclude=tuple(exclude or ()),
        sort=sort,
        offset=offset,
        limit=limit,
        plain=plain,
        all=all,
        why=why,
        franchise=franchise,
        diversity=diversity,
        popularity=popularity,
    )


Asked = Annotated[SearchRequest, Depends(_asked)]
Words = Annotated[
    str, Query(alias="q", description="What happens in the film", examples=["a man relives the same day"])
]
"""What is looked for."""


async def _nothing_else(request: Request) -> None:
    """Refuse a parameter that the address does not take: a slip would otherwise answer another question."""
    if not request.query_params:
        return
    path = request.scope["route"].path_format
    described = request.app.openapi()["paths"][path][request.method.lower()].get("parameters", [])
    known = {parameter["name"] for parameter in described if parameter["in"] == "query"}
    for name in request.query_params:
        if name not in known:
            near = get_close_matches(name, known, 1)
            meant = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(sorted(known)) or 'none'}"
            raise UsageError(f"{path} takes no parameter {name[:40]!r}; {meant}")


def _films() -> APIRouter:
    """What is asked about films."""
    routes = APIRouter(tags=["films"], dependencies=[Depends(_nothing_else)])
    answer: dict[str, Any] = {"response_class": Response}
    found: dict[int | str, dict[str, Any]] = {200: {"model": api.Answer}, **problems(404, 409)}
    film: dict[int | str, dict[str, Any]] = {200: {"model": api.Film}, **problems(404)}
    titles: dict[int | str, dict[str, Any]] = {200: {"model": api.Suggestions}, **problems()}
    several: dict[int | str, dict[str, Any]] = {
        200: {"model": api.Answer | list[api.Answer]},
        **problems(404, 409),
    }
    routes.add_api_route("/search", search, methods=["GET"], responses=found, **answer)
    routes.add_api_route("/search", search_long, methods=["POST"], responses=several, **answer)
    routes.add_api_route("/recommend", recommend, methods=["POST"], responses=found, **answer)
    routes.add_api_route("/movies/{name:path}/similar", similar, methods=["GET"], responses=found, **answer)
    routes.add_api_route("/movies/{name:path}", movie, methods=["GET"], responses=film, **answer)
    counts: dict[int | str, dict[str, Any]] = {200: {"model": api.Facets}, **problems(404, 409)}
    routes.add_api_route("/facets", facets, methods=["GET"], responses=counts, **answer)
    routes.add_api_route("/facets", facets_long, methods=["POST"], responses=counts, **answer)
    drawn: dict[int | str, dict[str, Any]] = {200: {"model": api.FilmMap}, **problems(404)}
    routes.add_api_route("/map", film_map, methods=["GET"], responses=drawn, **answer)
    routes.add_api_route("/suggest", suggest, methods=["GET"], responses=titles, **answer)
    return routes


async def search(
    request: Request, service: Serving, ticket: Timed, asked: Asked, known: Known = "", q: Words = ""
) -> Response:
    """Films by what happens in them."""
    return _sent(await within(request, service.ask(replace(asked, text=q), ticket, known)))


Several = Annotated[list[api.SearchBody], Field(min_length=1, max_length=api.MOST_TOGETHER)]


async def search_long(
    request: Request, service: Serving, ticket: Timed, body: Annotated[api.SearchBody | Several, Body()]
) -> Response:
    """One question as an object, or several as a list; several answers are of one generation."""
    if isinstance(body, list):
        return _sent(await within(request, service.ask_many([each.question() for each in body], ticket)))
    return _sent(await within(request, service.ask(body.question(), ticket)))


async def recommend(request: Request, service: Serving, ticket: Timed, body: api.RecommendBody) -> Response:
    """Films for someone who likes and dislikes these."""
    return _sent(await within(request, service.ask(body.question(), ticket)))


FilmName = Annotated[str, PathParameter(description="Our id, or `tmdb:278`, `imdb:tt0111161`", examples=["tmdb:348"])]


async def movie(request: Request, service: Serving, ticket: Timed, name: FilmName, known: Known = "") -> Response:
    """One film."""
    return _sent(await within(request, service.movie(name, ticket, known)))


async def similar(
    request: Request, service: Serving, ticket: Timed, asked: Asked, name: FilmName, known: Known = ""
) -> Response:
    """Films like this one."""
    return _sent(await within(request, service.similar(name, asked, ticket, known)))


Examples = Annotated[list[api.Name] | None, Query(max_length=api.MOST_EXAMPLES, description="Ids, titles or words")]


async def facets(
    request: Request,
    service: Serving,
    ticket: Timed,
    asked: Asked,
    known: Known = "",
    q: Words = "",
    like: Examples = None,
    dislike: Examples = None,
) -> Response:
    """How many of all films that fit have which genre, decade ...; of all films if nothing is looked for."""
    question = replace(asked, text=q, likes=tuple(like or ()), dislikes=tuple(dislike or ()))
    return _sent(await within(request, service.facets(question, ticket, known)))


async def facets_long(request: Request, service: Serving, ticket: Timed, body: api.SearchBody) -> Response:
    """The same for a long question."""
    return _sent(await within(request, service.facets(body.question(), ticket)))


async def suggest(
    request: Request,
    service: Serving,
    ticket: Timed,
    q: Annotated[str, Query(max_length=200, description="What was typed so far", examples=["star w"])] = "",
    limit: Annotated[int, Query(ge=1, le=50)] = 8,
    known: Known = "",
) -> Response:
    """Titles as someone types them, the best known first."""
    return _sent(await within(request, service.suggest(q, limit, ticket, known)))


async def film_map(
    request: Request,
    service: Serving,
    ticket: Timed,
    limit: Annotated[int, Query(ge=1, le=api.MOST_ON_MAP)] = api.ON_MAP,
    known: Known = "",
) -> Response:
    """Where films lie on the map, like ones beside each other: the best known first, a column for each value."""
    answer = await within(request, service.map(limit, ticket, known))
    if answer.body is not None and "gzip" not in request.headers.get("accept-encoding", ""):
        answer = replace(answer, body=gzip.decompress(answer.body), packed=False)
    return _sent(answer)


def _operation() -> APIRouter:
    """What operators and their machines ask."""
    routes = APIRouter(tags=["operation"])
    state: dict[int | str, dict[str, Any]] = {200: {"model": api.State}, **problems()}
    sync: dict[int | str, dict[str, Any]] = {202: {"model": api.Sync}, **problems(404, 409)}
    last: dict[int | str, dict[str, Any]] = {200: {"model": api.Sync}, **problems(404)}
    status_: dict[int | str, dict[str, Any]] = {200: {"model": api.Status}, **problems()}
    routes.add_api_route("/status", status, methods=["GET"], responses=status_, response_model=None)
    routes.add_api_route("/healthz", healthz, methods=["GET"], responses=state, response_model=None)
    routes.add_api_route("/readyz", readyz, methods=["GET"], responses=state, response_model=None)
    routes.add_api_route("/metrics", metrics, methods=["GET"], response_class=PlainTextResponse, responses=problems())
    admin: dict[str, Any] = {"response_model": None, "openapi_extra": {"security": api.KEY_NEEDED}}
    routes.add_api_route("/admin/ingest", last_ingest, methods=["GET"], responses=last, **admin)
    routes.add_api_route("/admin/ingest", start_ingest, methods=["POST"], status_code=202, responses=sync, **admin)
    return routes


async def status(service: Serving) -> dict[str, Any]:
    """What answers, and the last runs that filled it."""
    return await service.status()


async def healthz() -> dict[str, Any]:
    """The process lives."""
    return {"status": "ok"}


async def readyz(service: Serving) -> dict[str, Any]:
    """A real question has just been answered; otherwise the problem says why not."""
    return {"status": "ok", "generation": await service.ready()}


async def metrics(service: Serving) -> Response:
    """Counters for Prometheus."""
    return Response(service.metrics(), media_type=METRICS_TYPE)


async def start_ingest(service: Serving) -> dict[str, Any]:
    """Start a sync of server.source; GET tells how it goes."""
    return asdict(await service.ingest.start())


async def last_ingest(service: Serving) -> dict[str, Any]:
    """The last sync that was asked for here."""
    run = service.ingest.last()
    if run is None:
        raise HTTPException(404, "no sync was asked for yet")
    return asdict(run)


class _Fresh(StaticFiles):
    """Files that a browser asks for again by their ETag: those of two versions do not work together."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _pages(app: FastAPI) -> None:
    """The page for people."""
    app.mount("/static", _Fresh(directory=WEB), name="static")

    async def page() -> Response:
        return FileResponse(WEB / "index.html", headers={"Cache-Control": "no-cache"})

    app.add_api_route("/", page, methods=["GET"], include_in_schema=False)


def _errors(app: FastAPI, root: str, routes: Sequence[BaseRoute]) -> None:
    """Every error as a problem: ours by their own words, the framework's by ours."""

    async def ours(_: Request, error: Exception) -> Response:
        if not isinstance(error, PlotseekError):
            raise error
        return _problem(problem_of(error, root))

    async def wrong(_: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        lines = [f"{'.'.join(map(str, each['loc']))[:100]}: {each['msg']}" for each in error.errors()[:_MOST_ERRORS]]
        return _problem(plain_problem(422, "invalid-request", "; ".join(lines[:3]), lines))

    async def other(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        problem = plain_problem(error.status_code, status_name(error.status_code), str(error.detail))
        headers = dict(error.headers or {})
        if error.status_code == 405 and (methods := _methods(routes, request)):
            headers["Allow"] = ", ".join(methods)
        return _problem(replace(problem, headers=headers))

    async def fault(_: Request, __: Exception) -> Response:
        return _problem(plain_problem(500, "fault", "a fault of the service; its log says more"))

    app.add_exception_handler(PlotseekError, ours)
    app.add_exception_handler(RequestValidationError, wrong)
    app.add_exception_handler(HTTPException, other)
    app.add_exception_handler(Exception, fault)


def _methods(routes: Sequence[BaseRoute], request: Request) -> list[str]:
    """What can be done with an address; the framework names only what its first route can do."""
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in matching for method in getattr(route, "methods", None) or ()})


def _problem(problem: Problem) -> Response:
    headers = {**problem.headers, "Cache-Control": "no-store"}
    return Response(problem.body(), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)
