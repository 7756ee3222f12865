"""The map as it is sent: a column for each thing that is drawn, the best known movies first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catalog.store.conditions import EVERYTHING
from catalog.store.lexical.fields import folded
from catalog.store.snapshot import Snapshot
from query.search.listing import list_rows

_GENRES = 11
"""As many as colours can be told apart."""


@dataclass(frozen=True, slots=True)
class DrawnMap:
    """Movies by how well known they are; every column has one value a movie."""

    ids: list[str]
    titles: list[str]
    years: list[int | None]
    genres: tuple[str, ...]
    """The most frequent ones."""
    genre: list[int]
    """A place among `genres`, -1 for a movie of none of them."""
    x: list[int]
    """0 to 65535, as y is: the same unit."""
    y: list[int]
    total: int
    """Movies of the catalog, drawn or not."""
    generation: int

    def to_dict(self) -> dict[str, Any]:
        """What `GET /map` answers."""
        return {
            "generation": self.generation,
            "total": self.total,
            "genres": list(self.genres),
            "id": self.ids,
            "title": self.titles,
            "year": self.years,
            "genre": self.genre,
            "x": self.x,
            "y": self.y,
        }


def draw_map(snapshot: Snapshot, limit: int) -> DrawnMap:
    """The best known movies of a generation, `limit` at most. Raises CatalogDamaged."""
    coordinates = snapshot.film_map.coordinates
    rows = list_rows(snapshot, EVERYTHING, "relevance", limit)
    headings = snapshot.movies.headings_at(rows)
    shown = [headings[row] for row in rows]
    counts = snapshot.lexical.value_counts(["genre"], EVERYTHING)["genre"]
    frequent = sorted(counts, key=lambda value: (-counts[value], value))[:_GENRES]
    spelt = snapshot.movies.spellings("genre", frequent)
    drawn = coordinates[rows]
    return DrawnMap(
        ids=[heading.id for heading in shown],
        titles=[heading.title for heading in shown],
        years=[heading.year for heading in shown],
        genres=tuple(spelt[value] for value in frequent),
        genre=[_rarest(heading.genres, frequent) for heading in shown],
        x=drawn[:, 0].tolist(),
        y=drawn[:, 1].tolist(),
        total=snapshot.info.films,
        generation=snapshot.number,
    )


def _rarest(genres: Sequence[str], frequent: Sequence[str]) -> int:
    """The place of a movie's genre among the most frequent: of several the rarest, which says most."""
    places = {value: place for place, value in enumerate(frequent)}
    return max((places[plain] for plain in map(folded, genres) if plain in places), default=-1)
