"""Filters: a small grammar, one parser for commands and HTTP. docs/filters.md shows it with examples."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import inf, isfinite

from catalog.errors import UsageError
from catalog.store.columns.conditions import Condition, Filter, Numbers, Range, Tagged, WithId
from catalog.store.columns.ranges import above, below, between, outside
from catalog.store.lexical.fields import HAS, LISTS, NUMBERS, elsewhere, folded

#: Sites whose ids are asked for by name: imdb:tt0111161.
SITES = ("imdb", "tmdb", "ml", "tvdb", "wikidata", "trakt", "letterboxd", "netflix")

FIELDS = (*NUMBERS, *LISTS, "title", "id", "has", *SITES)

#: So many conditions are more than anybody types.
_MOST = 100

#: Names whose singular is not the name without its "s".
_NAMES = {"countries": "country", "vote": "votes"}

#: Names that no field has, and where to find what they mean.
_HINTS = dict.fromkeys(("decade", "decades"), "; 'year' has the decades: year:1980s")

_ATTRIBUTES = (*HAS, *SITES)
_CONDITION = re.compile(r'(?P<minus>-?)(?P<field>[^\s:=!<>",-][^\s:=!<>",]*)(?P<operator>[:=!<>]+)')
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_BARE = re.compile(r'[^\s,"]+')
_WORD = re.compile(r"\S+")
_DIGITS = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_DECADE = re.compile(r"([0-9]{3}0)s", re.IGNORECASE)

#: Of numbers, with spaces that a filter must not have.
_APART = re.compile(r"\s+([<>]=?|!=|=)\s+(?=\d)")

_EQUAL = (":", "=")
_OPERATORS = (*_EQUAL, "!=", "<", "<=", ">", ">=")

# What other engines write.
_OTHERS = {"=>": ">=", "=<": "<=", "<>": "!=", "==": ":", "=": ":"}
_JOINTS = ("AND", "OR", "NOT", "&&", "||", "!")
_PARENTHESES = ("(", "-(", "[", ")", "]")
_SPACED = re.compile(r'([^\s:=!<>",()-]+)\s*([:=!<>]+)\s*("[^"]*"|[^\s"]+)')
_IN = re.compile(r"(\S+)\s+(?:NOT\s+)?IN\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stated:
    """A condition where it was written."""

    condition: Condition
    at: int
    """Position in the text, from 0."""
    text: str


@dataclass(frozen=True, slots=True)
class _Value:
    """A value and the position it begins at, from 0."""

    text: str
    at: int


def parse_filter(text: str) -> Filter:
    """The conditions of a text such as `year>=1980 genre:Horror -genre:Comedy`; none of an empty one.

    Raises UsageError, and nothing else, with the column, from 1, of what is wrong.
    """
    return Filter(tuple(part.condition for part in stated_conditions(text)))


def fields_of(text: str) -> list[str]:
    """The fields that a filter speaks of; raises UsageError as `parse_filter` does."""
    return [part.condition.field for part in stated_conditions(text) if not isinstance(part.condition, WithId)]


def stated_conditions(text: str) -> list[Stated]:
    """The conditions of a filter as they are written; raises UsageError as `parse_filter` does."""
    _check_encodable(text)
    stated = list(_conditions(text))
    if len(stated) > _MOST:
        raise _wrong(stated[_MOST].at, f"more than {_MOST} conditions")
    return stated


def conditions_among(words: str) -> str:
    """What somebody wrote as a condition among the words of a question: `ghosts genre:Horror` gives `genre:Horror`.

    `ghosts year >= 1980` gives `year>=1980`.
    """
    words = _APART.sub(r"\1", words)
    return " ".join(words[start:end] for start, end in places_of_conditions(words))


def places_of_conditions(words: str) -> Iterator[tuple[int, int]]:
    """Begin and end of every condition among the words of a question."""
    position = 0
    while word := _WORD.search(words, position):
        at, position = word.span()
        head = _CONDITION.match(words, at)
        if head is None or field_named(head["field"]) is None:
            continue
        try:
            values, end = _values(words, head)
            _condition(head, values)
        except UsageError:
            continue
        position = end
        yield at, end


def field_named(name: str) -> str | None:
    """The field of this name, in singular or plural, in any case; None if there is none."""
    plain = folded(name)
    singular = plain if plain in FIELDS else _NAMES.get(plain, plain.removesuffix("s"))
    return singular if singular in FIELDS else None


def _wrong(at: int, what: str) -> UsageError:
    return UsageError(f"filter: column {at + 1}: {what}")


def _check_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _wrong(error.start, "a character that is none; is the text UTF-8?") from None


def _conditions(text: str) -> Iterator[Stated]:
    position = 0
    while found := _WORD.search(text, position):
        at = found.start()
        head = _CONDITION.match(text, at)
        if head is None or found[0].startswith(_PARENTHESES):
            raise _not_a_condition(found)
        values, position = _values(text, head)
        condition = _condition(head, values)
        if head["minus"]:
            condition = replace(condition, negated=not condition.negated)
        yield Stated(condition, at, text[at:position])


def _not_a_condition(found: re.Match[str]) -> UsageError:
    word = found[0]
    if word == "-":
        return _wrong(found.start(), "'-' must stand right before its condition: -genre:Comedy")
    if word.upper() in _JOINTS or word.startswith(_PARENTHESES):
        what = "a parenthesis" if word.startswith(_PARENTHESES) else repr(word)
        return _wrong(
            found.start(),
            f"{what} is not known: all conditions must hold, a comma is 'or' (genre:Horror,War), '-' 'not'",
        )
    if meant := _meant(found):
        return _wrong(found.start(), f"{word[:40]!r} is not a condition; write {meant}, without spaces")
    return _wrong(
        found.start(), f"{word[:40]!r} is not a condition; write FIELD:VALUE without spaces, as in genre:Horror"
    )


def _meant(found: re.Match[str]) -> str | None:
    """The condition that seems to be meant where one begins that is written as elsewhere."""
    if (spaced := _SPACED.match(found.string, found.start())) and field_named(spaced[1]):
        return f"{spaced[1]}{_usual(spaced[2]) or ':'}{spaced[3][:40]}"
    if (listed := _IN.match(found.string, found.start())) and field_named(listed[1]):
        return f"{listed[1]}:A,B"
    negated = found[0].removeprefix("!")
    return f"-{negated[:40]}" if negated != found[0] and _CONDITION.match(negated) else None


def _usual(operator: str) -> str | None:
    """An operator that is written as elsewhere, as it is here; None for one that says nothing."""
    bare = operator.removeprefix(":") or operator
    return _OTHERS.get(bare, bare if bare in _OPERATORS else None)


def _values(text: str, head: re.Match[str]) -> tuple[list[_Value], int]:
    """The values after an operator, separated by commas, and where they end."""
    values: list[_Value] = []
    position = head.end()
    while True:
        value, position = _value(text, position, head)
        values.append(value)
        if text[position : position + 1] != ",":
            break
        position += 1
    if position < len(text) and not text[position].isspace():
        raise _wrong(
            position, 'a space or a comma is missing; a value with spaces stands in quotes: director:"Fritz Lang"'
        )
    return values, position


def _value(text: str, at: int, head: re.Match[str]) -> tuple[_Value, int]:
    if text[at : at + 1] == '"':
        quoted = _QUOTED.match(text, at)
        if quoted is None:
            raise _wrong(at, "this quote is never closed")
        value, end = _Value(quoted[1].replace('""', '"'), at), quoted.end()
    else:
        bare = _BARE.match(text, at)
        value, end = _Value(bare[0] if bare else "", at), bare.end() if bare else at
    if not value.text.strip():
        raise _wrong(at, f"a value is missing after {text[head.start() : at]!r}")
    return value, end


def _condition(head: re.Match[str], values: list[_Value]) -> Condition:
    field, operator, at = field_named(head["field"]), head["operator"], head.start("operator")
    if field is None:
        raise _unknown(head.start("field"), "field", head["field"], FIELDS)
    if operator not in _OPERATORS:
        usual = _usual(operator)
        meant = f"; write {head['field']}{usual}{values[0].text[:40]}" if usual else ""
        raise _wrong(at, f"unknown operator {operator!r}; allowed are {' '.join(_OPERATORS)}{meant}")
    if field in NUMBERS:
        return Numbers(field, _ranges(field, operator, at, values))
    if operator not in (*_EQUAL, "!="):
        raise _wrong(at, f"{operator!r} is for numbers ({', '.join(NUMBERS)}); {field!r} takes ':', '=' or '!='")
    negated = operator == "!="
    texts = tuple(dict.fromkeys(value.text for value in values))
    if field == "id":
        return WithId(texts, negated)
    if field == "has":
        return Tagged("has", tuple(dict.fromkeys(_attribute(value) for value in values)), negated)
    tag = elsewhere(field) if field in SITES else field
    return Tagged(tag, tuple(dict.fromkeys(folded(value) for value in texts)), negated)


def _attribute(value: _Value) -> str:
    """What `has:` asks for."""
    plain = folded(value.text)
    name = plain if plain in _ATTRIBUTES else field_named(plain)
    if name not in _ATTRIBUTES:
        raise _unknown(value.at, "value of 'has':", value.text, _ATTRIBUTES)
    return name


def _unknown(at: int, what: str, name: str, allowed: tuple[str, ...]) -> UsageError:
    near = get_close_matches(folded(name)[:40], allowed, 1)
    hint = f"; did you mean {near[0]!r}?" if near else _HINTS.get(folded(name), "")
    return _wrong(at, f"unknown {what} {name[:40]!r}; allowed are {', '.join(allowed)}{hint}")


def _ranges(field: str, operator: str, at: int, values: list[_Value]) -> tuple[Range, ...]:
    """The ranges of which the number must lie in one."""
    if operator in (*_EQUAL, "!="):
        if len(values) > _MOST:
            raise _wrong(values[_MOST].at, f"more than {_MOST} numbers")
        ranges = tuple(_range(field, value) for value in values)
        if operator != "!=":
            return ranges
        if others := outside(field, ranges):
            return others
        raise _wrong(at, f"no {field} is left")
    if len(values) > 1:
        raise _wrong(values[1].at, f"{operator!r} takes one number; several take ':', as in {field}:1,2")
    number = _number(values[0].text, values[0].at)
    if operator in ("<", ">"):
        return (above(field, number) if operator == ">" else below(field, number),)
    return (_between(field, number, inf, values[0]) if operator == ">=" else _between(field, -inf, number, values[0]),)


def _range(field: str, value: _Value) -> Range:
    """1980, 1980..1989, 1980.., ..1989, or the decade 1980s."""
    if field == "year" and (decade := _DECADE.fullmatch(value.text)):
        return Range(float(decade[1]), float(decade[1]) + 9)
    first, dots, last = value.text.partition("..")
    if not dots:
        number = _number(first, value.at)
        return _between(field, number, number, value)
    if not first and not last:
        raise _wrong(value.at, "a range has a number before or after '..', as in 1980..1989")
    low = _number(first, value.at) if first else -inf
    high = _number(last, value.at + len(first) + len(dots)) if last else inf
    if low > high:
        raise _wrong(value.at, f"the range {value.text!r} runs backwards; write '{last}..{first}'")
    return _between(field, low, high, value)


def _between(field: str, low: float, high: float, value: _Value) -> Range:
    found = between(field, low, high)
    if found is None:
        raise _wrong(value.at, f"{value.text!r} holds no whole number, and {field!r} is one")
    return found


def _number(text: str, at: int) -> float:
    number = float(text) if _DIGITS.fullmatch(text) else inf
    if not isfinite(number):
        raise _wrong(at, f"{text[:40]!r} is not a number")
    return number
