"""Models on this machine: which one a folder holds, and the embedder that computes it natively."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catalog.arrays import Vector, Vectors
from catalog.embedding.bert.checkpoint import Checkpoint
from catalog.embedding.bert.device import check_choices, choose_device, choose_precision
from catalog.embedding.bert.gpu.forward import most_tokens
from catalog.embedding.bert.numpy_encoder import QuickEncoder
from catalog.embedding.bert.onnx_encoder import WarmEncoder, warm_encoder
from catalog.embedding.bert.packing import batches
from catalog.embedding.bert.tokenizer import Tokenized
from catalog.embedding.bert.torch_encoder import Encoder, load_encoder
from catalog.embedding.embedder import Embedded
from catalog.embedding.hub.files import folder_digest
from catalog.embedding.model_folder import NativeModel, native_model
from catalog.embedding.sentence_transformers import SentenceTransformerEmbedder, open_sentence
from catalog.errors import ConfigError
from catalog.identity import ModelIdentity

if TYPE_CHECKING:
    import torch

_TOKENS = 4096
"""Of a batch on a processor."""
_TEXTS = 4096
"""Documents that are tokenized together."""
_QUICK_TOKENS = 256
"""Longer queries go the way of the documents."""
_TEXTS_READ = 16
"""So many texts at a time let every tokenizer read itself whole."""
_PROBE = "Three parapsychologists lose their university jobs and hunt ghosts in New York."
_LEAST_COSINE = 0.9999


def open_local(
    folder: Path, name: str, revision: str, *, max_tokens: int, precision: str, device: str
) -> "LocalEmbedder | SentenceTransformerEmbedder":
    """The embedder for a model folder; nothing heavy is imported or read before its first use.

    `name` and `revision` become the identity; an empty revision is replaced by a digest of the files.
    Raises ConfigError for an impossible setting, ModelError for a folder that cannot be used.
    """
    check_choices(precision, device)
    if max_tokens < 3:
        raise ConfigError(f"embedding.max_tokens is {max_tokens}; a text needs at least 3")
    native = native_model(folder)
    if native is None:
        return open_sentence(folder, name, revision, max_tokens=max_tokens, device=device)
    identity = ModelIdentity(
        name=name,
        revision=revision or folder_digest(folder),
        dimension=native.architecture.hidden,
        max_tokens=min(max_tokens, native.most_tokens),
    )
    return LocalEmbedder(native, identity, precision, device)


@dataclass(frozen=True)
class LocalEmbedder:
    """A native model: documents by torch on packed sequences, queries by numpy; the weights are read when needed."""

    model: NativeModel
    identity: ModelIdentity
    precision: str
    device: str

    def embed_documents(self, texts: Sequence[str]) -> Embedded:
        """Embed texts in batches of similar length, whatever the order they come in."""
        prompt, encoder = self.model.prompts.document, self._encoder
        weights = encoder.weights
        budget = _TOKENS if weights.device.type == "cpu" else most_tokens(weights.architecture, weights.device)
        vectors: Vectors = np.empty((len(texts), self.identity.dimension), dtype=np.float32)
        begun, truncated = [], 0
        # Vectors are fetched at the end: a GPU computes while the next texts become tokens.
        for start in range(0, len(texts), _TEXTS):
            tokens = self._tokenizer([prompt + text for text in texts[start : start + _TEXTS]])
            truncated += tokens.truncated
            for batch in batches([len(ids) for ids in tokens.ids], budget):
                rows = [start + index for index in batch]
                begun.append((rows, encoder.begin([tokens.ids[index] for index in batch])))
        for rows, made in begun:
            vectors[rows] = made.cpu().numpy()
        return Embedded(vectors, truncated)

    def embed_query(self, text: str) -> Vector:
        """Embed one query."""
        vector: Vector = self.embed_queries([text])[0]
        return vector

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed queries: by numpy, so that torch need not be there, unless one is as long as a document."""
        ids = self._tokenizer([self.model.prompts.query + text for text in texts]).ids
        vectors: Vectors = np.empty((len(texts), self.identity.dimension), dtype=np.float32)
        short = [index for index, sequence in enumerate(ids) if len(sequence) <= _QUICK_TOKENS]
        for batch in batches([len(ids[index]) for index in short], self._quick.most_tokens):
            rows = [short[place] for place in batch]
            vectors[rows] = self._quick.embed([ids[row] for row in rows])
        for index, sequence in enumerate(ids):
            if len(sequence) > _QUICK_TOKENS:
                vectors[index] = self._encoder.embed([sequence])[0]
        return vectors

    def warm(self) -> None:
        """Make later queries faster, for a server: tokenizer read, layers kept in float32 (4 bytes a weight)."""
        self._tokenizer([_PROBE] * _TEXTS_READ)
        if isinstance(self._quick, QuickEncoder):
            self.__dict__["_quick"] = warm_encoder(self._quick)

    @cached_property
    def _tokenizer(self) -> Callable[[Sequence[str]], Tokenized]:
        return self.model.source.open_tokenizer(self.identity.max_tokens)

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        return self.model.source.open_checkpoint()

    @cached_property
    def _quick(self) -> QuickEncoder | WarmEncoder:
        return QuickEncoder(self._checkpoint, self.model.architecture, self.model.pooling)

    @cached_property
    def _encoder(self) -> Encoder:
        import torch

        device = choose_device(self.device)
        precision = choose_precision(self.precision, device)
        encoder = self._load(device, precision)
        if self.precision == "auto" and precision == torch.bfloat16 and not self._agrees(encoder):
            return self._load(device, torch.float32)
        return encoder

    def _load(self, device: str, precision: "torch.dtype") -> Encoder:
        return load_encoder(
            self._checkpoint, self.model.architecture, pooling=self.model.pooling, device=device, precision=precision
        )

    def _agrees(self, encoder: Encoder) -> bool:
        """Whether a text has the same vector as in float32: not every model bears bfloat16."""
        (ids,) = self._tokenizer([_PROBE]).ids
        return float(encoder.embed([ids])[0] @ self._quick.embed([ids])[0]) >= _LEAST_COSINE
