"""A model fetched from the hub into the hub's ordinary cache, and every way in which that fails.

Only JSON, text and safetensors files are asked for; nothing of a repository is ever executed.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from catalog.embedding.bert.config import read_json
from catalog.embedding.bert.jina import is_jina
from catalog.embedding.bundled import STAND_IN
from catalog.embedding.hub.files import KNOWN_WEIGHTS, NATIVE_FILES, file_sha256
from catalog.errors import ModelError, ModelUnavailable

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

T = TypeVar("T")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LIBRARY = "plotseek"
_OTHER_RUNTIMES = ("onnx/", "openvino/", "coreml/", "original/")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of which hub, and where it goes."""

    model: str
    revision: str
    endpoint: str
    repository: Path
    """The model's own folder in the cache."""
    is_default: bool
    """The revision is nobody's choice, so the known weights are what is expected."""

    @property
    def cache(self) -> Path:
        """The hub's cache."""
        return self.repository.parent


def download(request: Request, *, notify: Callable[[str], None], reach_seconds: float, lock_seconds: float) -> Path:
    """Fetch a model and return its snapshot's folder: config first, weights last, and only then the reference to it.

    Raises ModelUnavailable where the hub is out of reach, refuses or breaks off, and where this disk cannot take
    the files; ModelError where the repository holds something other than it should.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # huggingface_hub reads it when it is imported
    try:
        info = _within(reach_seconds, lambda: _listing(request, reach_seconds))
    except TimeoutError:
        raise _unreachable(request, f"no answer in {reach_seconds:g} s") from None
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or []}
    if info.sha is None or not _COMMIT.fullmatch(info.sha) or "config.json" not in siblings:
        raise ModelError(f"{request.model}: no config.json in this repository; choose another embedding.model")
    commit = info.sha
    snapshot = _fetch(request, siblings["config.json"], commit, lock_seconds).parent
    names = wanted_files(request.model, siblings, native=is_jina(read_json(snapshot / "config.json")))
    missing = [siblings[name] for name in names if not (snapshot / name).is_file()]
    if missing:
        notify(f"downloading {request.model}, {_room_for(request, missing):,.0f} MB, to {request.cache}")
    for file in missing:
        _fetch(request, file, commit, lock_seconds)
    _verify_known(request, snapshot)
    _refer(request, commit)
    return snapshot


def wanted_files(model: str, names: Iterable[str], *, native: bool) -> list[str]:
    """Choose what to fetch of a repository, weights last. Raises ModelError where a needed file is not in it."""
    available = set(names)
    if native:
        for name in NATIVE_FILES:
            if name not in available:
                raise ModelError(f"{model}: no {name} in this repository; choose another embedding.model")
        return list(NATIVE_FILES)
    chosen = [
        name
        for name in available
        if name.endswith((".json", ".txt", ".safetensors")) and not name.startswith((".", *_OTHER_RUNTIMES))
    ]
    if not any(name.endswith(".safetensors") for name in chosen):
        raise ModelError(f"{model}: no *.safetensors in this repository (pickled weights are never loaded)")
    return sorted(chosen, key=lambda name: (name.endswith(".safetensors"), "/" not in name, name))


def _listing(request: Request, timeout: float) -> "ModelInfo":
    """Ask for the commit and for the files' names, sizes and hashes: one request, never repeated."""
    import httpx2  # what huggingface_hub speaks through
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(endpoint=request.endpoint, library_name=_LIBRARY)
    try:
        return api.model_info(request.model, revision=request.revision, files_metadata=True, timeout=timeout)
    except HfHubHTTPError as error:
        raise _refused(request, error) from error
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise _unreachable(request, str(error) or type(error).__name__) from error
    except (ValueError, KeyError, TypeError) as error:  # a login page instead of the hub's JSON
        raise _unreachable(request, "what answers there is not a hub") from error


def _within(seconds: float, call: Callable[[], T]) -> T:
    """Run `call` for at most `seconds`. Raises TimeoutError.

    In a thread, because neither name resolution nor a server that trickles obeys a socket's timeout; a daemon,
    because one that is given up must not hold up the exit.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  handed to the caller, whatever it is
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(timeout=seconds)


def _room_for(request: Request, files: Sequence["RepoSibling"]) -> float:
    """Return the size of the files in MB. Raises ModelUnavailable where the disk has no room for them."""
    needed = sum(file.size or 0 for file in files) / 1e6
    free = shutil.disk_usage(request.repository).free / 1e6
    if needed > free:
        raise _no_space(request, f"{needed:,.0f} MB needed, {free:,.0f} MB free")
    return needed


def _fetch(request: Request, file: "RepoSibling", commit: str, lock_seconds: float) -> Path:
    """Bring one file into the cache and return its path in the snapshot."""
    import filelock
    import httpx2
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    name = file.rfilename
    try:
        _fetch_content(request, file, commit, lock_seconds)
        path = hf_hub_download(
            request.model,
            name,
            revision=commit,
            cache_dir=request.cache,
            endpoint=request.endpoint,
            library_name=_LIBRARY,
        )
    except HfHubHTTPError as error:
        raise _refused(request, error) from error
    except (httpx2.TransportError, LocalEntryNotFoundError) as error:
        reason = f"the download of {name} broke off ({error or type(error).__name__})"
        raise ModelUnavailable(f"{request.model}: {reason}; run again to resume it, {STAND_IN}") from error
    except filelock.Timeout as error:
        reason = f"another process holds {error.lock_file}, and nothing arrived for {lock_seconds:g} s"
        raise ModelUnavailable(f"{request.model}: {reason}; stop it, or delete that file if none runs") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _no_space(request, "it filled up during the download") from error
        raise ModelUnavailable(f"{request.model}: cannot fetch {name} into {request.cache} ({error})") from error
    return Path(path)


def _fetch_content(request: Request, file: "RepoSibling", commit: str, lock_seconds: float) -> None:
    """Fetch a file's bytes to blobs/<hash>, going on where an earlier run was broken off.

    huggingface_hub resumes within one call, and throws away what it has when that call ends. So the part is kept here,
    under the lock that huggingface_hub takes for the same file, and `hf_hub_download` then finds the finished blob.
    """
    digest = file.lfs.sha256 if file.lfs else file.blob_id
    if digest is None or file.size is None or not digest.isalnum():
        return  # a mirror that lists bare names: left to hf_hub_download
    blob = request.repository / "blobs" / digest
    part = blob.with_name(f"{digest}.incomplete")
    lock = request.cache / ".locks" / request.repository.name / f"{digest}.lock"
    blob.parent.mkdir(parents=True, exist_ok=True)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        _acquire(stack, lock, blob, lock_seconds)
        if blob.is_file():
            return
        _fill(request, file.rfilename, commit, part, file.size)
        _verify_content(request, file.rfilename, part, digest, file.size)
        part.replace(blob)


def _acquire(stack: ExitStack, lock: Path, blob: Path, seconds: float) -> None:
    """Take the lock, waiting as long as its holder makes progress. Raises filelock.Timeout."""
    import filelock
    from huggingface_hub.utils import WeakFileLock

    while True:
        arrived = _bytes_so_far(blob)
        try:
            stack.enter_context(WeakFileLock(lock, timeout=seconds))
        except filelock.Timeout:
            if _bytes_so_far(blob) <= arrived:
                raise
        else:
            return


def _bytes_so_far(blob: Path) -> int:
    """Bytes that are there of a blob, whoever fetches it."""
    return sum(path.stat().st_size for path in blob.parent.glob(f"{blob.name}*"))


def _fill(request: Request, name: str, commit: str, part: Path, size: int) -> None:
    """Append to `part` what it lacks; a progress bar on stderr if that is a terminal."""
    import httpx2
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(request.model, name, revision=commit, endpoint=request.endpoint)
    headers = {**build_hf_headers(library_name=_LIBRARY), "Accept-Encoding": "identity"}
    with part.open("ab") as out:
        if out.tell() > size:
            out.truncate(0)
        while (start := out.seek(0, os.SEEK_END)) < size:
            try:
                http_get(url, out, resume_size=start, headers=headers, displayed_filename=name)
            except httpx2.ReadError:  # a reset connection, the one break that http_get does not resume by itself
                if out.tell() <= start:
                    raise
            else:
                return


def _verify_content(request: Request, name: str, part: Path, digest: str, size: int) -> None:
    """Compare what arrived with what the hub announced. Raises ModelError, and forgets the part."""
    wrong_size = part.stat().st_size != size
    if wrong_size or (_SHA256.fullmatch(digest) and file_sha256(part) != digest):
        part.unlink()
        raise ModelError(f"{request.model}: {name} arrived corrupt and was thrown away; run again to fetch it anew")


def _verify_known(request: Request, snapshot: Path) -> None:
    """Compare the weights with the ones the checks were written for. Raises ModelError."""
    expected = KNOWN_WEIGHTS.get(request.model)
    if expected is None or not request.is_default:
        return
    found = file_sha256(snapshot / "model.safetensors")
    if found != expected:
        raise ModelError(
            f"{request.model}: model.safetensors has SHA-256 {found[:12]}..., the known weights {expected[:12]}...:"
            f" fetch it again, or set embedding.revision: {snapshot.name} if these are wanted"
        )


def _refer(request: Request, commit: str) -> None:
    """Let the revision's name point to the commit, last of all: a reference means that all files are there."""
    if request.revision == commit:
        return
    reference = request.repository / "refs" / request.revision
    reference.parent.mkdir(parents=True, exist_ok=True)
    scratch = reference.with_name(f"{reference.name}.{os.getpid()}.tmp")
    scratch.write_text(commit, encoding="utf-8")
    scratch.replace(reference)


# What to tell


def _unreachable(request: Request, reason: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{request.model} is not on disk and {request.endpoint} is out of reach ({reason}): connect, name a folder in"
        f" embedding.model, {STAND_IN}"
    )


def _no_space(request: Request, reason: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{request.model}: no disk space in {request.cache} ({reason}): free some, set HF_HOME to another disk,"
        f" {STAND_IN}"
    )


def _refused(request: Request, error: "HfHubHTTPError") -> ModelError:
    """Say in one line what the hub's refusal means and what to do."""
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"{request.endpoint}/{request.model}"
    token = "a token in HF_TOKEN or `hf auth login`"  # noqa: S105  words, not a secret
    status = error.response.status_code
    match error:
        case GatedRepoError():
            says = f"is gated ({status}): ask for access at {page}, then give {token}, {STAND_IN}"
        case RevisionNotFoundError():
            says = f"has no revision {request.revision!r}: correct embedding.revision"
        case RemoteEntryNotFoundError():
            says = f"lacks a file it lists ({status}): try again, {STAND_IN}"
        case DisabledRepoError():
            says = f"is disabled on the hub ({status}): choose another embedding.model, {STAND_IN}"
        case RepositoryNotFoundError():
            says = f"is not on {request.endpoint}, or is private: correct embedding.model, or give {token}, {STAND_IN}"
        case _ if status in {401, 403}:
            says = f"is refused ({status}): ask for access at {page} and give {token} that is valid, {STAND_IN}"
        case _:
            says = f"cannot be fetched, the hub answers {status}: try again later, {STAND_IN}"
    return ModelUnavailable(f"{request.model} {says}")
