"""What countries and languages are called in English and German, and what is of them: "French", "Frankreich"."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache

from query.constraints.word_lists import inflected, phrase, read_table

Places = Mapping[str, frozenset[str]]
"""Words -> codes of what they name: ISO's, or the name of a country that is no more."""

Held = dict[str, tuple[str, ...]]
"""Words -> the values of a catalog that they name."""

#: Languages that catalogs tell apart, and people do not.
_KINDS_OF = {"zh": ("zh", "Mandarin", "Cantonese"), "no": ("no", "nb", "nn"), "fil": ("fil", "tl")}

_SHORTEST = 5
"""Letters of a name that is in no table: the language Fur is folded as "für"."""


def held_countries(values: Iterable[str]) -> Held:
    """Those of a catalog's countries that each name of one means."""
    return _held(_countries(), _countries(), values)


def held_nations(values: Iterable[str]) -> Held:
    """Those of a catalog's countries that each adjective means: "german" is of Germany, and of the two it was."""
    return _held(_nations(), _countries(), values)


def held_languages(values: Iterable[str]) -> Held:
    """Those of a catalog's languages that each name means."""
    return _held(_languages(), _languages(), values)


def _held(words: Places, names: Places, values: Iterable[str]) -> Held:
    of_code = defaultdict(list)
    for value in values:
        for code in {value, *names.get(phrase(value), ())}:
            of_code[code].append(value)
    before = _predecessors()
    found = {}
    for word, codes in words.items():
        wider = [name for code in sorted(codes) for name in (code, *before.get(code, ()))]
        if meant := dict.fromkeys(value for code in wider for value in of_code.get(code, ())):
            found[word] = tuple(meant)
    named = {value for meant in found.values() for value in meant}
    return found | {phrase(value): (value,) for value in values if value not in named and len(value) >= _SHORTEST}


@cache
def _countries() -> Places:
    from babel import Locale

    found: dict[str, set[str]] = defaultdict(set)
    for language in ("en", "de"):
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha():
                found[phrase(name)].add(code)
    for (code,), names in read_table("countries.txt"):
        for name in names:
            found[name].add(code)
    return _frozen(found)


@cache
def _nations() -> Places:
    found: dict[str, set[str]] = defaultdict(set)
    for (code, *_), english, german in read_table("nationalities.txt"):
        for word in [*english, *(form for stem in german for form in inflected(stem))]:
            found[word].add(code)
    return _frozen(found)


@cache
def _predecessors() -> Mapping[str, tuple[str, ...]]:
    """The countries that were where one is now."""
    return {code: tuple(before) for (code, *before), *_ in read_table("nationalities.txt") if before}


@cache
def _languages() -> Places:
    from babel import Locale

    found: dict[str, set[str]] = defaultdict(set)
    for language in ("en", "de"):
        for code, name in Locale(language).languages.items():
            for form in inflected(phrase(name)):
                found[form] |= set(_KINDS_OF.get(code, (code,)))
    return _frozen(found)


def _frozen(found: Mapping[str, Iterable[str]]) -> Places:
    return {word: frozenset(codes) for word, codes in found.items() if word}
