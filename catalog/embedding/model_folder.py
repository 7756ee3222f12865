"""What the small files of a model folder say: which architecture, pooling, limits and prompts."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from catalog.embedding.bert.checkpoint import Checkpoint, open_checkpoint
from catalog.embedding.bert.config import Architecture, Pooling, read_json
from catalog.embedding.bert.families import bert_architecture, is_bert, is_jina, jina_architecture
from catalog.embedding.bert.tokenizer import TextTokenizer, Tokenized, open_tokenizer
from catalog.embedding.e5.file import PASSAGE, QUERY, find_e5, open_e5
from catalog.errors import ModelError

_NATIVE_MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
_MOST_TOKENS = 1_000_000
"""Tokenizers without a limit are saved with an absurd one."""
_POOLINGS: dict[str, Pooling] = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


@dataclass(frozen=True, slots=True)
class Prompts:
    """What the model wants in front of a text."""

    query: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True)
class Module:
    """One line of modules.json."""

    type: str
    """The full name of its class."""
    path: str
    """Its folder inside the model's."""

    @property
    def kind(self) -> str:
        return self.type.rpartition(".")[2]


class ModelSource(Protocol):
    """What a native model is read from: a folder of the hub, or one file at 4 bits."""

    def open_tokenizer(self, max_tokens: int) -> Callable[[Sequence[str]], Tokenized]:
        """The tokenizer, cutting texts at `max_tokens`. Raises ModelError, as it does for a text it cannot cut."""

    def open_checkpoint(self) -> Checkpoint:
        """The weights. Raises ModelError for what are not this architecture's."""


@dataclass(frozen=True, slots=True)
class HubFolder:
    """A folder with tokenizer.json and model.safetensors."""

    path: Path
    architecture: Architecture

    def open_tokenizer(self, max_tokens: int) -> TextTokenizer:
        """The tokenizer, cutting texts at `max_tokens`. Raises ModelError."""
        vocabulary = self.architecture.vocabulary
        return open_tokenizer(self.path / "tokenizer.json", max_tokens=max_tokens, vocabulary=vocabulary)

    def open_checkpoint(self) -> Checkpoint:
        """The mapped weights. Raises ModelError."""
        return open_checkpoint(self.path / "model.safetensors", self.architecture)


@dataclass(frozen=True, slots=True)
class NativeModel:
    """A model that needs no library but this one."""

    source: ModelSource
    architecture: Architecture
    pooling: Pooling
    most_tokens: int
    """What the architecture reads, or less if the model says so."""
    prompts: Prompts


def native_model(folder: Path) -> NativeModel | None:
    """The model in a folder, or in one file, if its architecture is computed here, else None.

    Raises ModelError for a damaged file, for a Jina BERT v2 whose configuration is not the known one, and for a plain
    BERT that was never made into a model of whole texts.
    """
    if e5 := find_e5(folder):
        source = open_e5(e5)
        return NativeModel(source, source.architecture, "mean", source.architecture.context, read_prompts(folder))
    config = read_json(folder / "config.json")
    if is_jina(config):
        architecture = jina_architecture(config)
        # Only what config.json says: the same model must have one identity with three files and with all of them.
        return NativeModel(HubFolder(folder, architecture), architecture, "mean", architecture.context, Prompts())
    if not is_bert(config):
        return None
    pooling = _pooling(folder)
    if pooling is None or _settings(folder, "sentence_bert_config.json").get("do_lower_case") is True:
        return None
    architecture = bert_architecture(config)
    most_tokens = min(read_limit(folder) or architecture.context, architecture.context)
    return NativeModel(HubFolder(folder, architecture), architecture, pooling, most_tokens, read_prompts(folder))


def read_prompts(folder: Path) -> Prompts:
    """The prompts for queries and documents that a sentence-transformers folder defines, or none.

    Like sentence-transformers: `query` for queries, `document`, `passage` or `corpus` for documents, and the
    default prompt for what has none of its own.
    """
    if find_e5(folder):
        return Prompts(QUERY, PASSAGE)
    path = folder / "config_sentence_transformers.json"
    values = read_json(path) if path.is_file() else {}
    prompts = values.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(prompt, str) for prompt in prompts.values()):
        raise ModelError(f"{path}: prompts are not texts by name; fetch the model again")
    default: str = prompts.get(values.get("default_prompt_name"), "")
    document = next((prompts[name] for name in ("document", "passage", "corpus") if name in prompts), default)
    return Prompts(query=prompts.get("query", default), document=document)


def read_modules(folder: Path) -> list[Module]:
    """What a sentence-transformers folder is made of, in order; ModelError if it is none."""
    path = folder / "modules.json"
    if not path.is_file():
        raise ModelError(f"{folder}: no modules.json; this is a language model, not one for embedding texts")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        modules = [Module(str(entry["type"]), str(entry["path"])) for entry in entries]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ModelError(f"{path}: not a list of modules ({error}); fetch the model again") from None
    if not modules or any(Path(module.path).is_absolute() or ".." in Path(module.path).parts for module in modules):
        raise ModelError(f"{path}: no modules inside this folder; fetch the model again")
    return modules


def read_limit(folder: Path) -> int | None:
    """The most tokens that the model's makers let it read, if they say so; older and newer folders differ in where."""
    for name, key in (("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")):
        limit = _settings(folder, name).get(key)
        if isinstance(limit, int) and 0 < limit <= _MOST_TOKENS:
            return limit
    return None


def _pooling(folder: Path) -> Pooling | None:
    """Mean or first token, if that is all the model does."""
    modules = read_modules(folder)
    ours = all(module.type.startswith("sentence_transformers.") for module in modules)
    if not ours or modules[0].path or [module.kind for module in modules] not in _NATIVE_MODULES:
        return None
    values = read_json(folder / modules[1].path / "config.json")
    modes = [key for key, value in values.items() if key.startswith("pooling_mode_") and value is True]
    if "pooling_mode" in values:
        modes.append(f"pooling_mode_{values['pooling_mode']}_tokens")
    return _POOLINGS.get(modes[0]) if len(modes) == 1 and values.get("include_prompt", True) else None


def _settings(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    return read_json(path) if path.is_file() else {}
