"""JSON read value by value through a window that slides over a text of any length."""

import json
import re
from dataclasses import dataclass
from typing import Any, TextIO

from catalog.errors import SourceError

CHUNK = 1 << 20
LARGEST = 1 << 26
"""Characters: no single movie is larger, so a broken file cannot fill the memory."""
TOO_DEEP = "not usable: nested too deeply"
_DIGITS = 4300
"""Of an integer; one with more stays text."""
_SLACK = 16
"""A number or a literal that the end of the text has cut fails at most this many characters before it."""
_UNFINISHED = re.compile(r"[\\\w.+-]*\s*")
"""What can be left where the end of the file has cut a value: a piece of a number, of a literal, of an escape."""
_SPACE = re.compile(r"[ \t\r\n]*")
_MARK = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*("?)|[\[\]{}]', re.DOTALL)
"""A string, whose end may be missing, or a bracket."""


def decode(text: str, at: int) -> tuple[Any, int]:
    """The value that begins at `at`, and where it ends."""
    try:
        return _scan(text, at)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of more digits than Python makes a number of
        return _scan_digits(text, at)


# NaN and Infinity are written by pandas and by Python itself: read as "nothing". Raw newlines in strings are accepted.
_scan = json.JSONDecoder(parse_constant=lambda _: None, strict=False).raw_decode
_scan_digits = json.JSONDecoder(
    parse_int=lambda digits: int(digits) if len(digits) <= _DIGITS else digits,
    parse_constant=lambda _: None,
    strict=False,
).raw_decode


@dataclass(frozen=True, slots=True)
class SteppedOver:
    """Stands for a value that was stepped over."""

    reason: str


class Window:
    """The part of the text that is being read: `text` from `at` on is still to come."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._lines = 1
        self.name = name
        self.text = stream.read(CHUNK)
        self.at = 0

    def more(self) -> bool:
        """Forget what was read and append what follows, doubling the window; False at the end of the file."""
        if len(self.text) - self.at > LARGEST:
            raise SourceError(f"{self.where()}: one value is longer than {LARGEST:,} characters; is the file damaged?")
        self._lines += self.text.count("\n", 0, self.at)
        following = self._stream.read(max(CHUNK, len(self.text) - self.at))
        self.text = self.text[self.at :] + following
        self.at = 0
        return bool(following)

    def where(self, at: int | None = None) -> str:
        """The place for a message: "movies.json, line 12"."""
        return f"{self.name}, line {self._lines + self.text.count(chr(10), 0, self.at if at is None else at)}"

    def peek(self) -> str:
        """The next character that is no space, "" at the end."""
        while True:
            space = _SPACE.match(self.text, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def expect(self, allowed: str) -> str:
        """Step over the next character, one of `allowed`."""
        character = self.peek()
        if not character:
            raise self.cut_off()
        if character not in allowed:
            raise SourceError(f"{self.where()}: not JSON: {' or '.join(allowed)} expected, {character!r} found")
        self.at += 1
        return character

    def value(self) -> object:
        """Read the next value whole, with as much text as it takes."""
        while True:
            try:
                value, end = decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if not self._may_go_on(error):
                    raise SourceError(f"{self.where(error.pos)}: not JSON: {error.msg}") from None
                rest = self.text[error.pos :]
                if not self.more():
                    if error.msg.startswith("Unterminated") or _UNFINISHED.fullmatch(rest):
                        raise self.cut_off() from None
                    at = len(self.text) - len(rest)
                    raise SourceError(f"{self.where(at)}: not JSON: {error.msg}") from None
            except RecursionError:
                self._step_over()
                return SteppedOver(TOO_DEEP)
            else:
                # A number at the very end of the window may go on in the next one.
                if end < len(self.text) or isinstance(value, dict | list | str) or not self.more():
                    self.at = end
                    return value

    def _step_over(self) -> None:
        """Go behind the value that begins here, counting its brackets only: it may be as deep as it likes."""
        depth, at = 0, self.at
        while True:
            for mark in _MARK.finditer(self.text, at):
                if mark[0][0] == '"' and not mark[1]:
                    break  # its end is still to come
                at = mark.end()
                depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark[0], 0)
                if not depth:
                    self.at = at
                    return
            at -= self.at
            if not self.more():
                raise self.cut_off()

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        """Whether more text could mend the mistake."""
        return error.msg.startswith("Unterminated") or error.pos > len(self.text) - _SLACK

    def cut_off(self) -> SourceError:
        """The error for a document that stops before its end."""
        return SourceError(f"{self.where(len(self.text))}: the file is cut off, its JSON has no end; get it again")
