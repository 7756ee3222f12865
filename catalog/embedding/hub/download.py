"""A model fetched from the hub into the hub's ordinary cache.

Only JSON, text and safetensors files are asked for; nothing of a repository is ever executed.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.background import in_background
from catalog.embedding.bert.config import read_json
from catalog.embedding.bert.families import is_jina
from catalog.embedding.hub.files import KNOWN_WEIGHTS, NATIVE_FILES, file_sha256
from catalog.embedding.hub.refusals import HubModel, explained, no_space, refused, unreachable
from catalog.errors import ModelError

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LIBRARY = "plotseek"
_OTHER_RUNTIMES = ("onnx/", "openvino/", "coreml/", "original/")


def download(model: HubModel, *, notify: Callable[[str], None], reach_seconds: float, lock_seconds: float) -> Path:
    """Fetch a model and return its snapshot's folder: config first, weights last, and only then the reference to it.

    Raises ModelUnavailable where the hub is out of reach, refuses or breaks off, and where this disk cannot take
    the files; ModelError where the repository holds something other than it should.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # huggingface_hub reads it when it is imported
    try:
        info = in_background(lambda: _listing(model, reach_seconds)).result(timeout=reach_seconds)
    except TimeoutError:
        raise unreachable(model, f"no answer in {reach_seconds:g} s") from None
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or []}
    if info.sha is None or not _COMMIT.fullmatch(info.sha) or "config.json" not in siblings:
        raise ModelError(f"{model.name}: no config.json in this repository; choose another embedding.model")
    commit = info.sha
    snapshot = _fetch(model, siblings["config.json"], commit, lock_seconds).parent
    names = wanted_files(model.name, siblings, native=is_jina(read_json(snapshot / "config.json")))
    missing = [siblings[name] for name in names if not (snapshot / name).is_file()]
    if missing:
        notify(f"downloading {model.name}, {_room_for(model, missing):,.0f} MB, to {model.cache}")
    for file in missing:
        _fetch(model, file, commit, lock_seconds)
    _verify_known(model, snapshot)
    _refer(model, commit)
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


def _listing(model: HubModel, timeout: float) -> "ModelInfo":
    """Ask for the commit and for the files' names, sizes and hashes: one request, never repeated."""
    import httpx2  # what huggingface_hub speaks through
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(endpoint=model.endpoint, library_name=_LIBRARY)
    try:
        return api.model_info(model.name, revision=model.revision, files_metadata=True, timeout=timeout)
    except HfHubHTTPError as error:
        raise refused(model, error) from error
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise unreachable(model, str(error) or type(error).__name__) from error
    except (ValueError, KeyError, TypeError) as error:  # a login page instead of the hub's JSON
        raise unreachable(model, "what answers there is not a hub") from error


def _room_for(model: HubModel, files: Sequence["RepoSibling"]) -> float:
    """Return the size of the files in MB. Raises ModelUnavailable where the disk has no room for them."""
    needed = sum(file.size or 0 for file in files) / 1e6
    free = shutil.disk_usage(model.repository).free / 1e6
    if needed > free:
        raise no_space(model, f"{needed:,.0f} MB needed, {free:,.0f} MB free")
    return needed


def _fetch(model: HubModel, file: "RepoSibling", commit: str, lock_seconds: float) -> Path:
    """Bring one file into the cache and return its path in the snapshot."""
    from huggingface_hub import hf_hub_download

    name = file.rfilename
    with explained(model, name, lock_seconds):
        _fetch_content(model, file, commit, lock_seconds)
        path = hf_hub_download(
            model.name,
            name,
            revision=commit,
            cache_dir=model.cache,
            endpoint=model.endpoint,
            library_name=_LIBRARY,
        )
    return Path(path)


def _fetch_content(model: HubModel, file: "RepoSibling", commit: str, lock_seconds: float) -> None:
    """Fetch a file's bytes to blobs/<hash>, going on where an earlier run was broken off.

    huggingface_hub, by `snapshot_download` too, resumes within one call and throws away what it has when that call ends
    (325 MB here). So the part is kept under the lock that it takes for the same file, and it finds the finished blob.
    """
    digest = file.lfs.sha256 if file.lfs else file.blob_id
    if digest is None or file.size is None or not digest.isalnum():
        return  # a mirror that lists bare names: left to hf_hub_download
    blob = model.repository / "blobs" / digest
    part = blob.with_name(f"{digest}.incomplete")
    lock = model.cache / ".locks" / model.repository.name / f"{digest}.lock"
    blob.parent.mkdir(parents=True, exist_ok=True)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        _acquire(stack, lock, blob, lock_seconds)
        if blob.is_file():
            return
        _fill(model, file.rfilename, commit, part, file.size)
        _verify_content(model, file.rfilename, part, digest, file.size)
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


def _fill(model: HubModel, name: str, commit: str, part: Path, size: int) -> None:
    """Append to `part` what it lacks; a progress bar on stderr if that is a terminal."""
    import httpx2
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(model.name, name, revision=commit, endpoint=model.endpoint)
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


def _verify_content(model: HubModel, name: str, part: Path, digest: str, size: int) -> None:
    """Compare what arrived with what the hub announced. Raises ModelError, and forgets the part."""
    wrong_size = part.stat().st_size != size
    if wrong_size or (_SHA256.fullmatch(digest) and file_sha256(part) != digest):
        part.unlink()
        raise ModelError(f"{model.name}: {name} arrived corrupt and was thrown away; run again to fetch it anew")


def _verify_known(model: HubModel, snapshot: Path) -> None:
    """Compare the weights with the ones the checks were written for. Raises ModelError."""
    expected = KNOWN_WEIGHTS.get(model.name)
    if expected is None or not model.is_default:
        return
    found = file_sha256(snapshot / "model.safetensors")
    if found != expected:
        raise ModelError(
            f"{model.name}: model.safetensors has SHA-256 {found[:12]}..., the known weights {expected[:12]}...:"
            f" fetch it again, or set embedding.revision: {snapshot.name} if these are wanted"
        )


def _refer(model: HubModel, commit: str) -> None:
    """Let the revision's name point to the commit, last of all: a reference means that all files are there."""
    if model.revision == commit:
        return
    reference = model.repository / "refs" / model.revision
    reference.parent.mkdir(parents=True, exist_ok=True)
    scratch = reference.with_name(f"{reference.name}.{os.getpid()}.tmp")
    scratch.write_text(commit, encoding="utf-8")
    scratch.replace(reference)
