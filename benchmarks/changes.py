"""A catalogue again: unchanged, in another order, and with 4 % of its films changed.

    python -m benchmarks.changes STORE FILE

STORE is the catalog of FILE with the bundled model; it is copied. Each run is the command in a process of its own, from
its start to its end. In the last one 1 % of the texts, the metadata of 1 %, 1 % gone and 1 % new films meet; beside it
stands the embedding of those 2 % of texts alone, with the model loaded before, in this process.
"""

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from catalog.config import EmbeddingConfig
from catalog.embedding.factory import open_configured
from catalog.movie import model_text
from ingest.mapping.mapper import detect, to_movie
from ingest.readers.row import Row

Films = list[dict[str, Any]]
_COUNTS = ("unchanged", "text_changed", "metadata_changed", "deleted", "added", "refused", "embedded")


def changed(films: Films, draw: random.Random) -> tuple[Films, Films]:
    """The catalogue with 4 % changed, and the films whose text is new."""
    share = len(films) // 100
    usable = [place for place, film in enumerate(films) if len(film["plot"]) > 40]  # no row that is refused
    chosen = draw.sample(usable, 4 * share)
    texts, metadata, gone, models = (chosen[start : start + share] for start in range(0, 4 * share, share))
    others = {place: films[place] | {"plot": _shuffled(films[place]["plot"], draw)} for place in texts}
    others |= {place: films[place] | {"votes": (films[place].get("votes") or 0) + 1} for place in metadata}
    new = [films[place] | {"id": f"new {place}", "plot": _shuffled(films[place]["plot"], draw)} for place in models]
    left_out = set(gone)
    kept = [others.get(place, film) for place, film in enumerate(films) if place not in left_out]
    return kept + new, [others[place] for place in texts] + new


def _shuffled(plot: str, draw: random.Random) -> str:
    """As long as it was, and another text."""
    words = plot.split()
    draw.shuffle(words)
    return " ".join([*words, "again"])


def ingest(store: Path, file: Path, *more: str) -> dict[str, Any]:
    """One run of the command; its report, with its seconds and those of the processors."""
    variables = {"PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": "bundled"}
    command = [sys.executable, "-m", "ingest", "--file", str(file), "--json", *more]
    busy, began = _busy(), perf_counter()
    answer = subprocess.run(command, env=os.environ | variables, check=True, stdout=subprocess.PIPE, text=True)
    seconds = perf_counter() - began
    return {**json.loads(answer.stdout), "seconds": seconds, "busy": _busy() - busy}


def _busy() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def embedding_alone(films: Films) -> float:
    """Seconds for these texts, the model being loaded and warm."""
    rows = [Row("", film) for film in films]
    fields = detect(rows)
    texts = [model_text(to_movie(row, fields), "{title} {plot}") for row in rows]
    embedder, _ = open_configured(EmbeddingConfig(model="bundled"))
    embedder.embed_documents(texts[:16])
    began = perf_counter()
    embedder.embed_documents(texts)
    return perf_counter() - began


def line(name: str, report: dict[str, Any]) -> None:
    counts = ", ".join(f"{report[name]} {name.replace('_', ' ')}" for name in _COUNTS if report[name])
    print(f"| {name} | {report['seconds']:.1f} s | {report['busy']:.1f} s | {counts} |", flush=True)


def measure(store: Path, file: Path, folder: Path) -> None:
    films: Films = json.loads(file.read_bytes())
    draw = random.Random(4)  # noqa: S311

    def written(name: str, content: Sequence[dict[str, Any]]) -> Path:
        path = folder / name
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        return path

    line("as it was, whatever the store knew", ingest(store, file))
    line("unchanged", ingest(store, file))
    draw.shuffle(films)
    line("in another order", ingest(store, written("order.json", films)))
    for place, name in ((0, "one film's votes, after a state of an earlier version"), (1, "another film's votes")):
        films[place] = films[place] | {"votes": 12345}
        line(name, ingest(store, written("votes.json", films)))
    other, texts = changed(films, draw)
    report = ingest(store, written("changed.json", other))
    line("4 % changed", report)
    expected = len(films) // 100
    assert {report[name] for name in ("text_changed", "metadata_changed", "deleted", "added")} == {expected}
    assert report["embedded"] == 2 * expected
    alone = embedding_alone(texts)
    print(f"| embedding those {len(texts)} texts alone | {alone:.1f} s | | |")
    print(f"| allowed: 1.5 times that, and 15 s | {1.5 * alone + 15:.1f} s | | {report['seconds']:.1f} s used |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    print("| run | time | processor | |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        shutil.copytree(options.store, store)
        measure(store, options.file, Path(folder))


if __name__ == "__main__":
    main()
