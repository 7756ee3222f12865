"""A question as a row of items: words of film, genres, nations, times, persons, and the small words between them.

Each item has a letter, so that the reader can say what it looks for in regular expressions over letters.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from query.constraints.folded_text import FoldedText
from query.constraints.places import held_countries, held_languages, held_nations
from query.constraints.quantities import QuantitySaid, find_quantities
from query.constraints.word_lists import inflected, phrase, read_table
from query.constraints.years import CENTURIES, COLOURLESS, SILENT, YearRange, YearsSaid, find_years

Values = Mapping[str, tuple[str, ...]]
"""Field of a filter -> values, of which a movie shall have one."""

FILM, GENRE, ATTRIBUTE, NATION, COUNTRY, TIME, YEAR, PERSON, SIGN, WORD = "fganctyp,w"
"""The letters of what can mean something; those of small words are in words.txt."""
SMALL = "X"
"""Of small words, those that mean nothing by themselves."""

_COLUMNS = (GENRE, ATTRIBUTE, TIME)
"""What the columns of genres.txt are: what is said behind a film stands where a time may."""
_LONGEST = 6
"""Words of a name of several."""
_SPOKEN = ("language", "speaking")
_SPRACHIG = tuple("sprachig" + ending for ending in ("", "e", "er", "en", "em", "es"))
_TAILS = ("film", "filme", "filmen", "films", "streifen")
_JOINTS = ("", "s", "n", "es", "en")
_SHORTEST_HEAD = 4
MOST_FOR_NAMES = 20
"""Words of a question in which persons are looked for: nobody names one in a long story."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a word or a phrase stands for."""

    letter: str
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Pairs of a field and its values."""
    is_sought: bool = False
    """Whether it is also a word to look for: "Märchenfilme"."""
    operator: str = ":"
    """What stands between the field and the values in a filter."""


@dataclass(frozen=True, slots=True)
class Item:
    """A meaning and where it stands in the folded text."""

    meaning: Meaning
    start: int
    end: int

    @property
    def letter(self) -> str:
        return self.meaning.letter


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the words of a question may mean for one catalog."""

    phrases: Mapping[str, Meaning]
    genres: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]
    """What every word for a genre stands for, for the parts of German compounds."""
    beginnings: frozenset[str]
    """The words that some phrase of several begins with, or that a language may be said by."""

    def meaning(self, words: str) -> Meaning | None:
        """Of a phrase of the folded text."""
        return self.phrases.get(words) or (None if " " in words else self._compound(words))

    def _compound(self, word: str) -> Meaning | None:
        """Of "Kriegsfilme", "Horrorkomödie", "deutschsprachig"."""
        for tail in _SPRACHIG:
            if word.endswith(tail) and (nation := self.phrases.get(word.removesuffix(tail))):
                return replace(nation, values=tuple(pair for pair in nation.values if pair[0] == "language"))
        found: Meaning | None = None
        for cut in range(_SHORTEST_HEAD - 1, len(word) - _SHORTEST_HEAD + 1):
            head, tail = word[:cut], word[cut:]
            genre = self.phrases.get(tail)
            if tail not in _TAILS and (genre is None or genre.letter != GENRE):
                continue
            for joint in _JOINTS:
                first = self.genres.get(head.removesuffix(joint)) if head.endswith(joint) else None
                if first:
                    return Meaning(GENRE, (*first, *(genre.values if genre else ())))
            if genre and not found:
                found = replace(genre, is_sought=True)
        return found or (Meaning(FILM, is_sought=True) if word.endswith(_TAILS) else None)


@lru_cache(maxsize=4)
def vocabulary(genres: tuple[str, ...], countries: tuple[str, ...], languages: tuple[str, ...]) -> Vocabulary:
    """Of a catalog with these values."""
    phrases = {
        phrase(word): Meaning(letter.replace("F", FILM), is_sought=letter == "F")
        for ((line,),) in read_table("words.txt")
        for letter, word in ((line[0], word) for word in line.split()[1:])
    }
    phrases |= {word: Meaning(COUNTRY, (("country", values),)) for word, values in held_countries(countries).items()}
    for word, values in held_languages(languages).items():
        phrases[word] = Meaning(NATION, (("language", values),))
    for word, values in held_nations(countries).items():
        spoken = phrases[word].values if word in phrases and phrases[word].letter == NATION else ()
        phrases[word] = Meaning(NATION, (("country", values), *spoken))
    named = _genres(genres)
    phrases |= named | _techniques()
    several = (words.split()[0] for words, meaning in phrases.items() if " " in words or meaning.letter == NATION)
    return Vocabulary(phrases, {word: meaning.values for word, meaning in named.items()}, frozenset(several))


def _genres(genres: Iterable[str]) -> dict[str, Meaning]:
    """What each word for a genre of the catalog stands for."""
    known = {phrase(genre): genre for genre in genres}
    found: dict[str, Meaning] = {}
    for columns in read_table("genres.txt"):
        words = [word for column in columns for word in column]
        called = tuple(genre for name, genre in known.items() if any(name in (word, f"{word}film") for word in words))
        if not called:
            continue
        for word in words:
            letter = next(letter for letter, column in zip(_COLUMNS, columns, strict=False) if word in column)
            values = found[word].values if word in found else ()
            found |= dict.fromkeys(inflected(word), Meaning(letter, (*values, ("genre", called))))
    return {name: Meaning(ATTRIBUTE, (("genre", (genre,)),)) for name, genre in known.items()} | found


def _techniques() -> dict[str, Meaning]:
    def made(letter: str, years: YearRange) -> Meaning:
        return Meaning(letter, (("year", (str(years),)),))

    white = ("schwarz weiss", "schwarzweiss", "schwarz und weiss")
    colourless = ("black and white", "b w", *(word + ending for word in white for ending in ("", "e", "er", "en")))
    return {
        **dict.fromkeys(("silent", "stumm"), made(ATTRIBUTE, SILENT)),
        **dict.fromkeys(("stummfilm", "stummfilme", "stummfilmen"), made(GENRE, SILENT)),
        **dict.fromkeys(colourless, made(ATTRIBUTE, COLOURLESS)),
        **{name: made(TIME, years) for years, names in CENTURIES.items() for name in names.split(",")},
    }


def items_of(text: FoldedText, known: Vocabulary, person: Callable[[str], Meaning | None]) -> list[Item]:
    """The items of a question, from left to right."""
    bounds = {said.start: Item(_bound(said), said.start, said.end) for said in find_quantities(text.folded)}
    bounds |= {said.start: Item(_years(said), said.start, said.end) for said in find_years(text.folded)}
    items: list[Item] = []
    named = person if len(text.words) <= MOST_FOR_NAMES else None
    end = 0
    for place, (start, _) in enumerate(text.words):
        if start < end:
            continue
        if bound := bounds.get(start):
            items.append(bound)
        else:
            items.append(_longest(text.folded, text.words[place : place + _LONGEST], known, named))
        end = items[-1].end
    return items


def _years(said: YearsSaid) -> Meaning:
    return Meaning(YEAR if said.is_year else TIME, (("year", (str(said.years),)),))


def _bound(said: QuantitySaid) -> Meaning:
    """Stands where a time may: "comedies under 90 minutes from the 70s"."""
    return Meaning(TIME, ((said.field, (said.bound[1:],)),), operator=said.bound[0])


def _longest(
    folded: str, words: Sequence[tuple[int, int]], known: Vocabulary, person: Callable[[str], Meaning | None] | None
) -> Item:
    """The item that the first of some words begins, as many of them as have a meaning together."""
    start, end = words[0]
    if not folded[start].isalnum():
        return Item(Meaning(SIGN), start, end)
    signs = (place for place, (at, _) in enumerate(words) if not folded[at].isalnum())
    first = phrase(folded[start:end])
    for count in range(next(signs, len(words)), 1, -1):
        said = folded[start : words[count - 1][1]]
        meaning = known.meaning(phrase(said)) or _spoken(phrase(said), known) if first in known.beginnings else None
        if meaning := meaning or (person(said) if person else None):
            return Item(meaning, start, words[count - 1][1])
    if meaning := known.meaning(first):
        return Item(meaning, start, end)
    for begin, behind in words[1:]:  # "coming-of-age" is one word
        if folded[end:begin] != "-":
            break
        meaning = known.meaning(folded[begin:behind])
        if meaning is not None and meaning.letter.islower():
            break
        end = behind
    return Item(Meaning(WORD), start, end)


def _spoken(said: str, known: Vocabulary) -> Meaning | None:
    """Of "French-language"."""
    nation, _, tail = said.rpartition(" ")
    found = known.phrases.get(nation) if tail in _SPOKEN else None
    values = tuple(pair for pair in found.values if pair[0] == "language") if found else ()
    return Meaning(NATION, values) if values else None
