"""JSON and JSON lines -> rows, as a stream.

Both read with the standard library's C scanner: `raw_decode` on a sliding window of text takes 65,000 films in the
time that the fastest ijson backend needs for its events, names the line of a mistake, and keeps integers exact.
"""

import json
import re
from collections.abc import Iterator, Set
from typing import TextIO

from catalog.errors import SourceError
from ingest.readers.json_window import CHUNK, LARGEST, TOO_DEEP, SteppedOver, Window, decode
from ingest.readers.row import AnyRow, Row, UnreadableRow

_DEPTH = 3
_HOPELESS = 20
_OBJECT = re.compile(r"[ \t\r\n]*\{")
_LIST = re.compile(r'"\s*:\s*\[\s*\{')
_FILM_TITLE = re.compile("title|name", re.IGNORECASE)
_FILM_PLOT = re.compile("plot|overview|synopsis|description|summary", re.IGNORECASE)


def read_json_lines(stream: TextIO, name: str) -> Iterator[AnyRow]:
    """One row per line; a broken line costs that line only.

    Raises SourceError when the last line is cut off in the middle, or when no line is a JSON object.
    """
    good = bad = number = 0
    while line := stream.readline(LARGEST):
        number += 1
        if not line.strip():
            continue
        place = f"line {number}"
        value, problem = _decode_line(line)
        if problem and not line.endswith("\n"):
            if len(line) >= LARGEST:
                raise SourceError(f"{name}, {place}: longer than {LARGEST:,} characters; is it really JSON lines?")
            raise SourceError(f"{name} is cut off: {place} ends in the middle ({problem}); get the whole file again")
        if problem or not isinstance(value, dict):
            bad += 1
            yield UnreadableRow(place, problem or _not_an_object(value))
        else:
            good += 1
            yield Row(place, value)
        if bad == _HOPELESS and not good:
            raise SourceError(f"{name}: none of the first {number} lines is a JSON object; name its format: --format")
    if bad and not good:
        raise SourceError(f"{name}: no line is a JSON object; name its format: --format")


def _decode_line(line: str) -> tuple[object, str]:
    """The value, and what is wrong with it ("" when nothing is)."""
    start = len(line) - len(line.lstrip())
    try:
        value, end = decode(line, start)
    except json.JSONDecodeError as error:
        return None, f"not JSON: {error.msg}, column {error.pos + 1}"
    except RecursionError:
        return None, TOO_DEEP
    if line[end:].strip() not in ("", ","):
        return None, f"not JSON: more text after the object, column {end + 1}"
    return value, ""


def read_json(stream: TextIO, name: str) -> Iterator[AnyRow]:
    """The objects of an array, of an array nested in an object, or one object after another.

    Raises SourceError, naming the line, for whatever is not JSON, for an array that ends early, and when there is no
    object in it at all.
    """
    window = Window(stream, name)
    opening = window.peek()
    if opening == "[":
        window.at += 1
        yield from _array(window)
    elif opening == "{" and _is_wrapper(window):
        yield from _Wrapper(window).rows()
    elif opening == "{":
        yield from _objects(window)
        return
    else:
        raise SourceError(f"{name}: not JSON: it starts with {window.text[:20].strip()!r}; name its format: --format")
    if window.peek():
        raise SourceError(f"{window.where()}: more text after the end of the JSON; is the file two files in one?")


def _array(window: Window) -> Iterator[AnyRow]:
    """The items of the array whose bracket was just read; steps behind its end."""
    if window.peek() == "]":
        window.at += 1
        return
    good = number = 0
    while True:
        if good:
            for fields in _plain_objects(window):
                number += 1
                yield Row(f"item {number}", fields)
        number += 1
        opening = window.peek()
        if not opening:
            raise window.cut_off()
        value = window.value()
        good += opening == "{"
        if isinstance(value, dict):
            yield Row(f"item {number}", value)
        else:
            yield UnreadableRow(f"item {number}", _not_an_object(value))
        closing = window.expect(",]")
        if not good and (closing == "]" or number == _HOPELESS):
            raise SourceError(f"{window.name}: its array holds no objects but, for one, {_kind(value)}; no films there")
        if closing == "]":
            return


def _plain_objects(window: Window) -> Iterator[dict[str, object]]:
    """The objects with a comma behind them that lie whole in the window: nearly all, quickly."""
    text = window.text
    while start := _OBJECT.match(text, window.at):
        try:
            value, end = decode(text, start.end() - 1)
        except (ValueError, RecursionError):
            return  # cut by the window's end, or broken: `Window.value` finds out which
        if text[end : end + 1] != ",":
            return
        window.at = end + 1
        yield value


def _objects(window: Window) -> Iterator[AnyRow]:
    """One object after another, with or without commas, lines or spaces between them."""
    number = 0
    while window.peek():
        number += 1
        value = window.value()
        place = f"item {number}"
        yield Row(place, value) if isinstance(value, dict) else UnreadableRow(place, _not_an_object(value))
        if window.peek() == ",":
            window.at += 1


def _is_wrapper(window: Window) -> bool:
    """Whether the object that begins here holds the films rather than being one.

    One that does not fit into the first window does; a smaller one is a movie when another object follows it, or when
    it has a title and a plot and no list of things that have both.
    """
    try:
        value, end = decode(window.text, window.at)
    except ValueError:
        return len(window.text) >= CHUNK
    except RecursionError:
        films = _LIST.search(window.text)
        return films is not None and not _FILM_TITLE.search(window.text, 0, films.start())
    alone = not window.text[end:].strip()
    inner = _first_list(value, _DEPTH)
    if not alone or inner is None:
        return False
    return not _like_a_film(value) or bool(inner and _like_a_film(inner[0]))


def _first_list(value: object, depth: int) -> list[object] | None:
    """The first array of objects (or empty array) in an object, at most `depth` objects deep."""
    if not isinstance(value, dict) or not depth:
        return None
    empty = None
    for inner in value.values():
        if isinstance(inner, list) and not inner:
            empty = inner
        elif isinstance(inner, list) and isinstance(inner[0], dict):
            return inner
        elif (found := _first_list(inner, depth - 1)) is not None:
            return found
    return empty


def _like_a_film(value: object) -> bool:
    return isinstance(value, dict) and any(map(_FILM_TITLE.search, value)) and any(map(_FILM_PLOT.search, value))


class _Wrapper:
    """The object around the array: walked key by key, since it may be larger than the memory."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._empty = False
        self._names: Set[str] | None = None
        """The names in the first item of the list that was read."""

    def rows(self) -> Iterator[AnyRow]:
        """The items of the first array of objects."""
        yield from self._walk(_DEPTH)
        if self._names is None and not self._empty:
            raise SourceError(f"{self._window.name}: no list of films in it; give a JSON array or JSON lines")

    def _walk(self, depth: int) -> Iterator[AnyRow]:
        window = self._window
        window.expect("{")
        if window.peek() == "}":
            window.at += 1
            return
        while True:
            if window.peek() != '"':
                window.expect('"')
            name = window.value()
            window.expect(":")
            yield from self._member(str(name), depth)
            if window.expect(",}") == "}":
                return

    def _member(self, name: str, depth: int) -> Iterator[AnyRow]:
        opening = self._window.peek()
        if opening == "[":
            yield from self._list(name)
        elif opening == "{" and depth > 1:
            yield from self._walk(depth - 1)
        elif opening:
            self._window.value()
        else:
            raise self._window.cut_off()

    def _list(self, name: str) -> Iterator[AnyRow]:
        """The items, when these are the films; any other list is stepped over item by item.

        A later list that looks as if it held films, too, is told as a row that cannot be read.
        """
        window = self._window
        window.expect("[")
        opening = window.peek()
        if opening == "{" and self._names is None:
            rows = _array(window)
            first = next(rows)
            self._names = first.fields.keys() if isinstance(first, Row) else frozenset()
            yield first
            yield from rows
            return
        self._empty |= opening == "]"
        told = False
        while window.peek() != "]":
            value = window.value()
            if not told and isinstance(value, dict) and (_like_a_film(value) or value.keys() == self._names):
                told = True
                yield UnreadableRow(f"list {name!r}", "a second list of films, not read; give it as a file of its own")
            if window.expect(",]") == "]":
                return
        window.at += 1


def _not_an_object(value: object) -> str:
    if isinstance(value, SteppedOver):
        return value.reason
    return f"{_kind(value)} where an object with the film's fields is expected"


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    return _KINDS.get(type(value), "a number")


_KINDS: dict[type, str] = {str: "a text", list: "a list", dict: "an object", SteppedOver: "a list"}
