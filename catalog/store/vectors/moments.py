"""What all movies of a catalog have in common, learned when it is published: mean and covariance of their directions.

Embeddings of movies point into one cone: any two of them, and any question, have a similarity above zero. Seen from
the mean movie, what remains is what makes a movie different. Mean and variance of that similarity over the whole
catalog are a product and a quadratic form, so that a question needs no look at all movies to tell what stands out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats, Vector
from catalog.store.vectors.arrays import open_arrays
from catalog.store.vectors.chance import USUAL, Chance, best_of_each
from catalog.text.questions import KINDS

Rows = NDArray[np.int64]

_QUESTIONS = 200
"""Movies spread over the catalog that are taken as questions where there are none."""
_WORDS = 20
"""Words of a question from which on it says more of how questions are put than of anything else."""
_SAMPLE = 50_000
"""Movies among which the similarity is counted that one in a hundred has."""
_PASSAGES = 20_000
"""Passages from which is learned how near the best of a story comes by chance."""
_AT_ONCE = 8192
FEWEST, _ALWAYS = 100, 30.0
"""A handful of movies has no background: everything fits."""


@dataclass(frozen=True, slots=True)
class Moments:
    """The mean movie m, and the distribution of u = (v - m) / |v - m| over all movies v.

    What texts of a language have in common is nothing that they tell: where plots are German and others are not, there
    are two mean movies, and m is the one that v is nearer to: that of its language for 9,998 in 10,000 movies
    (multilingual-e5-small).
    """

    means: Floats
    """Each m, shape (1, d), or (2, d) with that of German plots last."""
    direction: Floats
    """The mean of u, shape (d,)."""
    covariance: Floats
    """Of u, shape (d, d)."""
    p99_similarity: float
    """Similarity to a question that one movie in a hundred has, median over the example questions."""
    nearest_similarity: float
    """Similarity to a question of the movie nearest to it, median over the example questions."""
    questions: Floats
    """The mean example of each of `questions.KINDS`, shape (kinds, d); (0, d) where they were not embedded."""
    chance: Chance = USUAL
    """What the best passage of a story has in common with any question."""

    @property
    def is_empty(self) -> bool:
        """Whether there are too few movies to tell chance from likeness."""
        return self.nearest_similarity <= -_ALWAYS

    @classmethod
    def of(cls, vectors: Floats, rows: Rows, examples: Floats, languages: Sequence[Rows] = ()) -> Self:
        """Of the unit vectors in some rows of a matrix, shape (height, d); three passes over it.

        `examples` are those of example questions, shape (kinds, n, d), or (0, 0, d): movies then stand for questions.
        `languages` are rows of some movies whose plots are not German, and of some whose are; none if few are.
        """
        dimension = vectors.shape[1]
        means = _means(vectors, rows, languages)
        sums, squares = np.zeros(dimension), np.zeros((dimension, dimension))
        for part in _parts(rows):
            directions = _directions(vectors[part], means)
            sums += directions.sum(axis=0, dtype=np.float64)
            squares += directions.T @ directions
        direction = sums / max(len(rows), 1)
        covariance = squares / max(len(rows), 1) - np.outer(direction, direction)
        questions = examples.mean(axis=1) if len(examples) else np.zeros((0, dimension), dtype=np.float32)
        p99, nearest = _neighbours(vectors, rows, means, (examples - questions[:, None]).reshape(-1, dimension))
        return cls(means, direction.astype(np.float32), covariance.astype(np.float32), p99, nearest, questions)

    def with_chance(self, vectors: Floats, passages: tuple[Rows, Rows], examples: Floats) -> Self:
        """Learn what the best of a movie's passages has by chance.

        `passages` are their places in `vectors`, shape (height, d), and their movies' rows, which ascend; `examples` as
        in `of`. Of few movies, or without examples, nothing is learned.
        """
        places, owners = passages
        movies = np.unique(owners)
        if len(movies) < FEWEST or not len(examples):
            return self
        chosen = np.isin(owners, movies[:: -(-len(places) // _PASSAGES)])
        _, starts, counts = np.unique(owners[chosen], return_index=True, return_counts=True)
        asked = _normal((examples - self.questions[:, None]).reshape(-1, self.means.shape[1]))
        similarity = best_of_each(self.similarity(vectors[places[chosen]], asked), starts)
        z_scores = [self.z_scores(similarity[:, place], question) for place, question in enumerate(asked)]
        return replace(self, chance=Chance.of(np.stack(z_scores, axis=1), counts))

    def directions(self, vectors: Floats) -> Floats:
        """Where vectors, shape (k, d), lie as seen from the mean movie."""
        return _directions(vectors, self.means)

    def question_direction(self, vector: Floats, kind: str, words: int) -> Floats:
        """Where a question, shape (d,), lies as seen from the mean question of its kind.

        Of few words it is seen from nearer the mean movie (shrinkage): the fewer they are, the less of the embedding
        comes from how they are put. Where no examples were embedded it is seen from the mean movie.
        """
        origin = self.means[-1 if kind.endswith("-de") else 0]
        if len(self.questions):
            origin = origin + np.float32(words / (words + _WORDS)) * (self.questions[KINDS.index(kind)] - origin)
        return np.asarray(_normal(vector[None] - origin)[0])

    def similarity(self, vectors: Floats, directions: Floats) -> Floats:
        """Cosines of movies, shape (n, d), seen from the mean movie, and `directions`, shape (k, d); shape (n, k)."""
        squares = _squares(vectors, self.means)
        lengths = np.sqrt(np.maximum(squares.min(axis=0), 1e-6))
        near = squares.argmin(axis=0)
        # By vector: a product with a matrix of few columns first copies all vectors into an order of its own.
        products = [vectors @ question - (self.means @ question)[near] for question in directions]
        return np.asarray(np.stack(products, axis=1) / lengths[:, None], dtype=np.float32)

    def z_scores(self, similarity: Floats, asked: Floats) -> Floats:
        """How far movies, shape (n,), stand out in a direction, shape (d,), in standard deviations over all movies."""
        return np.asarray((similarity - float(self.direction @ asked)) / self.spread(asked), dtype=np.float32)

    def spread(self, asked: Vector) -> float:
        """The standard deviation of the similarity of all movies to a direction, shape (d,)."""
        return max(float(np.sqrt(max(float(asked @ self.covariance @ asked), 0.0))), 1e-6)

    def save(self, path: Path) -> None:
        """Write to a new file; raises OSError."""
        neighbours = np.array([self.p99_similarity, self.nearest_similarity])
        with path.open("wb") as file:
            np.savez(
                file,
                means=self.means,
                direction=self.direction,
                covariance=self.covariance,
                neighbours=neighbours,
                questions=self.questions,
                chance=np.array([self.chance.level, self.chance.slope]),
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises CatalogDamaged."""
        with open_arrays(path) as stored:
            p99, nearest = stored["neighbours"].tolist()
            means = stored["means"] if "means" in stored else stored["mean"][None]  # before languages had
            none = np.zeros((0, means.shape[1]), dtype=np.float32)  # before questions had means of their own
            questions = stored.get("questions", none)
            chance = Chance(*stored["chance"].tolist()) if "chance" in stored else USUAL  # before passages
            return cls(means, stored["direction"], stored["covariance"], p99, nearest, questions, chance)


def _parts(rows: Rows) -> list[Rows]:
    return [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]


def _means(vectors: Floats, rows: Rows, languages: Sequence[Rows]) -> Floats:
    """The mean movie; or one for each language, of the movies that are nearest to the mean of some that are of it."""
    centres = np.stack([vectors[each].mean(axis=0) for each in languages] or [np.zeros(vectors.shape[1])])
    sums, counts = np.zeros(centres.shape), np.zeros(len(centres))
    for part in _parts(rows):
        near = _squares(vectors[part], centres.astype(np.float32)).argmin(axis=0)
        for language in range(len(centres)):
            chosen = part[near == language]
            sums[language] += vectors[chosen].sum(axis=0, dtype=np.float64)
            counts[language] += len(chosen)
    return np.asarray(sums / np.maximum(counts, 1)[:, None], dtype=np.float32)


def _squares(vectors: Floats, means: Floats) -> Floats:
    """The squares of the distances of unit vectors, shape (n, d), from means, shape (k, d); shape (k, n)."""
    return np.stack([1.0 - 2.0 * (vectors @ mean) + float(mean @ mean) for mean in means])


def _directions(vectors: Floats, means: Floats) -> Floats:
    """Where unit vectors, shape (n, d), lie as seen from the nearest of some means, shape (k, d)."""
    return _normal(vectors - means[_squares(vectors, means).argmin(axis=0)])


def _normal(away: Floats) -> Floats:
    lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", away, away), 1e-6))
    return np.asarray(away / lengths[:, None], dtype=np.float32)


def _neighbours(vectors: Floats, rows: Rows, means: Floats, questions: Floats) -> tuple[float, float]:
    """What one movie in a hundred, and the nearest one, have in similarity to a question, shape (n, d): medians."""
    if len(rows) < FEWEST:
        return -_ALWAYS, -_ALWAYS
    if len(questions):
        chosen = np.full(len(questions), -1)
        asked = _normal(questions)
    else:
        chosen = rows[np.linspace(0, len(rows) - 1, min(_QUESTIONS, len(rows)), dtype=int)]
        asked = _directions(vectors[chosen], means)
    step = -(-len(rows) // _SAMPLE)
    nearest = np.full(len(chosen), -np.inf, dtype=np.float32)
    sampled: list[Floats] = []
    for start, part in zip(range(0, len(rows), _AT_ONCE), _parts(rows), strict=True):
        similarity = asked @ _directions(vectors[part], means).T
        similarity[chosen[:, None] == part[None]] = -np.inf
        np.maximum(nearest, similarity.max(axis=1), out=nearest)
        sampled.append(similarity[:, -start % step :: step])
    among = np.concatenate(sampled, axis=1)
    hundredth = -1 - among.shape[1] // 100
    p99 = np.partition(among, hundredth, axis=1)[:, hundredth]
    return float(np.median(p99)), float(np.median(nearest))
