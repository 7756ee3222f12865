"""What is written about the service holds, and nothing of it is left out."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from catalog.config import ServerConfig
from query.http.app import create_app
from query.http.replies.names import ELSEWHERE
from query.models import SearchRequest
from tests.support.service import service, settings

PROJECT = Path(__file__).parents[2]
SERVICE = (PROJECT / "docs" / "service.md").read_text(encoding="utf-8")


def test_every_address_is_described(seed_store: Path) -> None:
    document = create_app(settings(seed_store)).openapi()
    addresses = {f"`{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert {address for address in addresses if address not in SERVICE} == set()


def test_everything_that_can_be_asked_is_described() -> None:
    assert [item.name for item in fields(SearchRequest) if f"`{item.name}`" not in SERVICE] == []


def test_names_of_other_engines_are_those_of_the_table() -> None:
    section = SERVICE.partition("## From Meilisearch or Typesense")[2].partition("\n## ")[0]
    rows = re.split(r"\n(?=\|)|\n\n", section)
    for name, (here, *_) in ELSEWHERE.items():
        assert here == "id" or any(f"`{name}" in row and f"`{here}" in row for row in rows), name


def test_every_setting_of_the_service_is_described() -> None:
    assert [item.name for item in fields(ServerConfig) if f"`{item.name}`" not in SERVICE] == []


@pytest.mark.parametrize("document", ["README.md", "docs/service.md"])
def test_the_examples_in_python_run(
    document: str, seed_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").symlink_to(seed_store)
    monkeypatch.chdir(tmp_path)
    with service(seed_store) as url:
        for example in re.findall(r"```python\n(.*?)```", (PROJECT / document).read_text(encoding="utf-8"), re.DOTALL):
            exec(example.replace("http://127.0.0.1:8080", url), {})  # noqa: S102
    assert "Star Trek: Generations\n" in capsys.readouterr().out
