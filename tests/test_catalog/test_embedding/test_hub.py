"""A model's files: folder, cache, and a stand-in hub that behaves in every way a hub can."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import filelock
import numpy as np
import pytest
from safetensors.numpy import load_file, save

from catalog.embedding.bert.local import open_local
from catalog.embedding.hub.cache import ModelFiles, locate, mark_checked
from catalog.embedding.hub.download import wanted_files
from catalog.errors import ModelError, ModelUnavailable
from tests.support.hub_server import COMMIT, StandInHub, folder_files, serve_hub, sha256

pytestmark = pytest.mark.slow

Tensor = np.ndarray[Any, Any]
TINY = Path(__file__).parents[2] / "fixtures" / "jina-tiny"
NAME = "someone/jina-tiny"
RIGHT, WRONG = "hf_right", "hf_wrong"
KNOWN = "jinaai/jina-embeddings-v2-base-de"
NATIVE = ["config.json", "model.safetensors", "tokenizer.json"]
LOCATE = """
import json, sys, time
from catalog.embedding.hub.cache import locate
from catalog.errors import ModelError
start = time.monotonic()
try:
    files = locate(sys.argv[1], None, notify=lambda line: print(line, file=sys.stderr))
    heavy = "huggingface_hub" in sys.modules
    print(json.dumps({"folder": str(files.folder), "downloaded": files.downloaded, "hub": heavy}))
except ModelError as error:
    print(json.dumps({"error": type(error).__name__, "says": str(error), "seconds": time.monotonic() - start}))
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and none of the developer's own settings."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def tiny(**behaviour: object) -> StandInHub:
    """A hub that has the tiny checkpoint, and files nobody should ask for."""
    files = {**folder_files(TINY), "pytorch_model.bin": b"pickle", "modeling_bert.py": b"raise SystemExit"}
    hub = StandInHub(NAME, files)
    for key, value in behaviour.items():
        setattr(hub, key, value)
    return hub


def big(**behaviour: object) -> StandInHub:
    """A hub with 25 MB of weights: huggingface_hub writes in pieces of 10 MiB."""
    weights = hashlib.shake_128(b"weights").digest(25_000_000)
    hub = tiny(**behaviour)
    hub.files = {**folder_files(TINY), "model.safetensors": weights}
    return hub


def in_process(endpoint: str, model: str = NAME, **environment: str) -> dict[str, object]:
    """Run `locate` in a process of its own, as huggingface_hub reads its environment when it is imported."""
    environment = {**os.environ, "HF_ENDPOINT": endpoint, **environment}
    command = [sys.executable, "-c", LOCATE, model]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def fetch(
    hub: StandInHub, monkeypatch: pytest.MonkeyPatch, model: str = NAME, revision: str | None = None
) -> ModelFiles:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    return locate(model, revision, lock_seconds=0.3)


def test_an_open_model_is_fetched_once_and_used_without_a_request_afterwards(home: Path) -> None:
    with serve_hub(tiny()) as hub:
        first = in_process(hub.url)
        asked = len(hub.requests)
        second = in_process(hub.url)
        assert len(hub.requests) == asked
    folder = home / "hub" / "models--someone--jina-tiny" / "snapshots" / COMMIT
    assert first == {"folder": str(folder), "downloaded": True, "hub": True}
    assert second == {"folder": str(folder), "downloaded": False, "hub": False}
    assert in_process(hub.url, HF_HUB_OFFLINE="1") == second
    assert sorted(path.name for path in folder.iterdir()) == NATIVE
    assert all((folder / name).read_bytes() == (TINY / name).read_bytes() for name in NATIVE)


def test_huggingface_hub_finds_what_was_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(tiny()) as hub:
        files = fetch(hub, monkeypatch)
    from huggingface_hub import try_to_load_from_cache

    cache = files.folder.parents[2]
    assert try_to_load_from_cache(NAME, "model.safetensors", cache) == str(files.folder / "model.safetensors")


def test_a_commit_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(tiny()) as hub:
        assert fetch(hub, monkeypatch, revision=COMMIT).revision == COMMIT
    assert fetch(hub, monkeypatch, revision=COMMIT).downloaded is False


def test_the_quick_check_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(tiny()) as hub:
        files = fetch(hub, monkeypatch)
    assert not files.checked
    mark_checked(files)
    assert fetch(hub, monkeypatch) == ModelFiles(files.folder, NAME, COMMIT, downloaded=False, checked=True)


def test_a_gated_model_says_where_to_ask() -> None:
    with serve_hub(tiny(token=RIGHT)) as hub:
        without = in_process(hub.url)
        wrong = in_process(hub.url, HF_TOKEN=WRONG)
        right = in_process(hub.url, HF_TOKEN=RIGHT)
        sent = {(path.startswith("/cdn/"), authorization) for _, path, _, authorization in hub.requests}
    for answer, status in ((without, 401), (wrong, 403)):
        assert answer["error"] == "ModelUnavailable"
        assert answer["says"] == (
            f"{NAME} is gated ({status}): ask for access at {hub.url}/{NAME}, then give a token in HF_TOKEN or"
            " `hf auth login`, or let embedding.fallback: bundled stand in"
        )
    assert right["downloaded"] is True
    assert (True, None) in sent
    assert (True, f"Bearer {RIGHT}") not in sent


def test_a_missing_model(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(tiny()) as hub, pytest.raises(ModelUnavailable) as caught:
        fetch(hub, monkeypatch, "someone/else")
    assert str(caught.value) == (
        f"someone/else is not on {hub.url}, or is private: correct embedding.model, or give a token in HF_TOKEN or"
        " `hf auth login`, or let embedding.fallback: bundled stand in"
    )


def test_a_missing_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(tiny()) as hub, pytest.raises(ModelUnavailable, match="has no revision 'v9': correct"):
        fetch(hub, monkeypatch, revision="v9")


def test_a_hub_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(tiny(down=True)) as hub, pytest.raises(ModelUnavailable, match="answers 503: try again later"):
        fetch(hub, monkeypatch)


def test_a_download_cut_off_half_way_goes_on_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(big(cuts=1)) as hub:
        files = fetch(hub, monkeypatch)
        ranges = [asked for method, path, asked, _ in hub.requests if method == "GET" and path.startswith("/cdn/")]
    assert ranges == [None, "bytes=10485760-"]
    assert (files.folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]


def test_a_killed_download_is_resumed_by_the_next_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = Event()
    with serve_hub(big(stall=go_on)) as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url}
        part = home / "hub/models--someone--jina-tiny/blobs" / f"{sha256(hub.files['model.safetensors'])}.incomplete"
        with subprocess.Popen([sys.executable, "-c", LOCATE, NAME], env=environment, stderr=subprocess.DEVNULL) as run:
            until = time.monotonic() + 120
            while not (part.is_file() and part.stat().st_size) and time.monotonic() < until:
                time.sleep(0.02)
            run.kill()
        arrived = part.stat().st_size
        assert 0 < arrived <= 10 * 2**20
        go_on.set()
        files = fetch(hub, monkeypatch)
        assert ("GET", "/cdn/model.safetensors", f"bytes={arrived}-", None) in hub.requests
    assert (files.folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert not part.exists()


def test_a_corrupt_file_is_thrown_away_and_fetched_anew(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(tiny(corrupt=True)) as hub:
        with pytest.raises(ModelError) as caught:
            fetch(hub, monkeypatch)
        assert list(home.rglob("*.incomplete")) == []
        hub.corrupt = False
        assert fetch(hub, monkeypatch).downloaded
    expected = f"{NAME}: model.safetensors arrived corrupt and was thrown away; run again to fetch it anew"
    assert (type(caught.value), str(caught.value)) == (ModelError, expected)


def test_other_weights_under_the_known_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tiny(name=KNOWN)
    with serve_hub(hub):
        with pytest.raises(ModelError) as caught:
            fetch(hub, monkeypatch, KNOWN)
        with pytest.raises(ModelError):
            fetch(hub, monkeypatch, KNOWN)
        assert fetch(hub, monkeypatch, KNOWN, revision=COMMIT).revision == COMMIT
    found = sha256(hub.files["model.safetensors"])[:12]
    assert str(caught.value) == (
        f"{KNOWN}: model.safetensors has SHA-256 {found}..., the known weights 0ffca9240c50...: fetch it again,"
        f" or set embedding.revision: {COMMIT} if these are wanted"
    )


def test_no_disk_space(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(tiny(inflate=10**18)) as hub, pytest.raises(ModelUnavailable) as caught:
        fetch(hub, monkeypatch)
    assert "no disk space in" in str(caught.value)
    assert "1,000,000,000,001 MB needed" in str(caught.value)
    assert "set HF_HOME to another disk" in str(caught.value)


def test_a_lock_that_another_process_holds_idly(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(tiny()) as hub:
        lock = home / "hub/.locks/models--someone--jina-tiny" / f"{sha256(hub.files['model.safetensors'])}.lock"
        lock.parent.mkdir(parents=True)
        with filelock.FileLock(lock), pytest.raises(ModelUnavailable) as caught:
            fetch(hub, monkeypatch)
        assert fetch(hub, monkeypatch).downloaded
    assert str(caught.value) == (
        f"{NAME}: another process holds {lock}, and nothing arrived for 0.3 s;"
        " stop it, or delete that file if none runs"
    )


def test_a_lock_whose_holder_makes_progress_is_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(tiny()) as hub:
        digest = sha256(hub.files["model.safetensors"])
        lock = filelock.FileLock(home / f"hub/.locks/models--someone--jina-tiny/{digest}.lock", thread_local=False)
        Path(lock.lock_file).parent.mkdir(parents=True)
        lock.acquire()
        theirs = home / f"hub/models--someone--jina-tiny/blobs/{digest}.abcd.incomplete"
        theirs.parent.mkdir(parents=True)

        def progress() -> None:
            for _ in range(8):
                with theirs.open("ab") as out:
                    out.write(b"more")
                time.sleep(0.1)
            lock.release()

        other = Thread(target=progress)
        other.start()
        assert fetch(hub, monkeypatch).downloaded
        other.join()


def test_a_cache_that_cannot_be_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    (home / "hub").write_text("a file where a folder should be")
    with serve_hub(tiny()) as hub, pytest.raises(ModelUnavailable, match=r"cannot fetch config\.json into"):
        fetch(hub, monkeypatch)


def test_nothing_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        answer = in_process(endpoint)
    assert isinstance(answer["seconds"], float)
    assert answer["seconds"] < 5
    assert answer["error"] == "ModelUnavailable"
    assert f"{NAME} is not on disk and {endpoint} is out of reach" in str(answer["says"])
    assert "or let embedding.fallback: bundled stand in" in str(answer["says"])


def test_a_server_that_never_answers_costs_less_than_five_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = in_process(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert isinstance(answer["seconds"], float)
    assert answer["seconds"] < 5
    assert answer["error"] == "ModelUnavailable"


def test_a_server_that_is_not_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    class Portal(StandInHub):
        def listing(self) -> dict[str, object]:
            return {"please": "log in"}

    with serve_hub(Portal(NAME, {})) as hub, pytest.raises(ModelUnavailable, match="what answers there is not a hub"):
        fetch(hub, monkeypatch)


def test_a_repository_without_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(StandInHub(NAME, {"README.md": b""})) as hub, pytest.raises(ModelError, match=r"no config\.json in"):
        fetch(hub, monkeypatch)


def test_offline_makes_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub(tiny()) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(ModelUnavailable, match="is not on disk, and HF_HUB_OFFLINE forbids fetching it"):
            locate(NAME, None, offline=True)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(ModelUnavailable, match="HF_HUB_OFFLINE"):
            locate(NAME, None)
        assert hub.requests == []


def test_a_repository_with_pickles_only_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = StandInHub(NAME, {"config.json": b'{"model_type": "bert"}', "pytorch_model.bin": b"pickle"})
    with serve_hub(hub), pytest.raises(ModelError, match=r"no \*\.safetensors in this repository \(pickled weights"):
        fetch(hub, monkeypatch)


def test_another_model_gets_its_texts_and_weights_only(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {**folder_files(TINY), "onnx/model.safetensors": b"1", "model.py": b"2", "1_Pooling/config.json": b"{}"}
    config = {"model_type": "bert", "position_embedding_type": "absolute"}
    hub = StandInHub(NAME, {**files, "config.json": json.dumps(config).encode()})
    with serve_hub(hub):
        folder = fetch(hub, monkeypatch).folder
        assert not fetch(hub, monkeypatch).downloaded
    assert sorted(folder_files(folder)) == sorted(folder_files(TINY))


def test_weights_are_fetched_last() -> None:
    names = ["model.safetensors", "2_Dense/model.safetensors", "vocab.txt", "1_Pooling/config.json", ".gitattributes"]
    assert wanted_files(NAME, names, native=False) == [
        "1_Pooling/config.json",
        "vocab.txt",
        "2_Dense/model.safetensors",
        "model.safetensors",
    ]


def test_a_folder_is_named_by_its_content(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(TINY, copy)
    files = locate(str(TINY), None)
    assert (files.folder, files.name, files.downloaded, files.checked) == (TINY, "jina-tiny", False, True)
    assert locate(str(copy), None).revision == files.revision
    weights = copy / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert locate(str(copy), None).revision != files.revision


def test_a_folder_without_safetensors(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match=r"no \*\.safetensors in this folder"):
        locate(str(tmp_path), None)


@pytest.mark.parametrize("model", ["./nothing", "/nowhere/at/all", "a/b/c", "../../etc", "-x", "owner/../x", ""])
def test_what_is_neither_folder_nor_name(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelUnavailable, match="is neither a folder nor a hub name"):
        locate(model, None)


@pytest.mark.parametrize("revision", ["../main", "a b", "a/../b", "-"])
def test_a_revision_that_is_none(revision: str) -> None:
    with pytest.raises(ModelUnavailable, match="is not a branch, a tag or a commit"):
        locate(NAME, revision)


def bert_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.replace("mlp.gated_layers", "intermediate.dense"): tensor for name, tensor in tensors.items()}


def code_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.replace("mlp.gated_layers", "mlp.up_gated_layer"): tensor for name, tensor in tensors.items()}


def one_missing(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name != "encoder.layer.0.mlp.wo.bias"}


def one_extra(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**tensors, "classifier.weight": np.zeros((2, 2), np.float32)}


def one_misshaped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**tensors, "encoder.layer.0.mlp.wo.bias": np.zeros(3, np.float32)}


def one_nan(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    bias = tensors["encoder.layer.0.mlp.wo.bias"]
    return {**tensors, "encoder.layer.0.mlp.wo.bias": np.full_like(bias, np.nan)}


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (bert_names, "BERT"),
        (code_names, "up_gated_layer"),
        (one_missing, r"encoder\.layer\.0\.mlp\.wo\.bias"),
        (one_extra, r"classifier\.weight"),
        (one_misshaped, r"encoder\.layer\.0\.mlp\.wo\.bias"),
        (one_nan, r"encoder\.layer\.0\.mlp\.wo\.bias"),
    ],
)
def test_a_wrong_checkpoint_is_refused_by_name(
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]], names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = tiny()
    hub.files = {**hub.files, "model.safetensors": save(change(load_file(TINY / "model.safetensors")))}
    with serve_hub(hub):
        files = fetch(hub, monkeypatch)
    with pytest.raises(ModelError, match=names):
        open_local(
            files.folder, files.name, files.revision, max_tokens=64, precision="float32", device="cpu"
        ).embed_query("a")
