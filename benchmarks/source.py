"""How fast a catalogue file becomes movies, and in how much memory.

    python -m benchmarks.source [--rows 1000000] [--file FILE] [--only plan]

Each line is a process of its own, so that its peak memory is its own. Peers read the same bytes: `json.load` and
ijson give rows, ours gives rows, then movies, then what a run would do with them.
"""

import argparse
import csv
import gzip
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from catalog.errors import RowRefused
from ingest.mapping.mapper import detect, to_movie
from ingest.readers.source import open_rows
from ingest.sync.plan import Tally, plan
from ingest.sync.rejects import Refusals, RowReader
from ingest.sync.row_cache import Before

WORDS = ["a", "the", "of", "ship", "storm", "letter", "city", "girl", "stranger", "night", "war", "secret", "island"]
GENRES = ["Drama", "Comedy", "Science Fiction", "Thriller", "Western", "Animation"]


def films(count: int) -> Iterator[dict[str, Any]]:
    """Generated films with plots of 15 to 60 words."""
    draw = random.Random(7)  # noqa: S311 - not a secret
    for number in range(count):
        yield {
            "id": number,
            "title": " ".join(draw.choices(WORDS, k=3)).title(),
            "plot": " ".join(draw.choices(WORDS, k=draw.randint(15, 60))).capitalize() + ".",
            "year": draw.randint(1920, 2025),
            "genres": draw.sample(GENRES, k=2),
            "directors": [f"Director {draw.randint(1, 40_000)}"],
            "languages": ["English"],
            "rating": draw.randint(10, 100) / 10,
            "votes": draw.randint(5, 3_000_000),
            "imdb_id": f"tt{number:07}",
        }


def write(folder: Path, count: int) -> Iterator[Path]:
    """The same films as a JSON array, JSON lines, packed JSON lines and CSV."""
    lines = folder / "films.jsonl"
    with lines.open("w") as file:
        file.writelines(json.dumps(film) + "\n" for film in films(count))
    array = folder / "films.json"
    with array.open("w") as file, lines.open() as source:
        file.write("[\n")
        file.writelines(("" if number == 0 else ",\n") + line.strip() for number, line in enumerate(source))
        file.write("\n]\n")
    packed = folder / "films.jsonl.gz"
    with gzip.open(packed, "wb", 1) as file, lines.open("rb") as source:
        shutil.copyfileobj(source, file)
    table = folder / "films.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(next(films(1))))
        writer.writeheader()
        writer.writerows(
            film | {name: "|".join(film[name]) for name in ("genres", "directors", "languages")}
            for film in films(count)
        )
    yield from (array, lines, packed, table)


def with_json(path: Path) -> Iterable[object]:
    """The whole document at once."""
    with path.open("rb") as file:
        return list(json.load(file))


def with_ijson(path: Path) -> Iterable[object]:
    """As a stream, by the C library."""
    import ijson

    with path.open("rb") as file:
        yield from ijson.items(file, "item", use_float=True)


def our_rows(path: Path) -> Iterable[object]:
    """Source alone."""
    with open_rows(str(path)) as source:
        yield from source


def our_movies(path: Path) -> Iterable[object]:
    """Source and mapping."""
    with open_rows(str(path)) as source:
        field_map = detect(source.peek())
        for row in source:
            try:
                yield to_movie(row, field_map)
            except RowRefused:
                continue


def our_plan(path: Path) -> Iterable[object]:
    """Source, mapping and plan, with all that a run remembers on the way, beside a catalog without films."""
    with open_rows(str(path)) as source, Refusals(None) as refusals:
        reading, tally = RowReader(source, detect(source.peek()), refusals, None, Before()), Tally()
        for change in plan(reading, {}, "{title} {plot}"):
            tally.add(change)
            yield change


READERS: dict[str, Callable[[Path], Iterable[object]]] = {
    "json.load": with_json,
    "ijson": with_ijson,
    "rows": our_rows,
    "movies": our_movies,
    "plan": our_plan,
}


def measure(reader: str, path: Path) -> None:
    """One line of the table, printed as JSON by the child."""
    began, worked = perf_counter(), process_time()
    count = sum(1 for _ in READERS[reader](path))
    seconds, busy = perf_counter() - began, process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([count, seconds, busy, peak]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--file", type=Path, help="an array of films, instead of generated ones")
    parser.add_argument("--only", choices=list(READERS), help="this reader alone")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]))
        return
    print(f"{'file':<16}{'MB':>6}  {'reader':<10}{'rows':>10}{'seconds':>9}{'CPU s':>8}{'rows/s':>9}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for path in [options.file] if options.file else write(Path(folder), options.rows):
            for reader in READERS if path.suffix == ".json" else ["rows", "movies", "plan"]:
                if options.only in (None, reader):
                    row(path, reader)


def row(path: Path, reader: str) -> None:
    """Measure in a child and print its line."""
    command = [sys.executable, "-m", "benchmarks.source", "--measure", reader, str(path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    count, seconds, busy, peak = json.loads(output)
    size = path.stat().st_size / 1e6
    figures = f"{count:>10,}{seconds:>9.2f}{busy:>8.2f}{count / seconds:>9,.0f}{peak:>9.0f}"
    print(f"{path.name:<16}{size:>6.0f}  {reader:<10}{figures}", flush=True)


if __name__ == "__main__":
    main()
