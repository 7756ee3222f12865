"""Plain BERT, by the bundled model: known numbers, and the library's own vectors."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.embedding.bert.config import read_json
from catalog.embedding.bert.local import open_local
from catalog.embedding.bundled import BUNDLED, SHA256, bundled_folder
from catalog.embedding.embedder import Embedder
from catalog.embedding.model_folder import Prompts, native_model, read_prompts
from catalog.embedding.sentence_transformers import SentenceTransformerEmbedder
from catalog.errors import ConfigError, ModelError
from tests.support.checkpoints import SIX_FILMS, SIX_TEXTS

pytestmark = pytest.mark.slow

SIMILARITIES = {
    "Star Trek: Generations": 0.277,
    "Star Wars: Episode V - The Empire Strikes Back": 0.207,
    "Pulp Fiction": 0.202,
    "Fight Club": 0.143,
    "Ghostbusters": 0.125,
    "Ghostbusters II": 0.211,
}


def open_bundled(max_tokens: int = 2048) -> Embedder:
    return open_local(bundled_folder(), BUNDLED, "r", max_tokens=max_tokens, precision="float32", device="cpu")


def light_copy(folder: Path, **config: Any) -> Path:
    """The bundled model's small files, with settings of config.json replaced."""
    shutil.copytree(
        bundled_folder(), folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors", "*.md")
    )
    (folder / "config.json").write_text(json.dumps(read_json(folder / "config.json") | config))
    return folder


def test_the_file_is_the_known_one() -> None:
    with (bundled_folder() / "model.safetensors").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == SHA256[BUNDLED]


def test_known_similarities() -> None:
    embedder = open_bundled()
    similarities = embedder.embed_documents(SIX_TEXTS).vectors @ embedder.embed_query("I want a movie with space ships")
    assert dict(zip(SIX_FILMS, similarities.tolist(), strict=True)) == pytest.approx(SIMILARITIES, abs=2e-3)


def test_the_vectors_are_those_of_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    texts = [*SIX_TEXTS, "", "a", "Größe, Übermut, Straße! 日本語 🎬", " ".join(SIX_TEXTS * 3)]
    expected = SentenceTransformer(str(bundled_folder()), device="cpu").encode(texts)
    made = open_bundled().embed_documents(texts)
    assert made.truncated == 1
    assert np.abs(made.vectors - expected).max() < 1e-6


def test_order_and_neighbours_change_nothing() -> None:
    embedder = open_bundled()
    together = embedder.embed_documents(SIX_TEXTS * 20).vectors
    alone = np.concatenate([embedder.embed_documents([text]).vectors for text in SIX_TEXTS] * 20)
    assert np.abs(together - alone).max() < 1e-6


@pytest.mark.parametrize(("configured", "expected"), [(2048, 256), (100, 100)])
def test_identity(configured: int, expected: int) -> None:
    identity = open_bundled(configured).identity
    assert (identity.name, identity.revision, identity.dimension) == (BUNDLED, "r", 384)
    assert identity.max_tokens == expected


def test_no_texts() -> None:
    assert open_bundled().embed_documents([]).vectors.shape == (0, 384)


@pytest.mark.parametrize(
    ("precision", "device", "max_tokens", "message"),
    [
        ("float16", "cpu", 99, "embedding.precision is 'float16'"),
        ("auto", "tpu", 99, "embedding.device is 'tpu'"),
        ("auto", "cuda:x", 99, "embedding.device is 'cuda:x'"),
        ("auto", "cpu", 2, "embedding.max_tokens is 2"),
    ],
)
def test_impossible_settings_are_refused(precision: str, device: str, max_tokens: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_local(bundled_folder(), "bundled", "", max_tokens=max_tokens, precision=precision, device=device)


def test_a_language_model_is_refused(tmp_path: Path) -> None:
    folder = light_copy(tmp_path)
    (folder / "modules.json").unlink()
    with pytest.raises(ModelError, match=r"no modules\.json; this is a language model"):
        native_model(folder)


@pytest.mark.parametrize("name", ["config.json", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json"])
def test_json_that_is_nested_deeply_is_refused(tmp_path: Path, name: str) -> None:
    folder = light_copy(tmp_path)
    (folder / name).write_text('{"a":' * 100_000)
    with pytest.raises(ModelError, match=f"{name}: .*; fetch the model again"):
        native_model(folder)


@pytest.mark.parametrize(
    ("key", "most"), [("num_hidden_layers", "1,000"), ("num_attention_heads", "1,000"), ("hidden_size", "10,000,000")]
)
def test_absurd_sizes_are_refused_at_once(tmp_path: Path, key: str, most: str) -> None:
    folder = light_copy(tmp_path, **{key: 10**12})
    with pytest.raises(ModelError, match=f"config.json: {key} is above {most}, which no model has"):
        native_model(folder)


def test_weights_whose_header_is_nested_deeply_are_refused(tmp_path: Path) -> None:
    folder = light_copy(tmp_path)
    header = b'{"a":' * 100_000
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    embedder = open_local(folder, "m", "r", max_tokens=99, precision="float32", device="cpu")
    with pytest.raises(ModelError, match="no safetensors file"):
        embedder.embed_query("space ships")


@pytest.mark.parametrize("config", [{"hidden_act": "relu"}, {"model_type": "mpnet"}])
def test_other_variants_are_left_to_the_library(tmp_path: Path, config: dict[str, str]) -> None:
    folder = light_copy(tmp_path, **config)
    assert native_model(folder) is None
    embedder = open_local(folder, "other", "r", max_tokens=99, precision="auto", device="cpu")
    assert isinstance(embedder, SentenceTransformerEmbedder)


def test_first_token_pooling_is_native(tmp_path: Path) -> None:
    folder = light_copy(tmp_path)
    modes = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    model = native_model(folder)
    assert model is not None
    assert model.pooling == "cls"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, Prompts()),
        ({"prompts": {"query": "query: ", "passage": "passage: "}}, Prompts("query: ", "passage: ")),
        ({"prompts": {"query": "q: ", "s": "s: "}, "default_prompt_name": "s"}, Prompts("q: ", "s: ")),
        ({"prompts": {"query": "q: "}, "default_prompt_name": None}, Prompts("q: ", "")),
    ],
)
def test_prompts(tmp_path: Path, settings: dict[str, Any], expected: Prompts) -> None:
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(settings))
    assert read_prompts(tmp_path) == expected
