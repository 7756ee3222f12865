"""Names from files and servers give a terminal no orders, whichever command prints them."""

import json
from pathlib import Path

import pytest

from catalog.printable import visible
from tests.test_commands.test_cli import run_ingest, run_query

CLEAR = "\x1b[2J\x9b1m\udcff\u202e"
SPELT = r"\u001b[2J\u009b1m\udcff\u202e"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(CLEAR, SPELT), ("Amélie\t1\n", "Amélie\t1\n"), ("\r\x07", r"\u000d\u0007"), ("नमस्ते 👩‍🚀", "नमस्ते 👩‍🚀")],
)
def test_what_cannot_be_seen_is_spelt(text: str, expected: str) -> None:
    assert visible(text) == expected
    assert json.loads(visible(json.dumps(text, ensure_ascii=False))) == text


def test_names_of_files_columns_and_runs(tmp_path: Path) -> None:
    store, path = tmp_path / "store", tmp_path / f"{CLEAR}.jsonl"
    path.write_text(json.dumps({"title": "Alien", "plot": "A ship.", "rating\x1b[\u202e": 8}) + "\n", encoding="utf-8")
    store.mkdir()
    missing = run_ingest(store, "--file", str(tmp_path / CLEAR))
    assert missing.stderr.splitlines()[-1] == f"ingest: no file matches {tmp_path}/{SPELT}"
    assert r"from rating\u001b[\u202e: 8" in run_ingest(store, "--file", str(path), "--dry-run").stdout
    mapping = json.loads(run_ingest(store, "--file", str(path), "--dry-run", "--json").stdout)["mapping"]
    assert ["rating\x1b[\u202e"] in [found["sources"] for found in mapping]
    assert f"  failed       {tmp_path}/{SPELT}, " in run_ingest(store, "status").stdout


def test_a_question_is_echoed_as_it_is_read(seed_store: Path) -> None:
    shown = run_query(seed_store, f"ghosts {CLEAR[:-2]}", "--json", "--limit", "1").stdout
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert json.loads(shown)["query"] == f"ghosts {CLEAR[:-2]}"
