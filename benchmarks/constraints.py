"""How conditions are read out of questions, on a catalog that exists.

    python -m benchmarks.constraints STORE [--language de] [--literal] [--verbose]

The questions are in constraints.jsonl: some name conditions, which stand beside them as a filter, some only look so.
Each set was written by somebody who had not seen what reads them; 1 to 3 were looked at afterwards, 4 was not.
Prints the share of the first five films that fulfil the conditions, and the share of the others that are not misread:
nothing is read there, and who types a title finds its film first.
"""

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from catalog.config import EmbeddingConfig, SearchConfig
from catalog.embedding.embedder import Embedder
from catalog.embedding.factory import open_remembered
from catalog.store.snapshot import Snapshot, open_snapshot
from catalog.store.vectors.sample import known_vectors
from catalog.text.folding import plain_title
from query.filters import parse_filter
from query.models import SearchRequest, SearchResult
from query.search.pipeline import search

QUESTIONS = Path(__file__).with_suffix(".jsonl")
_SHOWN = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--language", choices=["en", "de"])
    parser.add_argument("--literal", action="store_true", help="Read nothing, as before.")
    parser.add_argument("--verbose", action="store_true", help="Show what is not right.")
    options = parser.parse_args()
    questions = [item for item in _questions() if options.language in (None, item["language"])]
    with closing(open_snapshot(options.store)) as snapshot:
        embedder = open_remembered(EmbeddingConfig(), snapshot.info.model, lambda: known_vectors(snapshot))
        rated = [(item, *_rated(item, snapshot, embedder, literal=options.literal)) for item in questions]
    for number in sorted({item["set"] for item in questions}):
        for name, wanted in (("fulfilled", True), ("not misread", False)):
            shares = [share for item, share, _ in rated if item["set"] == number and bool(item["filter"]) is wanted]
            print(f"| set {number}, {name} | {sum(shares) / len(shares):.3f} | {len(shares)} questions |")
    for item, share, result in rated:
        if options.verbose and share < 1:
            print(f"{share:.1f}  {item['text']}  [{item['filter']}]  {' '.join(_spelled(result))}")
            print("     " + "; ".join(f"{hit.movie.title} ({hit.movie.year})" for hit in result.hits))


def _questions() -> Iterator[dict[str, Any]]:
    for line in QUESTIONS.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _rated(
    item: dict[str, Any], snapshot: Snapshot, embedder: Embedder, *, literal: bool
) -> tuple[float, SearchResult]:
    """How right an answer is, 0 to 1, and the answer."""
    request = SearchRequest(item["text"], limit=_SHOWN, literal=literal)
    result = search(request, snapshot, embedder, SearchConfig())
    if item["filter"]:
        ids = [hit.movie.id for hit in result.hits]
        passing = snapshot.lexical.score({}, ids, keep=parse_filter(item["filter"]))
        return len(passing.rows) / _SHOWN, result
    if plain_title(item["text"]) in plain_title(item.get("title", "")):
        first = result.hits[0].movie if result.hits else None
        return float(first is not None and (first.title, first.year) == (item["title"], item["year"])), result
    return float(not result.understood), result


def _spelled(result: SearchResult) -> list[str]:
    return [constraint.filter for constraint in result.understood]


if __name__ == "__main__":
    main()
