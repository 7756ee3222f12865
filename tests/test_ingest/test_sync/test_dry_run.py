"""What a dry run tells of long stories."""

import json
from pathlib import Path

from catalog.config import load_config
from catalog.text.passages import passages
from ingest.run import Request, run
from ingest.sync.dry_run import dry_run

TINY = str(Path(__file__).parents[2] / "fixtures" / "jina-tiny")
STORY = " ".join(
    f"On day {day} the two of them walk on to the next village and wait for the post." for day in range(30)
)


def test_a_dry_run_tells_how_many_passages_there_are_to_embed(tmp_path: Path) -> None:
    path = tmp_path / "films.jsonl"
    film = {"id": "1", "title": "Post", "plot": "Two people wait.", "synopsis": STORY}
    path.write_text(json.dumps(film) + "\n", encoding="utf-8")
    config = load_config(None, {"PLOTSEEK_STORE_PATH": str(tmp_path / "store"), "PLOTSEEK_EMBEDDING_MODEL": "bundled"})
    told = len(passages(STORY))
    found = dry_run(config, Request(str(path)))
    assert (found.to_embed, found.passages_to_embed) == (1 + told, told)
    assert found.estimated_seconds is not None
    assert any(
        line.startswith(f"{1 + told} texts to embed ({told} passages of long stories and German plots)")
        for line in found.lines()
    )
    assert run(config, Request(str(path))).embedded == 1 + told
    assert dry_run(config, Request(str(path))).passages_to_embed == 0


def test_a_dry_run_tells_german_plots_to_a_model_that_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "films.jsonl"
    film = {"id": "1", "title": "Post", "plot": "Two people wait.", "plot_de": "Zwei Leute warten."}
    path.write_text(json.dumps(film) + "\n", encoding="utf-8")
    for model, told in (("bundled", 0), (TINY, 1)):
        store = {"PLOTSEEK_STORE_PATH": str(tmp_path / f"store{told}"), "PLOTSEEK_EMBEDDING_MODEL": model}
        found = dry_run(load_config(None, store), Request(str(path)))
        assert (found.to_embed, found.passages_to_embed) == (1 + told, told)
        assert run(load_config(None, store), Request(str(path))).embedded == 1 + told
