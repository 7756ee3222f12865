"""The two query encoders, numpy's and onnxruntime's, against the torch one that embeds the documents."""

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from catalog.arrays import Vectors
from catalog.embedding.bert.checkpoint import open_checkpoint, widen
from catalog.embedding.bert.local import LocalEmbedder, open_local
from catalog.embedding.bert.numpy_encoder import QuickEncoder, gelu
from catalog.embedding.bert.onnx_encoder import warm_encoder
from catalog.embedding.bert.torch_encoder import load_encoder
from catalog.embedding.bundled import bundled_folder
from catalog.embedding.model_folder import native_model
from catalog.errors import ModelError
from tests.support.checkpoints import JINA_TINY, SIX_TEXTS, Tensors, variant

pytestmark = pytest.mark.slow

LENGTHS = (2, 3, 9, 40, 200, 250)


def encoders(folder: Path) -> tuple[QuickEncoder, list[list[int]], Vectors]:
    """The quick encoder of a folder, random token ids, and what the torch encoder makes of them."""
    model = native_model(folder)
    assert model is not None
    checkpoint = open_checkpoint(folder / "model.safetensors", model.architecture)
    generator = np.random.default_rng(7)
    ids = [generator.integers(0, model.architecture.vocabulary, length).tolist() for length in LENGTHS]
    full = load_encoder(
        checkpoint, model.architecture, pooling=model.pooling, device="cpu", precision=torch.float32
    ).embed(ids)
    return QuickEncoder(checkpoint, model.architecture, model.pooling), ids, full


@pytest.mark.parametrize("folder", [JINA_TINY, bundled_folder()], ids=["jina", "bundled"])
def test_equals_torch(folder: Path) -> None:
    quick, ids, full = encoders(folder)
    assert np.abs(np.concatenate([quick.embed([sequence]) for sequence in ids]) - full).max() < 5e-6
    assert np.abs(quick.embed(ids) - full).max() < 5e-6
    warm = warm_encoder(quick)
    assert np.abs(np.concatenate([warm.embed([sequence]) for sequence in ids]) - full).max() < 5e-6
    assert np.abs(warm.embed(ids) - full).max() < 5e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equals_torch_in_other_stored_types(tmp_path: Path, dtype: torch.dtype) -> None:
    folder = variant(tmp_path)
    path = folder / "model.safetensors"
    save_file({name: tensor.to(dtype) for name, tensor in load_file(path).items()}, path)
    quick, ids, full = encoders(folder)
    assert np.abs(np.concatenate([quick.embed([sequence]) for sequence in ids]) - full).max() < 5e-6
    assert np.abs(warm_encoder(quick).embed(ids) - full).max() < 5e-6


def test_equals_torch_with_the_first_token_for_the_text() -> None:
    quick, ids, _ = encoders(JINA_TINY)
    full = load_encoder(
        quick.checkpoint, quick.architecture, pooling="cls", device="cpu", precision=torch.float32
    ).embed(ids)
    first = replace(quick, pooling="cls")
    assert np.abs(np.concatenate([first.embed([sequence]) for sequence in ids]) - full).max() < 5e-6
    assert np.abs(warm_encoder(first).embed(ids) - full).max() < 5e-6


@pytest.mark.parametrize("words", [1, 5, 150, 400])
def test_queries_of_all_lengths_equal_documents(words: int) -> None:
    embedder = open_local(JINA_TINY, "tiny", "", max_tokens=2048, precision="float32", device="cpu")
    text = " ".join((SIX_TEXTS[0] + " " + SIX_TEXTS[1]).split() * 10)[: words * 5]
    assert np.abs(embedder.embed_query(text) - embedder.embed_documents([text]).vectors[0]).max() < 5e-6


@pytest.mark.parametrize("folder", [JINA_TINY, bundled_folder()], ids=["jina", "bundled"])
def test_a_query_needs_neither_torch_nor_sentence_transformers(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from catalog.embedding.bert.local import open_local;"
        "e = open_local(Path(sys.argv[1]), 'm', '', max_tokens=99, precision='auto', device='auto');"
        "e.embed_query('space ships');"
        "print(sorted({'torch', 'sentence_transformers', 'transformers', 'safetensors'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("folder", [JINA_TINY, bundled_folder()], ids=["jina", "bundled"])
def test_a_query_has_one_vector_warm_or_cold_alone_or_among_others(folder: Path) -> None:
    embedder = open_local(folder, "m", "", max_tokens=250, precision="auto", device="auto")
    assert isinstance(embedder, LocalEmbedder)
    queries = ["space ships", *SIX_TEXTS, " ".join(SIX_TEXTS * 9)]
    cold = np.stack([embedder.embed_query(query) for query in queries])
    embedder.warm()
    assert np.abs(np.stack([embedder.embed_query(query) for query in queries]) - cold).max() < 1e-6
    assert np.abs(embedder.embed_queries(queries) - cold).max() < 1e-6


def test_a_warm_model_reports_to_nobody(tmp_path: Path) -> None:
    """onnxruntime keeps what it would send below HOME."""
    code = (
        "import sys; from pathlib import Path; from catalog.embedding.bert.local import open_local;"
        "e = open_local(Path(sys.argv[1]), 'm', '', max_tokens=99, precision='auto', device='auto');"
        "e.warm(); e.embed_query('space ships')"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code, str(JINA_TINY)], check=True, env=environment)
    assert list(tmp_path.iterdir()) == []


def test_nan_is_refused_by_name(tmp_path: Path) -> None:
    def poison(tensors: Tensors) -> None:
        tensors["encoder.layer.2.mlp.wo.weight"][0, 0] = np.nan

    folder = variant(tmp_path, weights=poison)
    embedder = open_local(folder, "tiny", "", max_tokens=99, precision="auto", device="auto")
    assert isinstance(embedder, LocalEmbedder)
    for _ in range(2):
        with pytest.raises(ModelError, match=r"tensor encoder\.layer\.2\.mlp\.wo\.weight holds NaN"):
            embedder.embed_query("space ships")
        embedder.warm()


def test_every_float16_is_widened_exactly() -> None:
    every = np.arange(65536, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    np.testing.assert_array_equal(widen(finite).view(np.uint32), finite.astype(np.float32).view(np.uint32))
    np.testing.assert_array_equal(widen(every), every.astype(np.float32))


def test_every_finite_bfloat16_is_widened_exactly() -> None:
    bits = np.arange(65536, dtype=np.uint16)
    torch_says = torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16).float().numpy()
    np.testing.assert_array_equal(widen(bits), torch_says)


def test_gelu_is_the_exact_one() -> None:
    x = np.linspace(-12, 12, 40_000, dtype=np.float32).reshape(40, 1000)
    exact = [[value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in row] for row in x.tolist()]
    assert np.abs(gelu(x) - exact).max() < 1e-6
