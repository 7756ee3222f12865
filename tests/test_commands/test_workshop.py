"""docs/workshop.ipynb runs from its first cell to its last, and shows what it says."""

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

PROJECT = Path(__file__).parents[2]
WORKSHOP = PROJECT / "docs" / "workshop.ipynb"


def read() -> Any:
    return nbformat.read(WORKSHOP, as_version=4)  # type: ignore[no-untyped-call]


def shown(cell: Any) -> str:
    """What a cell printed, said on stderr, or gave back as text and as HTML."""
    parts = [[output.get("text", ""), *map(str, output.get("data", {}).values())] for output in cell.outputs]
    return "\n".join(part for found in parts for part in found)


def test_it_is_kept_without_outputs() -> None:
    cells = [cell for cell in read().cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells if cell.outputs or cell.execution_count is not None] == []


def test_opened_elsewhere_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = next(cell.source for cell in read().cells if cell.cell_type == "code")
    with pytest.raises(
        SystemExit, match=rf"^no movies.json in {tmp_path} or above: open this notebook where .* docs/$"
    ):
        exec(first, {})  # noqa: S102


@pytest.mark.slow
def test_it_runs_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = read()
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": WORKSHOP.parent}}
    )
    client.execute()
    said = {cell.source.split("\n")[0]: shown(cell) for cell in notebook.cells if cell.cell_type == "code"}
    assert "(384,)" in said['ship = films.embed("I want a movie with space ships")']
    assert "(200, 0)" in said["report = films.ingest(movies)"]
    assert "<td>Ghostbusters II</td>" in said['films.similar("Ghostbusters", plain=True, limit=5)']
    assert "Nosferatu" in said["remote.ingest(movies.head(20))"]
    assert float(said["from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer"]) > 0.999
    assert "<Figure size" in said["drawn = films.map()"]
    explained = 'found = films.search("a German film about a man who is hunted", limit=5, why=True)'
    assert "country:Germany" in said[explained]
