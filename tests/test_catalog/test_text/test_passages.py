"""How a story is cut into passages."""

import random
from itertools import pairwise

import pytest

from catalog.text.passages import Passage, passages, passages_beyond, sentences, told_once

WORDS = "mill river captain storm letter garden winter brother train island singer cellar".split()


def story(count: int, seed: int = 1) -> list[str]:
    """Sentences of 8 to 24 words, no two alike."""
    chance = random.Random(seed)  # noqa: S311 - always the same story
    return [
        f"{' '.join(chance.choices(WORDS, k=chance.randint(7, 23)))} {number}.".capitalize() for number in range(count)
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two? Three!", ["One.", "Two?", "Three!"]),
        ("He leaves at 5.30 p.m. and never returns.", ["He leaves at 5.30 p.m. and never returns."]),
        ("She wins.The next day she goes.", ["She wins.", "The next day she goes."]),
        ("Sie geht. Über Nacht schneit es.", ["Sie geht.", "Über Nacht schneit es."]),
        ("彼は行く。彼女は待つ。", ["彼は行く。", "彼女は待つ。"]),
        ("no end", ["no end"]),
        ("", []),
    ],
)
def test_sentences(text: str, found: list[str]) -> None:
    assert sentences(text) == found


def test_a_short_story_is_one_passage() -> None:
    assert passages("A ship leaves. It returns.") == [Passage("A ship leaves. It returns.", 0.0, 1.0)]
    assert passages("") == []


def test_passages_are_of_about_a_hundred_words_and_hold_every_sentence() -> None:
    told = story(120)
    found = passages(" ".join(told))
    sizes = [len(passage.text.split()) for passage in found]
    assert min(sizes[:-1]) >= 60
    assert max(sizes) <= 180
    assert 80 <= sum(sizes) / len(sizes) <= 130
    assert list(dict.fromkeys(sentence for passage in found for sentence in sentences(passage.text))) == told
    assert (found[0].start, found[-1].end) == (0.0, 1.0)
    assert all(before.end == after.start for before, after in pairwise(found))


def test_each_passage_begins_with_the_last_sentence_of_the_one_before() -> None:
    found = [sentences(passage.text) for passage in passages(" ".join(story(60)))]
    assert all(before[-1] == after[0] for before, after in pairwise(found))


def test_a_changed_sentence_changes_the_passages_it_is_in() -> None:
    told = story(120)
    before = {passage.text for passage in passages(" ".join(told))}
    changes = []
    for place in range(120):
        changed = [*told[:place], f"Nobody knew then what {told[place]}", *told[place + 1 :]]
        changes.append(len({passage.text for passage in passages(" ".join(changed))} - before))
    assert min(changes) == 1
    assert sum(change <= 2 for change in changes) >= 100
    assert sum(changes) / len(changes) < 2


def test_what_is_told_again_is_left_out() -> None:
    told = " ".join(story(50))
    assert passages(f"{told} {told} {told}") == passages(told)
    assert told_once("A. B. A.") == ["A.", "B."]


def test_a_sentence_without_an_end_is_cut_at_words() -> None:
    found = passages(" ".join(f"word{number}" for number in range(500)))
    assert all(len(passage.text.split()) <= 180 for passage in found)
    assert {word for passage in found for word in passage.text.split()} == {f"word{number}" for number in range(500)}


def test_a_script_without_spaces_is_cut_as_well() -> None:
    found = passages(
        "船が宇宙へ行く、そして帰らない。" * 3 + "".join(f"彼は{number}番目の島へ行く。" for number in range(80))
    )
    assert len(found) > 2
    assert all(len(passage.text) < 400 for passage in found)


def test_only_what_a_model_does_not_read_of_a_plot() -> None:
    told = " ".join(story(60))
    found = passages_beyond(told, 256)
    assert found == passages(told)[-len(found) :]
    assert 0 < len(found) < len(passages(told))
    assert passages_beyond(told, 10_000) == []
    assert passages_beyond("A ship.", 256) == []
