"""verify, rollback, backup, restore and export, as a shell sees them."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from catalog.store.embedding_cache import VectorCache
from catalog.store.generations import Generations
from catalog.store.snapshot import open_snapshot
from catalog.store.vectors.moments import FEWEST
from catalog.store.vectors.questions import question_digest
from catalog.text.questions import KINDS, example_questions
from tests.support.checkpoints import JINA_TINY
from tests.support.chroma import free_port
from tests.test_commands.test_cli import run_ingest as ingest
from tests.test_commands.test_cli import write

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path, place: str) -> Path:
    """A catalog whose index is in its folder, and the same on a Chroma server."""
    assert place
    films = write(
        tmp_path,
        {"id": 1, "title": "Alien", "plot": "A ship answers a call."},
        {"id": 2, "title": "Jaws", "plot": "A shark visits a beach."},
    )
    assert ingest(tmp_path / "store", "--file", films).exit_code == 0
    return tmp_path / "store"


def result(answer: Result) -> tuple[int, str, str]:
    return answer.exit_code, answer.stdout, answer.stderr


def test_verify_says_what_agrees(store: Path) -> None:
    assert result(ingest(store, "verify")) == (0, "generation 1, 2 films: everything agrees\n", "")
    answer = ingest(store, "verify", "--json", "--sample", "1")
    assert json.loads(answer.stdout) == {"generation": 1, "films": 2, "passages": 0, "differences": []}


def test_status_names_the_collection(store: Path, place: str) -> None:
    found = json.loads(ingest(store, "status", "--json").stdout)["catalog"]["collection"]
    assert found == Generations(store).in_force().collection
    line = f"vector index: collection {found} on a Chroma server"
    assert (line in ingest(store, "status").stdout.splitlines()) == (place == "server")


def test_a_server_that_is_away_is_one_line(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("PLOTSEEK_STORE_URL", away)
    for arguments in (
        ["--file", str(tmp_path / "films.jsonl")],
        ["--file", str(tmp_path / "films.jsonl"), "--rebuild"],
    ):
        answer = ingest(store, *arguments)
        assert (answer.exit_code, answer.stdout) == (75, "")
        assert answer.stderr.splitlines()[-1].startswith(f"ingest: Chroma at {away}: cannot be reached (")
    assert ingest(store, "status").exit_code == 0


def test_verify_exits_1_on_a_difference_and_repair_mends_it(store: Path) -> None:
    path = store / "generations" / "0001" / "vectors.npy"
    path.write_bytes(b"noise")
    line = f"{path}: is not the file that was published\n"
    assert result(ingest(store, "verify")) == (1, line, "")
    mended = ingest(store, "verify", "--repair")
    assert (mended.exit_code, mended.stdout) == (0, "generation 2, 2 films: everything agrees\n")
    assert mended.stderr == f"{line}generation 2 built and published, 0 texts embedded\n"
    assert result(ingest(store, "verify")) == (0, "generation 2, 2 films: everything agrees\n", "")


def test_repair_embeds_what_is_nowhere(store: Path) -> None:
    (store / "generations" / "0001" / "vectors.npy").write_bytes(b"noise")
    for path in store.glob("vectors.sqlite3*"):
        path.unlink()
    mended = ingest(store, "verify", "--repair")
    assert mended.exit_code == 0
    assert mended.stderr.splitlines()[-1] == "generation 2 built and published, 2 texts embedded"


def test_a_damaged_store_names_the_ways_back_and_each_works(store: Path, tmp_path: Path) -> None:
    films = str(tmp_path / "films.jsonl")
    assert ingest(store, "backup", str(tmp_path / "backup")).exit_code == 0
    ways = "run 'ingest rollback', 'ingest restore FOLDER', or 'ingest --file FILE --rebuild'\n"

    def damage() -> None:
        generation = Generations(store).in_force()
        generation.movies.write_bytes(b"noise" * 1000)
        for arguments in (["--file", films], ["verify", "--repair"]):
            answer = ingest(store, *arguments)
            assert answer.exit_code == 1
            assert answer.stderr.splitlines()[-1].startswith(f"ingest: {generation.movies}: is ")
            assert answer.stderr.endswith(ways)

    damage()
    assert ingest(store, "restore", str(tmp_path / "backup")).exit_code == 0
    damage()
    rebuilt = ingest(store, "--file", films, "--rebuild", "--json")
    assert (rebuilt.exit_code, json.loads(rebuilt.stdout)["embedded"]) == (0, 0)
    write(tmp_path, {"id": 1, "title": "Alien", "plot": "A ship."})
    assert ingest(store, "--file", films).exit_code == 0
    damage()
    assert result(ingest(store, "rollback")) == (0, "", "generation 3 with 2 films is in force again\n")
    assert result(ingest(store, "verify")) == (0, "generation 3, 2 films: everything agrees\n", "")


def test_repair_embeds_the_questions_that_the_cache_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLOTSEEK_EMBEDDING_MODEL", str(JINA_TINY))
    store = tmp_path / "store"
    films = [{"id": number, "title": f"Film {number}", "plot": "A ship."} for number in range(FEWEST)]
    assert ingest(store, "--file", write(tmp_path, *films)).exit_code == 0
    with closing(open_snapshot(store)) as snapshot:
        before = snapshot.moments.questions
    with closing(VectorCache(store / "vectors.sqlite3")) as cache, closing(open_snapshot(store)) as snapshot:
        texts = [text for kind in KINDS for text in example_questions()[kind]]
        cache.drop(snapshot.info.model, [question_digest(text) for text in texts])
    Generations(store).in_force().moments.write_bytes(b"noise")
    assert ingest(store, "verify", "--repair").exit_code == 0
    with closing(open_snapshot(store)) as snapshot:
        assert np.allclose(snapshot.moments.questions, before, atol=1e-6)
        assert len(before) == len(KINDS)


def test_rollback_says_where_there_is_nothing_to_go_back_to(store: Path) -> None:
    message = f"ingest: {store}: there is no older generation to go back to; 'ingest restore' takes a backup\n"
    assert result(ingest(store, "rollback")) == (1, "", message)


@pytest.mark.parametrize("whole", [True, False])
def test_a_file_whose_state_was_rolled_back_is_refused_until_it_changes(
    store: Path, tmp_path: Path, *, whole: bool
) -> None:
    films, more = str(tmp_path / "films.jsonl"), [] if whole else ["--no-prune"]
    write(tmp_path, {"id": 1, "title": "Alien", "plot": "Bad."}, {"id": 2, "title": "Jaws", "plot": "A shark."})
    assert ingest(store, "--file", films, *more).exit_code == 0
    assert result(ingest(store, "rollback"))[2] == "generation 1 with 2 films is in force again\n"
    line = f"{films}: says what was published of it and rolled back; nothing was read; mend it, or repeat with --again"
    for _ in range(2):
        assert result(ingest(store, "--file", films, *more)) == (3, "", f"ingest: {line}\n")
    shown = ingest(store, "status").stdout
    assert ("refused" in shown, line in shown) == (True, True)
    assert Generations(store).in_force().number == 1
    write(tmp_path, {"id": 1, "title": "Alien", "plot": "Good."}, {"id": 2, "title": "Jaws", "plot": "A shark."})
    assert ingest(store, "--file", films, *more).exit_code == 0
    assert ingest(store, "rollback").exit_code == 0
    assert ingest(store, "--file", films, *more).exit_code == 3
    assert ingest(store, "--file", films, *more, "--again").exit_code == 0
    assert ingest(store, "--file", films, *more).exit_code == 0
    assert Generations(store).in_force().number == 4


@pytest.mark.parametrize("damage", ["[[3, 1.5Z]]", "5", '{"a": 1}', "CAST(x'5bff5d' AS TEXT)"])
@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_a_flipped_bit_in_what_runs_note_ends_no_run(store: Path, tmp_path: Path, damage: str) -> None:
    films = str(tmp_path / "films.jsonl")
    value = damage if damage.startswith("CAST") else f"'{damage}'"
    write(tmp_path, {"id": 1, "title": "Alien", "plot": "Good."}, {"id": 2, "title": "Jaws", "plot": "A shark."})
    assert ingest(store, "--file", films).exit_code == 0
    with closing(sqlite3.connect(store / "history.sqlite3")) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO notes VALUES ('rolled back', ''), ('scheduler', '')")
        connection.execute(f"UPDATE notes SET value = {value}")  # noqa: S608
    assert ingest(store, "status").exit_code == 0
    assert ingest(store, "--file", films).exit_code == 0
    assert result(ingest(store, "rollback")) == (0, "", "generation 1 with 2 films is in force again\n")
    assert ingest(store, "--file", films).exit_code == 0  # what gave the one that was left is forgotten


def test_backup_and_restore(store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    assert result(ingest(store, "backup", str(folder))) == (0, "", f"{folder}: holds generation 1 with 2 films\n")
    restored = ingest(tmp_path / "new", "restore", str(folder))
    assert result(restored) == (0, "", f"generation 1 with 2 films is in force, from {folder}\n")
    assert ingest(tmp_path / "new", "verify").exit_code == 0


def test_a_backup_of_another_catalog_is_restored_only_if_told_to(store: Path, tmp_path: Path) -> None:
    folder, other = tmp_path / "backup", tmp_path / "other"
    assert ingest(store, "backup", str(folder)).exit_code == 0
    films = write(tmp_path, {"id": 9, "title": "Solaris", "plot": "A station."})
    assert ingest(other, films).exit_code == 0
    refused = ingest(other, "restore", str(folder))
    told = f"is a backup of another catalog than {other}; to put it in the place of that one, repeat with --replace"
    assert result(refused) == (1, "", f"ingest: {folder}: {told}\n")
    restored = ingest(other, "restore", str(folder), "--replace")
    assert result(restored) == (0, "", f"generation 2 with 2 films is in force, from {folder}\n")
    assert ingest(store, "restore", str(folder)).exit_code == 0


def test_an_export_goes_back_in_without_a_change(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    assert result(ingest(store, "export", str(path), "--vectors")) == (0, "", f"{path}: 2 films\n")
    lines = ingest(store, "export", "-").stdout.splitlines()
    assert json.loads(lines[0]) == {"id": "1", "title": "Alien", "plot": "A ship answers a call."}
    again = ingest(store, "--file", str(path), "--json")
    assert json.loads(again.stdout)["unchanged"] == 2
    assert json.loads(again.stdout)["published"] is False


@pytest.mark.parametrize("arguments", [["verify"], ["rollback"], ["backup", "b"], ["export", "-"]])
def test_without_a_catalog_one_line_says_what_to_run(tmp_path: Path, arguments: list[str]) -> None:
    answer = ingest(tmp_path / "store", *arguments)
    missing = "there is no catalog yet; run 'ingest movies.json' first, or name the settings of one with --config"
    line = f"ingest: {tmp_path / 'store'}: {missing}\n"
    assert result(answer) == (1, "", line)


def test_old_generations_are_removed_after_their_grace(store: Path, tmp_path: Path) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_text("sync: {grace: 0, keep_generations: 2}", encoding="utf-8")
    films = tmp_path / "films.jsonl"
    for number in range(3):
        write(tmp_path, *({"id": other, "title": "Alien", "plot": "A ship."} for other in range(number + 1)))
        assert ingest(store, "--file", str(films), "--allow-deletes", "--config", str(settings)).exit_code == 0
    assert [generation.number for generation in Generations(store).all()] == [3, 4]
