"""Chroma and the inverted index both bring candidates: what one of them lacks, or when it is away."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from catalog.config import SearchConfig
from catalog.errors import ChromaUnreachable
from catalog.movie import Movie
from catalog.store.chroma.server import ChromaServer
from catalog.store.snapshot import Snapshot, open_snapshot
from query.models import SearchRequest, SearchResult
from query.search.pipeline import search, search_vector
from query.search.retrievers import AWAY
from tests.support.chroma import running
from tests.support.fakes import WORDS, WordEmbedder
from tests.support.small import fill, snapshot_of, without_row

MEANT = "meant"
"""Shares no word, genre, person or vote with any other film: only its vector brings it."""
FILMS = [
    *(Movie(str(number), f"Film {number}", f"{word} story.", genres=("Drama",)) for number, word in enumerate(WORDS)),
    Movie("best known", "Known", "story.", genres=("Drama",), votes=1000),
    Movie(MEANT, "Quux", "Nothing of it is told."),
]


def ask(snapshot: Snapshot, **request: object) -> SearchResult:
    return search(SearchRequest(**request), snapshot, WordEmbedder(), SearchConfig())  # type: ignore[arg-type]


def ids(result: SearchResult) -> list[str]:
    return [hit.movie.id for hit in result.hits]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("films") / "catalog"
    fill(FILMS, root)
    return root


@pytest.fixture(scope="module")
def whole(root: Path) -> Iterator[Snapshot]:
    with closing(open_snapshot(root)) as snapshot:
        yield snapshot


@pytest.fixture(scope="module")
def lacking(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    with without_row(root, MEANT, tmp_path_factory.mktemp("lacking") / "catalog") as snapshot:
        yield snapshot


@pytest.mark.parametrize(
    "request_",
    [
        {"text": "space story"},
        {"text": "space story", "plain": True},
        {"likes": ("0",)},
        {"likes": ("a story in space",)},
        {"likes": ("0",), "plain": True},
        {"likes": tuple("0123456")},
        {"text": "space story", "likes": ("3",)},
        {"text": "space story", "dislikes": ("3",)},
    ],
    ids=str,
)
def test_every_question_asks_chroma(whole: Snapshot, lacking: Snapshot, request_: dict[str, object]) -> None:
    complete, without = (ids(ask(snapshot, **request_, limit=20)) for snapshot in (whole, lacking))
    assert MEANT in complete
    assert without == [film for film in complete if film != MEANT]


def test_a_vector_asks_chroma(whole: Snapshot, lacking: Snapshot) -> None:
    vector = WordEmbedder().embed_query("nothing")
    found = [search_vector(SearchRequest(limit=20), vector, films, SearchConfig()) for films in (whole, lacking)]
    assert [MEANT in {hit.movie.id for hit in each.hits} for each in found] == [True, False]


def test_words_and_titles_find_what_chroma_lacks(lacking: Snapshot) -> None:
    assert ids(ask(lacking, text="what is told"))[0] == MEANT
    assert ids(ask(lacking, text="quux"))[0] == MEANT
    assert MEANT in ids(ask(lacking, filter="-has:votes", text="space", limit=20))


@pytest.mark.slow
def test_while_chroma_is_away_words_find_and_when_it_is_back_it_is_asked(tmp_path: Path) -> None:
    with running(tmp_path / "chroma") as process:
        server = ChromaServer(process.url)
        with snapshot_of(FILMS, tmp_path / "catalog", server) as snapshot:
            assert (len(ids(ask(snapshot, text="space", limit=20))), ask(snapshot, text="space").notes) == (10, ())
            process.end()
            away = ask(snapshot, text="space", limit=20)
            assert ids(away) == ["0", "best known"]
            assert away.notes == (AWAY,)
            assert ids(ask(snapshot, likes=("0",), limit=3))
            assert ask(snapshot, text="space", filter="genre:Drama").total == 9
            with pytest.raises(ChromaUnreachable):
                ask(snapshot, text="space", plain=True)
            with pytest.raises(ChromaUnreachable):
                search_vector(SearchRequest(), WordEmbedder().embed_query("space"), snapshot, SearchConfig())
            with closing(open_snapshot(tmp_path / "catalog", server)) as opened:
                assert ids(ask(opened, text="space", limit=20)) == ["0", "best known"]
            process.start()
            until(lambda: ask(snapshot, text="space").notes == ())
            assert len(ids(ask(snapshot, text="space", limit=20))) == 10


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
