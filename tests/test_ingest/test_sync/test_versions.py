"""Two numbers say by which code a row was read and terms were made: they are raised when that code changes."""

from hashlib import blake2b
from pathlib import Path

import pytest

from catalog.store.lexical.fields import ANALYSIS
from ingest.sync.row_cache import READING

PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("number", "sources", "known"),
    [
        (READING, ("ingest/mapping/*.py", "ingest/readers/*.py", "catalog/movie.py"), (8, "9890626830aefc86")),
        (
            ANALYSIS,
            ("catalog/text/[fst]*.py", "catalog/text/lexicon/[eg]*.txt", "catalog/store/lexical/fields.py"),
            (3, "3e33388d1a9f4a75"),
        ),
    ],
    ids=["row_cache.READING", "fields.ANALYSIS"],
)
def test_a_number_belongs_to_its_code(number: int, sources: tuple[str, ...], known: tuple[int, str]) -> None:
    digest = blake2b(digest_size=8)
    for path in sorted(path for pattern in sources for path in PROJECT.glob(pattern)):
        digest.update(path.read_bytes())
    now = (number, digest.hexdigest())
    assert now == known, "if a row or a movie is now read otherwise, raise the number; then write its digest here"
