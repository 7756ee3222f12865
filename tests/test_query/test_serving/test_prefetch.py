"""Questions that come together are embedded together, and understood once."""

from pathlib import Path

from catalog.config import Config
from catalog.movie import Movie
from query.models import SearchRequest
from query.serving.executor import Deadline
from query.serving.hot_reload import LoadedGeneration
from query.serving.local import answer
from query.serving.prefetch import prefetch
from query.serving.query_embedder import QuestionEmbedder
from tests.support.fakes import Heard, WordEmbedder
from tests.support.small import snapshot_of

FILMS = [Movie("1", "Alien", "A ship in space.", genres=("Horror",)), Movie("2", "Casino", "A bank.")]


def test_together_they_are_embedded_at_once_and_answered_as_alone(tmp_path: Path) -> None:
    asked = [SearchRequest(text).with_defaults(Config().search) for text in ("a ship", "horror movies with a bank")]
    model = Heard(WordEmbedder())
    with snapshot_of(FILMS, tmp_path) as snapshot:
        alone = LoadedGeneration(snapshot, QuestionEmbedder(WordEmbedder()))
        together = LoadedGeneration(snapshot, QuestionEmbedder(model))
        prefetch(together, asked)
        found = [answer(together, request, Config(), Deadline(20.0)) for request in asked]
        assert found == [answer(alone, request, Config(), Deadline(20.0)) for request in asked]
    assert [len(texts) for texts in model.together] == [2]
    assert model.questions == []


def test_what_was_understood_before_is_used_once(tmp_path: Path) -> None:
    request = SearchRequest("horror movies with a bank").with_defaults(Config().search)
    with snapshot_of(FILMS, tmp_path) as snapshot:
        loaded = LoadedGeneration(snapshot, QuestionEmbedder(WordEmbedder()))
        understood = loaded.prepare(request)
        assert loaded.prepared(request) is understood
        assert loaded.prepared(request) is None
