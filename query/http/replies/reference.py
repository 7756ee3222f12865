"""The page at /docs: the OpenAPI document as plain HTML, which needs no script and loads nothing from elsewhere."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

Document = Mapping[str, Any]

_HEAD = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>plotseek: the addresses</title>
  <link rel="icon" href="static/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="static/base.css">
  <link rel="stylesheet" href="static/reference.css">
</head>
<body>
<main class="reference">
"""
_LEAD = """<h1>plotseek {version}</h1>
<p>The addresses of this service. <a href="openapi.json">openapi.json</a> says the same for programs, <a
href="static/plotseek.js">static/plotseek.js</a> is a client for JavaScript, <a href="./">the page</a> is for people.
Where the service wants a key: <code>Authorization: Bearer KEY</code>.</p>
<p>In addresses and in bodies <code>q</code> and <code>text</code>, <code>like</code> and <code>likes</code>,
<code>dislike</code> and <code>dislikes</code> mean the same. What is not known is left out of answers. Errors are
problem details (RFC 9457): <code>detail</code> says in a line what is wrong and what to do.</p>
"""


def reference_page(document: Document) -> str:
    """The whole page."""
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    index = "".join(
        f'<li><a href="#{_anchor(method, path)}"><code>{method} {escape(path)}</code></a> {_summary(operation)}</li>'
        for method, path, operation in operations
    )
    sections = "".join(_section(document, *each) for each in operations)
    lead = _LEAD.format(version=escape(document["info"]["version"]))
    return f"{_HEAD}{lead}<nav><ul>{index}</ul></nav>\n{sections}</main>\n</body>\n</html>\n"


def _anchor(method: str, path: str) -> str:
    return f"{method}-{''.join(letter if letter.isalnum() else '-' for letter in path)}".lower()


def _summary(operation: Document) -> str:
    return escape(operation.get("description", "").partition("\n")[0])


def _section(document: Document, method: str, path: str, operation: Document) -> str:
    asked = [_asked(document, each["name"], each["schema"], each) for each in operation.get("parameters", ())]
    parts = [f'<section id="{_anchor(method, path)}"><h2><code>{method} {escape(path)}</code></h2>']
    parts.append(f"<p>{escape(operation.get('description', ''))}</p>")
    if asked:
        parts.append(_table("in the address", asked))
    for name, shape in _bodies(document, operation):
        required = shape.get("required", ())
        fields = [
            _asked(document, field, schema, {"required": field in required})
            for field, schema in shape.get("properties", {}).items()
        ]
        parts.append(_table(name, fields))
        parts += [f"<pre>{_as_json(example)}</pre>" for example in shape.get("examples", ())]
    parts.append(_answers(document, operation))
    return "".join([*parts, "</section>\n"])


def _bodies(document: Document, operation: Document) -> Iterable[tuple[str, Document]]:
    """What may be sent, each shape once."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    for name, shape in _shapes(document, content["schema"]) if content else ():
        yield f"in the body: {name}", shape


def _answers(document: Document, operation: Document) -> str:
    said = []
    for status, response in operation["responses"].items():
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        names = " or ".join(name for name, _ in _shapes(document, schema))
        fields = [field for _, shape in _shapes(document, schema) for field in shape.get("properties", {})]
        shown = f" {escape(names)}: {', '.join(f'<code>{escape(each)}</code>' for each in fields)}" if names else ""
        said.append(f"<li><code>{escape(status)}</code> {escape(response.get('description', ''))}{shown}</li>")
    return f"<h3>answers</h3><ul>{''.join(said)}</ul>"


def _shapes(document: Document, schema: Document) -> list[tuple[str, Document]]:
    """The named shapes that a schema is, or of which it is a list."""
    if name := schema.get("$ref", "").rpartition("/")[2]:
        return [(name, document["components"]["schemas"][name])]
    inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ())] or ([schema["items"]] if "items" in schema else [])
    found = {name: shape for each in inner for name, shape in _shapes(document, each)}
    return list(found.items())


def _asked(document: Document, name: str, schema: Document, about: Document) -> tuple[str, str, str]:
    """Name, kind and meaning of one thing that can be asked."""
    meaning = about.get("description") or schema.get("description", "")
    default = schema.get("default")
    more = "required" if about.get("required") else "" if default in (None, "", [], {}) else f"default {default}"
    examples = [json.dumps(each, ensure_ascii=False) for each in schema.get("examples", ())]
    parts = [meaning, *(f"for one {each}" for each in examples[:1]), more]
    return name, _kind(document, schema), "; ".join(part for part in parts if part)


def _kind(document: Document, schema: Document) -> str:
    """`whole number, 1 to 1000`"""
    if "anyOf" in schema:
        return " or ".join(
            dict.fromkeys(_kind(document, each) for each in schema["anyOf"] if each.get("type") != "null")
        )
    words = {
        "string": "text",
        "number": "number",
        "integer": "whole number",
        "boolean": "true or false",
        "array": "list",
    }
    kind = words.get(schema.get("type", ""), "object")
    low, high = schema.get("minimum"), schema.get("maximum")
    return kind if low is None or high is None else f"{kind}, {low:g} to {high:g}"


def _table(caption: str, rows: Iterable[tuple[str, str, str]]) -> str:
    lines = "".join(
        f"<tr><th><code>{escape(name)}</code></th><td>{escape(kind)}</td><td>{escape(meaning)}</td></tr>"
        for name, kind, meaning in rows
    )
    return f"<h3>{escape(caption)}</h3><table>{lines}</table>"


def _as_json(value: object) -> str:
    return escape(json.dumps(value, ensure_ascii=False, indent=2))
