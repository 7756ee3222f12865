"""Where a model's files are: a folder, the hub's ordinary cache, or, once, the hub itself."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from catalog.embedding.bundled import STAND_IN
from catalog.embedding.hub.files import folder_digest, is_complete
from catalog.embedding.hub.refusals import HubModel
from catalog.errors import ModelUnavailable

DEFAULT_REVISION = "main"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_REVISION = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w-][\w.-]*)*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where a model lies on this disk, and what a catalog remembers of it."""

    folder: Path
    name: str
    """Hub name, or the folder's own name."""
    revision: str
    """Commit on the hub, or a digest of the content for a folder."""
    downloaded: bool
    """True where this call fetched something."""
    checked: bool
    """False until `mark_checked` was called for these files of the hub; always True for a folder of one's own."""


def locate(
    model: str,
    revision: str | None,
    *,
    offline: bool = False,
    notify: Callable[[str], None] = lambda _: None,
    reach_seconds: float = 4.0,
    lock_seconds: float = 30.0,
) -> ModelFiles:
    """Find the files of `model`, a folder or a hub name, and fetch what is missing.

    A complete copy in the hub's cache is used as it is, without a request. Otherwise the hub must answer
    its first request within `reach_seconds`. A file that another process is fetching is waited for as long as
    it grows, and given up after `lock_seconds` without a new byte. A broken download is resumed, by the next
    run too.

    No commit hash of the default model is pinned here, because none could be confirmed: what is pinned is the SHA-256
    of its weights (`files.KNOWN_WEIGHTS`), which holds unless `revision` names something other than "main". Whatever
    commit was fetched stays in use, and is what a catalog remembers.

    HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and HF_TOKEN work as they do everywhere else.

    Raises ModelUnavailable where the model is not on disk and cannot be fetched, ModelError where what is there
    is not what it should be.
    """
    folder = Path(model).expanduser()
    if model and folder.is_dir():
        return ModelFiles(folder, folder.resolve().name, folder_digest(folder), downloaded=False, checked=True)
    wanted = revision or DEFAULT_REVISION
    _refuse_names(model, wanted)
    repository = _cache() / "--".join(["models", *model.split("/")])
    if cached := _cached(repository, wanted):
        return _of_hub(model, cached, downloaded=False)
    if offline or _is_offline():
        raise ModelUnavailable(f"{model} is not on disk, and HF_HUB_OFFLINE forbids fetching it: unset it, {STAND_IN}")
    from catalog.embedding.hub.download import download  # 20 ms that a query of a model on disk need not pay

    asked = HubModel(model, wanted, _endpoint(), repository, is_default=wanted == DEFAULT_REVISION)
    snapshot = download(asked, notify=notify, reach_seconds=reach_seconds, lock_seconds=lock_seconds)
    return _of_hub(model, snapshot, downloaded=True)


def _refuse_names(model: str, revision: str) -> None:
    """Raise ModelUnavailable for what cannot be a name on the hub; none may lead out of the cache."""
    if not _NAME.fullmatch(model) or ".." in model:
        raise ModelUnavailable(f"embedding.model: {model!r} is neither a folder nor a hub name such as owner/name")
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise ModelUnavailable(f"embedding.revision: {revision!r} is not a branch, a tag or a commit")


def mark_checked(files: ModelFiles) -> None:
    """Remember that these files of the hub passed the quick check, so that it runs once and not at every start."""
    marker = _marker(files.folder)
    try:
        marker.parent.mkdir(exist_ok=True)
        marker.touch()
    except OSError:
        return  # someone else's cache, which we may only read: the check of two seconds is repeated


# The cache, as huggingface_hub lays it out: models--owner--name/{blobs, refs, snapshots/<commit>}. Looking into it
# directly costs a millisecond; importing huggingface_hub costs half a second of every query.


def _cache() -> Path:
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    cache = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(os.path.expandvars(cache)).expanduser()


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _is_offline() -> bool:
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in {"1", "ON", "YES", "TRUE"}


def _cached(repository: Path, revision: str) -> Path | None:
    """Return the complete snapshot of a revision, if there is one."""
    commit = revision
    if not _COMMIT.fullmatch(commit):
        reference = repository / "refs" / revision
        commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else ""
    snapshot = repository / "snapshots" / commit
    return snapshot if _COMMIT.fullmatch(commit) and is_complete(snapshot) else None


def _marker(snapshot: Path) -> Path:
    return snapshot.parent.parent / "checked-by-plotseek" / snapshot.name


def _of_hub(model: str, snapshot: Path, *, downloaded: bool) -> ModelFiles:
    checked = _marker(snapshot).is_file()
    return ModelFiles(snapshot, model, snapshot.name, downloaded=downloaded, checked=checked)
