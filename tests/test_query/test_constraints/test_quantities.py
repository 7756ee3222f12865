"""What a question says of a film's rating, votes and runtime."""

import pytest

from catalog.text.folding import fold
from query.constraints.quantities import find_quantities
from query.filters import parse_filter


@pytest.mark.parametrize(
    ("text", "said", "bound"),
    [
        ("sci-fi from 1970, rated higher than 6", "rated higher than 6", "rating>6"),
        ("war movies with a rating of at least 7 out of 10", "with a rating of at least 7 out of 10", "rating:7.."),
        ("Dramen, mindestens 7 Punkte", "mindestens 7 punkte", "rating:7.."),
        ("Dokus mit einer Bewertung über 7,5", "mit einer bewertung uber 7,5", "rating>7.5"),
        ("rated 8 or higher", "rated 8 or higher", "rating:8.."),
        ("Filme, mit weniger als 2,5 bewertet", "mit weniger als 2,5 bewertet", "rating<2.5"),
        ("7 Punkte oder besser", "7 punkte oder besser", "rating:7.."),
        ("not rated higher than 4", "rated higher than 4", "rating>4"),
        ("imdb over 8", "imdb over 8", "rating>8"),
        ("gut bewertete Western", "gut bewertete", "rating:7.."),
        ("thrillers with at least 10,000 votes", "with at least 10,000 votes", "votes:10000.."),
        ("with more than 50k votes", "with more than 50k votes", "votes>50000"),
        ("die mehr als 5000 Leute bewertet haben", "mehr als 5000 leute bewertet haben", "votes>5000"),
        ("a comedy under two hours", "under two hours", "runtime<120"),
        ("Krimis unter 90 Minuten", "unter 90 minuten", "runtime<90"),
        ("nicht länger als anderthalb Stunden", "nicht langer als anderthalb stunden", "runtime:..90"),
        ("90 minutes or less", "90 minutes or less", "runtime:..90"),
        ("höchstens 2 Stunden lang", "hochstens 2 stunden lang", "runtime:..120"),
    ],
)
def test_bounds_that_are_said(text: str, said: str, bound: str) -> None:
    folded = fold(text)
    found = [(folded[each.start : each.end], f"{each.field}{each.bound}") for each in find_quantities(folded)]
    assert found == [(said, bound)]
    assert len(parse_filter(bound).conditions) == 1


def test_bounds_beside_each_other_are_told_apart() -> None:
    found = find_quantities("movies with a rating over 8 and more than 500,000 votes")
    assert [f"{each.field}{each.bound}" for each in found] == ["rating>8", "votes>500000"]


@pytest.mark.parametrize(
    "text",
    [
        "88 minutes",
        "two hours before the war ends",
        "a ship under 20,000 feet",
        "rated 11 or higher",
        "a score to settle",
    ],
)
def test_numbers_that_bound_nothing(text: str) -> None:
    assert find_quantities(text) == []
