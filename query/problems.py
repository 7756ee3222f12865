"""Errors over HTTP: RFC 9457 problem details, with the same words as on the command line. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from catalog.errors import JournalFull, Overloaded, PlotseekError, TooManyRequests, UsageError

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:plotseek:"
INVALID = "invalid-request"
"""What the framework finds wrong with a parameter or a field."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong with one request."""

    status: int
    name: str
    """`movie-not-found`"""
    detail: str
    headers: Mapping[str, str]
    errors: tuple[str, ...] = ()
    """Where several parts of a request are wrong: one line each."""

    def body(self) -> bytes:
        title = self.name.replace("-", " ").capitalize()
        values: dict[str, Any] = {"type": f"{PREFIX}{self.name}", "title": title, "status": self.status}
        values["detail"] = self.detail
        if self.errors:
            values["errors"] = list(self.errors)
        return json.dumps(values, ensure_ascii=False).encode("utf-8", "replace")


def problem_of(error: PlotseekError, root: str = "") -> Problem:
    """An error as a problem; the catalog's folder, `root`, is nobody's business but the operator's."""
    detail = " ".join(str(error).split())
    if root and error.http_status >= 500:  # others repeat what was asked, which may hold the same letters
        detail = re.sub(rf"(?<![\w/.-]){re.escape(root)}(?![\w.-])", "catalog", detail)
    headers: dict[str, str] = {}
    if isinstance(error, JournalFull | Overloaded | TooManyRequests):
        headers["Retry-After"] = str(getattr(error, "retry_after", 1))
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    lines = error.lines if isinstance(error, UsageError) else ()
    return Problem(error.http_status, name_of(type(error)), detail, headers, lines)


def plain_problem(status: int, name: str, detail: str, errors: Sequence[str] = ()) -> Problem:
    """A problem that the framework found: no such page, a wrong parameter ..."""
    return Problem(status, name, detail, {}, tuple(errors))


def status_name(status: int) -> str:
    """404 -> `not-found`"""
    try:
        return HTTPStatus(status).phrase.lower().replace(" ", "-")
    except ValueError:
        return "problem"


def name_of(kind: type[PlotseekError]) -> str:
    """`MovieNotFound` -> `movie-not-found`"""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower()


def error_of(body: Mapping[str, Any]) -> PlotseekError | None:
    """The error that a problem was made of; None for what no program can have asked for by mistake."""
    name = str(body.get("type", "")).removeprefix(PREFIX)
    if name == INVALID:
        return UsageError(str(body.get("detail", "")))
    kinds = _kinds(PlotseekError)
    return kinds[name](str(body.get("detail", ""))) if name in kinds else None


def _kinds(kind: type[PlotseekError]) -> dict[str, type[PlotseekError]]:
    found = {name_of(kind): kind}
    for below in kind.__subclasses__():
        found |= _kinds(below)
    return found
