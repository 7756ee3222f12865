"""Titles of the catalog as queries: as they are, and with one typing error."""

import random
import string
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from query.evaluation.datasets import QuerySet


def title_sets(ids: Sequence[str], titles: Sequence[str], count: int, seed: int = 0) -> list[QuerySet]:
    """Two sets, "titles" and "titles-misspelt", over `count` titles that only one film has.

    `ids` and `titles` go together. The same seed chooses the same titles and the same errors.
    """
    names = [_folded(title) for title in titles]
    often = Counter(names)
    unique = [row for row, name in enumerate(names) if often[name] == 1]
    generator = random.Random(seed)  # noqa: S311
    chosen = sorted(generator.sample(unique, min(count, len(unique))))
    exact = {ids[row]: titles[row] for row in chosen}
    misspelt = {identity: misspell(title, generator, often.keys()) for identity, title in exact.items()}
    relevant = {identity: {identity: 1} for identity in exact}
    return [
        QuerySet("titles", exact, relevant, titles=True),
        QuerySet("titles-misspelt", misspelt, relevant, titles=True),
    ]


def misspell(title: str, generator: random.Random, taken: AbstractSet[str] = frozenset()) -> str:
    """The title with one letter or digit swapped with the next, left out, put in, or replaced.

    An error that happens to be another title, of those in `taken` (in lower case), is not made. A title without a
    single letter or digit stays as it is.
    """
    places = [place for place, character in enumerate(title) if character.isalnum()]
    for _ in range(100 if places else 0):
        wrong = _slip(title, generator.choice(places), generator)
        if wrong.strip() and _folded(wrong) != _folded(title) and _folded(wrong) not in taken:
            return wrong
    return title


def _slip(title: str, place: int, generator: random.Random) -> str:
    before, letter, after = title[:place], title[place], title[place + 1 :]
    other = generator.choice(string.ascii_lowercase)
    slips = [before + after, before + other + letter + after, before + other + after]
    if after[:1].isalnum():
        slips.append(before + after[0] + letter + after[1:])
    return generator.choice(slips)


def _folded(title: str) -> str:
    return " ".join(title.casefold().split())
