"""`ingest --from`: the films of a media server, beside those of files."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ingest.cli import main as ingest
from tests.support.media_servers import KEY, media_server


def run(store: Path, *arguments: str, key: str = KEY) -> Result:
    return CliRunner(env={"PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_SOURCE_KEY": key}).invoke(ingest, arguments)


@pytest.mark.slow
def test_a_server_beside_a_file(tmp_path: Path, seed_file: Path) -> None:
    store = tmp_path / "store"
    assert run(store, str(seed_file)).exit_code == 0
    with media_server("jellyfin", 30) as running:
        asked = ("--from", "jellyfin", "--url", running.url, "--json")
        planned = json.loads(run(store, *asked, "--dry-run").stdout)
        assert (planned["read"], planned["added"], planned["deleted"]) == (30, 30, 0)
        first = json.loads(run(store, *asked).stdout)
        assert (first["added"], first["deleted"], first["films"]) == (30, 0, 36)
        again = json.loads(run(store, *asked).stdout)
        assert (again["unchanged"], again["published"], again["films"]) == (30, False, 36)
        del running.films[0]
        fewer = json.loads(run(store, *asked).stdout)
        assert (fewer["deleted"], fewer["films"]) == (1, 35)
        running.cut = True
        cut = run(store, *asked)
        assert (cut.exit_code, cut.stdout) == (75, "")
        assert cut.stderr == f"ingest: jellyfin at {running.url}: its answer is cut off; nothing was changed\n"
        status = json.loads(run(store, "status", "--json").stdout)
    assert {source["name"]: source["films"] for source in status["sources"]} == {"main": 6, "jellyfin": 29}
    kept = b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())
    assert KEY.encode() not in kept


def test_the_settings_columns_are_those_of_files_and_a_location_says_the_same(tmp_path: Path) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_text("catalog: {fields: {plot: Inhalt, title: Name}}\n", encoding="utf-8")
    with media_server("plex", 1) as running:
        arguments = ("--from", "plex", "--url", running.url, "--config", str(settings))
        assert run(tmp_path / "store", *arguments).exit_code == 0
        same = json.loads(run(tmp_path / "store", f"plex+{running.url}/", "--config", str(settings), "--json").stdout)
    assert (same["unchanged"], same["published"]) == (1, False)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--from", "plex"], "--from plex needs its address: --url http://nas:8096"),
        (["--from", "plex", "--url", "nas:32400"], "--url nas:32400: does not begin with http:// or https://"),
        (["--from", "plex", "--url", "http://"], "--url: is not an address: it names no host"),
        (["--url", "http://nas"], "--url belongs to --from jellyfin | plex | radarr"),
        (["--wanted", "films.json"], "--wanted belongs to --from jellyfin | plex | radarr"),
        (["--from", "plex", "--url", "http://nas", "--wanted"], "--wanted belongs to --from radarr"),
        (["--from", "plex", "--url", "http://nas", "films.json"], "--from plex reads a server, not films.json"),
        (["--from", "plex", "--url", "http://nas", "--format", "csv"],
         "--format is for files, not for a media server"),
        (["--from", "plex", "--url", "http://nas", "--watch"],
         "--watch looks at files; for an address take --every, which asks whether it changed"),
    ],
)  # fmt: skip
def test_what_is_said_wrongly(tmp_path: Path, arguments: list[str], told: str) -> None:
    result = run(tmp_path, *arguments)
    assert (result.exit_code, result.stderr) == (2, f"ingest: {told}\n")


def test_a_server_that_is_away_is_told_without_the_systems_numbers(tmp_path: Path) -> None:
    result = run(tmp_path / "store", "--from", "plex", "--url", "http://127.0.0.1:9")
    assert (result.exit_code, result.stderr.count("Errno")) == (75, 0)
    assert result.stderr.endswith("cannot be fetched: Connection refused\n")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("schedule", [[], ["--cron", "0 3 * * *"]])
def test_without_a_key(tmp_path: Path, schedule: list[str]) -> None:
    result = run(tmp_path, "--from", "radarr", "--url", "http://127.0.0.1:9", *schedule, key="")
    assert (result.exit_code, result.stderr) == (
        2, "ingest: radarr at http://127.0.0.1:9: set PLOTSEEK_SOURCE_KEY to its key\n",
    )  # fmt: skip


def test_headers_of_an_address_come_from_the_environment(tmp_path: Path) -> None:
    settings = tmp_path / "config.yaml"
    settings.write_text("sync: {headers: {X-Api-Key: MY_KEY}}\n", encoding="utf-8")
    with media_server("radarr", 3) as running:
        address = f"{running.url}/api/v3/movie"
        result = run(tmp_path / "store", address, "--config", str(settings))
        assert result.stderr == "ingest: sync.headers: X-Api-Key is to hold the variable MY_KEY, which is not set\n"
        environment = {"PLOTSEEK_STORE_PATH": str(tmp_path / "store"), "MY_KEY": KEY}
        done = CliRunner(env=environment).invoke(ingest, [address, "--config", str(settings), "--json"])
    assert json.loads(done.stdout)["added"] == 3
