"""One flipped bit at a time in every file of a catalog: who notices it, and what mends it.

    python -m benchmarks.flips [--films 60] [--places 200] [--files '*']

After each flip the catalog is searched, verified, mended by `verify --repair` and, flipped anew, changed by a run.
The embedder is a fake; everything else is what `ingest` and `query` do. Answers are compared as they are shown: films,
scores to three digits, facets. A search tells by an error, or by a note that a retriever is left out.
"""

import argparse
import random
import shutil
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

from catalog.config import SearchConfig
from catalog.errors import PlotseekError, StoreError
from catalog.movie import Movie
from catalog.store.draft import Draft
from catalog.store.maintenance.verify import repair, verify
from catalog.store.snapshot import open_snapshot
from ingest.sync.apply import embed_missing
from query.models import SearchRequest
from query.search.pipeline import search
from tests.support.fakes import WordEmbedder
from tests.support.small import fill, made_up

_REQUESTS = (
    SearchRequest("a ghost ship in space", limit=20, all=True, facets=True),
    SearchRequest("robot war", filter="year>=1970", limit=20, all=True),
    SearchRequest(likes=("m0007",), limit=20),
    SearchRequest(sort="-year", filter="has:rating", limit=20),
)
_COLUMNS = (
    "told by a search",
    "answers the same",
    "answers differ",
    "of these told by verify",
    "told by verify",
    "mended by repair",
    "another way back is named",
    "right after a run",
    "a run tells",
    "a run leaves it to verify",
    "harm unnoticed",
)


def answers(root: Path) -> list[object]:
    """What the catalog answers; raises PlotseekError if it says that something is wrong."""
    found: list[object] = []
    with closing(open_snapshot(root)) as snapshot:
        for request in _REQUESTS:
            result = search(request, snapshot, WordEmbedder(), SearchConfig())
            if result.notes:
                raise StoreError(result.notes[0])
            found.append(
                ([(hit.movie, round(hit.score or 0.0, 3)) for hit in result.hits], result.total, result.facets)
            )
    return found


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place // 8)
        byte = file.read(1)[0]
        file.seek(place // 8)
        file.write(bytes([byte ^ (1 << place % 8)]))


def trial(store: Path, root: Path, name: Path, place: int, films: list[Movie], expected: list[object]) -> set[str]:
    """One flip in two copies of a catalog; the columns in which it counts."""
    counted = set()
    _copy_flipped(store, root, name, place)
    try:
        is_same = answers(root) == expected
        counted.add("answers the same" if is_same else "answers differ")
    except PlotseekError:
        is_same, counted = True, {"told by a search"}
    told = _is_told_by_verify(root)
    if told:
        counted.add("told by verify")
        counted.add("mended by repair" if _is_mended(root, expected) else "another way back is named")
    if not is_same:
        counted.add("of these told by verify" if told else "harm unnoticed")
    _copy_flipped(store, root, name, place)
    try:
        fill(films, root)
        if _is_told_by_verify(root):
            counted.add("a run leaves it to verify")
        else:
            counted.add("right after a run" if answers(root) == expected else "harm unnoticed")
    except PlotseekError:
        counted.add("a run tells")
    return counted


def _copy_flipped(store: Path, root: Path, name: Path, place: int) -> None:
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(store, root)
    flip(root / name, place)


def _is_told_by_verify(root: Path) -> bool:
    try:
        return bool(verify(root).differences)
    except PlotseekError:
        return True


def _is_mended(root: Path, expected: list[object]) -> bool:
    def embed(draft: Draft) -> int:
        return embed_missing(draft, WordEmbedder(), 100)[0]

    try:
        repair(root, embed)
    except PlotseekError:
        return False
    return not verify(root).differences and answers(root) == expected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=60)
    parser.add_argument("--places", type=int, default=200)
    parser.add_argument("--files", default="*", help="pattern of their paths")
    options = parser.parse_args()
    chance = random.Random(7)  # noqa: S311 - the same places each time
    films = made_up(options.films)
    print("| file | flips |", " | ".join(_COLUMNS), "|")
    print("|---|---|" + "---|" * len(_COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        store, root = Path(folder) / "store", Path(folder) / "flipped"
        fill(films, store)
        expected = answers(store)
        for path in sorted(path for path in store.rglob(options.files) if path.is_file() and path.stat().st_size):
            name, counts = path.relative_to(store), Counter[str]()
            for _ in range(options.places):
                counts.update(trial(store, root, name, chance.randrange(8 * path.stat().st_size), films, expected))
            print(
                f"| {name} | {options.places} |",
                " | ".join(str(counts[column]) for column in _COLUMNS),
                "|",
                flush=True,
            )


if __name__ == "__main__":
    main()
