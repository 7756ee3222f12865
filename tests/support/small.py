"""Catalogs of made-up films, and copies of them that lack something."""

import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from catalog.embedding.embedder import Embedder
from catalog.movie import Movie
from catalog.store.chroma.collection import VectorIndex
from catalog.store.chroma.server import Servers
from catalog.store.generation import index_digests
from catalog.store.generations import Generations
from catalog.store.snapshot import Snapshot, open_snapshot
from catalog.store.writer import open_writer
from ingest.sync.apply import sync
from ingest.sync.plan import SyncOptions
from tests.support.fakes import WORDS, WordEmbedder


def fill(films: Sequence[Movie], root: Path, server: Servers | None = None, embedder: Embedder | None = None) -> None:
    """Bring the catalog of a folder to these films."""
    with open_writer(root, server) as writer:
        sync(films, writer, embedder or WordEmbedder(), SyncOptions(template="{title} {plot}", allow_deletes=True))


@contextmanager
def snapshot_of(
    films: Sequence[Movie], root: Path, server: Servers | None = None, embedder: Embedder | None = None
) -> Iterator[Snapshot]:
    """A catalog of these films, as readers have it."""
    fill(films, root, server, embedder)
    with closing(open_snapshot(root, server)) as snapshot:
        yield snapshot


@contextmanager
def without_row(root: Path, identity: str, copy: Path) -> Iterator[Snapshot]:
    """The same catalog, but Chroma does not hold one of its films: whoever does not ask it finds the film still."""
    shutil.copytree(root, copy)
    generation = Generations(copy).in_force()
    with closing(VectorIndex.open(generation.backend(None), generation.collection)) as index:
        index.remove([identity])
    Generations(copy).publish(generation, replace(generation.info(), index_files=index_digests(generation)))
    with closing(open_snapshot(copy)) as snapshot:
        yield snapshot


_FILLERS = [
    first + last for first in ("ba", "de", "ki", "lo", "mu") for last in ("rn", "sk", "tt", "vex", "zzle", "pp")
]
_GENRES = ("Horror", "Comedy", "Drama", "Western", "Crime", "War")


def made_up(count: int, known_every: int = 1) -> list[Movie]:
    """Films that differ in everything by which films are found; one of `known_every` has votes."""
    chance = random.Random(7)  # noqa: S311 - always the same films
    films = []
    for number in range(count):
        told = chance.sample(WORDS, chance.randint(0, 3)) + chance.sample(_FILLERS, 4)
        films.append(
            Movie(
                f"m{number:04}",
                f"{chance.choice(_FILLERS).title()} {chance.choice(_FILLERS)} {number}",
                f"{' '.join(told)}.",
                year=chance.choice([None, *range(1950, 2020)]),
                rating=chance.choice([None, *(tenth / 10 for tenth in range(10, 100))]),
                runtime=chance.choice([None, *range(60, 200, 5)]),
                votes=chance.randint(1, 500_000) if number % known_every == 0 else None,
                genres=tuple(chance.sample(_GENRES, chance.randint(0, 2))),
                keywords=tuple(chance.sample(_FILLERS, chance.randint(0, 3))),
                directors=(f"Director {chance.randint(1, 40)}",) if chance.random() < 0.8 else (),
            )
        )
    return films
