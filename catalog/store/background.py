"""What every film of a catalog has in common, learned when it is published.

Embeddings of films point into one cone: any two of them, and any question, have a similarity above
zero. Seen from the mean film, what remains is what makes a film different.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from catalog.errors import CatalogDamaged

Floats = NDArray[np.float32]

_SAMPLE, _AT_ONCE = 200, 50
_FEWEST, _ALWAYS = 100, 30.0
"""A handful of films has no background: everything fits."""


@dataclass(frozen=True, slots=True)
class Background:
    """The mean film, and where each film lies as seen from it."""

    mean: Floats
    """Shape (d,)."""
    onto_mean: Floats
    """Shape (films,): each vector's product with the mean."""
    lengths: Floats
    """Shape (films,): each vector's distance from the mean."""
    usual: float
    """Similarity to a film that one film in a hundred has."""
    near: float
    """Similarity of the film nearest to another one."""

    @property
    def is_empty(self) -> bool:
        """Whether there are too few films to tell chance from likeness."""
        return self.near <= -_ALWAYS

    @classmethod
    def of(cls, matrix: Floats) -> Self:
        """Of all vectors, shape (films, d)."""
        mean = (
            np.asarray(matrix.mean(axis=0, dtype=np.float64), dtype=np.float32) if len(matrix) else matrix.sum(axis=0)
        )
        onto_mean = np.asarray(matrix @ mean, dtype=np.float32)
        squares = 1.0 - 2.0 * onto_mean + float(mean @ mean)
        lengths = np.sqrt(np.maximum(squares, 1e-6)).astype(np.float32)
        unmeasured = cls(mean, onto_mean, lengths, 0.0, 1.0)
        usual, near = unmeasured._neighbours(matrix)
        return replace(unmeasured, usual=usual, near=near)

    def _neighbours(self, matrix: Floats) -> tuple[float, float]:
        """Medians over films spread through the catalog, each taken as a question."""
        if len(matrix) < _FEWEST:
            return -_ALWAYS, -_ALWAYS
        usual: list[float] = []
        near: list[float] = []
        rows = np.linspace(0, len(matrix) - 1, min(_SAMPLE, len(matrix)), dtype=int)
        for part in np.array_split(rows, max(len(rows) // _AT_ONCE, 1)):
            vectors = np.asarray(matrix[part])
            for row, vector, cosines in zip(part, vectors, vectors @ matrix.T, strict=True):
                similarity = self.similarity(cosines, vector)
                similarity[row] = -np.inf
                hundredth = -1 - len(similarity) // 100
                near.append(float(similarity.max()))
                usual.append(float(np.partition(similarity, hundredth)[hundredth]))
        return float(np.median(usual)), float(np.median(near))

    def similarity(self, cosines: Floats, vector: Floats) -> Floats:
        """From cosines of all films to a vector, (films,), to those seen from the mean film m, (films,).

        (q - m)(v - m) / (|q - m| |v - m|)
        """
        offset = float(vector @ self.mean) - float(self.mean @ self.mean)
        length = max(float(np.linalg.norm(vector - self.mean)), 1e-6)
        similarity: Floats = cosines - self.onto_mean
        similarity -= np.float32(offset)
        similarity /= self.lengths
        similarity /= np.float32(length)
        return similarity

    def save(self, path: Path) -> None:
        with path.open("wb") as file:
            np.savez(
                file,
                mean=self.mean,
                onto_mean=self.onto_mean,
                lengths=self.lengths,
                neighbours=np.array([self.usual, self.near]),
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        try:
            with np.load(path, allow_pickle=False) as stored:
                usual, near = stored["neighbours"].tolist()
                return cls(stored["mean"], stored["onto_mean"], stored["lengths"], usual, near)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise CatalogDamaged(f"{path}: is damaged; run 'ingest verify --repair'") from error


def standing(similarity: Floats) -> Floats:
    """How far each film stands out for a question, in standard deviations over the catalog, (films,)."""
    centred: Floats = similarity - similarity.mean()
    spread = max(float(np.sqrt(np.square(centred).mean())), 1e-6)
    centred /= np.float32(spread)
    return centred
