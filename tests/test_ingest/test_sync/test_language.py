"""Which model a catalogue's language asks for, where the configured one cannot be had."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.config import Config, load_config
from catalog.embedding.bundled import has_multilingual
from ingest.run import Request, run
from ingest.sync.language import spread

ENGLISH = "The keeper of the lighthouse finds a letter that was written by his daughter."
GERMAN = "Der W\u00e4rter des Leuchtturms findet einen Brief, den seine Tochter geschrieben hat."


def settings(folder: Path, model: str) -> Config:
    return load_config(None, {"PLOTSEEK_STORE_PATH": str(folder / "store"), "PLOTSEEK_EMBEDDING_MODEL": model})


def source(folder: Path, *plots: str) -> Request:
    path = folder / "films.json"
    path.write_text(json.dumps([{"id": str(n), "title": f"Film {n}", "plot": plot} for n, plot in enumerate(plots)]))
    return Request(str(path))


def test_items_are_spread_evenly() -> None:
    assert spread(range(3), 5) == [0, 1, 2]
    assert spread(range(10), 5) == [0, 2, 4, 6, 8]
    assert spread(range(100), 5) == [0, 16, 32, 48, 64, 80, 96]
    assert spread([], 5) == []


@pytest.mark.slow
@pytest.mark.skipif(not has_multilingual(), reason="needs the extra multilingual")
def test_the_fallback_for_a_new_catalog_reads_what_most_plots_are_written_in(tmp_path: Path) -> None:
    # The beginning is English: the plots are taken from all over the file, however little of it is read.
    said: list[str] = []
    request = replace(source(tmp_path, *[ENGLISH] * 1100, *[GERMAN] * 1300), limit=3)
    report = run(settings(tmp_path, "./nowhere/at/all"), request, notify=said.append)
    assert report.model == "bundled-multilingual"
    assert said[0].startswith("using the bundled model multilingual-e5-small (most plots are not English) instead of ")


@pytest.mark.slow
def test_the_owner_of_a_german_catalog_by_the_english_model_is_told_and_keeps_it(tmp_path: Path) -> None:
    said: list[str] = []
    report = run(settings(tmp_path, "bundled"), source(tmp_path, GERMAN, GERMAN, ENGLISH), notify=said.append)
    assert report.model == "bundled"
    (note,) = [line for line in said if line.startswith("most plots are not English, and bundled reads English only: ")]
    assert note.endswith("set embedding.model: bundled-multilingual, and run 'ingest FILE --rebuild'")
