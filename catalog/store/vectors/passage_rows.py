"""The passages of a generation: which movie each is of, and its row of passages.npy, where its vector is.

They are kept in the file of the movies, in a table that files of earlier versions lack.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.identity import ModelIdentity
from catalog.movie import Movie, model_text
from catalog.store.sqlite import BATCH, Connection, free_numbers, has_table, marked, translated
from catalog.text.passages import Passage, passages, passages_beyond

Rows = NDArray[np.int64]

SCHEMA = """
CREATE TABLE IF NOT EXISTS passages (
    place INTEGER PRIMARY KEY,
    row INTEGER NOT NULL,
    number INTEGER NOT NULL,
    digest BLOB NOT NULL,
    UNIQUE (row, number)
);
"""


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A passage as it is stored."""

    place: int
    """Its row of passages.npy."""
    row: int
    """Of its movie."""
    number: int
    """From 1, in the order of the story."""
    digest: bytes
    """Of what the model reads of it."""


class PassageRows:
    """The table of passages in a file of movies."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._is_there = has_table(connection, path, "passages")

    def count(self) -> int:
        return int(self._select("count(*)")[0][0]) if self._is_there else 0

    def height(self) -> int:
        """One more than the last place: places that are free in between are counted."""
        return int(self._select("coalesce(max(place), -1) + 1")[0][0]) if self._is_there else 0

    def all(self) -> Iterator[list[PassageRow]]:
        """All passages, by place, in batches."""
        last = -1
        while self._is_there and (part := self._passages("place > ? ORDER BY place LIMIT ?", (last, 10 * BATCH))):
            yield part
            last = part[-1].place

    def of(self, rows: Sequence[int]) -> Iterator[list[PassageRow]]:
        """The passages of the movies in these rows, each movie's together and in order, in batches."""
        for marks, part in marked(rows) if self._is_there else ():
            if found := self._passages(f"row IN ({marks}) ORDER BY row, number", part):
                yield found

    def places(self) -> tuple[Rows, Rows]:
        """Where the vectors of all passages are, by ascending row of their movies, and these rows."""
        found = self._select("place, row", "1 ORDER BY row, number") if self._is_there else []
        pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
        return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])

    def put(self, digests: Mapping[int, Sequence[bytes]]) -> None:
        """Replace the passages of movies by others, or by none; by row, each with the digests of what is read."""
        with translated(self._path), self._connection:
            self._connection.executemany("DELETE FROM passages WHERE row = ?", [(row,) for row in digests])
            new = [(row, *each) for row, listed in digests.items() for each in enumerate(listed, 1)]
            places = free_numbers(self._connection, "passages", "place", len(new))
            self._connection.executemany(
                "INSERT INTO passages VALUES (?, ?, ?, ?)",
                [(place, *each) for place, each in zip(places, new, strict=True)],
            )

    def _passages(self, condition: str, values: Sequence[object]) -> list[PassageRow]:
        return [PassageRow(*found) for found in self._select("place, row, number, digest", condition, values)]

    def _select(self, columns: str, condition: str = "1", values: Sequence[object] = ()) -> list[Any]:
        with translated(self._path):
            asked = f"SELECT {columns} FROM passages WHERE {condition}"  # noqa: S608
            return self._connection.execute(asked, values).fetchall()


def movie_passages(movie: Movie, model: ModelIdentity) -> list[Passage]:
    """The passages of a movie: of its synopsis, or of what the model does not read of its plot.

    Then those of a German plot beside that, mostly one, if the model reads German.
    """
    if movie.synopsis and movie.synopsis != movie.plot:
        told = passages(movie.synopsis)
    else:
        told = passages_beyond(movie.plot, model.max_tokens)
    if movie.plot_de and movie.plot_de != movie.plot and model.reads_german:
        told += [replace(passage, german=True) for passage in passages(movie.plot_de)]
    return told


def passage_texts(movie: Movie, template: str, model: ModelIdentity) -> list[str]:
    """What the model reads of a movie's passages: each in the place of the plot. Nothing where it reads no plot."""
    if "{plot}" not in template:
        return []
    told = (replace(movie, plot=passage.text, plot_de=None) for passage in movie_passages(movie, model))
    return [model_text(each, template) for each in told]
