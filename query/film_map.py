"""The map as it is sent: a column for each thing that is drawn, the best known movies first."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from catalog.store.columns.conditions import EVERYTHING
from catalog.store.lexical.fields import folded
from catalog.store.maintenance.regions import Region
from catalog.store.snapshot import Snapshot
from catalog.tables import frame_of, html_of
from query.search.listing import list_rows

if TYPE_CHECKING:
    import pandas

_GENRES = 11
"""As many as colours can be told apart."""
_SHOWN = 5
"""Films that a notebook shows of a map."""


@dataclass(frozen=True, slots=True)
class DrawnMap:
    """Movies by how well known they are; every column has one value a movie."""

    generation: int
    total: int
    """Films of the catalog, drawn or not."""
    genres: tuple[str, ...]
    """The most frequent ones."""
    id: list[str]
    title: list[str]
    year: list[int]
    """0 where it is not known."""
    genre: list[int]
    """A place among `genres`, -1 for a film of none of them."""
    x: list[int]
    """0 to 65535."""
    y: list[int]
    """0 to 65535, of one unit with x."""
    regions: tuple[Region, ...] = ()
    """Parts of the map, named by words that many films there hold; of level 1 where one looks at it closely."""

    def __repr__(self) -> str:
        return f"DrawnMap({len(self.id)} of {self.total} films, {len(self.regions)} regions)"

    def _repr_html_(self) -> str:
        columns = {"title": self.title, "year": self.year, "x": self.x, "y": self.y}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return html_of(rows[:_SHOWN], list(columns), [repr(self)])

    def to_frame(self) -> "pandas.DataFrame":
        """A line for each film: id, title, year, genre, x, y. Raises ExtraMissing where pandas is not installed."""
        genres = [self.genres[place] if place >= 0 else None for place in self.genre]
        years = [year or None for year in self.year]
        columns = {"id": self.id, "title": self.title, "year": years, "genre": genres, "x": self.x, "y": self.y}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return frame_of(rows, {"id": str, "title": str, "year": int, "genre": str, "x": int, "y": int})

    def to_dict(self) -> dict[str, Any]:
        """What `GET /map` answers."""
        columns = {item.name: getattr(self, item.name) for item in fields(self)}
        return columns | {"regions": [asdict(region) for region in self.regions]}


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
        generation=snapshot.number,
        total=snapshot.info.films,
        genres=tuple(spelt[value] for value in frequent),
        id=[heading.id for heading in shown],
        title=[heading.title for heading in shown],
        year=[heading.year or 0 for heading in shown],
        genre=[_rarest(heading.genres, frequent) for heading in shown],
        x=drawn[:, 0].tolist(),
        y=drawn[:, 1].tolist(),
        regions=snapshot.film_map.regions or (),
    )


def _rarest(genres: Sequence[str], frequent: Sequence[str]) -> int:
    """The place of a movie's genre among the most frequent: of several the rarest, which says most."""
    places = {value: place for place, value in enumerate(frequent)}
    return max((places[plain] for plain in map(folded, genres) if plain in places), default=-1)
