"""From texts to token ids: what is cleaned, where a text is cut, what is counted."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# \x09-\x0d, \x1c-\x1f and \x85 separate words or lines; the other control characters and lone
# surrogates (which no tokenizer can encode) are noise.
_SEPARATORS = re.compile("[\x09-\x0d\x1c-\x1f\x85]")
_NOISE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Tokenized:
    """n texts as token ids, each with the model's start and end tokens."""

    ids: list[list[int]]
    truncated: int
    """How many texts were longer than the limit, and were cut."""


@dataclass(frozen=True, slots=True)
class TextTokenizer:
    """A tokenizer.json, set to cut and never to pad."""

    path: Path
    tokenizer: "Tokenizer"
    vocabulary: int

    def __call__(self, texts: Sequence[str]) -> Tokenized:
        """Tokenize texts; those over the limit keep their beginning and the end token.

        Raises ModelError for an id the model has no row for: a tokenizer of another model.
        """
        with refusing_faults(self.path):
            encodings = self.tokenizer.encode_batch_fast([clean(text) for text in texts])
        ids = [encoding.ids for encoding in encodings]
        largest = max(map(max, ids), default=0)
        if largest >= self.vocabulary:
            raise ModelError(f"{self.path}: gives token id {largest}, the model knows {self.vocabulary} tokens only")
        return Tokenized(ids, sum(1 for encoding in encodings if encoding.overflowing))


def clean(text: str) -> str:
    """Unicode NFC without control characters; tabs and line breaks become spaces, case is kept.

    Decomposed umlauts tokenize differently, and nobody sees the difference.
    """
    text = unicodedata.normalize("NFC", text)
    if text.isprintable():
        return text
    return _NOISE.sub("", _SEPARATORS.sub(" ", text))


def open_tokenizer(path: Path, *, max_tokens: int, vocabulary: int) -> TextTokenizer:
    """Read a tokenizer.json; ModelError if it is missing or damaged."""
    from tokenizers import Tokenizer

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; the folder is not a complete model") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: no tokenizer ({error}); fetch the model again") from None
    with refusing_faults(path):
        tokenizer = Tokenizer.from_str(text)
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length=max_tokens)
    return TextTokenizer(path, tokenizer, vocabulary)


@contextmanager
def refusing_faults(path: Path) -> Iterator[None]:
    """Turn what the tokenizers library says of a wrong file into ModelError.

    It raises bare Exception for most of what is wrong, and where its Rust code panics a BaseException of its own, which
    nothing but its name tells from a KeyboardInterrupt.
    """
    try:
        yield
    except BaseException as error:
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        raise ModelError(f"{path}: no tokenizer ({error}); fetch the model again") from None
