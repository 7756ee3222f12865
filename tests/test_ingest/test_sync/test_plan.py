"""The plan accounts for every film, whatever the file and the catalog hold."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import DeletionsRefused
from catalog.movie import Movie, fingerprints, model_text
from ingest.sync.plan import Kind, SyncOptions, Tally, deletions, plan
from ingest.sync.row_cache import RememberedRow

TEMPLATE = "{title} {plot}"
MOVIES = st.builds(
    Movie,
    st.sampled_from("abcdefgh"),
    st.sampled_from(["Alien", "Jaws"]),
    st.sampled_from(["a ship", "a shark"]),
    st.sampled_from([None, 1975, 1979]),
)
CATALOGS = st.lists(MOVIES, unique_by=lambda movie: movie.id).map(lambda found: {movie.id: movie for movie in found})


def kind(now: Movie, before: Movie | None) -> Kind:
    """By the films themselves, without digests."""
    if before is None:
        return Kind.ADDED
    if model_text(now, TEMPLATE) != model_text(before, TEMPLATE):
        return Kind.TEXT_CHANGED
    return Kind.UNCHANGED if now == before else Kind.METADATA_CHANGED


@given(CATALOGS, CATALOGS, st.booleans())
def test_every_film_is_planned_as_what_it_is(
    file: Mapping[str, Movie], catalog: Mapping[str, Movie], familiar: bool
) -> None:
    stored = {identity: fingerprints(movie, TEMPLATE) for identity, movie in catalog.items()}
    films = [RememberedRow(film.id) if familiar and film == catalog.get(film.id) else film for film in file.values()]
    tally = Tally()
    changes = list(plan(films, stored, TEMPLATE))
    for change in changes:
        tally.add(change)
    expected = {identity: kind(movie, catalog.get(identity)) for identity, movie in file.items()}
    assert [(change.id, change.kind) for change in changes] == list(expected.items())
    assert [change.entry.movie for change in changes if change.entry] == [
        movie for identity, movie in file.items() if expected[identity] is not Kind.UNCHANGED
    ]
    assert tally.seen == file.keys()
    assert tally.embed == {name for name, found in expected.items() if found in (Kind.ADDED, Kind.TEXT_CHANGED)}
    assert tally.metadata == {name for name, found in expected.items() if found is Kind.METADATA_CHANGED}
    assert sum(tally.counts.values()) == len(file)


@given(
    st.frozensets(st.integers(0, 60).map(str)),
    st.frozensets(st.integers(0, 60).map(str)),
    st.frozensets(st.integers(0, 60).map(str)),
    st.floats(0, 1),
    st.integers(0, 30),
    st.booleans(),
)
def test_what_is_gone_goes_unless_it_is_too_much(
    stored: frozenset[str], seen: frozenset[str], refused: frozenset[str], share: float, few: int, allowed: bool
) -> None:
    """Films whose row was refused stay, and count as missing all the same: the file is wrong."""
    options = SyncOptions(TEMPLATE, max_delete=share, min_delete=few, allow_deletes=allowed)
    gone = stored - seen
    whole = bool(stored) and gone - refused == stored
    few_enough = len(gone) <= few or len(gone) <= share * len(stored)
    if (few_enough and not whole) or allowed:
        assert deletions(stored, seen, options, refused) == gone - refused
    else:
        said = "the only film is" if len(stored) == 1 else f"{len(gone)} of {len(stored)} films are"
        with pytest.raises(DeletionsRefused, match=f"^{said} missing") as told:
            deletions(stored, seen, options, refused)
        assert ("--source NAME" in str(told.value)) == whole
        assert ("sync.max_delete" in str(told.value)) == (not few_enough)
