"""What hides in titles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mapping.titles import slug, untangle


@pytest.mark.parametrize(
    ("title", "year", "expected"),
    [
        ("Toy Story (1995)", None, ("Toy Story", 1995, None)),
        ("Toy Story (1995)", 1995, ("Toy Story", 1995, None)),
        ("Toy Story (1995)", 2010, ("Toy Story (1995)", 2010, None)),
        ("Matrix, The (1999)", None, ("The Matrix", 1999, None)),
        ("Matrix, The", 1999, ("The Matrix", 1999, None)),
        ("Avventura, L' (1960)", None, ("L'Avventura", 1960, None)),
        (
            "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
            None,
            ("The City of Lost Children", 1995, "La Cité des enfants perdus"),
        ),
        ("Seven (a.k.a. Se7en) (1995)", None, ("Seven (a.k.a. Se7en)", 1995, None)),
        ("Twin Peaks (1990–1991)", None, ("Twin Peaks", 1990, None)),
        ("Airport (1234)", None, ("Airport (1234)", None, None)),
        ("(500) Days of Summer", None, ("(500) Days of Summer", None, None)),
        ("2001: A Space Odyssey", 1968, ("2001: A Space Odyssey", 1968, None)),
        ("(1999)", None, ("(1999)", None, None)),
        ("Kill, A", 1990, ("Kill, A", 1990, None)),
    ],
)
def test_untangle(title: str, year: int | None, expected: tuple[str, int | None, str | None]) -> None:
    assert untangle(title, year) == expected


@pytest.mark.parametrize(
    ("title", "year", "expected"),
    [
        ("The Matrix", 1999, "the-matrix-1999"),
        ("Amélie", None, "amelie"),
        ("Schindler's List", 1993, "schindlers-list-1993"),
        ("Das weiße Band", 2009, "das-weisse-band-2009"),
        ("千と千尋の神隠し", 2001, "千と千尋の神隠し-2001"),
        ("[REC]²", 2009, "rec-2-2009"),
        ("$", 1971, "5c2695127edf-1971"),
        ("___", None, "efd6547db7e7"),
    ],
)
def test_slugs_stay_as_they_are(title: str, year: int | None, expected: str) -> None:
    assert slug(title, year) == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_title_has_a_slug(title: str) -> None:
    assert slug(title, None).strip("- ")
    untangle(title, None)
