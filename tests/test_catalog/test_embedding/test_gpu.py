"""The kernels for GPUs beside the reference; without a GPU there is nothing to run them on."""

import json

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from catalog.embedding.bert.checkpoint import open_checkpoint
from catalog.embedding.bert.config import read_json
from catalog.embedding.bert.families import jina_architecture
from catalog.embedding.bert.gpu.forward import has_kernels, most_tokens
from catalog.embedding.bert.torch_encoder import Encoder, load_encoder
from tests.support.checkpoints import JINA_TINY

pytestmark = pytest.mark.skipif(
    not (torch.cuda.is_available() and has_kernels("cuda")), reason="needs an NVIDIA GPU, Triton and a C compiler"
)


def load(precision: torch.dtype) -> Encoder:
    architecture = jina_architecture(read_json(JINA_TINY / "config.json"))
    checkpoint = open_checkpoint(JINA_TINY / "model.safetensors", architecture)
    return load_encoder(checkpoint, architecture, pooling="mean", device="cuda", precision=precision)


def test_float32_has_the_reference_vectors() -> None:
    cases = json.loads((JINA_TINY.parent / "jina-tiny-reference.json").read_text())["cases"]
    tokenizer = Tokenizer.from_file(str(JINA_TINY / "tokenizer.json"))
    ids = [case["input_ids"] or tokenizer.encode(case["text"]).ids for case in cases]
    with torch.inference_mode():
        made = load(torch.float32).pooled(ids).cpu().numpy()
    assert np.abs(made - np.array([case["mean_pooled"] for case in cases])).max() < 2e-5


# cuBLAS may choose another product for another size, which in bfloat16 shows in the fourth digit.
@pytest.mark.parametrize(("precision", "apart"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-3)])
def test_a_text_does_not_depend_on_its_neighbours(precision: torch.dtype, apart: float) -> None:
    encoder = load(precision)
    texts = [list(range(5, 5 + length)) for length in (2, 63, 64, 65, 700, 9)]
    together = encoder.embed(texts)
    assert np.abs(np.concatenate([encoder.embed([text]) for text in texts]) - together).max() < apart
    assert np.abs(encoder.embed(texts[::-1])[::-1] - together).max() < apart


def test_a_batch_is_no_larger_than_the_memory_allows() -> None:
    weights = load(torch.float32).weights
    assert 4096 <= most_tokens(weights.architecture, weights.device) <= 65_536
