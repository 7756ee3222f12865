"""The catalog for assistants: the Model Context Protocol with four tools, over stdio or HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import Field, ValidationError
from starlette.responses import Response

from catalog.config import Config
from catalog.errors import PlotseekError, UsageError
from query.http import schemas as api
from query.http.auth import Authenticator
from query.http.middleware import App, Receive, RequestMiddleware, Scope, Send
from query.http.replies.names import refuse_unknown
from query.http.replies.refusals import refusal_lines
from query.models import MOST_RESULTS, SearchRequest
from query.problems import problem_of
from query.serving.cost import cost_of
from query.serving.executor import Deadline
from query.serving.service import EncodedAnswer, Service, our_version

_INSTRUCTIONS = (
    "A catalogue of films that is searched by what happens in them. Ask `search` with a plain description of the"
    " plot in English or German. Conditions in words are understood ('French comedies about a wedding'), and"
    " `understood` in an answer tells which. Films are named by the ids in answers."
)
_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

Text = Annotated[str, Field(description="What happens in the film, or a title", max_length=1000)]
Filter = Annotated[
    str, Field(description='Conditions that must hold: "year>=1980 genre:Horror -genre:Comedy"', max_length=1000)
]
Limit = Annotated[int, Field(description="How many films", ge=1, le=MOST_RESULTS)]
FilmId = Annotated[str, Field(description="An id from an answer, tmdb:348, imdb:tt0078748, or a title", max_length=200)]
Names = Annotated[
    list[str], Field(description="Ids of films, titles, or words for a kind of film", max_length=api.MOST_EXAMPLES)
]
Seen = Annotated[
    list[str],
    Field(description='Films already watched, to be left out: ids, or "The Matrix (1999)"', max_length=api.MOST_NAMES),
]
Ratings = Annotated[
    dict[str, float],
    Field(description="What someone rated, named as in `seen`, from 0 to 10", max_length=api.MOST_NAMES),
]
Ask = Callable[[SearchRequest, Deadline], Awaitable[EncodedAnswer]]


class _PlainSpoken(MCPServer):
    """Says what is wrong with arguments without the framework's words."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Context | None = None) -> Any:
        takes = {tool.name: list(tool.input_schema["properties"]) for tool in await self.list_tools()}
        try:
            refuse_unknown(arguments, takes.get(name, list(arguments)), "argument")
            return await super().call_tool(name, arguments, context)
        except UsageError as error:
            raise ToolError("; ".join(str(error).splitlines())) from error
        except ToolError as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            raise ToolError("; ".join(refusal_lines(error.__cause__.errors()))) from error


def create_mcp(config: Config) -> MCPServer:
    """The tools on one catalog, opened when the first client comes."""
    service = Service(config)

    @asynccontextmanager
    async def lifespan(_: MCPServer) -> AsyncIterator[None]:
        service.start()
        yield
        await service.close()

    server = _PlainSpoken(
        "plotseek", instructions=_INSTRUCTIONS, version=our_version(), lifespan=lifespan, log_level="WARNING"
    )
    _add_search(server, service)
    _add_recommend(server, service)
    _add_movie(server, service)
    return server


def _add_search(server: MCPServer, service: Service) -> None:
    @server.tool(annotations=_READS)
    async def search(
        context: Context,
        text: Text,
        filter: Filter = "",  # noqa: A002
        limit: Limit = 10,
        why: bool = False,
        seen: Seen | None = None,
    ) -> api.SearchAnswer:
        """Find films by what happens in them."""
        request = SearchRequest(text, filter=filter, limit=limit, why=why, seen=tuple(seen or ()))
        return await _answer(service, context, request, service.ask)

    @server.tool(annotations=_READS)
    async def similar(
        context: Context,
        id: FilmId,  # noqa: A002
        filter: Filter = "",  # noqa: A002
        limit: Limit = 10,
        seen: Seen | None = None,
    ) -> api.SearchAnswer:
        """Find films like this one."""
        request = SearchRequest(filter=filter, limit=limit, seen=tuple(seen or ()))
        return await _answer(service, context, request, partial(service.similar, id))


def _add_recommend(server: MCPServer, service: Service) -> None:
    @server.tool(annotations=_READS)
    async def recommend(
        context: Context,
        likes: Names | None = None,
        dislikes: Names | None = None,
        text: Text = "",
        filter: Filter = "",  # noqa: A002
        exclude: Names | None = None,
        limit: Limit = 10,
        seen: Seen | None = None,
        ratings: Ratings | None = None,
    ) -> api.SearchAnswer:
        """Find films for someone who likes and dislikes these, or whose ratings say it."""
        examples = tuple(likes or ()), tuple(dislikes or ())
        request = SearchRequest(text, *examples, filter=filter, exclude=tuple(exclude or ()), limit=limit)
        request = replace(request, seen=tuple(seen or ()), ratings=ratings or {})
        return await _answer(service, context, request, service.ask)


def _add_movie(server: MCPServer, service: Service) -> None:
    @server.tool(annotations=_READS)
    async def movie(id: FilmId) -> api.Film:  # noqa: A002
        """Everything the catalogue knows of one film."""
        return api.Film.model_validate_json(await _body(service, service.movie(id, _deadline(service))))


def _deadline(service: Service) -> Deadline:
    return Deadline(service.config.server.deadline)


async def _answer(service: Service, context: Context, request: SearchRequest, ask: Ask) -> api.SearchAnswer:
    """The answer to a question, which is counted by its cost."""

    async def charged() -> EncodedAnswer:
        _charge(context, request)
        return await ask(request, _deadline(service))

    return api.SearchAnswer.model_validate_json(await _body(service, charged()))


def _charge(context: Context, request: SearchRequest) -> None:
    """Count a question by its cost, where it came over HTTP; raises TooManyRequests."""
    if context.request_context.request is not None:
        context.request_context.request.state.charge(cost_of(request) - 1)


async def _body(service: Service, answer: Awaitable[EncodedAnswer]) -> bytes:
    """The JSON of an answer; errors in words that an assistant can act upon."""
    try:
        found = await answer
    except PlotseekError as error:
        raise ToolError(problem_of(error, str(service.config.store.path)).detail) from error
    return found.body or b""


def serve_stdio(config: Config) -> None:
    """Serve one assistant that started this process, until it closes its end."""
    create_mcp(config).run("stdio")


def create_mcp_app(config: Config) -> App:
    """The catalog for assistants over streamable HTTP at /mcp, behind the keys and limits of the service."""
    app = create_mcp(config).streamable_http_app(
        stateless_http=True,
        json_response=True,
        max_request_body_size=config.server.max_body,
        # Host and Origin are the authenticator's matter, which knows server.names.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return RequestMiddleware(_without_streams(app), Authenticator(config.server), config.server)


def _without_streams(app: App) -> App:
    """Refuse the stream of messages that a server without sessions has none for: it would be open for ever."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/mcp":
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
        else:
            await app(scope, receive, send)

    return answer
