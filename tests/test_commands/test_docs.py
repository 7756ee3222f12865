"""What is written holds: every command, option and setting is described, every link leads somewhere."""

import csv
import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from catalog.config import Config
from ingest.cli import main as ingest
from query.cli import main as query
from query.evaluation.cli import main as query_evaluate
from query.http.cli import main as query_server

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("benchmarks/*.md")])
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
COMMANDS: dict[str, click.Command] = {
    "ingest": ingest,
    "query": query,
    "query-evaluate": query_evaluate,
    "query-server": query_server,
    **{f"ingest {name}": command for name, command in ingest.commands.items()},
}
EVERYWHERE = {"--help", "--version", "--json", "--config"}


def test_every_command_and_option_is_described() -> None:
    missing = [name for name in COMMANDS if name not in TEXT]
    missing += [
        f"{name} {option}"
        for name, command in COMMANDS.items()
        for parameter in command.params
        if not getattr(parameter, "hidden", False)  # the old name of one that was renamed
        for option in parameter.secondary_opts or parameter.opts  # of --prune/--no-prune the one that changes something
        if option.startswith("--") and option not in EVERYWHERE and option not in TEXT
    ]
    assert missing == []


def setting_names(section: Any, before: str = "") -> list[str]:
    names: list[str] = []
    for item in fields(section):
        value = getattr(section, item.name)
        name = f"{before}{item.name}"
        names += setting_names(value, f"{name}.") if is_dataclass(value) else [name]
    return names


def test_every_setting_is_described() -> None:
    settings = (PROJECT / "config.yaml").read_text(encoding="utf-8")
    unexplained = [
        name
        for name in setting_names(Config())
        if not re.search(rf"^ +{name.rpartition('.')[2]}:.*# \S", settings, re.MULTILINE)
    ]
    assert unexplained == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_target_of_the_makefile_says_what_it_does() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert [name for name in phony[1].split() if not re.search(rf"^{name}:.*## \S", makefile, re.MULTILINE)] == []


def test_the_files_of_the_trials_are_what_they_are_called() -> None:
    script = (PROJECT / "docs" / "trials.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", script, re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks] == ["csv", "json", "json", "csv", "csv", "", "", "python"]
    shelf, kodi, mixed, watched, ratings, queries, judged, library = (text for _, text in blocks)
    assert [len(list(csv.reader(text.splitlines(), delimiter=";"))) for text in (shelf,)] == [5]
    assert [len(list(csv.DictReader(text.splitlines()))) for text in (watched, ratings)] == [3, 4]
    assert len(json.loads(kodi)["result"]["movies"]) == 3
    assert len(json.loads(mixed)) == 4
    asked = {json.loads(line)["_id"] for line in queries.splitlines()}
    assert asked == {line.split("\t")[0] for line in judged.splitlines()[1:]}
    compile(library, "library.py", "exec")
    for person in ("new user", "home operator", "developer", "analyst", "Somebody at the page"):
        tasks = re.search(rf"^## (?:The )?{person}$(.*?)(?=^## |\Z)", script, re.MULTILINE | re.DOTALL)
        assert tasks is not None
        assert len(re.findall(r"^\| \d+ \| .+ \| .+ \|$", tasks[1], re.MULTILINE)) == 12, person
