"""The service keeps to its OpenAPI document, whatever schemathesis makes up from it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.config import load_config
from ingest.run import Request, run
from query.http.auth import Role, make_key
from tests.support.service import service

pytestmark = pytest.mark.slow

#: Named by the examples of the document, so that they find something.
FILMS = [
    {"id": 1, "title": "Alien", "plot": "A ship answers a call, and gore follows.", "tmdb_id": 348, "year": 1979},
    {"id": 2, "title": "Das Boot", "plot": "A submarine crew is hunted.", "genres": ["War"], "runtime": 149},
    {"id": 3, "title": "Groundhog Day", "plot": "A man relives the same day.", "votes": 1000, "rating": 8.0},
    {"id": 4, "title": "Star Wars", "plot": "A farm boy fights an empire.", "keywords": ["space"]},
]
NOT_CHECKED = (
    "positive_data_acceptance",  # a schema cannot say that words or films must be given, nor what a filter is
    "ignored_auth",  # on loopback reading needs no key
)


def test_every_answer_is_as_the_document_says(tmp_path: Path) -> None:
    (tmp_path / "films.json").write_text(json.dumps(FILMS), encoding="utf-8")
    store = tmp_path / "store"
    config = load_config(None, {"PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": "bundled"})
    run(config, Request(str(tmp_path / "films.json")))
    key = make_key(tmp_path / "keys", "boss", Role.ADMIN)
    # Its list of refusals has no 413: the longest wrong body shall be read, and refused for what is wrong in it.
    with service(store, keys_file=tmp_path / "keys", max_body=2_000_000, rate_limit=0) as url:
        command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json", "--seed", "6"]
        command += ["--max-examples", "6", "--request-timeout", "60", "--header", f"X-API-Key: {key}"]
        command += ["--exclude-checks", ",".join(NOT_CHECKED), "--no-color"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
