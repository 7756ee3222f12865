"""Several sources fill one catalog, and none touches what another brought."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from catalog.config import Config, load_config
from catalog.errors import DeletionsRefused, UsageError
from catalog.movie import check_source
from catalog.store.generations import Generations
from catalog.store.maintenance.backup import back_up, restore
from catalog.store.maintenance.verify import verify
from catalog.store.movies import Movies
from catalog.store.runs import History, RunOutcome
from catalog.store.sqlite import connect
from ingest.cli import main
from ingest.report import Report
from ingest.run import Request, run
from ingest.status import gather
from ingest.sync.dry_run import dry_run

pytestmark = pytest.mark.slow


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A new catalog's settings; nothing may be deleted without a word."""
    return load_config(
        None,
        {
            "PLOTSEEK_STORE_PATH": str(tmp_path / "store"),
            "PLOTSEEK_EMBEDDING_MODEL": "bundled",
            "PLOTSEEK_SYNC_MIN_DELETE": "1",
        },
    )


def written(path: Path, ids: str) -> str:
    """A file of films with these one-letter ids."""
    films = [{"id": name, "title": f"Film {name}", "plot": f"Somebody {name} waits."} for name in ids]
    path.write_text(json.dumps(films), encoding="utf-8")
    return str(path)


def holdings(store: Path) -> dict[str, str]:
    """The source of every film, by id."""
    with closing(Movies.open(Generations(store).in_force().movies)) as movies:
        return {entry.movie.id: entry.source for part in movies.entries() for entry in part}


def counts(report: Report) -> Sequence[int]:
    rows = report.rows
    return rows.added, rows.metadata_changed, rows.unchanged, rows.deleted, rows.refused


def test_each_source_plans_prunes_and_is_guarded_by_itself(config: Config, tmp_path: Path) -> None:
    store = config.store.path
    run(config, Request(written(tmp_path / "main.json", "abcd")))
    shelf = Request(written(tmp_path / "shelf.json", "xyz"), source="shelf")
    assert counts(run(config, shelf)) == (3, 0, 0, 0, 0)
    assert holdings(store) == {**dict.fromkeys("abcd", "main"), **dict.fromkeys("xyz", "shelf")}

    # What a source gave is known, whatever another one published since.
    assert run(config, Request(str(tmp_path / "main.json"))).published is False
    with History.open(store) as history:
        assert history.last(1)[0].outcome is RunOutcome.UNCHANGED

    written(tmp_path / "shelf.json", "xy")
    assert counts(run(config, shelf)) == (0, 0, 2, 1, 0)
    assert "".join(holdings(store)) == "abcdxy"
    written(tmp_path / "shelf.json", "n")
    with pytest.raises(DeletionsRefused, match="^2 of 2 films of source 'shelf' are missing from the file"):
        run(config, shelf)
    preview = dry_run(config, shelf)
    assert (preview.rows.deleted, preview.deletions_refused is not None) == (2, True)
    assert "".join(holdings(store)) == "abcdxy"
    assert verify(store).differences == ()


def test_a_film_of_another_source_is_refused_by_name_or_moved(config: Config, tmp_path: Path) -> None:
    store = config.store.path
    run(config, Request(written(tmp_path / "main.json", "ab")))
    shelf = Request(written(tmp_path / "shelf.json", "bc"), source="shelf")
    refused = run(config, shelf)
    assert counts(refused) == (1, 0, 0, 0, 1)
    assert refused.refusals == (
        "item 1: field 'id': 'b' is the id of 'Film b', a film of source 'main'; --take-over replaces that one",
    )
    assert refused.refused_file == str(store / "refused-shelf.jsonl")
    assert not (store / "refused.jsonl").exists()
    assert dry_run(config, shelf).refusals == refused.refusals
    assert holdings(store) == {"a": "main", "b": "main", "c": "shelf"}

    moving = Request(shelf.location, source="shelf", take_over=True)
    assert counts(run(config, moving)) == (0, 1, 1, 0, 0)
    assert holdings(store) == {"a": "main", "b": "shelf", "c": "shelf"}

    # The source that lost it reads its file again, though that is what it was, and deletes nothing.
    back = run(config, Request(str(tmp_path / "main.json")))
    assert (counts(back), back.published) == ((0, 0, 1, 0, 1), False)
    run(config, Request(written(tmp_path / "shelf.json", "c"), source="shelf"))
    assert counts(run(config, Request(str(tmp_path / "main.json")))) == (1, 0, 1, 0, 0)
    assert holdings(store) == {"a": "main", "c": "shelf", "b": "main"}
    assert verify(store).differences == ()


def test_a_catalog_from_before_belongs_to_main_and_is_not_embedded_again(config: Config, tmp_path: Path) -> None:
    store = config.store.path
    run(config, Request(written(tmp_path / "main.json", "ab")))
    forget_sources(store)
    assert holdings(store) == {"a": "main", "b": "main"}
    report = run(config, Request(written(tmp_path / "shelf.json", "bc"), source="shelf"))
    assert (counts(report), report.embedded) == ((1, 0, 0, 0, 1), 1)
    assert holdings(store) == {"a": "main", "b": "main", "c": "shelf"}
    # Nor is what it had read before forgotten.
    assert run(config, Request(str(tmp_path / "main.json"))).published is False
    with closing(connect(store / "history.sqlite3")) as history:
        history.execute("ALTER TABLE runs DROP COLUMN source_name")
    assert [source.name for source in gather(store).sources] == ["main", "shelf"]


def test_a_catalog_that_is_built_anew_keeps_what_others_brought(config: Config, tmp_path: Path) -> None:
    run(config, Request(written(tmp_path / "main.json", "ab")))
    run(config, Request(written(tmp_path / "shelf.json", "xy"), source="shelf"))
    other = replace(config, embedding=replace(config.embedding, template="{plot}"))
    rebuilt = run(other, Request(written(tmp_path / "main.json", "a"), rebuild=True))
    assert (rebuilt.films, rebuilt.rows.deleted, rebuilt.embedded) == (3, 1, 3)
    assert holdings(config.store.path) == {"a": "main", "x": "shelf", "y": "shelf"}
    assert run(other, Request(str(tmp_path / "shelf.json"), source="shelf")).published is False


def forget_sources(store: Path) -> None:
    """Make of a catalog one that knows of no sources, as earlier versions wrote it."""
    generation = Generations(store).in_force()
    with closing(sqlite3.connect(generation.movies)) as movies, movies:
        movies.execute("ALTER TABLE movies DROP COLUMN source")
        movies.execute("DROP TABLE sources")
    Generations(store).publish(generation, generation.info())


def test_status_tells_of_each_source(config: Config, tmp_path: Path) -> None:
    store = config.store.path
    run(config, Request(written(tmp_path / "main.json", "ab")))
    for name, outcome in (("shelf", RunOutcome.UNCHANGED), ("shlef", RunOutcome.FAILED)):
        with History.open(store) as history, history.recording(f"http://{name}", name) as recording:
            recording.outcome = outcome
    found = gather(store)
    # What was mistyped once is no source.
    assert [(source.name, source.films) for source in found.sources] == [("main", 2), ("shelf", 0)]
    assert found.lines(UTC)[3].startswith("source main: 2 films, last good run 20")
    assert found.lines(UTC)[4].startswith("source shelf: 0 films, last good run 20")
    now, day = datetime.now(UTC), timedelta(days=1)
    assert found.too_old(day, now) is None
    assert found.too_old(day, now, "other") == "source other: no run has ended well yet"
    environment = {"PLOTSEEK_STORE_PATH": str(store)}
    shown = CliRunner(env=environment).invoke(main, ["status", "--max-age", "1d", "--source", "shlef"])
    assert (shown.exit_code, shown.stderr) == (1, "ingest: source shlef: no run has ended well yet\n")
    unasked = CliRunner(env=environment).invoke(main, ["status", "--source", "shelf"])
    assert unasked.exit_code == 2


def test_rollback_and_restore_stand_in_the_history(config: Config, tmp_path: Path) -> None:
    store = config.store.path
    run(config, Request(written(tmp_path / "main.json", "ab")))
    back_up(store, tmp_path / "backup")
    run(config, Request(written(tmp_path / "main.json", "abc")))
    rolled = CliRunner(env={"PLOTSEEK_STORE_PATH": str(store)}).invoke(main, ["rollback"])
    assert rolled.exit_code == 0
    restore(tmp_path / "backup", store)
    with History.open(store) as history:
        restored, back, *_ = history.last(4)
        good = history.last_good()
    assert (back.location, back.source, back.outcome) == ("ingest rollback", "", "rolled back")
    assert (back.reason, back.counts) == ("generation 1 is in force again", {"films": 2})
    assert (restored.location, restored.outcome) == (f"ingest restore {tmp_path / 'backup'}", "restored")
    assert restored.reason == "generation 3 is in force"
    assert good is not None
    assert good.number < back.number
    # For a health check the films are as good as read; after a rollback they are not.
    (source,) = gather(store).sources
    assert (source.restored, source.last_good) == (True, restored.ended)
    assert gather(store).lines(UTC)[3].startswith("source main: 2 films, restored 20")
    assert CliRunner(env={"PLOTSEEK_STORE_PATH": str(store)}).invoke(main, ["rollback"]).exit_code == 0
    assert gather(store).sources[0].restored is False


@pytest.mark.parametrize("name", ["", "two words", "../up", "ä", "x" * 41])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="allowed are letters, digits, - and _, 40 at most"):
        check_source(name)
