"""Proof that the right model answers, by numbers known beforehand: wrong weights of the right shape raise no error."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Vector, Vectors
from catalog.embedding.bert.tokenizer import open_tokenizer
from catalog.embedding.bundled import SHA256
from catalog.embedding.embedder import Embedder
from catalog.embedding.hub.cache import ModelFiles
from catalog.embedding.hub.files import NATIVE_FILES, file_sha256
from catalog.embedding.known import Known, read_known
from catalog.embedding.model_folder import read_prompts
from catalog.errors import ModelError

TABLE_TOLERANCE = 2e-3
"""Of a similarity, and of a component in the notebook's units."""
HELLO_TOLERANCE = 1e-3
_PROCESS_TOLERANCE = 1e-5
_LEAST_COSINE = 0.9999
_SPEED_COPIES = 16
_SECONDS_ELSEWHERE = 300

_ELSEWHERE = """
import json, sys
from pathlib import Path
from catalog.embedding.bert.local import open_local
folder, name, revision, tokens, precision, device, text = sys.argv[1:]
model = open_local(Path(folder), name, revision, max_tokens=int(tokens), precision=precision, device=device)
print(json.dumps(model.embed_documents([text]).vectors[0].tolist()))
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool | None
    """None where it does not apply to this model."""
    detail: str


def quick_check(
    files: ModelFiles, embedder: Embedder, *, own_revision: bool = False, known: Known | None = None
) -> None:
    """Check hash, tokenizer and "hello world": about two seconds, once after a download.

    With `own_revision`, a revision named by the user, other weights than the known ones are accepted. `known` are the
    numbers to expect, by default those of `read_known`.
    Raises ModelError naming the first check that failed.
    """
    known = known or read_known()
    weights = _weights(files, known)
    is_known = _is_known(embedder, weights, known)
    hello = _hello(embedder.embed_query("hello world"), known, is_known)
    for check in (weights, _tokenizer(files, known, is_known), hello):
        if check.ok is False and not (own_revision and check is weights):
            in_cache = files.folder.parent.name == "snapshots"
            folder = files.folder.parents[1] if in_cache else files.folder
            reason = f"is not the model it should be ({check.name}: {check.detail})"
            raise ModelError(f"{files.name} {reason}: delete {folder} and fetch it again")


def check_model(
    embedder: Embedder,
    files: ModelFiles | None,
    *,
    precision: str = "auto",
    device: str = "auto",
    known: Known | None = None,
) -> list[Check]:
    """Check all that can be checked of a model; of an endpoint (`files` is None) only its vectors.

    Takes some seconds: films, a long text, a second process, and the speed are measured with the model itself.
    `precision` and `device` are those that `embedder` was opened with.
    """
    known = known or read_known()
    files_checks = check_files(files, embedder, known)
    vector_checks = check_vectors(embedder, files, known)  # before torch is loaded, so that the short way is checked
    return [*files_checks, *vector_checks, *check_machine(embedder, files, known, precision=precision, device=device)]


def check_files(files: ModelFiles | None, embedder: Embedder, known: Known) -> list[Check]:
    """Check that the files are there, the weights' hash, and the tokenizer's ids."""
    weights = _weights(files, known)
    is_known = _is_known(embedder, weights, known)
    return [_files(files, is_known), weights, _tokenizer(files, known, is_known)]


def check_vectors(embedder: Embedder, files: ModelFiles | None, known: Known) -> list[Check]:
    """Check what the model answers: "hello world", the films of the notebook, a long text."""
    is_known = _is_known(embedder, _weights(files, known), known)
    hello = embedder.embed_query("hello world")
    films = embedder.embed_documents(known.films).vectors
    queries = np.stack([embedder.embed_query(query) for query in known.queries])
    long = embedder.embed_documents([" ".join(known.films * 12)]).vectors
    return [
        _hello(hello, known, is_known),
        _two_ways(hello, embedder.embed_documents(["hello world"]).vectors[0], files),
        _finite(np.concatenate([films, queries, long, hello[np.newaxis]])),
        _components(films, known, is_known),
        _table("similar films", films @ films.T, known.similar, is_known),
        _table("retrieval", queries @ films.T, known.retrieval, is_known),
    ]


def check_machine(
    embedder: Embedder, files: ModelFiles | None, known: Known, *, precision: str, device: str
) -> list[Check]:
    """Check that a second process computes the same, and measure the speed."""
    text = known.films[0]
    here = embedder.embed_documents([text]).vectors[0]
    return [
        _second_process(embedder, files, text, here, (precision, device)),
        _speed(embedder, files, known.films),
    ]


def render_checks(checks: Sequence[Check]) -> str:
    """Lay checks out as a table for people, one line each."""
    marks = {True: "ok", False: "FAILED", None: "-"}
    width = max((len(check.name) for check in checks), default=0)
    return "\n".join(f"{marks[check.ok]:<6}  {check.name:<{width}}  {check.detail}" for check in checks)


# The files


def _is_known(embedder: Embedder, weights: Check, known: Known) -> bool:
    """By its name, whatever its weights; or by its weights, wherever they lie."""
    name = embedder.identity.name
    return name == known.model or (weights.ok is True and name not in SHA256)


def _files(files: ModelFiles | None, is_known: bool) -> Check:
    if files is None:
        return Check("files", None, "an endpoint keeps its files to itself")
    if files.folder.is_file():
        return Check("files", True, f"{files.folder.stat().st_size / 1e6:,.0f} MB in {files.folder}")
    needed = NATIVE_FILES if is_known else ("config.json",)
    if missing := [name for name in needed if not (files.folder / name).is_file()]:
        return Check("files", False, f"{files.folder} has no {', '.join(missing)}")
    sizes = [path.stat().st_size for path in files.folder.rglob("*") if path.is_file()]
    return Check("files", True, f"{len(sizes)} files, {sum(sizes) / 1e6:,.0f} MB in {files.folder}")


def _weights(files: ModelFiles | None, known: Known) -> Check:
    if files is None:
        return Check("weights", None, "not in a file here")
    path = files.folder if files.folder.is_file() else files.folder / "model.safetensors"
    if not path.is_file():
        return Check("weights", None, "not in a file here")
    found = file_sha256(path)
    expected = known.weights if files.name == known.model else SHA256.get(files.name)
    if found in (known.weights, expected):
        return Check("weights", True, f"SHA-256 {found[:16]}..., the published ones")
    if expected is None:
        return Check("weights", None, f"SHA-256 {found[:16]}..., nothing known to compare with")
    return Check("weights", False, f"SHA-256 {found[:16]}..., the published ones have {expected[:16]}...")


def _tokenizer(files: ModelFiles | None, known: Known, is_known: bool) -> Check:
    if files is None or not is_known:
        return Check("tokenizer", None, f"known of {known.model} only")
    tokenizer = open_tokenizer(files.folder / "tokenizer.json", max_tokens=8192, vocabulary=sys.maxsize).tokenizer
    wrong = [text for text, ids in known.token_ids if tokenizer.encode(text).ids != ids]
    count = len(known.token_ids)
    if wrong:
        return Check("tokenizer", False, f"{len(wrong)} of {count} texts get other token ids, {wrong[0]!r} first")
    return Check("tokenizer", True, f"{count} of {count} texts get their known token ids")


# The vectors


def _hello(found: Vector, known: Known, is_known: bool) -> Check:
    name = '"hello world"'
    if not np.isfinite(found).all():
        return Check(name, False, "NaN or infinity in its vector")
    start = " ".join(f"{number:.4f}" for number in found[: len(known.hello)])
    if not is_known:
        return Check(name, None, f"begins {start}; nothing known to compare with")
    expected = " ".join(f"{number:.4f}" for number in known.hello)
    near = found.shape[0] >= len(known.hello) and _near(found[: len(known.hello)], known.hello, HELLO_TOLERANCE)
    return Check(name, near, f"begins {start}" if near else f"begins {start}, expected {expected}")


def _two_ways(query: Vector, document: Vector, files: ModelFiles | None) -> Check:
    name = "query and document"
    prompts = read_prompts(files.folder) if files else None
    if prompts is not None and prompts.query != prompts.document:
        return Check(name, None, "this model puts different prompts before the two")
    cosine = float(query @ document)
    return Check(name, cosine >= _LEAST_COSINE, f"cosine {cosine:.6f} between the two ways to embed one text")


def _finite(vectors: Vectors) -> Check:
    lengths = np.linalg.norm(vectors, axis=1)
    ok = bool(np.isfinite(vectors).all() and np.abs(lengths - 1).max() < 1e-3)
    words = "finite and of length 1" if ok else "with NaN, infinity or a length other than 1"
    return Check("no NaN", ok, f"{len(vectors)} vectors, one of a long text, {words}")


def _components(films: Vectors, known: Known, is_known: bool) -> Check:
    """Compare the first components of two films in the notebook's units.

    Its vectors were not normalised and ours are, so each film has one unknown factor, the length of its vector. It is
    fitted by least squares; nine of the ten numbers remain to be right.
    """
    name = "first components"
    if not is_known:
        return Check(name, None, f"known of {known.model} only")
    width = known.components.shape[1]
    if films.shape[1] < width:
        return Check(name, False, f"the vectors have {films.shape[1]} components only")
    worst = 0.0
    for found, expected in zip(films[:, :width].astype(np.float64), known.components, strict=False):
        factor = max(0.0, float(found @ expected) / float(found @ found))
        worst = max(worst, float(np.abs(factor * found - expected).max()))
    return Check(name, worst <= TABLE_TOLERANCE, f"largest difference {worst:.5f}, allowed {TABLE_TOLERANCE}")


def _table(name: str, found: NDArray[np.float32], expected: NDArray[np.float64], is_known: bool) -> Check:
    if not is_known:
        return Check(name, None, "known of one model only")
    worst = float(np.abs(found - expected).max())
    ok = _near(found, expected, TABLE_TOLERANCE)
    return Check(name, ok, f"{expected.size} similarities, largest difference {worst:.5f}, allowed {TABLE_TOLERANCE}")


def _near(found: NDArray[np.float32], expected: NDArray[np.float64], tolerance: float) -> bool:
    return bool(np.abs(found - expected).max() <= tolerance)  # False for NaN


# This machine


def _second_process(
    embedder: Embedder, files: ModelFiles | None, text: str, here: Vector, settings: tuple[str, str]
) -> Check:
    """A weight that was initialised at random instead of read gives every process other vectors."""
    name = "second process"
    if files is None:
        return Check(name, None, "an endpoint runs in a process of its own")
    tokens = str(embedder.identity.max_tokens)
    arguments = [str(files.folder), files.name, files.revision, tokens, *settings, text]
    command = [sys.executable, "-c", _ELSEWHERE, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS_ELSEWHERE, check=True)  # noqa: S603  our own code
    except subprocess.CalledProcessError as error:
        words = error.stderr.strip().rpartition("\n")[2]
        return Check(name, False, f"it failed: {words[:200]}")
    except subprocess.TimeoutExpired:
        return Check(name, False, f"no answer in {_SECONDS_ELSEWHERE} s")
    there = np.array(json.loads(done.stdout), dtype=np.float32)
    if there.shape != here.shape:
        return Check(name, False, f"{there.size} components instead of {here.size}")
    worst = float(np.abs(there - here).max())
    return Check(name, worst <= _PROCESS_TOLERANCE, f"largest difference {worst:.1e}, allowed {_PROCESS_TOLERANCE:.0e}")


def _speed(embedder: Embedder, files: ModelFiles | None, films: Sequence[str]) -> Check:
    texts = [text for text in films for _ in range(_SPEED_COPIES)]
    start = time.perf_counter()
    embedder.embed_documents(texts)
    seconds = time.perf_counter() - start
    detail = f"{len(texts) / seconds:,.0f} texts/s"
    if files and (files.folder / "tokenizer.json").is_file():
        limit = embedder.identity.max_tokens
        tokenizer = open_tokenizer(files.folder / "tokenizer.json", max_tokens=limit, vocabulary=sys.maxsize)
        detail += f", {sum(map(len, tokenizer(texts).ids)) / seconds:,.0f} tokens/s"
    return Check("throughput", True, f"{detail}, {len(texts)} film plots in {seconds:.2f} s on this machine")
