"""Opened films are of one process: another one opens its own, or is told so."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from plotseek import Plotseek

PROJECT = Path(__file__).parents[2]
_IN_A_CHILD = """
import sys
from multiprocessing import get_context
from plotseek import Plotseek, UsageError

films = Plotseek(sys.argv[1])

def title(question):
    try:
        if question == "fill":
            films.ingest([{"title": "Tug", "plot": "A tug."}])
        return films.search(question, limit=1)[0].movie.title
    except UsageError as error:
        return str(error)

def child(question):
    with get_context("fork").Pool(1) as pool:
        print(pool.apply_async(title, [question]).get(60))

child("ghosts")
films.search("ghosts")
child("ghosts")
child("fill")
"""


def test_a_forked_process_is_told_to_open_its_own(seed_store: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IN_A_CHILD, str(seed_store)], capture_output=True, text=True, cwd=PROJECT, timeout=120
    )
    told = "these films were opened in another process: make a new Plotseek here, or use the start method spawn"
    assert done.stdout.splitlines() == ["Ghostbusters", told, told]


def test_pickled_and_copied_films_are_opened_anew(seed_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(seed_store.parent)
    with Plotseek(seed_store.name, settings={"search.limit": 2}) as films:
        films.search("ghosts")
        kept = pickle.dumps(films)
        monkeypatch.chdir("/")
        for other in (pickle.loads(kept), copy.deepcopy(Plotseek(seed_store, settings={"search.limit": 2}))):  # noqa: S301
            with other:
                assert (other.path, len(other.search("ghosts", all=True))) == (seed_store, 2)


def test_another_model_than_the_catalogs_is_told_once(seed_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Plotseek(seed_store, settings={"embedding.model": "bundled-multilingual"}) as films:
        films.search("ghosts")
        films.embed("ghosts")
    told = "was built with bundled, which is used; embedding.model is bundled-multilingual"
    there = "ingest(FILE, rebuild=True) moves the catalog to it"
    assert capsys.readouterr().err == f"{seed_store}: {told}: {there}\n"
    with Plotseek(seed_store, settings={"embedding.model": "bundled"}) as films:
        films.search("ghosts")
    assert capsys.readouterr().err == ""
