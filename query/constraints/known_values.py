"""What one catalog holds: its genres, countries and languages, and whether some words name a person or a film of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from catalog.store.columns.conditions import Filter, Tagged
from catalog.store.lexical.fields import LISTS, folded, tag
from catalog.store.snapshot import NAMED_LISTS, Snapshot
from catalog.text.folding import plain_title
from catalog.text.stems import english_stem
from query.constraints.phrases import PERSON, Meaning, Vocabulary, vocabulary
from query.constraints.word_lists import phrase
from query.filters import stated_conditions

_PEOPLE = ("director", "actor")
_FEW_OF_A_NAME = 0.2
"""Of the movies of the busiest: others of a surname who made fewer are hardly meant."""
_OF_PEOPLE = 0.3
"""Of the movies that hold a surname: where its people made fewer, it is a word like any other ("zombie")."""
_MOST_MEANT = 3
_SHORTEST = 3
"""Letters from which on a beginning says what was meant."""
_FEW_WORDS = 4
"""Of a request: in more words any may be nearly a genre."""
_NEAR = 70
"""Of 100: how alike two spellings are, one of which may stand for the other."""


@dataclass(frozen=True)
class KnownValues:
    """A generation, asked for what words may mean in it."""

    snapshot: Snapshot

    @cached_property
    def vocabulary(self) -> Vocabulary:
        genres, countries, languages = (self.snapshot.named_values[field] for field in NAMED_LISTS)
        return vocabulary(genres, countries, languages)

    def has(self, field: str) -> bool:
        """Whether some movie says what it is in a field."""
        return self.snapshot.lexical.holders("tags", tag("has", field)) > 0

    def person(self, name: str, fields: Sequence[str] = _PEOPLE) -> Meaning | None:
        """Whoever is called so, in the field in which more movies have them."""
        plain = folded(name)
        held = {field: self.snapshot.lexical.holders(field, plain) for field in fields}
        field = max(fields, key=lambda field: held[field])
        if not held[field]:
            return None
        return Meaning(PERSON, ((field, (self.snapshot.movies.spellings(field, [plain]).get(plain, plain),)),))

    def surname(self, name: str, *, is_sure: bool) -> Meaning | None:
        """The directors of this surname; unless `is_sure`, only of one that says little else."""
        called = self.snapshot.movies.values_ending("director", f" {folded(name)}")
        if not called:
            return None
        holders = self.snapshot.lexical.holders("terms", english_stem(folded(name)))
        if not is_sure and sum(called.values()) < _OF_PEOPLE * holders:
            return None
        least = _FEW_OF_A_NAME * max(called.values())
        return Meaning(PERSON, (("director", tuple(name for name, movies in called.items() if movies >= least)),))

    def speaks(self, countries: Sequence[str], languages: Sequence[str]) -> bool:
        """Whether half of the movies of some countries, of which the language is known, are in one of the languages."""
        there = Tagged("country", tuple(map(folded, countries)))
        spoken = Tagged("language", tuple(map(folded, languages)))
        count = self.snapshot.lexical.count
        return 2 * count(Filter((there, spoken))) >= count(Filter((there, Tagged("has", ("language",)))))

    def meant(self, field: str, value: str) -> list[str]:
        """The values of a list that somebody may mean who wrote this one, which no movie has, best first."""
        from rapidfuzz import fuzz, process

        words = self.vocabulary.phrases.get(phrase(value))
        named = [name for of, names in words.values if of == field for name in names] if words else []
        held = self.snapshot.named_values.get(field) or self.snapshot.movies.list_values((field,))[field]
        plain = {folded(name): name for name in held}
        holding = [name for key, name in plain.items() if value in key.split()]
        longer = [name for key, name in plain.items() if len(value) >= _SHORTEST and key.startswith(value)]
        near = process.extract(value, list(plain), scorer=fuzz.ratio, limit=_MOST_MEANT, score_cutoff=_NEAR)
        found = [*named, *sorted(holding, key=len), *sorted(longer, key=len), *(plain[key] for key, _, _ in near)]
        return list(dict.fromkeys(found))[:_MOST_MEANT]

    def title(self, text: str) -> tuple[str, str] | None:
        """Id and title of the best known movie that is called so."""
        plain = plain_title(text)
        entries = self.snapshot.lexical.titled([plain], 100) if plain else []
        rows = self.snapshot.movies.rows_of(entry.id for entry in entries)
        votes: Mapping[int, float | None] = self.snapshot.movies.numbers_at("votes", list(rows.values()))
        best = max(rows.items(), key=lambda pair: votes[pair[1]] or 0, default=None)
        if best is None:
            return None
        identity, row = best
        return identity, self.snapshot.movies.headings_at([row])[row].title


def misspelt_genres(text: str, known: KnownValues) -> tuple[str, ...]:
    """A line for each word of a few, of which no movie holds any, that is nearly a genre."""
    words = text.split()
    nearly = ((word, known.meant("genre", folded(word))) for word in (words if len(words) <= _FEW_WORDS else ()))
    return tuple(f"no film holds {word!r}; did you mean the genre {meant[0]}?" for word, meant in nearly if meant)


def unknown_values(text: str, known: KnownValues) -> tuple[str, ...]:
    """A line for each value of a filter that no movie has, with what may be meant; raises UsageError."""
    notes: list[str] = []
    for part in stated_conditions(text):
        condition = part.condition
        if not isinstance(condition, Tagged) or condition.field not in LISTS:
            continue
        for value in condition.folded:
            if not known.snapshot.lexical.holders(condition.field, value):
                written = part.text.removeprefix("-") if len(condition.folded) == 1 else f"{condition.field}:{value}"
                meant = " or ".join(known.meant(condition.field, value))
                notes.append(f"no film has {written}" + (f"; did you mean {meant}?" if meant else ""))
    return tuple(notes)
