"""Rows that were read before are not mapped again, unless anything that a film depends on has changed."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from catalog.config import Config, load_config
from catalog.store.generations import Generations
from catalog.store.lock import writer_lock
from catalog.store.maintenance.verify import verify
from catalog.store.snapshot import open_snapshot
from ingest.readers.row import Row
from ingest.report import Report
from ingest.run import Request, run
from ingest.sync.dry_run import dry_run
from ingest.sync.row_cache import RememberedRow, recall_rows, remember_rows, row_digest

pytestmark = pytest.mark.slow

ALIEN = {"id": 1, "title": "Alien", "plot": "A ship answers a call.", "note": "A station answers a call."}
JAWS = {"id": 2, "title": "Jaws", "plot": "A shark visits a cafÃ©.", "note": "x"}
GHOST = {"id": 3, "title": "Ghost", "plot": "A ghost in love.", "note": "y"}


def config(folder: Path, **variables: str) -> Config:
    chosen = {f"PLOTSEEK_{name.upper()}": value for name, value in variables.items()}
    store = str(folder / "store")
    return load_config(None, {"PLOTSEEK_STORE_PATH": store, "PLOTSEEK_EMBEDDING_MODEL": "bundled", **chosen})


def ingest(folder: Path, *films: object, **variables: str) -> Report:
    path = folder / "films.json"
    path.write_text(json.dumps(films), encoding="utf-8")
    return run(config(folder, **variables), Request(str(path)))


def told(report: Report) -> dict[str, object]:
    """What it found, in numbers that are not zero."""
    names = ("read", "added", "text_changed", "metadata_changed", "unchanged", "deleted", "refused", "repaired")
    return {name: value for name in names if (value := getattr(report.rows, name))}


def spoil(folder: Path) -> None:
    """Let the memory say that every row is Alien: whoever believes it sees one film."""
    store = folder / "store"
    state = json.loads(unpacked(store / "rows.json.gz"))["state"]
    rows = store / "rows.json.gz"
    remember_rows(rows, state, {digest: RememberedRow("1") for digest in recall_rows(rows, state)})


def unpacked(path: Path) -> bytes:
    import gzip

    return gzip.decompress(path.read_bytes())


def test_rows_in_another_order_are_recognised(tmp_path: Path) -> None:
    assert told(ingest(tmp_path, ALIEN, JAWS, GHOST)) == {"read": 3, "added": 3, "repaired": 1}
    report = ingest(tmp_path, GHOST, ALIEN, JAWS)
    assert told(report) == {"read": 3, "unchanged": 3, "repaired": 1}
    assert not report.published
    spoil(tmp_path)
    assert told(ingest(tmp_path, JAWS, GHOST, ALIEN))["refused"] == 2  # the memory was believed


def test_each_kind_of_change_is_seen_beside_familiar_rows(tmp_path: Path) -> None:
    ingest(tmp_path, ALIEN, JAWS, GHOST)
    new = {"id": 4, "title": "Dream", "plot": "A dream."}
    report = ingest(tmp_path, {**JAWS, "year": 1975}, new, {**ALIEN, "plot": "A ship."})
    expected = {"read": 3, "added": 1, "text_changed": 1, "metadata_changed": 1, "deleted": 1, "repaired": 1}
    assert told(report) == expected
    assert verify(tmp_path / "store").differences == ()
    with closing(open_snapshot(tmp_path / "store")) as snapshot:
        films = snapshot.movies.get(["1", "2", "4"])
    assert (films["1"].plot, films["2"].year, films["4"].title) == ("A ship.", 1975, "Dream")


def test_a_repeated_row_is_refused_as_before(tmp_path: Path) -> None:
    ingest(tmp_path, ALIEN, JAWS)
    report = ingest(tmp_path, JAWS, ALIEN, JAWS)
    assert told(report) == {"read": 3, "unchanged": 2, "refused": 1, "repaired": 2}
    assert report.refusals == ("item 3: field 'id': '2' was already seen at item 1",)


def test_a_dry_run_recognises_rows_too(tmp_path: Path) -> None:
    ingest(tmp_path, ALIEN, JAWS, GHOST)
    path = tmp_path / "films.json"
    path.write_text(json.dumps([GHOST, JAWS, {**ALIEN, "year": 1979}]), encoding="utf-8")
    found = dry_run(config(tmp_path), Request(str(path)))
    assert (found.rows.unchanged, found.rows.metadata_changed, found.rows.deleted) == (2, 1, 0)
    assert found.examples == {"metadata_changed": ["Alien (1979)"]}


@pytest.mark.parametrize(
    "variables",
    [
        {"catalog_fields": "{plot: note}"},
        {"embedding_template": "{plot}"},
    ],
)
def test_other_settings_read_everything_anew(tmp_path: Path, variables: dict[str, str]) -> None:
    ingest(tmp_path, ALIEN, JAWS, GHOST)
    spoil(tmp_path)
    assert told(ingest(tmp_path, JAWS, ALIEN, GHOST, **variables))["text_changed"] == 3


def test_another_generation_reads_everything_anew(tmp_path: Path) -> None:
    ingest(tmp_path, ALIEN, JAWS)
    ingest(tmp_path, {**ALIEN, "plot": "A ship."}, JAWS)
    with writer_lock(tmp_path / "store"):
        Generations(tmp_path / "store").roll_back()
    assert told(ingest(tmp_path, JAWS, {**ALIEN, "plot": "A ship."})) == {
        "read": 2,
        "text_changed": 1,
        "unchanged": 1,
        "repaired": 1,
    }


@pytest.mark.parametrize("damage", [b"", b"noise", None])
def test_a_damaged_memory_is_none(tmp_path: Path, damage: bytes | None) -> None:
    ingest(tmp_path, ALIEN, JAWS)
    path = tmp_path / "store" / "rows.json.gz"
    path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    assert told(ingest(tmp_path, JAWS, ALIEN)) == {"read": 2, "unchanged": 2, "repaired": 1}
    assert json.loads(unpacked(path))["rows"].keys() == {row_digest(Row("", film)) for film in (ALIEN, JAWS)}


def test_equal_cells_have_equal_digests_and_others_have_not() -> None:
    text = json.loads('"Alien"')  # not the interned one
    same = [Row("line 1", {"a": "Alien", "b": [1, {"c": None}]}), Row("line 2", {"a": text, "b": [1, {"c": None}]})]
    assert row_digest(same[0]) == row_digest(same[1])
    others: list[dict[str, object]] = [{"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}, {"b": 1}, {"a": [1]}, {"a": None}]
    assert len({row_digest(Row("", cells)) for cells in others}) == len(others)
    assert row_digest(Row("", {"a": Path()})) is None
