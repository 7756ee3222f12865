"""The checks that prove a model: passed by the tiny checkpoint with its own numbers, failed by every wrong one."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from catalog.arrays import Vector, Vectors
from catalog.config import EmbeddingConfig
from catalog.embedding.bert.local import open_local
from catalog.embedding.bert.tokenizer import open_tokenizer
from catalog.embedding.embedder import Embedded, Embedder
from catalog.embedding.factory import open_in_use
from catalog.embedding.hub.cache import ModelFiles, locate
from catalog.embedding.hub.files import file_sha256
from catalog.embedding.known import Known, read_known
from catalog.embedding.self_test import (
    Check,
    check_files,
    check_machine,
    check_model,
    check_vectors,
    quick_check,
    render_checks,
)
from catalog.errors import ModelError
from catalog.identity import ModelIdentity
from tests.support.fakes import Heard

pytestmark = pytest.mark.slow

TINY = Path(__file__).parents[2] / "fixtures" / "jina-tiny"
FILES = locate(str(TINY), None)
NAMES = [
    "files",
    "weights",
    "tokenizer",
    '"hello world"',
    "query and document",
    "no NaN",
    "first components",
    "similar films",
    "retrieval",
    "second process",
    "throughput",
]


@dataclass(frozen=True)
class Disturbed:
    """An embedder whose vectors are changed on the way."""

    inner: Embedder
    factor: float

    @property
    def identity(self) -> ModelIdentity:
        return self.inner.identity

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        return Embedded(self.inner.embed_documents(texts).vectors * np.float32(self.factor), 0)

    def embed_query(self, text: str) -> Vector:
        return self.inner.embed_query(text) * np.float32(self.factor)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self.inner.embed_queries(texts) * np.float32(self.factor)


@pytest.fixture(scope="module")
def tiny() -> Embedder:
    return open_local(TINY, FILES.name, FILES.revision, max_tokens=512, precision="float32", device="cpu")


@pytest.fixture(scope="module")
def known(tiny: Embedder) -> Known:
    """What would be known of the tiny model, had someone published it: its own numbers."""
    real = read_known()
    films = tiny.embed_documents(real.films).vectors.astype(np.float64)
    queries = np.stack([tiny.embed_query(query) for query in real.queries])
    tokenizer = open_tokenizer(TINY / "tokenizer.json", max_tokens=512, vocabulary=10**6).tokenizer
    return Known(
        model="jina-tiny",
        weights=file_sha256(TINY / "model.safetensors"),
        hello=tiny.embed_query("hello world")[:5].astype(np.float64),
        films=real.films,
        components=films[:2, :10] * [[7.0], [3.0]],  # not normalised, each with a length of its own
        similar=films @ films.T,
        queries=real.queries,
        retrieval=queries @ films.T,
        token_ids=[(text, tokenizer.encode(text).ids) for text, _ in real.token_ids],
    )


@pytest.fixture(scope="module")
def passed(tiny: Embedder, known: Known) -> list[Check]:
    return check_model(tiny, FILES, precision="float32", device="cpu", known=known)


def outcome(checks: Sequence[Check]) -> dict[str, bool | None]:
    return {check.name: check.ok for check in checks}


def test_the_right_model_passes_every_check(passed: list[Check]) -> None:
    assert outcome(passed) == dict.fromkeys(NAMES, True)


def test_the_details_say_what_was_seen(passed: list[Check]) -> None:
    details = {check.name: check.detail for check in passed}
    assert details["tokenizer"] == "29 of 29 texts get their known token ids"
    assert details["weights"] == f"SHA-256 {file_sha256(TINY / 'model.safetensors')[:16]}..., the published ones"
    assert details["second process"].startswith("largest difference 0.0e+00")
    assert "texts/s" in details["throughput"]
    assert "tokens/s" in details["throughput"]


def test_the_numbers_are_whole() -> None:
    real = read_known()
    assert real.model == "jinaai/jina-embeddings-v2-base-de"
    assert real.weights == "0ffca9240c502ef64a63917baf0e60648a7a438dfd49a4f91ad4d5dab3428cf8"
    assert (len(real.films), len(real.queries), len(real.token_ids)) == (6, 3, 29)
    assert (real.components.shape, real.similar.shape, real.retrieval.shape) == ((2, 10), (6, 6), (3, 6))
    assert np.array_equal(real.similar, real.similar.T)
    assert np.linalg.eigvalsh(real.similar).min() > 0
    assert ("hello world", [0, 17067, 83, 1568, 2]) in real.token_ids


def test_another_model_is_checked_as_far_as_possible(tiny: Embedder) -> None:
    real = read_known()
    found = outcome([*check_files(FILES, tiny, real), *check_vectors(tiny, FILES, real)])
    possible = {"files", "query and document", "no NaN"}
    assert found == {name: True if name in possible else None for name in NAMES[:-2]}


def test_an_endpoint_is_checked_by_its_vectors(tiny: Embedder, known: Known) -> None:
    found = outcome(check_model(tiny, None, known=known))
    files_only = {"files", "weights", "tokenizer", "second process"}
    assert found == {name: None if name in files_only else True for name in NAMES}


def test_another_model_under_the_known_name_fails(tiny: Embedder, known: Known) -> None:
    real = replace(read_known(), model=known.model)
    found = [*check_files(FILES, tiny, real), *check_vectors(tiny, FILES, real)]
    wrong = {"weights", "tokenizer", '"hello world"', "first components", "similar films", "retrieval"}
    assert outcome(found) == {name: name not in wrong for name in NAMES[:-2]}
    details = {check.name: check.detail for check in found}
    assert details["tokenizer"] == "29 of 29 texts get other token ids, 'How are you doing?' first"
    assert details['"hello world"'].endswith("expected -0.0085 0.0417 0.0342 0.0309 -0.0149")


def test_a_difference_of_two_thousandths_is_the_limit(tiny: Embedder, known: Known) -> None:
    for shift, ok in ((0.0019, True), (0.0021, False)):
        similar, retrieval = known.similar.copy(), known.retrieval.copy()
        components = known.components.copy()
        similar[1, 2] += shift
        retrieval[2, 5] -= shift
        components[1, 9] += 1.1 * shift  # a tenth of it goes into the fitted length
        shifted = replace(known, similar=similar, retrieval=retrieval, components=components)
        found = outcome(check_vectors(tiny, None, shifted))
        assert [found[name] for name in ("first components", "similar films", "retrieval")] == [ok] * 3


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), 1.01])
def test_vectors_that_are_none_fail(tiny: Embedder, known: Known, factor: float) -> None:
    with np.errstate(all="ignore"):
        found = outcome(check_vectors(Disturbed(tiny, factor), None, known))
    assert found["no NaN"] is False
    if factor != 1.01:
        assert found['"hello world"'] is False
        assert found["similar films"] is False


def test_a_model_that_a_second_process_sees_differently_fails(tiny: Embedder, known: Known) -> None:
    found = check_machine(Disturbed(tiny, 0.999), FILES, known, precision="float32", device="cpu")[0]
    assert (found.name, found.ok) == ("second process", False)
    assert found.detail.startswith("largest difference")


def test_a_second_process_that_fails(tiny: Embedder, known: Known) -> None:
    found = check_machine(tiny, FILES, known, precision="float64", device="cpu")[0]
    assert (found.name, found.ok) == ("second process", False)
    assert found.detail.startswith("it failed: catalog.errors.ConfigError")


def test_the_quick_check_passes_after_one_text(tiny: Embedder, known: Known) -> None:
    heard = Heard(tiny)
    quick_check(FILES, heard, known=known)
    assert (heard.questions, heard.together) == (["hello world"], [])


def test_a_model_of_which_nothing_is_known_passes_the_quick_check(tiny: Embedder) -> None:
    heard = Heard(tiny)
    quick_check(FILES, heard)
    assert (heard.questions, heard.together) == (["hello world"], [])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"weights": "0" * 64}, r"weights: SHA-256 \w{16}\.\.\., the published ones have 0{16}"),
        ({"token_ids": [("a", [0, 7, 2])]}, "tokenizer: 1 of 1 texts get other token ids, 'a' first"),
        ({"hello": np.zeros(5)}, '"hello world": begins'),
    ],
    ids=["weights", "tokenizer", "hello"],
)
def test_the_quick_check_stops_a_wrong_model(tiny: Embedder, known: Known, wrong: dict[str, object], says: str) -> None:
    expected = replace(known, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=says) as caught:
        quick_check(FILES, tiny, known=expected)
    assert str(caught.value).endswith(f": delete {TINY} and fetch it again")
    if "weights" in wrong:
        quick_check(FILES, tiny, known=expected, own_revision=True)


def test_the_quick_check_needs_no_torch() -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom catalog.embedding.self_test import quick_check\n"
        "from catalog.embedding.hub.cache import locate\nfrom catalog.embedding.bert.local import open_local\n"
        "files = locate(sys.argv[1], None)\n"
        "settings = {'max_tokens': 512, 'precision': 'auto', 'device': 'auto'}\n"
        "quick_check(files, open_local(files.folder, files.name, files.revision, **settings))\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(TINY)], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_missing_files_are_named(tiny: Embedder, tmp_path: Path) -> None:
    empty = ModelFiles(tmp_path, "other", "r", downloaded=False, checked=False)
    found = check_files(empty, tiny, read_known())[0]
    assert found == Check("files", False, f"{tmp_path} has no config.json")


def test_checks_are_laid_out_in_columns() -> None:
    checks = [Check("files", True, "3 files"), Check("tokenizer", None, "known of a"), Check("no NaN", False, "NaN")]
    assert render_checks(checks).splitlines() == [
        "ok      files      3 files",
        "-       tokenizer  known of a",
        "FAILED  no NaN     NaN",
    ]
    assert render_checks([]) == ""


def test_without_a_catalog_what_would_stand_in_is_checked(tmp_path: Path) -> None:
    said: list[str] = []
    embedder, _ = open_in_use(EmbeddingConfig(model=str(tmp_path / "none")), None, None, said.append)
    assert embedder.identity.name == "bundled"
    assert [line.split(": embedding.model")[0] for line in said] == [
        f"checked is the bundled model bundled: it would stand in for {tmp_path / 'none'}"
    ]
