"""Titles as queries, exact and with one typing error."""

import random

import pytest
from rapidfuzz.distance import OSA

from query.evaluation.title_sets import misspell, title_sets


def test_titles_are_asked_as_they_are_and_with_one_slip() -> None:
    titles = ["Alien", "Dune", "DUNE", "Aliens", "Das Boot", "Heat"]
    exact, misspelt = title_sets([*"123456"], titles, 10)
    assert exact.queries == {"1": "Alien", "4": "Aliens", "5": "Das Boot", "6": "Heat"}
    assert exact.relevant == misspelt.relevant == {key: {key: 1} for key in "1456"}
    assert title_sets([*"123456"], titles, 10) == [exact, misspelt]
    assert len(title_sets([*"123456"], titles, 2)[0].queries) == 2
    assert not {text.casefold() for text in misspelt.queries.values()} & {title.casefold() for title in titles}


@pytest.mark.parametrize("title", ["Alien", "8½", "M", "Das Boot", "Amélie"])
def test_a_slip_changes_one_letter(title: str) -> None:
    generator = random.Random(7)  # noqa: S311
    slips = {misspell(title, generator) for _ in range(200)}
    # The optimal string alignment distance counts a swap as one.
    assert {OSA.distance(title, slip) for slip in slips} == {1}
    assert "" not in slips


def test_a_slip_is_never_another_title() -> None:
    generator = random.Random(7)  # noqa: S311
    assert all(misspell("Alien", generator, {"aliens", "lien"}) not in {"Aliens", "lien"} for _ in range(500))
    assert misspell("!?", generator) == "!?"
