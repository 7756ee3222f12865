"""A real client session, over stdio and over HTTP, lists and calls every tool."""

import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters, stdio_client

from query.access import Role, make_key
from query.mcp_server import create_mcp_app
from tests.service import serving, settings

PROJECT = Path(__file__).parent.parent


async def talk(client: Client) -> None:
    """What an assistant does with it."""
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert sorted(tools) == ["movie", "recommend", "search", "similar"]
    assert all(tool.description and tool.annotations and tool.annotations.read_only_hint for tool in tools.values())

    found = await called(client, "search", {"text": "ghosts in New York", "limit": 2, "why": True})
    assert found["results"][0]["title"] in {"Ghostbusters", "Ghostbusters II"}
    assert found["results"][0]["why"]["lanes"]

    similar = await called(client, "similar", {"id": "5", "limit": 1})
    assert [film["title"] for film in similar["results"]] == ["Ghostbusters II"]

    liked = await called(client, "recommend", {"likes": ["Ghostbusters"], "dislikes": ["soap"], "exclude": ["1"]})
    assert liked["query"] == {"like": ["Ghostbusters"], "unlike": ["soap"]}

    film = await called(client, "movie", {"id": "1"})
    assert (film["id"], film["title"]) == ("1", "Star Trek: Generations")

    wrong = await client.call_tool("movie", {"id": "tmdb:1"})
    assert wrong.is_error
    assert "no film has the id 'tmdb:1'" in str(wrong.content)
    assert (await client.call_tool("search", {"text": "ship", "limit": 5000})).is_error


async def called(client: Client, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    answer = await client.call_tool(name, arguments)
    assert not answer.is_error, answer.content
    assert isinstance(answer.structured_content, dict)
    return answer.structured_content


def test_stdio(seed_store: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "query.server_cli", "--mcp", "stdio"],
        env={"PLOTSEEK_STORE_PATH": str(seed_store), "PLOTSEEK_EMBEDDING_MODEL": "bundled"},
        cwd=PROJECT,
    )

    async def session() -> None:
        async with Client(stdio_client(server)) as client:
            await talk(client)

    anyio.run(session)


def test_http(seed_store: Path) -> None:
    config = settings(seed_store)
    with serving(create_mcp_app(config), config) as url:

        async def session() -> None:
            async with Client(f"{url}/mcp") as client:
                await talk(client)

        anyio.run(session)


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


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example"])
def test_http_refuses_foreign_hosts(seed_store: Path, host: str) -> None:
    config = settings(seed_store)
    with serving(create_mcp_app(config), config) as url:
        assert httpx.post(f"{url}/mcp", json={}, headers={"Host": host}).status_code == 400
