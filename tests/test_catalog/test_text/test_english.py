"""Which texts are English."""

import pytest

from catalog.text.english import is_english, mostly_foreign


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("A lighthouse keeper finds a letter that was written by his daughter, who is not born yet.", True),
        ("Two thieves rob the bank of a small town, and the sheriff rides after them for years.", True),
        ("Ein Leuchtturmwärter findet in einer Flasche den Brief seiner Tochter, die noch nicht geboren ist.", False),
        ("Un guardián del faro encuentra una carta escrita por su hija, que aún no ha nacido.", False),
        ("Un gardien de phare trouve une lettre écrite par sa fille, qui n'est pas encore née.", False),
        ("De vuurtorenwachter vindt een brief van zijn dochter, die nog niet geboren is en toch leeft.", False),
        ("Смотритель маяка находит письмо своей дочери", False),
        ("灯台守は、まだ生まれていない娘からの手紙を見つける。", False),
        ("Short plot.", None),
        ("", None),
    ],
)
def test_is_english(text: str, english: bool | None) -> None:
    assert is_english(text) is english


def test_most_of_those_that_tell_decide() -> None:
    english = "The keeper of the lighthouse finds a letter that his daughter wrote."
    german = "Der Wärter des Leuchtturms findet einen Brief, den seine Tochter geschrieben hat."
    assert mostly_foreign([german, german, english, "short"])
    assert not mostly_foreign([german, english])
    assert not mostly_foreign(["short", ""])
    assert not mostly_foreign([])
