"""What is cleaned before a text is tokenized, and what is refused."""

import json
from pathlib import Path

import pytest

from catalog.embedding.bert.tokenizer import clean, open_tokenizer
from catalog.errors import ModelError
from tests.support.checkpoints import JINA_TINY, MISSING_TOKEN

WORDPIECE = {"continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
TOKENIZER = JINA_TINY / "tokenizer.json"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Das Boot", "Das Boot"),
        ("u\u0308ber", "über"),
        ("a\tb\nc\r\nd", "a b c  d"),
        ("a\u2028b\u200d", "a\u2028b\u200d"),
        ("a\x00\x1b[0mb\x7f\x9f", "a[0mb"),
        ("lone \udc80 surrogate", "lone  surrogate"),
        ("🎬 日本語", "🎬 日本語"),
        ("", ""),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_a_cut_text_keeps_its_end_token() -> None:
    made = open_tokenizer(TOKENIZER, max_tokens=8, vocabulary=2000)(["space ships " * 20, "a"])
    assert [len(ids) for ids in made.ids] == [8, 3]
    assert all(ids[0] == 0 and ids[-1] == 2 for ids in made.ids)
    assert made.truncated == 1


def test_no_texts() -> None:
    assert open_tokenizer(TOKENIZER, max_tokens=8, vocabulary=2000)([]).ids == []


def test_the_tokenizer_of_another_model_is_refused() -> None:
    tokenizer = open_tokenizer(TOKENIZER, max_tokens=8, vocabulary=500)
    with pytest.raises(ModelError, match="gives token id 899, the model knows 500 tokens only"):
        tokenizer(["space ships"])


@pytest.mark.parametrize("content", ["", "{}", "not json", "\xff"])
def test_a_damaged_tokenizer_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ModelError, match=r"tokenizer\.json: no tokenizer"):
        open_tokenizer(path, max_tokens=8, vocabulary=2000)


@pytest.mark.parametrize(
    "change",
    [
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////w=="}},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAP////8AAAA="}},
        {"post_processor": MISSING_TOKEN},
        {"model": {"type": "WordPiece", "unk_token": "?", "vocab": {"a": 0}, **WORDPIECE}, "post_processor": None},
    ],
)
def test_a_tokenizer_that_panics_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(json.loads(TOKENIZER.read_text()) | change))
    with pytest.raises(ModelError, match=r"tokenizer\.json: no tokenizer"):
        open_tokenizer(path, max_tokens=64, vocabulary=2000)(["space ships"])


def test_a_missing_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        open_tokenizer(tmp_path / "tokenizer.json", max_tokens=8, vocabulary=2000)
