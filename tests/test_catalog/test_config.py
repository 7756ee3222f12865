"""Settings: file, then variables; every mistake is one line that says what is allowed."""

import json
from pathlib import Path

import pytest

from catalog.config import Config, EmbeddingConfig, StoreConfig, load_config, setting_names, variable_name
from catalog.errors import ConfigError

BOMB = "a0: &a0 [9, 9, 9, 9, 9, 9, 9, 9, 9]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
PROJECT = Path(__file__).parents[2]


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_config_yaml_says_every_default() -> None:
    import yaml

    text = (PROJECT / "config.yaml").read_text(encoding="utf-8")
    settings = load_config(PROJECT / "config.yaml", {})
    assert settings.embedding == EmbeddingConfig()
    assert settings == Config(store=StoreConfig(path=PROJECT / "data"))
    written = yaml.safe_load(text)
    for name in setting_names(Config):
        value = written
        for part in name.split("."):
            value = value[part]


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(None, {}) == Config()


def test_paths_in_the_file_start_at_its_folder_and_in_variables_here(tmp_path: Path) -> None:
    path = write(tmp_path, "store: {path: films}")
    assert load_config(path, {}).store.path == tmp_path / "films"
    assert load_config(path, {"PLOTSEEK_STORE_PATH": "elsewhere"}).store.path == Path("elsewhere")


def test_a_source_is_a_path_like_others_or_an_address(tmp_path: Path) -> None:
    def source(text: str) -> str | None:
        return load_config(write(tmp_path, f"server: {{source: {text}}}"), {}).server.source

    assert source("exports/*.jsonl") == str(tmp_path / "exports" / "*.jsonl")
    assert source("/srv/films.json") == "/srv/films.json"
    assert source("https://films.example.org/all.json") == "https://films.example.org/all.json"
    assert source("") is None


@pytest.mark.parametrize("network", ["localhost", "10.0.0.5/8", "*"])
def test_a_proxy_is_an_address_or_a_network(tmp_path: Path, network: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.proxies: .*is no address such as 10\.0\.0\.5, and no network"):
        load_config(write(tmp_path, f'server: {{proxies: ["{network}"]}}'), {})


@pytest.mark.parametrize(
    "origin",
    ["localhost:3000", "http://localhost:3000/", "https://a.example/page", "https://A.example", "https://a.example:443"]
    + ["http://", "http://a b", "http://user@a.example", ""],
)
def test_an_origin_that_no_browser_says_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"server\.cors_origins: .*'{origin}' is no origin as browsers say it: https://"
    ):
        load_config(write(tmp_path, f'server: {{cors_origins: ["https://good.example", "{origin}"]}}'), {})


@pytest.mark.parametrize("name", ["https://a.example", "a.example:80", "a.example/", "*", ""])
def test_a_name_that_no_host_header_holds_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.names: .* is no host name; one is written films\.example\.org"):
        load_config(write(tmp_path, f'server: {{names: ["{name}"]}}'), {})


def test_origins_and_names_as_they_are_written(tmp_path: Path) -> None:
    origins = ("http://localhost:3000", "https://a-b.example", "http://[::1]:8080", "app://films", "null", "*")
    written = {"PLOTSEEK_SERVER_CORS_ORIGINS": "[http://localhost:3000, https://b.example]"}
    server = f"server: {{cors_origins: {json.dumps(origins)}, names: [Films.example.org, '[fd00::1]', '10.0.0.5']}}"
    assert load_config(write(tmp_path, server), {}).server.cors_origins == origins
    assert load_config(write(tmp_path, server), written).server.cors_origins[1] == "https://b.example"


def test_variables_override_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "search: {limit: 5}\nembedding: {model: some/model}")
    settings = load_config(path, {"PLOTSEEK_SEARCH_LIMIT": "7", "HOME": "/root"})
    assert (settings.search.limit, settings.embedding.model) == (7, "some/model")


def test_one_text_stands_for_a_list_of_one(tmp_path: Path) -> None:
    path = write(tmp_path, "embedding: {remote: {url: http://one}}")
    assert load_config(path, {}).embedding.remote.url == ("http://one",)
    several = {"PLOTSEEK_EMBEDDING_REMOTE_URL": "[http://one, http://two]"}
    assert load_config(path, several).embedding.remote.url == ("http://one", "http://two")
    assert load_config(path, {"PLOTSEEK_EMBEDDING_REMOTE_URL": ""}).embedding.remote.url == ()


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "# nothing\nstore:\n"), {}) == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stoer: {}", r"settings.yaml: unknown key stoer; allowed are store, catalog, embedding, "),
        ("store: {pat: x}", r"settings.yaml: unknown key store.pat; allowed are path"),
        ("search: {limit: ten}", r"settings.yaml: search.limit: 'ten' is not a whole number$"),
        ("search: {limit: true}", r"settings.yaml: search.limit: True is not a whole number$"),
        ("search: {limit: 0}", r"settings.yaml: search.limit: 0 is impossible: allowed is 1 or more$"),
        ("sync: {batch: 9999}", r"settings.yaml: sync.batch: 9999 is impossible: allowed is 5000 or less$"),
        ("sync: {max_delete: many}", r"settings.yaml: sync.max_delete: 'many' is not a number$"),
        ("store: {path: }", r"settings.yaml: store.path: None is not a path$"),
        ("store: 5", r"settings.yaml: store must hold settings, not 5$"),
        ("embedding: {fallback: no}", r"embedding.fallback: False is not text$"),
        ("embedding: {fallback: maybe}", r"'maybe' is impossible: allowed are bundled, none$"),
        ("embedding: {template: '{plto}'}", r"embedding.template: .* unknown field \{plto\}; allowed are id, title"),
        ("[1, 2]", r"settings.yaml: must hold sections such as 'store:', not a list$"),
        ("store: [", r"settings.yaml: is not YAML: "),
        ("sync: {grace: .nan}", r"settings.yaml: sync.grace: nan is not a number$"),
        ("sync: {grace: .inf}", r"settings.yaml: sync.grace: inf is not a number$"),
        ("sync: {max_delete: 1" + 400 * "0" + "}", r"settings.yaml: sync.max_delete: 10+\.\.\. is not a number$"),
        ("search: {limit: 1" + 5000 * "0" + "}", r"settings.yaml: is not YAML: "),
        ("store: 2026-13-45", r"settings.yaml: is not YAML: month must be in 1..12$"),
        ("search:\n  limit: 5\n  limit: 7", r"settings.yaml: line 3: limit is written twice$"),
        ("search: {}\nstore: {}\nsearch: {}", r"settings.yaml: line 3: search is written twice$"),
        ("[" * 5000, r"settings.yaml: is nested too deeply$"),
        (BOMB, r"settings.yaml: line 2: aliases \(\*a0\) are not read$"),
        (
            "embedding: {remote: {start_timeout: 9}}",
            r"start_timeout is called embedding.remote.request_wait now$",
        ),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(write(tmp_path, text), {})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "PLOTSEEK_SEARCH_LIMITS",
            "5",
            r"unknown variable PLOTSEEK_SEARCH_LIMITS; did you mean PLOTSEEK_SEARCH_LIMIT\?",
        ),
        ("PLOTSEEK_SERVER_PROT", "5", r"unknown variable PLOTSEEK_SERVER_PROT; did you mean PLOTSEEK_SERVER_PORT\?"),
        ("PLOTSEEK_XYZ", "5", r"unknown variable PLOTSEEK_XYZ; PLOTSEEK_STORE_PATH stands for store.path"),
        ("PLOTSEEK_SEARCH_LIMIT", "five", r"environment: PLOTSEEK_SEARCH_LIMIT: 'five' is not a whole number$"),
        ("PLOTSEEK_SYNC_GRACE", ".nan", r"environment: PLOTSEEK_SYNC_GRACE: nan is not a number$"),
        ("PLOTSEEK_EMBEDDING_REMOTE_START_TIMEOUT", "9", r"is called PLOTSEEK_EMBEDDING_REMOTE_REQUEST_WAIT now$"),
        (
            "PLOTSEEK_SERVER_NAMES",
            "a.example, b.example",
            r"NAMES: 'a.example, b.example' is one text; a list is written \[a.example, b.example\], with",
        ),
        ("PLOTSEEK_SEARCH_LIMIT", "-1", r"environment: PLOTSEEK_SEARCH_LIMIT: -1 is impossible: allowed is 1 or more"),
    ],
)
def test_a_wrong_variable_is_one_line(tmp_path: Path, name: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(write(tmp_path, ""), {name: value})


def test_a_missing_file_that_was_named_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing.yaml: there is no such file$"):
        load_config(tmp_path / "nothing.yaml", {})


def test_every_setting_has_a_variable() -> None:
    assert variable_name("store.path") == "PLOTSEEK_STORE_PATH"
    names = [variable_name(key) for key in setting_names(Config)]
    assert len(set(names)) == len(names)
