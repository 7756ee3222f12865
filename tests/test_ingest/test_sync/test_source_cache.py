"""A source that did not change is not read again: an address costs one request, a file its digest."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from catalog.config import Config, load_config
from catalog.errors import DeletionsRefused, SourceRolledBack, StoreError, UsageError
from catalog.store.generations import Generations
from catalog.store.lock import writer_lock
from catalog.store.maintenance.verify import verify
from catalog.store.runs import History, RunOutcome
from ingest.report import Report
from ingest.run import Request, run
from ingest.sync.apply import Progress
from ingest.sync.source_cache import roll_back_origin, source_name
from tests.conftest import SEED

pytestmark = pytest.mark.slow


class Site:
    """A server of one file, which remembers how it was asked."""

    def __init__(self, films: list[dict[str, object]], *, validators: bool) -> None:
        self.films = films
        self.answers: list[int] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(site.films).encode()
                etag = f'"{len(site.films)}"'
                known = validators and self.headers.get("If-None-Match") == etag
                site.answers.append(304 if known else 200)
                self.send_response(site.answers[-1])
                if validators:
                    self.send_header("ETag", etag)
                self.send_header("Content-Length", "0" if known else str(len(body)))
                self.end_headers()
                if not known:
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://user:secret@127.0.0.1:{self.server.server_port}/films.json?key=hidden"


@contextmanager
def serving(*, validators: bool = True) -> Iterator[Site]:
    site = Site([dict(film) for film in SEED["movies"]], validators=validators)
    thread = Thread(target=site.server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        thread.join()
        site.server.server_close()


def config(store: Path, **variables: str) -> Config:
    chosen = {f"PLOTSEEK_{name.upper()}": value for name, value in variables.items()}
    return load_config(None, {"PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": "bundled", **chosen})


def outcomes(store: Path) -> list[RunOutcome | None]:
    with History.open(store) as history:
        return [run.outcome for run in reversed(history.last(99))]


def told(report: Report) -> tuple[int, int, int | None, bool]:
    return report.rows.read, report.films, report.generation, report.published


def test_an_unchanged_address_costs_one_request(tmp_path: Path) -> None:
    with serving() as site:
        assert told(run(config(tmp_path), Request(site.url))) == (6, 6, 1, True)
        said: list[str] = []
        assert told(run(config(tmp_path), Request(site.url), notify=said.append)) == (6, 6, 1, False)
        site.films[0]["plot"] = "Another story."
        site.films.append({"id": "new", "title": "Neu", "plot": "A new one."})
        assert told(run(config(tmp_path), Request(site.url))) == (7, 7, 2, True)
        assert told(run(config(tmp_path), Request(site.url))) == (7, 7, 2, False)
        assert site.answers == [200, 304, 200, 304]
        address = site.url.replace("user:secret@", "").replace("?key=hidden", "")
    assert outcomes(tmp_path) == [RunOutcome.OK, RunOutcome.UNCHANGED, RunOutcome.OK, RunOutcome.UNCHANGED]
    with History.open(tmp_path) as history:
        assert {past.location for past in history.last(9)} == {address}


def test_a_run_that_fails_after_it_published_is_known_to_a_rollback(tmp_path: Path) -> None:
    path, store = tmp_path / "films.json", tmp_path / "store"
    path.write_text(json.dumps(SEED["movies"]), encoding="utf-8")
    run(config(store), Request(str(path)))
    path.write_text(json.dumps(SEED["movies"][:-1]), encoding="utf-8")
    (store / "rows.json.gz.new").mkdir()  # where a file has to be written next
    with pytest.raises(StoreError, match="rows.json.gz.new: Is a directory"):
        run(config(store), Request(str(path)))
    with writer_lock(store), History.open(store) as history:
        assert Generations(store).roll_back(lambda left: roll_back_origin(history, left.edition)).number == 1
    with pytest.raises(SourceRolledBack):
        run(config(store), Request(str(path)))


@pytest.mark.parametrize("is_older", [True, False])
def test_vectors_of_an_earlier_version_are_checked_though_the_source_did_not_change(
    tmp_path: Path, *, is_older: bool
) -> None:
    path, store = tmp_path / "films.json", tmp_path / "store"
    path.write_text(json.dumps(SEED["movies"]), encoding="utf-8")
    run(config(store), Request(str(path)))
    if is_older:
        with closing(sqlite3.connect(store / "vectors.sqlite3")) as connection, connection:
            connection.execute("PRAGMA user_version = 0")
    else:
        generation = Generations(store).in_force()
        info = generation.info()
        vectors = np.load(generation.vectors)
        vectors[2, 5] = 1e30
        np.save(generation.vectors, vectors)
        Generations(store).publish(generation, info)
    assert run(config(store), Request(str(path))).published != is_older
    with closing(sqlite3.connect(store / "vectors.sqlite3")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert verify(store).differences == ()


def test_an_unchanged_file_is_told_by_its_bytes(tmp_path: Path) -> None:
    path, store = tmp_path / "films.jsonl", tmp_path / "store"
    lines = [json.dumps(film) for film in SEED["movies"]]
    path.write_text("\n".join([*lines, '{"title": "No plot"}']), encoding="utf-8")
    first = run(config(store), Request(str(path)))
    assert (first.rows.read, first.rows.added, first.rows.refused) == (7, 6, 1)
    path.touch()
    read: list[Progress] = []
    again = run(config(store), Request(str(path)), show=read.append)
    assert (again.rows.read, again.rows.unchanged, again.rows.refused) == (7, 6, 1)
    assert (again.embedded, again.published) == (0, False)
    assert again.refused_file == str(store / "refused.jsonl")
    assert "No plot" in (store / "refused.jsonl").read_text(encoding="utf-8")
    assert read == []
    path.write_text("\n".join(lines[:5] + [lines[5].replace("ghost", "ghoul")]), encoding="utf-8")
    changed = run(config(store), Request(str(path)), show=read.append)
    assert (changed.rows.read, changed.rows.unchanged + changed.rows.text_changed, changed.rows.refused) == (6, 6, 0)
    assert read != []


def test_an_unchanged_file_is_read_again_under_other_settings(tmp_path: Path) -> None:
    path, store = tmp_path / "films.json", tmp_path / "store"
    path.write_text(json.dumps(SEED["movies"]), encoding="utf-8")
    run(config(store), Request(str(path)))
    fields = config(store, catalog_fields="{title: plot, plot: title}")
    assert run(fields, Request(str(path))).rows.text_changed == 6


def test_a_server_without_validators_is_found_out_by_the_bytes(tmp_path: Path) -> None:
    with serving(validators=False) as site:
        assert told(run(config(tmp_path), Request(site.url))) == (6, 6, 1, True)
        assert told(run(config(tmp_path), Request(site.url))) == (6, 6, 1, False)
        assert site.answers == [200, 200]


def test_no_secret_of_an_address_is_stored(tmp_path: Path) -> None:
    with serving() as site:
        run(config(tmp_path), Request(site.url))
    connection = sqlite3.connect(tmp_path / "history.sqlite3")
    stored = repr([connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("runs", "notes")])  # noqa: S608
    connection.close()
    assert "films.json" in stored
    assert "secret" not in stored
    assert "hidden" not in stored


def test_only_a_whole_run_is_remembered(tmp_path: Path) -> None:
    with serving() as site:
        run(config(tmp_path), Request(site.url, limit=3))
        run(config(tmp_path), Request(site.url, prune=False))
        assert told(run(config(tmp_path), Request(site.url))) == (6, 6, 2, False)
        assert site.answers == [200, 200, 200]


def test_a_refused_run_is_not_remembered(tmp_path: Path) -> None:
    with serving() as site:
        more: list[dict[str, object]] = [
            {"id": f"more {number}", "title": f"Film {number}", "plot": "A ship."} for number in range(30)
        ]
        site.films += more
        run(config(tmp_path), Request(site.url))
        del site.films[6:]
        for _ in range(2):
            with pytest.raises(DeletionsRefused):
                run(config(tmp_path), Request(site.url))
        assert site.answers == [200, 200, 200]
    assert outcomes(tmp_path) == [RunOutcome.OK, RunOutcome.REFUSED, RunOutcome.REFUSED]


def test_the_address_is_read_again_when_the_catalog_is_another_one(tmp_path: Path) -> None:
    with serving() as site:
        run(config(tmp_path), Request(site.url))
        run(config(tmp_path, embedding_template="{title}: {plot}"), Request(site.url))
        run(config(tmp_path, embedding_template="{title}: {plot}"), Request(site.url, format="json"))
        run(config(tmp_path, embedding_template="{title}: {plot}"), Request(site.url, format="json", rebuild=True))
        assert site.answers == [200, 200, 200, 200]
        current = Generations(tmp_path).in_force()
        for path in current.chroma.rglob("*.bin"):
            path.write_bytes(b"")
        report = run(config(tmp_path, embedding_template="{title}: {plot}"), Request(site.url, format="json"))
        assert (report.rows.read, report.embedded, report.published) == (6, 0, True)
        shutil.rmtree(tmp_path / "generations")
        (tmp_path / "CURRENT").unlink()
        assert run(config(tmp_path), Request(site.url)).rows.added == 6


def test_names_of_sources() -> None:
    assert source_name("films?.json") == "films?.json"
    assert source_name("https://me:pass@films.example/all.json?token=1") == "https://films.example/all.json"
    with pytest.raises(UsageError, match="--file: is not an address"):
        source_name("http://[films")
