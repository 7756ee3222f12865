"""The example questions: enough of each kind, each of the kind it stands for."""

from collections.abc import Sequence

import pytest

from catalog.identity import ModelIdentity
from catalog.text.questions import KINDS, example_questions
from query.search.query_analysis import analyze

MODEL = ModelIdentity("bundled", "all-MiniLM-L6-v2", 384, 256)


def test_every_kind_has_forty_and_none_comes_twice() -> None:
    questions = example_questions()
    assert {kind: len(questions[kind]) for kind in questions} == dict.fromkeys(KINDS, 40)
    assert len({text.lower() for texts in questions.values() for text in texts}) == 280


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_is_read_as_its_kind(kind: str) -> None:
    def held(stems: Sequence[str]) -> frozenset[str]:
        """A catalog of every English word, or of none: then what may be German is taken for it."""
        return frozenset(stems if kind.endswith("-en") else ())

    read = {text: analyze(text, MODEL, held).kind for text in example_questions()[kind]}
    assert {text: found for text, found in read.items() if found != kind} == {}
