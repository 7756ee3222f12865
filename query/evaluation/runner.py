"""How well rankings agree with people's judgments. Pure, but for the clock: whatever can rank is passed in.

What ranks is a `Ranker`, functions from a question to an answer, so that the whole search, one of its retrievers,
or a dictionary in a test are evaluated alike.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from query.evaluation.datasets import PairSet, QuerySet
from query.evaluation.metrics import DEPTH, Estimate, auc, ranking_measures

_FEW = 20
"""Questions: of fewer a bootstrap repeats the same few, and of three right ones its interval has no width."""


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """What is asked: a text, or films similar to one of the catalog."""

    text: str = ""
    movie_id: str | None = None
    pool: frozenset[str] | None = None
    """If given, rank these ids only."""
    limit: int = DEPTH


@dataclass(frozen=True, slots=True)
class Answer:
    """Film ids, best first."""

    ids: Sequence[str]
    confidence: Sequence[float]
    """How well each fits, on a scale that is the same for all questions."""


Ask = Callable[[JudgedQuery], Answer]
Prepare = Callable[[Sequence[JudgedQuery]], None]

_TOGETHER = 64
"""Questions that are prepared together: what is embedded for them fits into memory beside any model."""


def _nothing(_: Sequence[JudgedQuery]) -> None:
    """For a ranker that has nothing to prepare."""


@dataclass(frozen=True, slots=True)
class Ranker:
    """What is evaluated; sets that need a function which is None are passed over."""

    search: Ask
    """Answers texts."""
    recommend: Ask | None = None
    """Ranks films similar to one."""
    rate: Ask | None = None
    """Says of every film in a question's pool how well it goes with the question's film."""
    prepare: Prepare = _nothing
    """Does for the next questions together what would take longer for each; its time is shared among them."""


#: Shows progress: passes on the questions of the set with this name.
Watch = Callable[[str, Sequence[JudgedQuery]], Iterable[JudgedQuery]]


@dataclass(frozen=True, slots=True)
class SetResult:
    """What was measured on one set."""

    name: str
    measures: Mapping[str, Estimate]
    seconds: NDArray[np.float64]
    """What each question took, shape (questions,)."""
    queries: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, float]:
        """Plain numbers: each measure with `_low` and `_high`, then how many and how fast."""
        numbers: dict[str, float] = {}
        for name, estimate in self.measures.items():
            numbers |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        numbers["queries"] = self.queries
        if self.seconds.size:
            median, slow = np.percentile(self.seconds, (50, 99)) * 1000
            numbers["queries_per_second"] = float(self.seconds.size / max(self.seconds.sum(), 1e-9))
            numbers |= {"p50_ms": float(median), "p99_ms": float(slow)}
        return numbers


@dataclass(slots=True)
class _Asked:
    """The answers to one set's questions, in their order, and what they took."""

    answers: list[Answer] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def best(self) -> list[float]:
        """The confidence of the surest film of each answer."""
        return [max(answer.confidence, default=0.0) for answer in self.answers]


def evaluate(
    sets: Sequence[QuerySet | PairSet], ranker: Ranker, watch: Watch = lambda _, questions: questions
) -> list[SetResult]:
    """Ask every question of every set; sets without answers come last, as they are held against the others.

    For one of those, the measure is how well the confidence of the surest film tells a question that has an
    answer (those of all other sets of texts, titles aside) from one that has none.
    """
    outcomes: list[SetResult] = []
    answerable: list[float] = []
    for judged in sorted(sets, key=_is_unanswerable):
        if isinstance(judged, PairSet):
            outcomes += [_pairs(judged, ranker.rate, watch)] if ranker.rate else []
        elif _is_unanswerable(judged):
            outcomes.append(_refused(judged, ranker, watch, answerable))
        elif ask := ranker.recommend if judged.recommend else ranker.search:
            asked = _ask_all(judged.name, _questions(judged), ask, ranker.prepare, watch)
            outcomes.append(_ranked(judged, asked))
            answerable += [] if judged.recommend or judged.titles else asked.best()
    return outcomes


def _is_unanswerable(judged: QuerySet | PairSet) -> bool:
    return isinstance(judged, QuerySet) and not judged.has_answers


def _questions(judged: QuerySet) -> list[JudgedQuery]:
    if judged.recommend:
        return [JudgedQuery(movie_id=query, pool=judged.pool) for query in judged.queries]
    return [JudgedQuery(text=text, pool=judged.pool) for text in judged.queries.values()]


def _ask_all(name: str, questions: Sequence[JudgedQuery], ask: Ask, prepare: Prepare, watch: Watch) -> _Asked:
    asked, share = _Asked(), 0.0
    if questions:
        ask(questions[0])  # The first one opens files and warms caches; it is asked again below.
    for number, question in enumerate(watch(name, questions)):
        if number % _TOGETHER == 0:
            share = _seconds_each(prepare, questions[number : number + _TOGETHER])
        start = perf_counter()
        asked.answers.append(ask(question))
        asked.seconds.append(perf_counter() - start + share)
    return asked


def _seconds_each(prepare: Prepare, questions: Sequence[JudgedQuery]) -> float:
    start = perf_counter()
    prepare(questions)
    return (perf_counter() - start) / len(questions)


def _ranked(judged: QuerySet, asked: _Asked) -> SetResult:
    rankings = {
        query: [film for film in answer.ids if not (judged.recommend and film == query)]
        for query, answer in zip(judged.queries, asked.answers, strict=True)
    }
    measures = ranking_measures(rankings, judged.relevant) if rankings else {}
    few = f"questions: only {len(rankings)}; below {_FEW} the intervals say little"
    notes = (*judged.notes, few) if 0 < len(rankings) < _FEW else judged.notes
    return SetResult(judged.name, measures, np.array(asked.seconds), len(rankings), notes)


def _pairs(judged: PairSet, ask: Ask, watch: Watch) -> SetResult:
    """One question for each film, rating its candidates; one that is not in the answer is the worst there is."""
    candidates: dict[str, set[str]] = {}
    for movie, candidate, _ in judged.pairs:
        candidates.setdefault(movie, set()).add(candidate)
    questions = [
        JudgedQuery(movie_id=movie, pool=frozenset(films), limit=max(DEPTH, len(films)))
        for movie, films in candidates.items()
    ]
    asked = _ask_all(judged.name, questions, ask, _nothing, watch)
    confidence = {
        (movie, film): value
        for movie, answer in zip(candidates, asked.answers, strict=True)
        for film, value in zip(answer.ids, answer.confidence, strict=True)
    }
    good = [confidence.get((movie, candidate), -np.inf) for movie, candidate, fits in judged.pairs if fits]
    bad = [confidence.get((movie, candidate), -np.inf) for movie, candidate, fits in judged.pairs if not fits]
    return _told_apart(judged.name, good, bad, asked, len(judged.pairs), judged.notes)


def _refused(judged: QuerySet, ranker: Ranker, watch: Watch, answerable: Sequence[float]) -> SetResult:
    asked = _ask_all(judged.name, _questions(judged), ranker.search, ranker.prepare, watch)
    notes = (*judged.notes, f"no relevant films: held against {len(answerable)} queries that have an answer")
    return _told_apart(judged.name, answerable, asked.best(), asked, len(judged.queries), notes)


def _told_apart(
    name: str, good: Sequence[float], bad: Sequence[float], asked: _Asked, count: int, notes: tuple[str, ...]
) -> SetResult:
    measures = {"auc": auc(good, bad)} if len(good) and len(bad) else {}
    if not measures:
        notes = (*notes, f"no AUC: it needs good and bad ones, and there are {len(good)} and {len(bad)}")
    return SetResult(name, measures, np.array(asked.seconds), count, notes)
