"""The peers' side of the embedding benchmark: Jina BERT v2 written the usual way, with padded batches.

The published model's own code no longer loads in current libraries, so its structure is repeated here
as a sentence-transformers module: padding to the longest text of a batch, a (batch, heads, n, n) score
matrix with the ALiBi bias added, no fusion.
"""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from sentence_transformers.base.modules import InputModule
from tokenizers import Tokenizer
from torch import Tensor, nn

from catalog.embedding.bert.checkpoint import open_checkpoint
from catalog.embedding.bert.config import read_json
from catalog.embedding.bert.families import jina_architecture
from catalog.embedding.bert.weights import Layer, load_weights

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class PaddedJina(nn.Module):
    """Token ids and mask (batch, n) to token vectors (batch, n, hidden)."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.shape = jina_architecture(read_json(folder / "config.json"))
        checkpoint = open_checkpoint(folder / "model.safetensors", self.shape)
        loaded = load_weights(checkpoint, self.shape, pooling="mean", device="cpu", precision=torch.float32)
        assert isinstance(loaded.words, Tensor)
        self.words = loaded.words.float()
        self.offset, self.norm, self.layers = loaded.offset, loaded.norm, loaded.layers
        self.slopes = torch.tensor(self.shape.slopes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        position = torch.arange(input_ids.shape[1])
        distance = (position[None, :] - position[:, None]).abs()
        bias = -self.slopes[:, None, None] * distance
        hidden = (1 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        x = self._norm(nn.functional.embedding(input_ids, self.words) + self.offset, self.norm)
        for layer in self.layers:
            x = self._norm(x + self._attention(x, layer, bias, hidden), layer.attention_norm)
            gate, value = nn.functional.linear(x, layer.up.weight).chunk(2, dim=-1)
            inner = nn.functional.gelu(gate) * value
            x = self._norm(x + nn.functional.linear(inner, layer.down.weight, layer.down.bias), layer.norm)
        return x

    def _attention(self, x: Tensor, layer: Layer, bias: Tensor, hidden: Tensor) -> Tensor:
        batch, length, width = x.shape
        heads, size = self.shape.heads, self.shape.head_size
        qkv = nn.functional.linear(x, layer.qkv.weight, layer.qkv.bias)
        q, k, v = qkv.view(batch, length, 3, heads, size).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-1, -2)
        # In place: three score matrices of 32 texts of 2,048 tokens would be 19 GB.
        scores /= size**0.5
        scores += bias
        scores += hidden
        attended = (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(batch, length, width)
        return nn.functional.linear(attended, layer.out.weight, layer.out.bias)

    def _norm(self, x: Tensor, norm: Any) -> Tensor:
        return nn.functional.layer_norm(x, (self.shape.hidden,), norm.weight, norm.bias, self.shape.epsilon)


class PaddedModule(InputModule):
    """PaddedJina as sentence-transformers calls it."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.model = PaddedJina(folder)
        self.fast = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.fast.enable_truncation(max_length=max_tokens)
        self.fast.enable_padding(pad_id=1, pad_token="<pad>")  # noqa: S106 - the token for padding

    def preprocess(self, inputs: list[str], prompt: str | None = None, **_: Any) -> dict[str, Any]:  # type: ignore[override]
        encodings = self.fast.encode_batch([(prompt or "") + text for text in inputs])
        ids, mask = ([getattr(e, key) for e in encodings] for key in ("ids", "attention_mask"))
        return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}

    def forward(self, features: dict[str, Any], **_: Any) -> dict[str, Any]:
        features["token_embeddings"] = self.model(features["input_ids"], features["attention_mask"])
        return features

    def save(self, output_path: str, *_: Any, **__: Any) -> None:
        raise NotImplementedError(output_path)


def padded_sentence_transformer(folder: Path, max_tokens: int) -> "SentenceTransformer":
    """The padded architecture behind sentence-transformers' own `encode`, in float32."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    module = PaddedModule(folder, max_tokens)
    return SentenceTransformer(modules=[module, Pooling(module.model.shape.hidden, "mean")], device="cpu")


def export_onnx(folder: Path, target: Path, max_tokens: int) -> None:
    """Write the folder that fastembed reads: the padded architecture as ONNX, and the tokenizer."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(folder / name, target / name)
    settings = read_json(target / "tokenizer_config.json") | {"model_max_length": max_tokens}
    (target / "tokenizer_config.json").write_text(json.dumps(settings))
    example = torch.ones(2, 16, dtype=torch.int64)
    axes = {0: "batch", 1: "tokens"}
    torch.onnx.export(
        PaddedJina(folder).eval(),
        (example, example),
        str(target / "model.onnx"),
        input_names=["input_ids", "attention_mask"],
        output_names=["last_hidden_state"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "last_hidden_state": axes},
        opset_version=17,
        dynamo=False,
    )
