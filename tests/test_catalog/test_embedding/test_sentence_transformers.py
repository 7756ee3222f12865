"""Models that only the library can compute: a tiny RoBERTa made here, and what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from catalog.embedding.bert.local import open_local
from catalog.embedding.embedder import Embedder
from catalog.embedding.sentence_transformers import SentenceTransformerEmbedder
from catalog.errors import ModelError
from tests.support.checkpoints import JINA_TINY, SIX_TEXTS

pytestmark = pytest.mark.slow

PROMPTS = {"query": "find: ", "document": "film: "}


def tiny_roberta(folder: Path) -> Path:
    """A sentence-transformers folder with a RoBERTa of one layer and random weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import RobertaConfig, RobertaModel

    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=2000,
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=130,
        pad_token_id=1,
    )
    base = folder / "base"
    RobertaModel(config).save_pretrained(base)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(JINA_TINY / name, base)
    made = folder / "model"
    modules = [Transformer(str(base), max_seq_length=64), Pooling(24, "mean")]
    SentenceTransformer(modules=modules, prompts=PROMPTS, device="cpu").save(str(made), create_model_card=False)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_roberta(tmp_path)


def open_folder(folder: Path, max_tokens: int = 2048) -> Embedder:
    return open_local(folder, "roberta", "r", max_tokens=max_tokens, precision="auto", device="cpu")


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_vectors_are_those_of_the_library_with_prompts(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer

    embedder = open_folder(folder)
    assert isinstance(embedder, SentenceTransformerEmbedder)
    assert (embedder.identity.dimension, embedder.identity.max_tokens) == (24, 64)
    library = SentenceTransformer(str(folder), device="cpu")
    documents = library.encode_document(SIX_TEXTS, normalize_embeddings=True)
    query = library.encode_query("space ships", normalize_embeddings=True)
    assert np.abs(embedder.embed_documents(SIX_TEXTS).vectors - documents).max() < 1e-6
    assert np.abs(embedder.embed_query("space ships") - query).max() < 1e-6


def test_cuts_and_counts(folder: Path) -> None:
    made = open_folder(folder, max_tokens=20).embed_documents([*SIX_TEXTS, "a"])
    assert made.truncated == 6
    assert made.vectors.shape == (7, 24)


def test_no_texts(folder: Path) -> None:
    assert open_folder(folder).embed_documents([]).vectors.shape == (0, 24)


def test_a_missing_tensor_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    name = next(name for name in tensors if "query.weight" in name)
    del tensors[name]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"tensor .*query\.weight is missing"):
        open_folder(folder).embed_query("space ships")


def test_remote_code_is_refused(folder: Path) -> None:
    change(folder / "config.json", auto_map={"AutoModel": "modeling.Evil"})
    with pytest.raises(ModelError, match="auto_map asks for remote code"):
        open_folder(folder)


def test_a_module_of_its_own_is_refused(folder: Path) -> None:
    path = folder / "modules.json"
    modules = json.loads(path.read_text())
    modules[0]["type"] = "custom_st.Transformer"
    path.write_text(json.dumps(modules))
    with pytest.raises(ModelError, match=r"asks for remote code \(custom_st\.Transformer\)"):
        open_folder(folder)


@pytest.mark.parametrize("path", ["../elsewhere", "/etc"])
def test_a_module_elsewhere_is_refused(folder: Path, path: str) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["path"] = path
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="no modules inside this folder"):
        open_folder(folder)


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="only pickled weights"):
        open_folder(folder)


def test_a_pickled_layer_beside_a_decoy_is_refused(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    dense = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    (folder / "modules.json").write_text(json.dumps([*modules, dense]))
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "config.json").write_text('{"in_features": 24, "out_features": 24}')
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "2_Dense" / "decoy.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"2_Dense: only pickled weights"):
        open_folder(folder)


def test_a_tokenizer_that_panics_is_one_line(folder: Path) -> None:
    change(
        folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast"
    )  # which leaves the file as it is
    change(folder / "tokenizer.json", normalizer={"type": "Precompiled", "precompiled_charsmap": "BAAAAP////8AAAA="})
    with pytest.raises(ModelError, match="index out of bounds"):
        open_folder(folder).embed_query("space ships")


def test_an_unknown_architecture_is_one_line(folder: Path) -> None:
    change(folder / "config.json", model_type="nonesuch")
    with pytest.raises(ModelError, match="sentence-transformers cannot load it") as refused:
        open_folder(folder).embed_query("space ships")
    assert "\n" not in str(refused.value)
