"""Whoever installed no extra is told in a line what to run."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from catalog.extras import EXTRAS, install_command

PROJECT = Path(__file__).parents[2]


def without(module: str, script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a script where a module is not installed."""
    hidden = f"import sys; sys.modules[{module!r}] = None; sys.argv[1:] = {list(arguments)!r}; {script}"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize(
    ("module", "script", "arguments", "said", "extra"),
    [
        ("prometheus_client", "from query.http.cli import main; main()", (), "query-server", "server"),
        ("fastapi", "from query.http.cli import main; main()", ("--workers", "2"), "query-server", "server"),
        ("mcp", "from query.http.cli import main; main()", ("--mcp", "stdio"), "query-server", "server"),
        ("ir_measures", "from query.evaluation.cli import main; main()", (".",), "query-evaluate", "evaluate"),
        ("pyarrow", "from ingest.cli import main; main()", ("films.parquet",), "films.parquet: Parquet", "parquet"),
    ],
)
def test_a_missing_extra_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    script: str,
    arguments: tuple[str, ...],
    said: str,
    extra: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films.parquet").write_bytes(b"PAR1, not looked at")
    refused = without(module, f"sys.argv[0] = 'plotseek'; {script}", *arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.endswith(f": {said} needs {module}; run: {install_command(extra)}\n")
    assert len(refused.stderr.splitlines()) == 1


def test_the_command_names_the_folder_and_this_python() -> None:
    assert install_command("server") == f'{sys.executable} -m pip install "{PROJECT}[server]"'


def modules(line: str) -> tuple[str, ...]:
    """The modules that a line of requirements brings."""
    name, extra = re.fullmatch(r"([\w-]+)(?:\[([\w,]+)\])?.*", line).groups()  # type: ignore[union-attr]
    return EXTRAS.get(extra, ()) if name == "plotseek" else (name.replace("-", "_"),)


def test_every_extra_for_users_is_known_by_its_modules() -> None:
    written = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {
        extra: sorted(name for line in lines for name in modules(line))
        for extra, lines in written["optional-dependencies"].items()
    }
    assert {extra: names[extra] for extra in EXTRAS} == {extra: sorted(modules) for extra, modules in EXTRAS.items()}
    assert set(names) - set(EXTRAS) <= {"dev", "notebook", "peers"}
