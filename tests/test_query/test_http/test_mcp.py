"""A real client session, over stdio and over HTTP, lists and calls every tool."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client, MCPError, StdioServerParameters, stdio_client

from query.http.auth import Role, make_key
from query.http.mcp import create_mcp_app
from tests.support.service import serving, settings

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[3]


@dataclass
class Heard:
    """What a session brought."""

    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name -> JSON schema of the arguments."""
    instructions: str = ""
    titles: dict[str, list[str]] = field(default_factory=dict)
    """Titles of the films, by tool."""
    refused: list[str] = field(default_factory=list)
    """What wrong calls were told, in order."""


CALLS: dict[str, dict[str, Any]] = {
    "search": {"text": "soap and a secret club", "limit": 1, "why": True},
    "similar": {"id": "5", "limit": 1},
    "recommend": {
        "likes": ["Ghostbusters"],
        "dislikes": ["soap"],
        "text": "funny",
        "exclude": ["1"],
        "limit": 1,
        "seen": ["Fight Club"],
        "ratings": {"Pulp Fiction": 2},
    },
    "movie": {"id": "1"},
}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("movie", {"id": "tmdb:1"}, "no film has the id 'tmdb:1'"),
    ("movie", {}, "id is missing"),
    ("movie", {"id": "x" * 201}, "id is longer than the 200 characters that are allowed"),
    ("similar", {"id": "../status"}, "no film has the id or title '../status'"),
    ("similar", {"id": ["5"]}, "id must be a text"),
    ("search", {"text": "ship", "limit": 5000}, "limit must be 1000 or less, not 5000"),
    ("search", {"text": " "}, "say what to look for"),
    ("search", {"text": "ship", "filter": "gnre:Horror"}, "did you mean 'genre'?"),
    ("search", {"text": "x" * 1001}, "text is longer than the 1000 characters that are allowed"),
    ("recommend", {"likes": ["Ghostbuster"]}, "did you mean 'Ghostbusters' or 'Ghostbusters II'?"),
    ("recommend", {"likes": ["a"] * 101}, "likes has 101 entries; allowed are 100"),
    ("recommend", {"likes": []}, "say what to look for"),
    ("recommend", {"ratings": {"Lost": 9}}, "of 1 rated films the catalog has 0"),
    ("search", {"text": "ship", "seen": ["a"] * 10_001}, "seen has 10001 entries; allowed are 10000"),
    ("search", {"text": "ship", "limt": 1}, "unknown argument 'limt'; did you mean 'limit'?"),
    ("search", {"query": "ship"}, "unknown argument 'query'; did you mean 'text'?"),
    ("movie", {"title": "Alien"}, "unknown argument 'title'; did you mean 'id'?"),
    ("delete", {"id": "1"}, "Unknown tool"),
]


async def talk(client: Client) -> Heard:
    """Call every tool, rightly and wrongly."""
    heard = Heard(instructions=client.instructions or "")
    for tool in (await client.list_tools()).tools:
        assert tool.description
        assert tool.annotations
        assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (True, False)
        heard.tools[tool.name] = tool.input_schema
    for name, arguments in CALLS.items():
        answer = await client.call_tool(name, arguments)
        assert not answer.is_error, answer.content
        found = answer.structured_content
        assert isinstance(found, dict)
        heard.titles[name] = [film["title"] for film in found.get("results", [found])]
    for name, arguments, _ in WRONG:
        heard.refused.append(await refusal(client, name, arguments))
    return heard


async def refusal(client: Client, name: str, arguments: dict[str, Any]) -> str:
    try:
        answer = await client.call_tool(name, arguments)
    except MCPError as error:
        return str(error)
    return str(answer.content) if answer.is_error else "nothing was refused"


def assert_all_was_said(heard: Heard, store: Path) -> None:
    assert sorted(heard.tools) == ["movie", "recommend", "search", "similar"]
    assert heard.tools["similar"]["required"] == ["id"]
    assert "searched by what happens" in heard.instructions
    assert heard.titles == {
        "search": ["Fight Club"],
        "similar": ["Ghostbusters II"],
        "recommend": ["Ghostbusters II"],
        "movie": ["Star Trek: Generations"],
    }
    for told, (_, _, expected) in zip(heard.refused, WRONG, strict=True):
        assert expected in told
        assert str(store) not in told
        assert "Traceback" not in told


def test_stdio(seed_store: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "query.http.cli", "--mcp", "stdio"],
        env={"PLOTSEEK_STORE_PATH": str(seed_store), "PLOTSEEK_EMBEDDING_MODEL": "bundled"},
        cwd=PROJECT,
    )

    async def session() -> Heard:
        async with Client(stdio_client(server)) as client:
            return await talk(client)

    assert_all_was_said(anyio.run(session), seed_store)


def test_http(seed_store: Path) -> None:
    config = settings(seed_store)
    with serving(create_mcp_app(config), config) as url:

        async def session() -> Heard:
            async with Client(f"{url}/mcp") as client:
                return await talk(client)

        heard = anyio.run(session)
    assert_all_was_said(heard, seed_store)


def test_http_wants_the_same_keys(seed_store: Path, tmp_path: Path) -> None:
    key = make_key(tmp_path / "keys", "assistant", Role.READ)
    config = settings(seed_store, keys_file=tmp_path / "keys", require_key="always")
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream"}
    with serving(create_mcp_app(config), config) as url:
        refused = httpx.post(f"{url}/mcp", json=body, headers=headers)
        allowed = httpx.post(f"{url}/mcp", json=body, headers={**headers, "Authorization": f"Bearer {key}"})
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:plotseek:access-denied")
    assert allowed.status_code == 200
    assert len(allowed.json()["result"]["tools"]) == 4


def test_dear_questions_count_by_their_cost(seed_store: Path, tmp_path: Path) -> None:
    """Of a key: on this machine nothing is counted without one."""
    key = make_key(tmp_path / "keys", "assistant", Role.READ)
    config = settings(seed_store, keys_file=tmp_path / "keys", rate_limit=0.001, burst=12)
    headers = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {key}"}

    def call(arguments: dict[str, Any]) -> httpx.Response:
        parameters = {"name": "search", "arguments": arguments}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters}
        return httpx.post(f"{url}/mcp", json=body, headers=headers, timeout=20)

    with serving(create_mcp_app(config), config) as url:
        answers = [call({"text": "ship", "why": True}), call({"text": "ship", "why": True}), call({"text": "ship"})]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    results = [answer.json()["result"] for answer in answers[:2]]
    assert [result.get("isError", False) for result in results] == [False, False]


def test_nobody_can_hold_a_stream_open(seed_store: Path) -> None:
    """A server without sessions has nothing to say on one; a client does without it."""
    config = settings(seed_store)
    with serving(create_mcp_app(config), config) as url:
        refused = httpx.get(f"{url}/mcp", headers={"Accept": "text/event-stream"}, timeout=5)
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example"])
def test_http_refuses_foreign_hosts(seed_store: Path, host: str) -> None:
    config = settings(seed_store)
    with serving(create_mcp_app(config), config) as url:
        assert httpx.post(f"{url}/mcp", json={}, headers={"Host": host}).status_code == 403
