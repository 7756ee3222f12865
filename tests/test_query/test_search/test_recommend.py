"""Recommendations: what the index finds and scores is what the formula says of all films."""

from collections.abc import Iterator
from math import log, log10, sqrt
from pathlib import Path

import numpy as np
import pytest

from catalog.config import SearchConfig
from catalog.errors import UsageError
from catalog.movie import Movie
from catalog.store.snapshot import Snapshot
from query.models import SearchRequest
from query.search.pipeline import search
from query.search.recommend import Example, query_vectors
from tests.support.fakes import WordEmbedder
from tests.support.small import made_up, snapshot_of

FILMS = made_up(200)
BY_ID = {film.id: film for film in FILMS}
VECTORS = {film.id: WordEmbedder().embed_query(f"{film.title} {film.plot}") for film in FILMS}
MEAN = np.mean(list(VECTORS.values()), axis=0)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    with snapshot_of(FILMS, tmp_path_factory.mktemp("films")) as snapshot:
        yield snapshot


def kinds(film: Movie) -> set[tuple[str, str]]:
    return {("genre", name) for name in film.genres} | {("keyword", name) for name in film.keywords}


def rarity(kind: tuple[str, str]) -> float:
    return log(len(FILMS) / sum(kind in kinds(film) for film in FILMS))


RARITY = {kind: rarity(kind) for film in FILMS for kind in kinds(film)}


def length(film: Movie) -> float:
    return sqrt(sum(RARITY[kind] ** 2 for kind in kinds(film)))


def similarity(film: Movie, other: Movie) -> float:
    """4.5 times the cosine seen from the mean film, 4.5 that of rare genres and keywords, 2.5 a shared director,
    -.8 a decade apart, four at most."""
    away, other_away = VECTORS[film.id] - MEAN, VECTORS[other.id] - MEAN
    cosine = float(away @ other_away) / float(np.linalg.norm(away) * np.linalg.norm(other_away))
    shared = sum(RARITY[kind] ** 2 for kind in kinds(film) & kinds(other))
    alike = shared / (length(film) * length(other)) if shared else 0.0
    directors = len(set(film.directors) & set(other.directors))
    decades = 1.0 if film.year is None or other.year is None else min(abs(film.year - other.year) / 10, 4.0)
    return 4.5 * cosine + 4.5 * alike + 2.5 * directors - 0.8 * decades


def expected(likes: tuple[str, ...], dislikes: tuple[str, ...]) -> dict[str, float]:
    """What each film that is not shown is worth: the mean over likes, less half of that over dislikes."""
    worth = {}
    for film in FILMS:
        if film.id not in (*likes, *dislikes):
            score = 0.14 * log10(1 + (film.votes or 0))
            score += sum(similarity(film, BY_ID[like]) for like in likes) / len(likes)
            score -= sum(0.5 * similarity(film, BY_ID[one]) / len(dislikes) for one in dislikes)
            worth[film.id] = score
    return worth


@pytest.mark.parametrize("dislikes", [(), ("m0100",), ("m0100", "m0101", "m0150")], ids=len)
@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_ten_best_are_those_of_the_formula(films: Snapshot, count: int, dislikes: tuple[str, ...]) -> None:
    likes = tuple(film.id for film in FILMS[3 : 3 + count])
    result = search(SearchRequest(likes=likes, dislikes=dislikes, by="taste"), films, WordEmbedder(), SearchConfig())
    worth = expected(likes, dislikes)
    best = sorted(worth, key=lambda identity: -worth[identity])[:10]
    found = [hit.movie.id for hit in result.hits]
    assert [worth[identity] for identity in found] == pytest.approx([worth[identity] for identity in best], abs=1e-3)
    cosines = [np.mean([VECTORS[like] @ VECTORS[identity] for like in likes]) for identity in found]
    assert [hit.score for hit in result.hits] == pytest.approx(cosines, abs=1e-5)
    assert {hit.confidence for hit in result.hits} == {None}


def test_a_filter_and_popularity_do_not_change_the_formula(films: Snapshot) -> None:
    request = SearchRequest(likes=("m0003",), by="taste", filter="genre:Horror", popularity=0.0)
    worth = expected(("m0003",), ())
    for film in FILMS:
        if film.id in worth:
            worth[film.id] -= 0.14 * log10(1 + (film.votes or 0))
    kept = [identity for identity in worth if "Horror" in BY_ID[identity].genres]
    found = [hit.movie.id for hit in search(request, films, WordEmbedder(), SearchConfig()).hits]
    assert set(found) <= set(kept)
    assert [worth[one] for one in found] == pytest.approx(
        sorted((worth[one] for one in kept), reverse=True)[:10], abs=1e-3
    )


LOOP = Movie("1", "First", "A farmer wakes on the same tuesday again and again.", year=1990)
RETOLD = Movie("2", "Second", "Again the same tuesday: a pilot wakes in a tent.", year=1975)
OTHERS = [Movie(f"3{number}", f"Other {number}", "A cook opens a letter.", year=1990) for number in range(5)]


def test_alike_is_a_story_unless_a_taste_is_asked_for(tmp_path: Path) -> None:
    """These vectors do not tell the films apart: their words do, or their years."""
    with snapshot_of([LOOP, RETOLD, *OTHERS], tmp_path) as snapshot:
        by_story = search(SearchRequest(likes=("1",)), snapshot, WordEmbedder(), SearchConfig())
        by_taste = search(SearchRequest(likes=("1",), by="taste"), snapshot, WordEmbedder(), SearchConfig())
        with pytest.raises(UsageError, match=r"^by: unknown kind of likeness 'mood'; allowed are story, taste$"):
            search(SearchRequest(likes=("1",), by="mood"), snapshot, WordEmbedder(), SearchConfig())
    assert [by_story.hits[0].movie.id, by_taste.hits[-1].movie.id] == ["2", "2"]


def test_many_likes_are_asked_by_the_means_of_five_groups() -> None:
    five = [Example(VECTORS[film.id]) for film in FILMS[:5]]
    assert [vector.tolist() for vector in query_vectors(five)] == [like.vector.tolist() for like in five]
    corners = np.eye(5, 9, dtype=np.float32)
    groups = query_vectors([Example(corners[number % 5]) for number in range(20)])
    assert sorted(np.round(groups, 5).tolist()) == sorted(corners.tolist())
