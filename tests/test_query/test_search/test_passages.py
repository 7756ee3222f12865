"""Films found by a passage of a long story."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from catalog.arrays import Vector, Vectors
from catalog.config import SearchConfig
from catalog.embedding.embedder import Embedded, direction_of_sum
from catalog.identity import ModelIdentity
from catalog.movie import Movie
from catalog.store.snapshot import Snapshot
from catalog.text.folding import tokens
from catalog.text.passages import sentences
from query.models import Hit, SearchRequest, SearchResult
from query.render import as_table, hit_to_dict
from query.search.pipeline import search
from query.search.retrievers import compare
from tests.support.small import snapshot_of

SHORT = "A mill by a river."
WORDS = [
    first + last for first in ("ba", "de", "ki", "lo", "mu", "ra") for last in ("rn", "sk", "tt", "vex", "zzle", "pp")
]


class BagOfWords:
    """Every word has a direction of its own, as far as 48 dimensions allow; a text the sum of those of its words.

    Not the usual fake, of whose vectors many are the same: an index finds one's way among these badly.
    """

    identity = ModelIdentity("bag", "1", 48, 200)

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        return Embedded(self.embed_queries(texts), 0)

    def embed_query(self, text: str) -> Vector:
        return direction_of_sum(np.stack([_direction(word) for word in tokens(text)[: self.identity.max_tokens]]))

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.embed_query(text) for text in texts])


@cache
def _direction(word: str) -> Vector:
    return np.random.default_rng(crc32(word.encode())).standard_normal(48).astype(np.float32)


def long_story(number: int, *, ending: str = "") -> str:
    """One to twelve passages of what happens in any film."""
    chance = random.Random(number)  # noqa: S311 - always the same story
    told = [f"On day {step} {' '.join(chance.choices(WORDS, k=14))}." for step in range(6 + number % 7 * 12)]
    return " ".join([*told, ending]).strip()


ROBOT = "In the cellar somebody finds a robot that has a dream."
ENDING = " ".join(
    [*(f"Robot {number} tells robot {number + 1} its dream, a dream of robot." for number in range(10)), ROBOT]
)
LONG = [Movie(f"long{number}", f"Long {number}", SHORT, synopsis=long_story(number)) for number in range(120)]
LATE = Movie("late", "Late", SHORT, synopsis=long_story(500, ending=ENDING))
OTHERS = [Movie(f"m{number}", f"Film {number}", long_story(1000 + number)[:90]) for number in range(150)]
FILMS = [*OTHERS, *LONG, LATE]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    with snapshot_of(FILMS, tmp_path_factory.mktemp("films"), embedder=BagOfWords()) as snapshot:
        yield snapshot


def ask(films: Snapshot, text: str, **options: object) -> SearchResult:
    request = SearchRequest(text=text, all=True, limit=500, **options)  # type: ignore[arg-type]
    return search(request, films, BagOfWords(), SearchConfig(popularity=0.0))


def ids(result: SearchResult) -> list[str]:
    return [hit.movie.id for hit in result.hits]


def first(films: Snapshot, text: str, **options: object) -> Hit:
    return ask(films, text, **options).hits[0]


def test_words_of_a_story_find_its_film(tmp_path: Path) -> None:
    """By the model alone a single word is nothing among a hundred others."""
    told = replace(LATE, synopsis=long_story(500, ending="The umbrella was there all along."))
    assert "umbrella" not in LATE.story
    with snapshot_of([told, *OTHERS], tmp_path, embedder=BagOfWords()) as snapshot:
        found = first(snapshot, "umbrella", why=True)
    assert found.movie.id == "late"
    assert found.why is not None
    assert (found.why.ranks["lexical"], found.why.words) == (1, ("umbrella",))


@pytest.mark.parametrize("plain", [False, True])
def test_a_story_is_found_by_what_happens_late_in_it(films: Snapshot, plain: bool) -> None:
    found = first(films, "dream robot", plain=plain)
    assert found.movie.id == "late"
    assert found.score is not None
    assert found.score > 0.5
    result = ask(films, "dream robot", plain=plain)
    assert len(set(ids(result))) == result.total == len(FILMS)


def test_why_shows_the_passage_and_where_it_stands(films: Snapshot) -> None:
    found = first(films, "dream robot", why=True, highlight=True)
    assert found.why is not None
    assert found.why.passage is not None
    assert found.highlights is not None
    assert {found.why.passage[start:end] for start, end in found.highlights["passage"]} == {"Robot", "robot", "dream"}
    assert found.why.passage.endswith(ROBOT)
    assert found.why.sentence in sentences(found.why.passage)
    assert found.why.into_story is not None
    assert found.why.into_story > 0.8
    shown = as_table([found], 300).splitlines()[-1]
    assert f'about {found.why.into_story:.0%} into the story: "{found.why.sentence}"' in shown
    assert "synopsis" not in hit_to_dict(found)
    assert hit_to_dict(found)["why"]["passage"] == found.why.passage


def test_why_shows_no_passage_where_the_plot_itself_is_nearer(tmp_path: Path) -> None:
    told = replace(LATE, title="Robot", plot="Dream robot.")
    with snapshot_of([told, *FILMS[:10]], tmp_path, embedder=BagOfWords()) as snapshot:
        why = first(snapshot, "dream robot", why=True).why
    assert why is not None
    assert (why.sentence, why.passage, why.into_story) == ("Dream robot.", None, None)


@pytest.mark.parametrize("question", ["Roboter träumen", "ein Roboter im Keller"])
def test_why_tells_that_the_german_plot_fits(tmp_path: Path, question: str) -> None:
    german = "Zwei Freunde finden im Keller etwas. Ein Roboter träumt dort. Roboter träumen."
    told = replace(LATE, synopsis=None, plot_de=german)
    with snapshot_of([told, *OTHERS], tmp_path, embedder=BagOfWords()) as snapshot:
        found = first(snapshot, question, why=True, highlight=True)
    assert (found.movie.id, found.why and found.why.passage, found.why and found.why.into_story) == (
        "late",
        german,
        None,
    )
    assert found.why is not None
    assert found.why.sentence in sentences(german)
    assert f'in the German plot: "{found.why.sentence}"' in as_table([found], 300).splitlines()[-1]
    assert found.highlights is not None
    assert found.highlights["passage"] == found.highlights["plot_de"]


def test_a_synopsis_that_is_repeated_changes_no_rank(films: Snapshot, tmp_path: Path) -> None:
    assert LATE.synopsis is not None
    repeated = [
        replace(film, synopsis=" ".join([film.synopsis] * 3))
        if film.synopsis and film.id in ("late", "long7")
        else film
        for film in FILMS
    ]
    with snapshot_of(repeated, tmp_path, embedder=BagOfWords()) as snapshot:
        for question in ("dream robot", "barn desk", "kitt rapp lovex", "mupp"):
            assert ids(ask(snapshot, question)) == ids(ask(films, question))


def test_a_long_story_gains_nothing_by_its_length(films: Snapshot) -> None:
    """Of stories that say nothing of what is asked, the long ones are no nearer to it than the short ones."""
    vectors, moments = films.vectors, films.moments
    question = BagOfWords().embed_query("zebra umbrella")
    direction = moments.directions(question[None])[0]
    rows = films.movies.rows()
    counts = np.bincount(films.passage_places[1], minlength=len(vectors))
    _, seen = compare(films, rows, question, direction)
    told = counts > 0
    assert np.corrcoef(counts[told], seen[told])[0, 1] < 0.2


def test_similar_films_are_alike_as_a_whole(films: Snapshot) -> None:
    request = SearchRequest(likes=("late",), limit=500, all=True)
    near = {hit.movie.id: hit.score for hit in search(request, films, BagOfWords(), SearchConfig()).hits}
    plots = BagOfWords().embed_queries([f"Late {SHORT}", f"Long 3 {SHORT}"])
    assert near["long3"] == pytest.approx(float(plots[0] @ plots[1]), abs=1e-6)


def test_totals_and_filters_count_films(films: Snapshot) -> None:
    assert ask(films, "", filter="has:synopsis").total == 121
    result = ask(films, "dream robot", filter="has:synopsis")
    assert (result.total, len(result.hits)) == (121, 121)
