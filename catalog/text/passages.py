"""A long story in passages, each as much as a model reads well at a time. Pure.

Where a passage ends is decided by the sentences that stand there, not by how many came before (content-defined
chunking: Muthitacharoen, Chen, Mazières 2001): a sentence that changes, or comes in, moves no passage further on.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

#: Of what follows, and of `movie_passages`: to be raised when these make other passages of a movie, so that the next
#: run makes them anew.
SPLITTER = 2

_LEAST, _MOST = 60, 120
"""Words of a passage, but for what it tells again ..."""
_LAST = 150
"""... and but for the last one, which may hold so many."""
_AGAIN = 30
"""Words of a sentence at most that the next passage tells again, so that none begins in the middle of things."""
_PIECE = 60
"""Words of a sentence at most; a longer one counts as several, so that one always ends where a passage may."""

# Behind a full stop a capital may follow at once: paragraphs that were joined without a space.
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^a-z])|(?<=[a-z\d)\"'][.!?])(?=[A-Z][a-z])|(?<=[。！？])")
# Scripts without spaces: two characters say about as much as a word.
_WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{1,2}|[^\\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")

# A tenth more tokens than these, give or take a tenth, make English texts for the models that we know. It need not be
# exact: a few words more or less of a plot are read once more, or not at all.
_TOKEN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\\w{1,9}|[^\\w\\s]")
_TOKENS_A_PIECE = 1.1


@dataclass(frozen=True, slots=True)
class Passage:
    """Some sentences of a story that follow each other."""

    text: str
    start: float
    """How far into the story it begins, 0 to 1, what it tells again left out."""
    end: float
    german: bool = False
    """Whether it is of a German plot that stands beside the plot."""


def sentences(text: str) -> list[str]:
    """The sentences of a text, without the spaces between them."""
    return [part.strip() for part in _SENTENCE.split(text) if part.strip()]


def told_once(text: str) -> list[str]:
    """The sentences of a story, each once: what is told again is nothing new."""
    return list(dict.fromkeys(sentences(text)))


def passages(text: str) -> list[Passage]:
    """The passages of a story in their order; none of an empty text."""
    parts = [piece for sentence in told_once(text) for piece in _pieces(sentence)]
    sizes = [_size(part) for part in parts]
    ends = list(_ends(parts, sizes))
    total = max(sum(sizes), 1)
    found: dict[str, Passage] = {}
    for start, end in zip([0, *ends], ends, strict=False):
        again = start - 1 if start and sizes[start - 1] <= _AGAIN else start
        told = " ".join(parts[again:end])
        found.setdefault(told, Passage(told, sum(sizes[:start]) / total, sum(sizes[:end]) / total))
    return list(found.values())


def passages_beyond(text: str, max_tokens: int) -> list[Passage]:
    """Those passages of a text that a model does not read to their end, which reads so many tokens of it."""
    read = max_tokens / max(_TOKENS_A_PIECE * len(_TOKEN.findall(text)), 1)
    return [passage for passage in passages(text) if passage.end > read] if read < 1 else []


def _size(text: str) -> int:
    return len(_WORD.findall(text))


def _pieces(sentence: str) -> Iterator[str]:
    """A sentence, or parts of one that is too long."""
    words = list(_WORD.finditer(sentence))
    for first in range(0, len(words), _PIECE):
        yield sentence[words[first].start() : words[min(first + _PIECE, len(words)) - 1].end()]


def _ends(parts: Sequence[str], sizes: Sequence[int]) -> Iterator[int]:
    """Behind which parts passages end: of those where one may, that whose last word has the least digest.

    Only that word, so that most changes of a sentence leave it an end, or none.
    """
    start, left = 0, sum(sizes)
    while start < len(parts):
        if left <= _LAST:
            yield len(parts)
            return
        end, size, choices = start, 0, []
        while size + sizes[end] <= _MOST:
            size += sizes[end]
            end += 1
            if size >= _LEAST:
                choices.append(end)
        chosen = min(choices, key=lambda end: _digest(parts[end - 1]))
        yield chosen
        left -= sum(sizes[start:chosen])
        start = chosen


def _digest(sentence: str) -> bytes:
    *_, last = _WORD.finditer(sentence)
    return blake2b(last.group().encode("utf-8", "surrogatepass"), digest_size=8).digest()
