"""What a model's folder holds: which files are needed, whether all are there, and what names their content."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from catalog.embedding.bert.config import read_json
from catalog.embedding.bert.families import is_jina
from catalog.errors import ModelError

NATIVE_FILES = ("config.json", "tokenizer.json", "model.safetensors")
"""All that a Jina model of the second generation needs: 325 MB of a repository of 1.8 GB."""
KNOWN_WEIGHTS: Mapping[str, str] = MappingProxyType(
    {"jinaai/jina-embeddings-v2-base-de": "0ffca9240c502ef64a63917baf0e60648a7a438dfd49a4f91ad4d5dab3428cf8"}
)
"""SHA-256 of model.safetensors, by hub name, of the weights that the checks were written for."""
_SAMPLES = 256
_SAMPLE_BYTES = 4096


def is_complete(folder: Path) -> bool:
    """Whether a snapshot holds all it needs. Weights are fetched last: where they are, the rest is too."""
    if not (folder / "config.json").is_file():
        return False
    if is_jina(read_json(folder / "config.json")):
        return all((folder / name).is_file() for name in NATIVE_FILES)
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return (folder / "model.safetensors").is_file()
    shards = read_json(index).get("weight_map", {})
    return all((folder / shard).is_file() for shard in shards.values())


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """Name the content of a model's folder by 40 hexadecimal digits, wherever the folder lies.

    A sample: configuration and tokenizer whole, and 256 blocks of 4 KiB spread over each weight file, because hashing
    325 MB whole takes up to a second of a query that may last 1.5 s. Two trainings of one architecture differ in about
    every block. Raises ModelError where there are no weights.
    """
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise ModelError(f"{folder}: no *.safetensors in this folder (pickled weights are never loaded)")
    digest = hashlib.sha256()
    for name in ("config.json", "tokenizer.json", "modules.json"):
        path = folder / name
        digest.update(path.read_bytes() if path.is_file() else b"-")
    for path in weights:
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder).as_posix()} {size}".encode())
        with path.open("rb") as file:
            for sample in range(_SAMPLES):
                file.seek(size * sample // _SAMPLES)
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:40]
