"""Which model a run uses: the configured one, the one that built the catalog, or the bundled one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from catalog.arrays import Vectors
from catalog.config import EmbeddingConfig
from catalog.embedding.bundled import (
    BUNDLED,
    MULTILINGUAL,
    SHA256,
    STAND_IN,
    bundled_name,
    has_multilingual,
)
from catalog.embedding.embedder import SAME_MODEL, Embedder, smallest_cosine
from catalog.embedding.hub.cache import DEFAULT_REVISION, ModelFiles, locate, mark_checked
from catalog.embedding.opening import Local, is_at_hand, names_model, open_bundled, open_endpoint, open_files
from catalog.embedding.remote.embedder import RemoteEmbedder
from catalog.embedding.remote.retries import Patience
from catalog.embedding.self_test import quick_check
from catalog.errors import ModelMismatch, ModelUnavailable
from catalog.extras import install_command
from catalog.identity import ModelIdentity
from catalog.text.english import mostly_foreign

Opened = Local | RemoteEmbedder
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
        return Choice(open_bundled(name, settings)[0], settings.model, note)


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
    if names_model(settings.model, built_with):
        embedder, _ = open_configured(settings, notify, built_with, stop=stop)
        return Choice(_same(embedder, built_with, known))
    if built_with.name not in SHA256 or fallback_for != settings.model:
        raise ModelMismatch(
            f"the catalog was built with {built_with.name}, embedding.model is {settings.model}:"
            f" run 'ingest FILE --rebuild' to move to it, or set embedding.model to {built_with.name}"
        )
    embedder, _ = open_bundled(built_with.name, settings)
    return Choice(_same(embedder, built_with, known), fallback_for, note_of_fallback(settings))


def note_of_language(built_with: ModelIdentity, plots: Plots) -> str | None:
    """What to tell the owner of a catalog that the bundled English model built, where most plots are not English."""
    if built_with.name != BUNDLED or not mostly_foreign(plots()):
        return None
    return (
        f"most plots are not English, and {BUNDLED} reads English only: `{install_command('multilingual')}`,"
        f" set embedding.model: {MULTILINGUAL}, and run 'ingest FILE --rebuild'"
    )


def note_of_fallback(settings: EmbeddingConfig) -> str | None:
    """What to tell the owner of a catalog that the bundled model built in place of the configured one."""
    if not is_at_hand(settings):
        return None
    return f"{settings.model} is at hand now: 'ingest FILE --rebuild' moves the catalog from the bundled model to it"


def open_remembered(
    settings: EmbeddingConfig,
    built_with: ModelIdentity,
    known: KnownVectors,
    notify: Notify = _silent,
    stop: Stop = _never,
) -> Embedder:
    """The model that built the catalog, for queries: whatever is configured now, and without the hub.

    Raises ModelUnavailable, ModelMismatch, Stopped.
    """
    if built_with.name in SHA256:
        return _same(open_bundled(built_with.name, settings)[0], built_with, known)
    if settings.provider == "remote" and names_model(settings.model, built_with):
        patience = Patience(settings.remote.request_wait, stop=stop)
        return _same(open_endpoint(settings, built_with, patience, notify), built_with, known)
    name = settings.model if names_model(settings.model, built_with) else built_with.name
    files = locate(name, built_with.revision, offline=True)
    return _same(open_files(files, settings), built_with, known)


def warmed(embedder: Embedder) -> Embedder:
    """The embedder, made faster for many questions where it is computed here."""
    from catalog.embedding.bert.local import LocalEmbedder

    if isinstance(embedder, LocalEmbedder):
        embedder.warm()
    return embedder


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
        return open_endpoint(settings, built_with, patience, notify), None
    if name := bundled_name(settings.model):
        return open_bundled(name, settings)
    is_folder = Path(settings.model).expanduser().is_dir()
    wanted = settings.revision if built_with is None or is_folder else built_with.revision
    files = locate(settings.model, wanted, notify=notify)
    embedder = open_files(files, settings)
    if not files.checked:
        quick_check(files, embedder, own_revision=settings.revision != DEFAULT_REVISION)
        mark_checked(files)
    return embedder, files


def open_in_use(
    settings: EmbeddingConfig, built_with: ModelIdentity | None, fallback_for: str | None, notify: Notify = _silent
) -> tuple[Opened, ModelFiles | None]:
    """The model that a run would use, and its files, as `open_configured` has them: also where a bundled one stands in.

    `built_with` and `fallback_for` are what the catalog remembers, None without one.
    Raises ModelUnavailable, ModelError, ConfigError.
    """
    if built_with is not None and built_with.name in SHA256 and fallback_for == settings.model:
        notify(f"checked is the bundled model {built_with.name}: it stands in for {settings.model} in this catalog")
        return open_bundled(built_with.name, settings)
    try:
        return open_configured(settings, notify)
    except ModelUnavailable as error:
        if built_with is not None or settings.provider == "remote" or settings.fallback == "none":
            raise
        reason = str(error).removesuffix(f", {STAND_IN}")
        notify(f"checked is the bundled model {BUNDLED}: it would stand in for {settings.model}: {reason}")
        return open_bundled(BUNDLED, settings)


def at_hand(settings: EmbeddingConfig, built_with: ModelIdentity | None) -> Embedder:
    """The model that a run would most likely use, without asking anybody for it: to measure its speed.

    Raises ModelUnavailable where it is not on this disk, or is an endpoint.
    """
    if settings.provider == "remote":
        raise ModelUnavailable(f"{settings.model} is an endpoint's")
    name = built_with.name if built_with and not names_model(settings.model, built_with) else settings.model
    try:
        if bundled := bundled_name(name):
            return open_bundled(bundled, settings)[0]
        return open_files(locate(name, settings.revision, offline=True), settings)
    except ModelUnavailable:
        if built_with or settings.fallback == "none":
            raise
    return open_bundled(BUNDLED, settings)[0]


def _same(embedder: Opened, built_with: ModelIdentity, known: KnownVectors) -> Embedder:
    """The embedder under the name that the catalog remembers, if it is the same model.

    Equal identities of files on this disk prove that. An endpoint, and a copy with another revision, have to
    answer what the catalog holds: a commit may change a README, and "main" is whatever it is today.
    """
    found = embedder.identity
    if found == built_with and not isinstance(embedder, RemoteEmbedder):
        return embedder
    renamed = replace(found, name=built_with.name, revision=built_with.revision)
    if renamed != built_with or not names_model(found.name, built_with):
        raise ModelMismatch(
            f"the catalog was built with {_described(built_with)}, at hand is {_described(found)}:"
            " run 'ingest FILE --rebuild', or set embedding.model, embedding.revision and embedding.max_tokens back"
        )
    texts, vectors = known()
    if (cosine := smallest_cosine(embedder.embed_documents(texts).vectors, vectors)) < SAME_MODEL:
        raise ModelMismatch(
            f"{found.name} at hand is not the model that built the catalog: its vectors of {len(texts)} films"
            f" have a cosine of {cosine:.3f} with the catalog's; run 'ingest FILE --rebuild' to move to it"
        )
    return replace(embedder, identity=built_with)


def _described(identity: ModelIdentity) -> str:
    return f"{identity.name} at {identity.revision} ({identity.dimension} dimensions, {identity.max_tokens} tokens)"
