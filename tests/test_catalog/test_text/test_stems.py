"""Words as they are compared, in English and German."""

import pytest

from catalog.text.folding import fold, plain_title, tokens, without_article
from catalog.text.stems import english_terms, german_terms
from catalog.text.translation import gloss, is_german, knows, translated_terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Größe", "grosse"),
        ("Amélie", "amelie"),
        ("Fußball", "fussball"),
        ("Smørrebrød", "smorrebrod"),
        ("8½", "8 1/2"),
        ("Łódź", "lodz"),
    ],
)
def test_folding_takes_accents_and_case_away(text: str, expected: str) -> None:
    assert fold(text) == expected


def test_tokens_are_words_without_signs() -> None:
    assert tokens("The dog's bone, don't!") == ["the", "dog", "bone", "dont"]


def test_terms_meet_across_inflections() -> None:
    assert english_terms("the haunted houses") == english_terms("a haunting house")
    assert german_terms("die Häuser") == german_terms("des Hauses") == ["de:haus"]
    assert not set(english_terms("die war")) & set(german_terms("die Kriege"))


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("8½", "8 1 2"),
        ("Se7en", "se7en"),
        ("M*A*S*H", "m a s h"),
        ("Romeo & Juliet", "romeo and juliet"),
        ("$", "$"),
        ("???", "???"),
    ],
)
def test_titles_as_people_type_them(title: str, plain: str) -> None:
    assert plain_title(title) == plain


def test_articles() -> None:
    assert without_article("the godfather") == "godfather"
    assert without_article("the") == "the"


@pytest.mark.parametrize(
    ("text", "german"),
    [
        ("ein Mann erlebt immer denselben Tag", True),
        ("Mädchen", True),
        ("a man relives the same day", False),
        ("das boot", True),
        ("jaws", False),
    ],
)
def test_german_is_recognised(text: str, german: bool) -> None:
    assert is_german(text) is german


def test_german_is_translated_word_by_word() -> None:
    assert gloss("das Raumschiff") == "spaceship"
    assert {"ghost", "hunter"} <= set(translated_terms("Geisterjäger"))
    assert knows("Raumschiffe")
    assert not knows("qqqq")
