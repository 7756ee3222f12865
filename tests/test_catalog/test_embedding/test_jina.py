"""The Jina architecture against what its reference implementation returned, and the strict loader."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from benchmarks.fastembed_peer import peak_kib
from catalog.embedding.bert.checkpoint import open_checkpoint
from catalog.embedding.bert.config import Architecture, read_json
from catalog.embedding.bert.families import alibi_slopes, jina_architecture
from catalog.embedding.bert.local import open_local
from catalog.embedding.bert.torch_encoder import Encoder, load_encoder
from catalog.errors import ModelError
from tests.support.checkpoints import JINA_TINY, SIX_TEXTS, Tensors, variant

GATED = "encoder.layer.1.mlp.gated_layers.weight"


@dataclass(frozen=True)
class Reference:
    """Token ids, and the mean-pooled vectors (n, 96) the reference gave for them."""

    ids: list[list[int]]
    vectors: NDArray[np.float64]


@pytest.fixture(scope="module")
def reference() -> Reference:
    cases = json.loads((JINA_TINY.parent / "jina-tiny-reference.json").read_text())["cases"]
    tokenizer = Tokenizer.from_file(str(JINA_TINY / "tokenizer.json"))
    ids = [case["input_ids"] or tokenizer.encode(case["text"]).ids for case in cases]
    assert [len(sequence) for sequence in ids] == [case["tokens"] for case in cases]
    return Reference(ids, np.array([case["mean_pooled"] for case in cases]))


def tiny(folder: Path = JINA_TINY) -> Architecture:
    return jina_architecture(read_json(folder / "config.json"))


def load(architecture: Architecture, folder: Path = JINA_TINY, precision: torch.dtype = torch.float32) -> Encoder:
    checkpoint = open_checkpoint(folder / "model.safetensors", architecture)
    return load_encoder(checkpoint, architecture, pooling="mean", device="cpu", precision=precision)


def error(encoder: Encoder, reference: Reference) -> float:
    with torch.inference_mode():
        return float(np.abs(encoder.pooled(reference.ids).numpy() - reference.vectors).max())


def test_every_text_alone_has_the_reference_vector(reference: Reference) -> None:
    encoder = load(tiny())
    for ids, expected in zip(reference.ids, reference.vectors, strict=True):
        with torch.inference_mode():
            np.testing.assert_allclose(encoder.pooled([ids])[0].numpy(), expected, rtol=0, atol=1e-5)


def test_a_mixed_batch_has_the_reference_vectors(reference: Reference) -> None:
    assert error(load(tiny()), reference) < 1e-5


def test_a_vector_does_not_depend_on_its_batch(reference: Reference) -> None:
    encoder = load(tiny())
    together = encoder.embed(reference.ids * 3)
    alone = np.concatenate([encoder.embed([ids]) for ids in reference.ids])
    assert np.abs(together - np.concatenate([alone] * 3)).max() < 1e-6


def test_without_alibi_parity_fails(reference: Reference) -> None:
    flat = replace(tiny(), slopes=(0.0,) * 6)
    assert error(load(flat), reference) > 0.1


def test_with_reversed_slopes_parity_fails(reference: Reference) -> None:
    reversed_slopes = replace(tiny(), slopes=tuple(reversed(alibi_slopes(6))))
    assert error(load(reversed_slopes), reference) > 0.1


def test_with_swapped_gate_halves_parity_fails(reference: Reference, tmp_path: Path) -> None:
    def swap(tensors: Tensors) -> None:
        for name, tensor in tensors.items():
            if name.endswith("gated_layers.weight"):
                tensors[name] = np.concatenate(np.split(tensor, 2)[::-1])

    assert error(load(tiny(), variant(tmp_path, weights=swap)), reference) > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_reads_other_dtypes(reference: Reference, tmp_path: Path, dtype: torch.dtype) -> None:
    stored = {name: tensor.to(dtype) for name, tensor in load_file(JINA_TINY / "model.safetensors").items()}
    save_file(stored, tmp_path / "model.safetensors")
    vectors = load(tiny(), tmp_path).embed(reference.ids)
    expected = reference.vectors / np.linalg.norm(reference.vectors, axis=1, keepdims=True)
    cosines = (vectors * expected).sum(axis=1)
    assert cosines.min() > (1 - 1e-6 if dtype == torch.float32 else 0.999)


def test_reads_names_with_the_prefix_of_a_language_model(reference: Reference, tmp_path: Path) -> None:
    def prefix(tensors: Tensors) -> None:
        for name in list(tensors):
            tensors[f"bert.{name}"] = tensors.pop(name)

    assert error(load(tiny(), variant(tmp_path, weights=prefix)), reference) < 1e-5


def test_computes_in_bfloat16(reference: Reference) -> None:
    vectors = load(tiny(), precision=torch.bfloat16).embed(reference.ids)
    expected = reference.vectors / np.linalg.norm(reference.vectors, axis=1, keepdims=True)
    # The tiny model's weights are ten times as large as a trained one's, and so are their rounding errors.
    assert (vectors * expected).sum(axis=1).min() > 0.998


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (6, (0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125)),
        (8, tuple(2.0**-n for n in range(1, 9))),
        (12, (*(2.0**-n for n in range(1, 9)), 2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5)),
    ],
)
def test_slopes(heads: int, expected: tuple[float, ...]) -> None:
    assert alibi_slopes(heads) == expected


def nan(tensors: Tensors) -> None:
    tensors[GATED][3, 3] = np.nan


def drop(tensors: Tensors) -> None:
    del tensors[GATED]


def add(tensors: Tensors) -> None:
    tensors["encoder.layer.9.mlp.wo.bias"] = np.zeros(96, dtype=np.float16)


def reshape(tensors: Tensors) -> None:
    tensors[GATED] = tensors[GATED][:-1].copy()


def integers(tensors: Tensors) -> None:
    tensors[GATED] = np.zeros((384, 96), dtype=np.int8)


def plain_bert(tensors: Tensors) -> None:
    for layer in range(3):
        del tensors[f"encoder.layer.{layer}.mlp.gated_layers.weight"]
        tensors[f"encoder.layer.{layer}.intermediate.dense.weight"] = np.zeros((192, 96), dtype=np.float16)


def code_model(tensors: Tensors) -> None:
    tensors["encoder.layer.0.mlp.up_gated_layer.weight"] = tensors.pop("encoder.layer.0.mlp.gated_layers.weight")


def query_norms(tensors: Tensors) -> None:
    tensors["encoder.layer.0.attention.self.layer_norm_q.weight"] = np.ones(96, dtype=np.float16)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (nan, f"tensor {GATED} holds NaN or infinity"),
        (drop, f"tensor {GATED} is missing"),
        (add, "unexpected tensor encoder.layer.9.mlp.wo.bias"),
        (reshape, rf"tensor {GATED} has shape \[383, 96\], config.json asks for \[384, 96\]"),
        (integers, f"tensor {GATED} is stored as I8"),
        (plain_bert, "this is a plain BERT, not the Jina BERT v2 that config.json describes"),
        (code_model, r"this is a later Jina BERT \(jina-embeddings-v2-base-code\)"),
        (query_norms, "this is a later Jina BERT with query and key norms"),
    ],
)
def test_a_wrong_checkpoint_is_refused_by_name(tmp_path: Path, change: Callable[[Tensors], None], message: str) -> None:
    folder = variant(tmp_path, weights=change)
    with pytest.raises(ModelError, match=message):
        load(tiny(), folder)


@pytest.mark.parametrize("size", [0, 7, 100, 500_000])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes((JINA_TINY / "model.safetensors").read_bytes()[:size])
    with pytest.raises(ModelError, match=r"cut off|no safetensors file"):
        load(tiny(), tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"feed_forward_type": "original"},
        {"hidden_act": "gelu_new"},
        {"num_attention_heads": 7},
        {"hidden_size": None},
        {"layer_norm_eps": "tiny"},
    ],
)
def test_an_impossible_config_is_refused_by_name(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = variant(tmp_path, config=change)
    with pytest.raises(ModelError, match=next(iter(change)).replace("num_attention_heads", "attention heads")):
        open_local(folder, "tiny", "", max_tokens=100, precision="float32", device="cpu")


def test_cuts_long_texts_and_counts_them() -> None:
    embedder = open_local(JINA_TINY, "tiny", "r", max_tokens=20, precision="float32", device="cpu")
    made = embedder.embed_documents(["short", *SIX_TEXTS, "", "x"])
    assert made.vectors.shape == (9, 96)
    assert made.truncated == 6
    np.testing.assert_allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-6)


def test_decomposed_umlauts_and_control_characters_change_nothing() -> None:
    embedder = open_local(JINA_TINY, "tiny", "r", max_tokens=100, precision="float32", device="cpu")
    texts = [
        "Größe über alles",
        "Gro\u0308\u00dfe u\u0308ber alles",
        "Grö\x00ße\nüber\talles\ud800",
        "größe über alles",
    ]
    first, composed, cleaned, lower = embedder.embed_documents(texts).vectors
    np.testing.assert_array_equal(first, composed)
    np.testing.assert_array_equal(first, cleaned)
    assert float(first @ lower) < 0.999


def test_one_text_of_8192_tokens_never_sees_all_its_scores_at_once() -> None:
    embedder = open_local(JINA_TINY, "tiny", "r", max_tokens=8192, precision="float32", device="cpu")
    before = peak_kib()
    made = embedder.embed_documents(["ghost ship " * 8192])
    grown = peak_kib() - before
    assert made.truncated == 1
    assert np.isfinite(made.vectors).all()
    assert grown < 300_000, "KiB; six heads of 8192 x 8192 scores would be 1,572,864"
