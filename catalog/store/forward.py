"""What every film of a generation says, term by term: the next generation reads only films that changed.

Reading 65,451 films, splitting their texts into words and stemming them takes 7 s of one core; the indexes
built from what was read are a few passes over arrays. A film is known again by the digest of everything the
catalog keeps about it, so nothing has to be said about what changed, moved or went.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from catalog.movie import Movie
from catalog.store.columns import NUMBERS
from catalog.store.generations import Generation, file_digest
from catalog.store.occurrences import Occurrences, OccurrencesDraft
from catalog.store.records import Records
from catalog.store.tags import film_tags
from catalog.store.words import LISTS as WORD_LISTS
from catalog.version import digest_of_code

TAGS = "tags"

#: Every list of terms by name, and what reads it off a film.
LISTS: Mapping[str, Callable[[Movie], Iterable[str]]] = {**WORD_LISTS, TAGS: film_tags}

_CODE = ("language.py", "lexicon", "movie.py", "store/tags.py", "store/words.py", "store/forward.py")


@dataclass(frozen=True, slots=True)
class Forward:
    """What was read of all films, in the order of their numbers."""

    digests: list[bytes]
    """16 bytes each, of everything the catalog keeps about the film."""
    lists: Mapping[str, Occurrences]
    numbers: Mapping[str, NDArray[np.float64]]
    """NUMBERS, NaN where unknown; each of shape (films,)."""

    def save(self, path: Path) -> None:
        """Write to a new file; raises OSError."""
        arrays: dict[str, Any] = {"digests": np.frombuffer(b"".join(self.digests), np.uint8)}
        for name, occurrences in self.lists.items():
            arrays |= {f"{name}.{part}": array for part, array in occurrences.to_arrays().items()}
        arrays |= {f"number.{name}": values for name, values in self.numbers.items()}
        with path.open("wb") as file:
            np.savez(file, code=np.array(code_digest()), **arrays)

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """None if it was written by other code, which may read films otherwise."""
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["code"]) != code_digest():
                return None
            lists = {
                name: Occurrences.from_arrays({part: stored[f"{name}.{part}"] for part in _PARTS}) for name in LISTS
            }
            numbers = {name: stored[f"number.{name}"] for name in NUMBERS}
            digests = stored["digests"].tobytes()
        return cls([digests[start : start + 16] for start in range(0, len(digests), 16)], lists, numbers)


_PARTS = ("vocabulary", "terms", "lengths")


def read_films(records: Records, before: Forward | None = None) -> Forward:
    """Read the films of records that are numbered without gaps, only those that `before` does not know."""
    digests = records.metadata_digests()
    known = {digest: row for row, digest in enumerate(before.digests)} if before else {}
    new = [number for number, digest in enumerate(digests) if digest not in known]
    drafts = {name: OccurrencesDraft(before.lists[name] if before else None) for name in LISTS}
    numbers: dict[str, list[float]] = {name: [] for name in NUMBERS}
    for movie in records.numbered(new):
        for name, read in LISTS.items():
            drafts[name].add(read(movie))
        for name, values in numbers.items():
            value = getattr(movie, name)
            values.append(nan if value is None else value)
    order = np.array([known.get(digest, -1) for digest in digests], dtype=np.int64)
    order[new] = np.arange(len(new)) + (len(before.digests) if before else 0)
    return Forward(
        digests,
        {name: draft.done().chosen(order) for name, draft in drafts.items()},
        {name: _joined(before, name, values)[order] for name, values in numbers.items()},
    )


def _joined(before: Forward | None, name: str, values: list[float]) -> NDArray[np.float64]:
    return np.concatenate([before.numbers[name] if before else np.zeros(0), np.array(values, dtype=np.float64)])


def kept_forward(generation: Generation, published: Mapping[str, str]) -> Forward | None:
    """What a published generation read; None if the file is not the one that was published, or of other code."""
    path = generation.forward
    whole = path.exists() and file_digest(path) == published.get(path.name)
    return Forward.load(path) if whole else None


def code_digest() -> str:
    """Changes with whatever decides which terms a film has."""
    folder = Path(__file__).parent.parent
    return digest_of_code([folder / name for name in _CODE], ["PyStemmer"])
