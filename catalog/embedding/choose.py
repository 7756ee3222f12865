"""Which model a run uses: the configured one, the one that built the catalog, or the bundled one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from catalog.config import EmbeddingConfig
from catalog.embedding.bundled import bundled_folder
from catalog.embedding.embedder import Embedder
from catalog.embedding.hub import ModelFiles, locate
from catalog.embedding.local import open_local
from catalog.errors import ModelMismatch, ModelUnavailable
from catalog.identity import ModelIdentity

BUNDLED = "bundled"
BUNDLED_REVISION = "all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True)
class Choice:
    """An embedder, and what the user should know about it."""

    embedder: Embedder
    fallback_for: str | None = None
    """The configured model, where the bundled one stands in for it."""
    note: str | None = None


def choose_for_new(settings: EmbeddingConfig, notify: Callable[[str], None] = lambda _: None) -> Choice:
    """The configured model, or the bundled one if that cannot be had and `fallback` allows it.

    Raises ModelUnavailable, ModelError.
    """
    try:
        return Choice(_configured(settings, notify, offline=False))
    except ModelUnavailable as error:
        if settings.fallback == "none":
            raise ModelUnavailable(f"{error} (embedding.fallback is none)") from error
        note = f"using the bundled model all-MiniLM-L6-v2 (English) instead of {settings.model}: {error}"
        return Choice(_bundled(settings), settings.model, note)


def choose_for_existing(
    settings: EmbeddingConfig,
    built_with: ModelIdentity,
    fallback_for: str | None,
    notify: Callable[[str], None] = lambda _: None,
) -> Choice:
    """The model that built the catalog; no other one can be compared with its vectors.

    Raises ModelMismatch if another model was configured since, ModelUnavailable if it is gone.
    """
    if _names(settings.model, built_with):
        return Choice(_same(_configured(settings, notify, offline=False, revision=built_with.revision), built_with))
    if built_with.name != BUNDLED or fallback_for != settings.model:
        raise ModelMismatch(
            f"the catalog was built with {built_with.name}, embedding.model is {settings.model}:"
            f" run 'ingest --rebuild' to move to it, or set embedding.model to {built_with.name}"
        )
    note = None
    if _at_hand(settings):
        note = f"{settings.model} is at hand now: 'ingest --rebuild' moves the catalog from the bundled model to it"
    return Choice(_same(_bundled(settings), built_with), fallback_for, note)


def open_remembered(settings: EmbeddingConfig, built_with: ModelIdentity) -> Embedder:
    """The model that built the catalog, for queries: whatever is configured now, and without a network.

    Raises ModelUnavailable, ModelMismatch.
    """
    if built_with.name == BUNDLED:
        return _same(_bundled(settings), built_with)
    name = settings.model if _names(settings.model, built_with) else built_with.name
    files = locate(name, built_with.revision, offline=True)
    return _same(_open(files, settings), built_with)


def _configured(
    settings: EmbeddingConfig, notify: Callable[[str], None], *, offline: bool, revision: str | None = None
) -> Embedder:
    if settings.model == BUNDLED:
        return _bundled(settings)
    is_folder = Path(settings.model).expanduser().is_dir()
    wanted = settings.revision if revision is None or is_folder else revision
    return _open(locate(settings.model, wanted, offline=offline, notify=notify), settings)


def _bundled(settings: EmbeddingConfig) -> Embedder:
    files = ModelFiles(bundled_folder(), BUNDLED, BUNDLED_REVISION, downloaded=False, checked=True)
    return _open(files, settings)


def _open(files: ModelFiles, settings: EmbeddingConfig) -> Embedder:
    return open_local(
        files.folder,
        files.name,
        files.revision,
        max_tokens=settings.max_tokens,
        precision=settings.precision,
        device=settings.device,
    )


def _names(model: str, identity: ModelIdentity) -> bool:
    """Whether the configured name or folder means the model that a catalog remembers."""
    return model == identity.name or Path(model).name == identity.name


def _at_hand(settings: EmbeddingConfig) -> bool:
    try:
        locate(settings.model, settings.revision, offline=True)
    except ModelUnavailable:
        return False
    return True


def _same(embedder: Embedder, built_with: ModelIdentity) -> Embedder:
    if embedder.identity != built_with:
        raise ModelMismatch(
            f"the catalog was built with {_described(built_with)}, at hand is {_described(embedder.identity)}:"
            " run 'ingest --rebuild', or set embedding.model, embedding.revision and embedding.max_tokens back"
        )
    return embedder


def _described(identity: ModelIdentity) -> str:
    return f"{identity.name} at {identity.revision} ({identity.dimension} dimensions, {identity.max_tokens} tokens)"
