"""What a question wishes, held against candidates: a short request orders by it, a memory only leans to it."""

from collections.abc import Iterable, Sequence
from math import inf

import numpy as np

from catalog.arrays import Floats
from catalog.store.columns.conditions import Condition, Filter, Numbers
from catalog.store.snapshot import Snapshot
from query.constraints.constraint import Constraint
from query.filters import parse_filter
from query.search.retrievers import Candidates, Rows

_YEARS, _YEARS_OF_A_YEAR = 8.0, 3.0
"""In how many years a movie misses two thirds of a wish: people err by a few, less when they name one year."""


def wished(constraints: Iterable[Constraint], *, negated: bool = False) -> tuple[Condition, ...]:
    """The conditions that constraints are; a movie that others shall be like is none."""
    chosen = [each.filter for each in constraints if each.negated is negated and each.field != "like"]
    return parse_filter(" ".join(chosen)).conditions


def missed(wishes: Sequence[Condition], found: Candidates, snapshot: Snapshot) -> Floats:
    """How much each candidate misses of some wishes, shape (movies,): 0 nothing, 1 for every wish.

    A little of a wish for years, where a movie is a few years older or newer.
    """
    years = [wish for wish in wishes if isinstance(wish, Numbers) and wish.field == "year"]
    sums = _count_unmet([wish for wish in wishes if wish not in years], found.rows, snapshot)
    for wish in years:
        sums += np.minimum.reduce([years_missed(found.years, part.low, part.high) for part in wish.ranges])
    return sums


def years_missed(years: Floats, first: float, last: float) -> Floats:
    """How far movies are from the years from `first` to `last`, shape (movies,), 0 to 1; unknown years lie between."""
    scale = _YEARS_OF_A_YEAR if first == last else _YEARS
    away = np.maximum(np.maximum(first - years, years - last), 0.0)
    return np.asarray(1.0 - np.exp(-np.nan_to_num(away, nan=scale, posinf=inf) / scale), dtype=np.float32)


def first_those(meeting: Candidates, others: Candidates, wishes: Sequence[Condition], snapshot: Snapshot) -> Candidates:
    """Candidates that meet all wishes together with others, of which it is counted how many they do not meet."""
    new = ~np.isin(others.rows, meeting.rows)
    unmet = _count_unmet(wishes, others.rows[new], snapshot)
    rows = np.concatenate([meeting.rows, others.rows[new]])
    order = np.argsort(rows)
    return Candidates(
        rows[order],
        np.concatenate([meeting.lexical, others.lexical[new]])[order],
        np.concatenate([meeting.years, others.years[new]])[order],
        np.concatenate([meeting.votes, others.votes[new]])[order],
        meeting.complete,
        others.away,
        np.concatenate([np.zeros(len(meeting.rows), dtype=np.float32), unmet])[order],
    )


def _count_unmet(wishes: Sequence[Condition], rows: Rows, snapshot: Snapshot) -> Floats:
    """How many wishes each movie does not meet, shape (movies,)."""
    counts = np.zeros(len(rows), dtype=np.float32)
    ids = list(snapshot.movies.ids_at(rows.tolist()).values()) if wishes else []
    for wish in wishes:
        counts += ~np.isin(rows, snapshot.lexical.score({}, ids, keep=Filter((wish,))).rows)
    return counts
