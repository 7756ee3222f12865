"""What the framework found wrong with a request, in our words. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from query.http.replies.names import as_given

_MOST = 20
"""Lines: more are no help, and would be longer than the request."""
_LONGEST = 60
"""Characters of what was sent."""
_PLACES = frozenset({"body", "query", "path", "header", "one", "several"})
"""Parts of a place that are the framework's, not the client's."""

_FORMS = {"sort": '"-year"', "filter": '"year>=1980 genre:Horror"'}
"""Of texts that other engines have lists for."""
_CHOICES = re.compile(r"\^\(([a-z|]+)\)\$")

_KINDS = {
    "missing": "is missing",
    "json_invalid": "is no JSON that can be read",
    "model_attributes_type": 'must be an object, as in {{"text": "a ship"}}',
    "model_type": 'must be an object, as in {{"text": "a ship"}}',
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "string_type": "must be a text",
    "string_too_long": "is longer than the {max_length} characters that are allowed",
    "string_too_short": "is shorter than {min_length} characters",
    "string_pattern_mismatch": "must look like {pattern}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "greater_than_equal": "must be {ge} or more",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be {le} or less",
    "less_than": "must be less than {lt}",
    "too_long": "has {actual_length} entries; allowed are {max_length}",
    "too_short": "needs {min_length} or more entries",
    "value_error": "{error}",
}


def refusal_lines(errors: Iterable[Mapping[str, Any]], asked: object = None) -> list[str]:
    """A line for each part of a request that is wrong: where, as it was `asked`, what it must be, and what was sent."""
    lines = [_line(error, asked) for error in errors]
    return list(dict.fromkeys(lines))[:_MOST]


def _line(error: Mapping[str, Any], asked: object) -> str:
    kind, context = error["type"], {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    location = list(error["loc"])
    if location[1:2] == ["several"] and len(location) > 2:
        question = asked[location[2]] if isinstance(asked, list) else asked
        return f"question {location[2] + 1}: {_line({**error, 'loc': location[3:]}, question)}"
    place = [str(part) for part in location if part not in _PLACES and kind != "json_invalid"]
    where = ".".join([*(as_given(name, asked) for name in place[:1]), *place[1:]])[:100] or "the body"
    said = _KINDS.get(kind, "is not what is expected here").format_map(context)
    if choices := _CHOICES.fullmatch(str(context.get("pattern", ""))):
        said = f"must be {choices[1].replace('|', ' or ')}"
    if kind == "string_type" and where in _FORMS:
        said += f", as in {_FORMS[where]}"
    if kind == "value_error" and not place:
        return said
    return f"{where} {said}{_sent(error) if place and kind not in ('missing', 'value_error') else ''}"


def _plain(value: Any) -> Any:
    """60.0 as 60."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sent(error: Mapping[str, Any]) -> str:
    value = error.get("input")
    if not isinstance(value, str | int | float) or error["type"].startswith("string_too"):
        return ""
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return f", not {shown if len(shown) <= _LONGEST else shown[:_LONGEST] + '…'}"
