"""The map as it is sent: a column for each thing that is drawn, the best known films first."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.store.catalog import Snapshot

_GENRES = 11
"""As many as colours can be told apart."""

Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class FilmMap:
    """Films by how well known they are; every column has one value a film."""

    generation: int
    total: int
    """Films of the catalog, drawn or not."""
    genres: tuple[str, ...]
    """The most frequent ones."""
    id: list[str]
    title: list[str]
    year: list[int | None]
    genre: list[int]
    """A place among `genres`, -1 for a film of none of them."""
    x: list[int]
    """0 to 65535."""
    y: list[int]
    """0 to 65535, of one unit with x."""

    def to_dict(self) -> dict[str, Any]:
        """What `GET /map` answers."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def film_map(snapshot: Snapshot, limit: int) -> FilmMap:
    """The best known films of a generation, `limit` at most. Raises MapMissing, CatalogDamaged."""
    columns = snapshot.columns
    rows = np.lexsort((columns.id_order, -columns.votes))[:limit]
    names, genre = _genres(snapshot)
    titles = snapshot.records.titles()
    places = snapshot.places.places[rows]
    return FilmMap(
        id=[columns.ids[row] for row in rows],
        title=[titles[row] for row in rows],
        year=[None if np.isnan(year) else int(year) for year in columns.numbers["year"][rows]],
        genres=names,
        genre=genre[rows].tolist(),
        x=places[:, 0].tolist(),
        y=places[:, 1].tolist(),
        total=snapshot.info.films,
        generation=snapshot.number,
    )


def _genres(snapshot: Snapshot) -> tuple[tuple[str, ...], Ints]:
    """The most frequent genres, and the place of each film's among them: of several the rarest, which says most."""
    index = snapshot.records.tag_index("genre")
    counts = index.counts(None)
    best = np.argsort(-counts, kind="stable")[:_GENRES]
    genre = np.full(snapshot.info.films, -1, dtype=np.int32)
    for place, value in enumerate(best):
        genre[index.films[index.starts[value] : index.starts[value] + counts[value]]] = place
    return tuple(index.values[value] for value in best), genre
