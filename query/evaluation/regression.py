"""Two evaluations side by side: what became worse by more than chance explains."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import JudgmentsError

#: Numbers by name ("ndcg@10", "ndcg@10_low", ...), by set.
Numbers = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Regression:
    """A measure that lies below the confidence interval it had before."""

    set_name: str
    measure: str
    before: float
    low: float
    """The lower limit of the interval before."""
    now: float


def regressions(before: Numbers, now: Numbers) -> list[Regression]:
    """Every measure with an interval that is in both evaluations and fell below that interval."""
    return [
        Regression(name, measure, numbers[measure], numbers[f"{measure}_low"], now[name][measure])
        for name, numbers in before.items()
        for measure in numbers
        if f"{measure}_low" in numbers
        and measure in now.get(name, {})
        and now[name][measure] < numbers[f"{measure}_low"]
    ]


def not_compared(before: Numbers, now: Numbers) -> list[str]:
    """Sets of the earlier evaluation that were left out now, or had other queries: a line each."""
    lines = []
    for name, numbers in before.items():
        if name not in now:
            lines.append(f"{name}: is in the baseline and was not evaluated now")
        elif numbers.get("queries") != now[name].get("queries"):
            lines.append(
                f"{name}: the baseline asked {numbers.get('queries', 0):g} queries, this run {now[name]['queries']:g}"
            )
    return lines


def read_baseline(path: Path) -> dict[str, dict[str, float]]:
    """The sets of an evaluation that was printed with --json; raises JudgmentsError."""
    try:
        sets = json.loads(path.read_text(encoding="utf-8"))["sets"]
        return {
            str(name): {str(measure): float(value) for measure, value in numbers.items()}
            for name, numbers in sets.items()
        }
    except OSError as error:
        raise JudgmentsError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise JudgmentsError(f"{path}: is not the output of query-evaluate --json") from None
