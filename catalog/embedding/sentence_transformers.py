"""Any other sentence-transformers model in a folder, never with code from its repository.

The library is asked for as little as possible: it loads the modules and encodes. What it would do
silently (run code, unpickle weights, start from random numbers where a weight is missing) is refused here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catalog.arrays import Vector, Vectors
from catalog.embedding.bert.config import read_json
from catalog.embedding.bert.device import choose_device
from catalog.embedding.bert.tokenizer import clean, refusing_faults
from catalog.embedding.embedder import Embedded
from catalog.embedding.hub.files import folder_digest
from catalog.embedding.model_folder import Module, Prompts, read_limit, read_modules, read_prompts
from catalog.errors import ModelError
from catalog.identity import ModelIdentity

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_LIBRARY = "sentence_transformers."
_BATCH = 32
_PICKLED = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}


def open_sentence(
    folder: Path, name: str, revision: str, *, max_tokens: int, device: str
) -> "SentenceTransformerEmbedder":
    """The embedder for a folder that only the library can compute; weights are loaded at first use.

    Raises ModelError for a folder that needs code of its own or pickled weights, or whose dimension
    cannot be told from its configuration.
    """
    modules = read_modules(folder)
    _refuse_code(folder, modules)
    _refuse_pickles(folder, modules)
    limit = read_limit(folder)
    identity = ModelIdentity(
        name=name,
        revision=revision or folder_digest(folder),
        dimension=_dimension(folder, modules),
        max_tokens=max_tokens if limit is None else min(max_tokens, limit),
    )
    return SentenceTransformerEmbedder(folder, modules[0], identity, read_prompts(folder), device)


@dataclass(frozen=True)
class SentenceTransformerEmbedder:
    """A sentence-transformers model behind the Embedder interface, always in float32."""

    folder: Path
    reader: Module
    """The first module, which reads the text."""
    identity: ModelIdentity
    prompts: Prompts
    device: str

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        """Embed texts; the library sorts them by length, so that little is padded."""
        return self._embed([clean(text) for text in texts], self.prompts.document)

    def embed_query(self, text: str) -> Vector:
        """Embed one query with the model's prompt for queries."""
        vector: Vector = self.embed_queries([text])[0]
        return vector

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed queries with the model's prompt for them."""
        return self._embed([clean(text) for text in texts], self.prompts.query).vectors

    def _embed(self, texts: list[str], prompt: str) -> Embedded:
        if not texts:
            return Embedded(np.empty((0, self.identity.dimension), dtype=np.float32), 0)
        with refusing_faults(self.folder):
            made = self._model.encode(
                texts, prompt=prompt, batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
            )
        vectors: Vectors = np.asarray(made, dtype=np.float32)
        if vectors.shape != (len(texts), self.identity.dimension):
            raise ModelError(f"{self.folder}: gives vectors of {vectors.shape[1]}, not {self.identity.dimension}")
        if not np.isfinite(vectors).all():
            raise ModelError(f"{self.folder}: gives NaN; fetch the model again")
        return Embedded(vectors, self._count_truncated([prompt + text for text in texts]))

    def _count_truncated(self, texts: list[str]) -> int:
        from transformers import PreTrainedTokenizerBase

        tokenizer = self._model.tokenizer
        if not isinstance(tokenizer, PreTrainedTokenizerBase):
            return 0
        ids = tokenizer(texts, truncation=False, verbose=False)["input_ids"]
        return sum(1 for sequence in ids if len(sequence) > self.identity.max_tokens)

    @cached_property
    def _model(self) -> "SentenceTransformer":
        import torch
        from sentence_transformers import SentenceTransformer

        try:
            if self.reader.kind == "Transformer":
                _refuse_missing(self.folder / self.reader.path)
            with refusing_faults(self.folder):
                model = SentenceTransformer(
                    str(self.folder),
                    device=choose_device(self.device),
                    trust_remote_code=False,
                    local_files_only=True,
                    model_kwargs={"dtype": torch.float32, "use_safetensors": True},
                )
        except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ModelError(f"{self.folder}: sentence-transformers cannot load it ({reason})") from error
        model.max_seq_length = min(self.identity.max_tokens, model.max_seq_length or self.identity.max_tokens)
        return model


def _refuse_code(folder: Path, modules: Sequence[Module]) -> None:
    """ModelError where any part asks for code from the repository, which is never run."""
    for module in modules:
        if not module.type.startswith(_LIBRARY):
            raise ModelError(f"{folder}: modules.json asks for remote code ({module.type}), which plotseek never runs")
        path = folder / module.path / "config.json"
        values = read_json(path) if path.is_file() else {}
        if "auto_map" in values:
            raise ModelError(f"{path}: auto_map asks for remote code, which plotseek never runs; use another model")


def _refuse_pickles(folder: Path, modules: Sequence[Module]) -> None:
    """ModelError for weights in a format that could run code when read."""
    for module in modules:
        place = folder / module.path
        pickled = any(path.suffix.lower() in _PICKLED for path in place.glob("*"))
        sharded = module.kind == "Transformer" and (place / "model.safetensors.index.json").is_file()
        # What is read instead of a pickle beside it has this name; another *.safetensors would be a decoy.
        if pickled and not sharded and not (place / "model.safetensors").is_file():
            raise ModelError(f"{place}: only pickled weights, which are never loaded; use a model with *.safetensors")


def _refuse_missing(place: Path) -> None:
    """ModelError where the weights lack a tensor: transformers would make it up and only log a table."""
    import torch
    from transformers import AutoModel

    _, report = AutoModel.from_pretrained(
        str(place),
        trust_remote_code=False,
        local_files_only=True,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key)
    if missing:
        raise ModelError(
            f"{place}: tensor {missing[0]} is missing (and {len(missing) - 1} more); not this model's weights"
        )


def _dimension(folder: Path, modules: Sequence[Module]) -> int:
    """What comes out of the last module that changes the size."""
    for module in reversed(modules):
        path = folder / module.path / "config.json"
        values = read_json(path) if path.is_file() else {}
        for key in ("out_features", "word_embedding_dimension", "embedding_dimension", "hidden_size"):
            if isinstance(values.get(key), int):
                return int(values[key]) * (_concatenated(values) if module.kind == "Pooling" else 1)
    raise ModelError(f"{folder}: no module's config.json tells the vectors' dimension; use another model")


def _concatenated(pooling: dict[str, object]) -> int:
    modes = pooling.get("pooling_mode")
    flags = sum(1 for key, value in pooling.items() if key.startswith("pooling_mode_") and value is True)
    return max(1, flags + (len(modes) if isinstance(modes, list | tuple) else 0))
