"""What all movies of a catalog have in common, learned when it is published: mean and covariance of their directions.

Embeddings of movies point into one cone: any two of them, and any question, have a similarity above zero. Seen from
the mean movie, what remains is what makes a movie different. Mean and variance of that similarity over the whole
catalog are a product and a quadratic form, so that a question needs no look at all movies to tell what stands out.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

_QUESTIONS = 200
"""Movies spread over the catalog that are taken as questions."""
_SAMPLE = 50_000
"""Movies among which the similarity is counted that one in a hundred has."""
_AT_ONCE = 8192
_FEWEST, _ALWAYS = 100, 30.0
"""A handful of movies has no background: everything fits."""


@dataclass(frozen=True, slots=True)
class Moments:
    """The mean movie m, and the distribution of u = (v - m) / |v - m| over all movies v."""

    mean: Floats
    """m, shape (d,)."""
    direction: Floats
    """The mean of u, shape (d,)."""
    covariance: Floats
    """Of u, shape (d, d)."""
    p99_similarity: float
    """Similarity to a movie that one movie in a hundred has, median over movies."""
    nearest_similarity: float
    """Similarity of the movie nearest to another one, median over movies."""

    @property
    def is_empty(self) -> bool:
        """Whether there are too few movies to tell chance from likeness."""
        return self.nearest_similarity <= -_ALWAYS

    @classmethod
    def of(cls, vectors: Floats, rows: Rows) -> Self:
        """Of the unit vectors in some rows of a matrix, shape (height, d); three passes over it."""
        dimension = vectors.shape[1]
        total = np.zeros(dimension)
        for part in _parts(rows):
            total += vectors[part].sum(axis=0, dtype=np.float64)
        mean = (total / max(len(rows), 1)).astype(np.float32)
        sums, squares = np.zeros(dimension), np.zeros((dimension, dimension))
        for part in _parts(rows):
            directions = _directions(vectors[part], mean)
            sums += directions.sum(axis=0, dtype=np.float64)
            squares += directions.T @ directions
        direction = sums / max(len(rows), 1)
        covariance = squares / max(len(rows), 1) - np.outer(direction, direction)
        p99, nearest = _neighbours(vectors, rows, mean)
        return cls(mean, direction.astype(np.float32), covariance.astype(np.float32), p99, nearest)

    def similarity(self, vectors: Floats, asked: Floats) -> Floats:
        """Cosines of movies, shape (n, d), and questions, shape (k, d), all seen from the mean movie; shape (n, k)."""
        questions = _directions(asked, self.mean)
        squares = 1.0 - 2.0 * (vectors @ self.mean) + float(self.mean @ self.mean)
        lengths = np.sqrt(np.maximum(squares, 1e-6))
        # By vector: a product with a matrix of few columns first copies all vectors into an order of its own.
        products = [vectors @ question - float(question @ self.mean) for question in questions]
        return np.asarray(np.stack(products, axis=1) / lengths[:, None], dtype=np.float32)

    def z_scores(self, similarity: Floats, vector: Floats) -> Floats:
        """How far movies, shape (n,), stand out for a question, shape (d,), in standard deviations over all movies."""
        asked = _directions(vector[None], self.mean)[0]
        spread = max(float(np.sqrt(max(float(asked @ self.covariance @ asked), 0.0))), 1e-6)
        return np.asarray((similarity - float(self.direction @ asked)) / spread, dtype=np.float32)

    def save(self, path: Path) -> None:
        """Write to a new file; raises OSError."""
        neighbours = np.array([self.p99_similarity, self.nearest_similarity])
        with path.open("wb") as file:
            np.savez(file, mean=self.mean, direction=self.direction, covariance=self.covariance, neighbours=neighbours)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises CatalogDamaged."""
        try:
            # Opened here: numpy leaves a file open that it cannot read.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                p99, nearest = stored["neighbours"].tolist()
                return cls(stored["mean"], stored["direction"], stored["covariance"], p99, nearest)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise CatalogDamaged(f"{path}: is damaged; run 'ingest verify --repair'") from error


def _parts(rows: Rows) -> list[Rows]:
    return [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]


def _directions(vectors: Floats, mean: Floats) -> Floats:
    away = vectors - mean
    lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", away, away), 1e-6))
    return np.asarray(away / lengths[:, None], dtype=np.float32)


def _neighbours(vectors: Floats, rows: Rows, mean: Floats) -> tuple[float, float]:
    """What one movie in a hundred, and the nearest movie, have in similarity to a movie: medians over some."""
    if len(rows) < _FEWEST:
        return -_ALWAYS, -_ALWAYS
    chosen = rows[np.linspace(0, len(rows) - 1, min(_QUESTIONS, len(rows)), dtype=int)]
    asked = _directions(vectors[chosen], mean)
    step = -(-len(rows) // _SAMPLE)
    nearest = np.full(len(chosen), -np.inf, dtype=np.float32)
    sampled: list[Floats] = []
    for start, part in zip(range(0, len(rows), _AT_ONCE), _parts(rows), strict=True):
        similarity = asked @ _directions(vectors[part], mean).T
        similarity[chosen[:, None] == part[None]] = -np.inf
        np.maximum(nearest, similarity.max(axis=1), out=nearest)
        sampled.append(similarity[:, -start % step :: step])
    among = np.concatenate(sampled, axis=1)
    hundredth = -1 - among.shape[1] // 100
    p99 = np.partition(among, hundredth, axis=1)[:, hundredth]
    return float(np.median(p99)), float(np.median(nearest))
