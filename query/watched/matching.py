"""Which movies of the catalog a list names: by our id, by one from elsewhere, by title and year."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from catalog.movie import Movie
from catalog.store.columns.conditions import Filter, Tagged
from catalog.store.lexical.fields import elsewhere, folded
from catalog.store.snapshot import Snapshot
from catalog.text.folding import plain_title, without_article
from query.watched.film import NamedFilm, film_named

_AT_ONCE = 500
"""Names that are looked up together."""
_NAMESAKES = 20
"""Movies of one title that are looked at, on the average."""
_SURE_SITES = ("imdb", "tmdb")
"""Whose ids say whether two movies are the same film."""
_YEARS_APART = 1
"""Catalogs date a film by its first festival or by its release."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    id: str
    year: int | None
    votes: float


def match(snapshot: Snapshot, names: Sequence[str]) -> dict[str, str]:
    """Name -> id of the movie that it means, for those that the catalog has.

    A name is an id of ours, or as `film_named` reads it. Ids count before titles; of several movies with a title it is
    the one of the year, or of the year before or after, and of these the best known.
    """
    found = {name: name for name in snapshot.movies.rows_of(names)}
    left = {name: film_named(name) for name in names if name not in found}
    for part in _parts(left):
        found |= _by_id(snapshot, part)
    for part in _parts({name: film for name, film in left.items() if name not in found and film.title}):
        found |= _by_title(snapshot, part)
    return found


def with_copies(snapshot: Snapshot, ids: Sequence[str]) -> list[str]:
    """These movies, and behind them their copies: what another source has of one IMDb or TMDB id, or of one title and
    year.
    """
    found = dict.fromkeys(ids)
    for start in range(0, len(ids), _AT_ONCE):
        movies = list(snapshot.movies.get(ids[start : start + _AT_ONCE]).values())
        found |= dict.fromkeys(sorted(_of_same_ids(snapshot, movies) | _of_same_titles(snapshot, movies)))
    return list(found)


def _of_same_ids(snapshot: Snapshot, movies: Sequence[Movie]) -> set[str]:
    found: set[str] = set()
    for site in _SURE_SITES:
        if keys := tuple({folded(movie.external_ids[site]) for movie in movies if site in movie.external_ids}):
            rows = snapshot.lexical.rows(Filter((Tagged(elsewhere(site), keys),)), len(keys) * _NAMESAKES)
            found |= set(snapshot.movies.ids_at(rows.tolist()).values())
    return found


def _of_same_titles(snapshot: Snapshot, movies: Sequence[Movie]) -> set[str]:
    titled: dict[str, list[Movie]] = {}
    for movie in movies:
        titled.setdefault(plain_title(movie.title), []).append(movie)
    entries = snapshot.lexical.titled(list(titled), len(titled) * _NAMESAKES)
    namesakes = snapshot.movies.get([entry.id for entry in entries])
    return {
        entry.id
        for entry in entries
        if any(_is_copy(namesakes[entry.id], movie) for title in entry.titles for movie in titled.get(title, ()))
    }


def _is_copy(namesake: Movie, movie: Movie) -> bool:
    """Whether they are of one year, and no id elsewhere tells them apart."""
    sites = namesake.external_ids.keys() & movie.external_ids.keys() & set(_SURE_SITES)
    differ = any(namesake.external_ids[site] != movie.external_ids[site] for site in sites)
    return movie.year is not None and namesake.year == movie.year and not differ


def _parts(films: Mapping[str, NamedFilm]) -> Iterator[dict[str, NamedFilm]]:
    pairs = list(films.items())
    for start in range(0, len(pairs), _AT_ONCE):
        yield dict(pairs[start : start + _AT_ONCE])


def _by_id(snapshot: Snapshot, films: Mapping[str, NamedFilm]) -> dict[str, str]:
    known: dict[tuple[str, str], str] = {}
    for site in dict.fromkeys(site for film in films.values() for site, _ in film.ids):
        keys = tuple({folded(key) for film in films.values() for where, key in film.ids if where == site})
        rows = snapshot.lexical.rows(Filter((Tagged(elsewhere(site), keys),)), len(keys) * _NAMESAKES)
        for movie in snapshot.movies.at(rows.tolist()).values():
            known.setdefault((site, folded(movie.external_ids[site])), movie.id)
    wanted = ((name, (site, folded(key))) for name, film in films.items() for site, key in film.ids)
    found: dict[str, str] = {}
    for name, key in wanted:
        if key in known:
            found.setdefault(name, known[key])
    return found


def _by_title(snapshot: Snapshot, films: Mapping[str, NamedFilm]) -> dict[str, str]:
    forms = {name: _forms(film.title) for name, film in films.items()}
    wanted = list(dict.fromkeys(form for each in forms.values() for form in each))
    entries = snapshot.lexical.titled(wanted, len(films) * _NAMESAKES)
    candidates = _candidates(snapshot, [entry.id for entry in entries])
    titled: dict[str, list[_Candidate]] = {}
    for entry in entries:
        for title in entry.titles:
            titled.setdefault(title, []).append(candidates[entry.id])
    found = {name: _best([each for form in forms[name] for each in titled.get(form, ())], films[name].year)
             for name in films}  # fmt: skip
    return {name: best for name, best in found.items() if best is not None}


def _forms(title: str) -> tuple[str, ...]:
    """A title as it is compared, with and without its article."""
    plain = plain_title(title)
    return tuple(dict.fromkeys((plain, without_article(plain)))) if plain else ()


def _candidates(snapshot: Snapshot, ids: Sequence[str]) -> dict[str, _Candidate]:
    rows = snapshot.movies.rows_of(ids)
    years, votes = (snapshot.movies.numbers_at(field, list(rows.values())) for field in ("year", "votes"))
    return {
        identity: _Candidate(identity, None if years[row] is None else int(years[row] or 0), votes[row] or 0.0)
        for identity, row in rows.items()
    }


def _best(candidates: Iterable[_Candidate], year: int | None) -> str | None:
    """The candidate of the year, then one of a year beside it, then one without a year; the best known of these."""

    def away(candidate: _Candidate) -> int:
        return _YEARS_APART + 1 if candidate.year is None or year is None else abs(candidate.year - year)

    fitting = [each for each in candidates if away(each) <= _YEARS_APART or each.year is None or year is None]
    best = min(fitting, key=lambda each: (away(each), -each.votes, each.id), default=None)
    return None if best is None else best.id
