"""Pages elsewhere: which may ask from a browser, and what the others are told."""

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from catalog.errors import NotAllowed
from query.problems import MEDIA_TYPE, problem_of

_METHODS = ("GET", "POST", "PUT", "DELETE")
_HEADERS = ("Authorization", "X-API-Key", "Content-Type", "If-None-Match")


def page_refused(origin: str) -> NotAllowed:
    """The error for a page of an origin that may not ask."""
    return NotAllowed(f"pages of {origin[:100]!r} may not ask; server.cors_origins lists those that may")


class OtherPages(CORSMiddleware):
    """Answers what browsers ask first, before a page's script asks the service of another origin."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        super().__init__(
            app,
            allow_origins=list(origins),
            allow_methods=_METHODS,
            allow_headers=_HEADERS,
            expose_headers=["ETag", "X-Catalog-Generation", "Retry-After"],
            max_age=3600,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """403 with what is in the way, instead of the framework's 400."""
        answer = super().preflight_response(request_headers)
        if answer.status_code == 200:
            return answer
        error = page_refused(request_headers["origin"])
        if self.is_allowed_origin(request_headers["origin"]):
            error = NotAllowed(f"pages may ask with {', '.join(_METHODS)}, and with the headers {', '.join(_HEADERS)}")
        problem = problem_of(error)
        return Response(problem.body(), problem.status, {"Vary": answer.headers["Vary"]}, MEDIA_TYPE)
