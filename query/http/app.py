"""The service put together, and the one place where errors become problem details. Everything else is elsewhere."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from catalog.config import Config
from catalog.errors import PlotseekError
from query.http import routes
from query.http import schemas as api
from query.http.auth import Authenticator
from query.http.middleware import RequestMiddleware
from query.http.replies.addresses import lost_page, methods_of, no_such_address, not_done_here, wants_page
from query.http.replies.cors import OtherPages
from query.http.replies.reference import reference_page
from query.http.replies.refusals import refusal_lines
from query.problems import INVALID, MEDIA_TYPE, Problem, plain_problem, problem_of, status_name
from query.serving.service import Service, our_version

WEB = Path(__file__).parent / "static"


class _Documented(FastAPI):
    """With API keys, of which the framework does not know, and summaries that are sentences in its OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        for operation in (each for methods in document["paths"].values() for each in methods.values()):
            if "description" in operation:
                operation["summary"] = operation["description"].partition("\n")[0].removesuffix(".")
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
        # Written once, now: each time it would hold everybody up for 10 ms.
        app.state.document = json.dumps(app.openapi()).encode()
        app.state.reference = reference_page(app.openapi()).encode()
        yield
        await service.close()

    app = _Documented(
        title="plotseek",
        version=our_version(),
        description="Find a film by what happens in it.",
        lifespan=lifespan,
        openapi_url=None,
        # These pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Programs that are made of the document call their functions so.
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    routers = (routes.films, routes.changes, routes.operation)
    for router in routers:
        app.include_router(router)
    _pages(app)
    every = [route for router in routers for route in router.routes]
    _errors(app, str(config.store.path), every)
    _wrap(app, config, service, [*every, *app.routes])
    return app


def _wrap(app: FastAPI, config: Config, service: Service, routes: Sequence[BaseRoute]) -> None:
    """What stands around the routes; the last one added is the outermost."""
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(
        RequestMiddleware,
        authenticator=Authenticator(config.server),
        settings=config.server,
        metrics=service.metrics,
        routes=routes,
    )
    app.add_middleware(OtherPages, origins=config.server.cors_origins)


class _Fresh(StaticFiles):
    """Files that a browser asks for again by their ETag: those of two versions do not work together."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _pages(app: FastAPI) -> None:
    """The page for people, and the description for programs."""
    app.mount("/static", _Fresh(directory=WEB), name="static")

    @app.get("/openapi.json", include_in_schema=False)
    async def document() -> Response:
        return Response(app.state.document, media_type="application/json")

    @app.get("/docs", include_in_schema=False)
    async def reference() -> Response:
        return Response(app.state.reference, media_type="text/html", headers={"Cache-Control": "no-cache"})

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(WEB / "index.html", headers={"Cache-Control": "no-cache"})


def _errors(app: FastAPI, root: str, routes: Sequence[BaseRoute]) -> None:
    """Every error as a problem: ours by their own words, the framework's by ours."""

    @app.exception_handler(PlotseekError)
    async def ours(_: Request, error: PlotseekError) -> Response:
        return _problem(problem_of(error, root))

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> Response:
        lines = refusal_lines(error.errors(), request.query_params if error.body is None else error.body)
        return _problem(plain_problem(422, INVALID, "; ".join(lines[:3]), lines))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        detail, headers = str(error.detail), dict(error.headers or {})
        if error.status_code == 405 and (methods := methods_of(routes, request)):
            headers["Allow"] = ", ".join(methods)
            detail = not_done_here(request, methods)
        elif error.status_code == 404 and detail == HTTPStatus.NOT_FOUND.phrase:  # nobody has said more
            if wants_page(request):
                return HTMLResponse(lost_page(request), 404, {"Cache-Control": "no-store"})
            detail = no_such_address(request.url.path, routes)
        elif error.status_code == 400:
            detail = "the body is no JSON that can be read"
        problem = plain_problem(error.status_code, status_name(error.status_code), detail)
        return _problem(replace(problem, headers=headers))

    @app.exception_handler(Exception)
    async def fault(_: Request, __: Exception) -> Response:
        return _problem(plain_problem(500, "fault", "a fault of the service; its log says more"))


def _problem(problem: Problem) -> Response:
    headers = {**problem.headers, "Cache-Control": "no-store"}
    return Response(problem.body(), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)
