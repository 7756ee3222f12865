"""Shards are whole, of one model, or not used."""

from pathlib import Path

import numpy as np
import pytest

from catalog.errors import ConfigError
from ingest.distributed.shards import Shards

VECTORS = np.array([[1.0, 0.0], [0.6, 0.8]], dtype=np.float32)
TEXTS = {b"one": "a ship", b"two": "a shark"}


def test_texts_and_vectors_come_back(tmp_path: Path) -> None:
    shards = Shards(tmp_path, "model")
    name = shards.write_texts(7, TEXTS)
    assert shards.read_texts(name) == TEXTS
    assert list(shards.finished()) == []
    shards.write(name, list(TEXTS), VECTORS, truncated=1)
    assert list(shards.finished()) == [name]
    shard = shards.read(name)
    assert shard is not None
    assert shard.truncated == 1
    assert list(shard.vectors) == list(TEXTS)
    np.testing.assert_array_equal(np.stack(list(shard.vectors.values())), VECTORS)
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.vectors.parquet"]


def test_those_of_another_model_are_not_read(tmp_path: Path) -> None:
    Shards(tmp_path, "another").write("1", list(TEXTS), VECTORS, truncated=0)
    assert Shards(tmp_path, "model").read("1") is None


@pytest.mark.parametrize("place", [0.3, 0.5, 0.9])
def test_what_was_cut_or_changed_is_not_read(tmp_path: Path, place: float) -> None:
    shards = Shards(tmp_path, "model")
    shards.write("1", list(TEXTS), VECTORS, truncated=0)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(place * len(whole))])
    assert shards.read("1") is None
    at = whole.index(np.float32(0.6).tobytes())
    path.write_bytes(whole[:at] + np.float32(0.7).tobytes() + whole[at + 4 :])
    assert shards.read("1") is None


def test_a_machine_that_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not seen on .*--shards"):
        Shards(tmp_path, "model").read_texts("1")


def test_what_a_killed_run_left_half_is_removed(tmp_path: Path) -> None:
    shards = Shards(tmp_path, "model")
    shards.write("1", list(TEXTS), VECTORS, truncated=0)
    shards.write_texts(2, TEXTS)
    (tmp_path / "3.vectors.parquet.99.tmp").touch()
    shards.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["1.vectors.parquet"]
