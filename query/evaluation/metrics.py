"""Measures of ranked lists and their confidence intervals. Pure: numbers in, numbers out.

The measures of single queries are those of trec_eval, through ir-measures: nDCG@10 with the grade itself
as the gain and log2(rank + 1) as the discount (Järvelin and Kekäläinen 2002), recall@10 and @100, the
reciprocal rank of the first relevant film, and whether the very first film is relevant. The intervals are
percentile bootstraps (Efron 1979).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Films a ranking is looked at.
DEPTH = 100

_RESAMPLES = 1000
_INTERVAL = (2.5, 97.5)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the limits of its 95 % confidence interval."""

    value: float
    low: float
    high: float


def ranking_measures(
    rankings: Mapping[str, Sequence[str]], relevant: Mapping[str, Mapping[str, int]], seed: int = 0
) -> dict[str, Estimate]:
    """The mean over all queries of `relevant`, by measure.

    `rankings` holds film ids, best first, by query; `relevant` grades by film, by query. A film without
    a grade counts as not relevant, a query without a ranking as found nothing.
    """
    from ir_measures import RR, R, Success, iter_calc, nDCG

    measures = {"ndcg@10": nDCG @ 10, "recall@10": R @ 10, "recall@100": R @ 100, "mrr": RR, "success@1": Success @ 1}
    # trec_eval orders by score and knows no ranks; these scores leave no ties for it to break.
    run = {
        query: {film: float(-rank) for rank, film in enumerate(rankings.get(query, ())[:DEPTH])} for query in relevant
    }
    rows = {query: row for row, query in enumerate(relevant)}
    columns = {str(measure): column for column, measure in enumerate(measures.values())}
    values = np.zeros((len(rows), len(columns)))
    for found in iter_calc(list(measures.values()), {query: dict(films) for query, films in relevant.items()}, run):
        values[rows[found.query_id], columns[str(found.measure)]] = found.value
    means = [float(mean) for mean in values.mean(axis=0)]
    low, high = _bootstrapped(lambda draw: values[draw(len(values))].mean(axis=0), seed)
    return {
        name: Estimate(means[column], float(low[column]), float(high[column])) for column, name in enumerate(measures)
    }


def auc(good: Sequence[float] | Floats, bad: Sequence[float] | Floats, seed: int = 0) -> Estimate:
    """The chance that a good one has the higher score than a bad one, equal scores counting half.

    This is the area under the ROC curve; neither may be empty.
    """
    goods, bads = np.asarray(good, dtype=np.float64), np.asarray(bad, dtype=np.float64)

    def resampled(draw: Callable[[int], NDArray[np.int64]]) -> Floats:
        return np.array(_auc(goods[draw(len(goods))], bads[draw(len(bads))]))

    low, high = _bootstrapped(resampled, seed)
    return Estimate(_auc(goods, bads), float(low), float(high))


def _auc(good: Floats, bad: Floats) -> float:
    """Mann and Whitney's U as a share, by binary search: the pairs themselves can be too many to hold."""
    ordered = np.sort(bad)
    below = np.searchsorted(ordered, good, "left") + np.searchsorted(ordered, good, "right")
    return float(below.mean() / (2 * len(bad)))


def _bootstrapped(statistic: Callable[[Callable[[int], NDArray[np.int64]]], Floats], seed: int) -> Floats:
    """The limits, shape (2, ...), of a statistic over resamples; it is given a draw of n rows out of n."""
    generator = np.random.default_rng(seed)
    values = np.stack([statistic(lambda count: generator.integers(count, size=count)) for _ in range(_RESAMPLES)])
    return np.asarray(np.percentile(values, _INTERVAL, axis=0))
