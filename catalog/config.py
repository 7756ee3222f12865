"""Every setting, read once: config.yaml, then PLOTSEEK_SECTION_KEY variables, into frozen dataclasses.

The defaults here and the ones written in config.yaml are the same; a test compares them.
"""

import os
import re
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from ipaddress import ip_network
from math import isfinite
from numbers import Integral, Real
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from catalog.errors import ConfigError
from catalog.movie import check_template
from catalog.printable import brief
from catalog.strict_yaml import parse_yaml, read_yaml

PREFIX = "PLOTSEEK"
DEFAULT_FILE = Path("config.yaml")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value may be, besides its type."""

    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    check: Callable[[Any], object] | None = None

    def refusal(self, value: Any) -> str | None:
        """What is allowed, if `value` is not."""
        if self.choices and value not in self.choices:
            return "allowed are " + ", ".join(self.choices)
        if self.minimum is not None and value < self.minimum:
            return f"allowed is {self.minimum:g} or more"
        if self.maximum is not None and value > self.maximum:
            return f"allowed is {self.maximum:g} or less"
        if self.check is not None:
            try:
                self.check(value)
            except (ConfigError, ValueError) as error:
                return str(error)
        return None


def _setting(default: T, **limits: Any) -> T:
    return field(default=default, metadata={"limits": Limits(**limits)})


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ConfigError("allowed is http:// or https://, a host, and a port")
    if parts.username or parts.password or parts.query:
        raise ConfigError(f"secrets do not belong in it; set {PREFIX}_STORE_TOKEN or store.headers")


def _check_urls(urls: tuple[str, ...]) -> None:
    for url in urls:
        _check_url(url)


def _check_headers(headers: Mapping[str, Any]) -> None:
    if not all(isinstance(variable, str) and re.fullmatch(r"[A-Za-z_]\w*", variable) for variable in headers.values()):
        raise ConfigError("allowed are names of variables that hold the headers' values")


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Where the catalog lies, and its vector index, if that is on a Chroma server."""

    path: Path = Path("data")
    journal: Path | None = None
    """Where changes over HTTP wait, if not in `path`: then a scheduler brings them in."""
    url: tuple[str, ...] = _setting((), check=_check_urls)
    """Each server has a shard of the index; one that is named twice has two."""
    cloud: bool = False
    tenant: str = ""
    database: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict, metadata={"limits": Limits(check=_check_headers)})
    """Header -> the variable that holds its value."""
    certificates: Path | None = None
    timeout: float = _setting(300.0, minimum=0.1, maximum=86400)
    query_timeout: float = _setting(1.0, minimum=0.05, maximum=3600)


def _check_columns(fields: Mapping[str, Any]) -> None:
    for name, columns in fields.items():
        names = columns if isinstance(columns, list) else [columns]
        if not names or not all(isinstance(column, str) and column for column in names):
            raise ConfigError(f"{name} must name a column, or a list of columns")


@dataclass(frozen=True, slots=True)
class CatalogConfig:
    """Where the fields of a film come from."""

    fields: Mapping[str, Any] = field(default_factory=dict, metadata={"limits": Limits(check=_check_columns)})
    """Field -> a column's name or a list of them."""


@dataclass(frozen=True, slots=True)
class RemoteConfig:
    """The endpoint that embeds, where `embedding.provider` is remote, or several that share the work."""

    url: tuple[str, ...] = ()
    kind: str = _setting("huggingface", choices=("huggingface", "tei", "openai"))
    timeout: float = _setting(60.0, minimum=0.1, maximum=3600)
    request_wait: float = _setting(600.0, minimum=0, maximum=86400)
    run_wait: float = _setting(3600.0, minimum=0, maximum=604800)
    in_flight: int = _setting(4, minimum=1, maximum=256)


@dataclass(frozen=True, slots=True)
class EmbeddingConfig:
    """Which model turns texts into vectors, and how."""

    provider: str = _setting("local", choices=("local", "remote"))
    model: str = _setting("jinaai/jina-embeddings-v2-base-de")
    revision: str = _setting("main")
    fallback: str = _setting("bundled", choices=("bundled", "none"))
    template: str = _setting("{title} {plot}", check=check_template)
    max_tokens: int = _setting(2048, minimum=16, maximum=8192)
    precision: str = _setting("auto", choices=("auto", "float32", "bfloat16"))
    device: str = _setting("auto", choices=("auto", "cpu", "cuda"))
    remote: RemoteConfig = field(default_factory=RemoteConfig)


@dataclass(frozen=True, slots=True)
class SyncConfig:
    """How a run changes the catalog."""

    batch: int = _setting(1024, minimum=1, maximum=5000)
    max_delete: float = _setting(0.1, minimum=0, maximum=1)
    min_delete: int = _setting(20, minimum=0)
    rebuild_after: float = _setting(0.5, minimum=0, maximum=1)
    keep_generations: int = _setting(2, minimum=1, maximum=1000)
    grace: float = _setting(300.0, minimum=0)
    fetch_timeout: float = _setting(3600.0, minimum=1, maximum=604800)
    headers: Mapping[str, Any] = field(default_factory=dict, metadata={"limits": Limits(check=_check_headers)})
    check: tuple[str, ...] = ()
    """A program and its arguments."""


def _check_timezone(name: str) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # a folder of the zone database is an OSError
        raise ConfigError("allowed are names such as UTC or Europe/Berlin") from None


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """When a scheduler runs."""

    timezone: str = _setting("UTC", check=_check_timezone)
    jitter: float = _setting(0.0, minimum=0, maximum=86400)
    settle: float = _setting(5.0, minimum=0, maximum=86400)


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """How results are found."""

    limit: int = _setting(10, minimum=1, maximum=1000)
    popularity: float = _setting(1.0, minimum=-2, maximum=2)
    diversity: float = _setting(0.0, minimum=0, maximum=1)
    min_confidence: float = _setting(0.1, minimum=0, maximum=1)


_HOST = r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])"
_ORIGIN = re.compile(rf"[a-z][a-z0-9+.-]*://{_HOST}(?::\d+)?|null|\*")


def _check_origins(origins: tuple[str, ...]) -> None:
    """Refuse what no browser says of a page."""
    for origin in origins:
        usual = {"http": ":80", "https": ":443"}.get(origin.partition("://")[0])
        if not _ORIGIN.fullmatch(origin) or (usual and origin.endswith(usual)):
            raise ConfigError(
                f"{origin!r} is no origin as browsers say it: https://films.example.org or http://localhost:3000,"
                " in small letters, without a path or a / behind it, and without the port that is usual"
            )


def _check_names(names: tuple[str, ...]) -> None:
    """Refuse what is in no Host header once its port is gone."""
    for name in names:
        if not re.fullmatch(_HOST, name.lower()):
            raise ConfigError(f"{name!r} is no host name; one is written films.example.org, without http:// and port")


def _check_networks(networks: tuple[str, ...]) -> None:
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            raise ConfigError(
                f"{network!r} is no address such as 10.0.0.5, and no network such as 10.0.0.0/8"
            ) from None


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How the service listens and protects itself."""

    host: str = "127.0.0.1"
    port: int = _setting(8080, minimum=0, maximum=65535)
    names: tuple[str, ...] = _setting((), check=_check_names)
    keys_file: Path | None = None
    require_key: str = _setting("auto", choices=("auto", "always", "never"))
    source: str | None = field(default=None, metadata={"location": True})
    """A path, a pattern or an address."""
    cors_origins: tuple[str, ...] = _setting((), check=_check_origins)
    proxies: tuple[str, ...] = _setting(("127.0.0.1", "::1"), check=_check_networks)
    trusted_networks: tuple[str, ...] = _setting((), check=_check_networks)
    rate_limit: float = _setting(20.0, minimum=0, maximum=1e6)
    burst: int = _setting(60, minimum=1, maximum=1_000_000)
    parallel: int = _setting(32, minimum=1, maximum=1_000_000)
    deadline: float = _setting(10.0, minimum=0.01, maximum=3600)
    threads: int = _setting(4, minimum=1, maximum=256)
    queue: int = _setting(64, minimum=1, maximum=100_000)
    cache_mb: int = _setting(16, minimum=0, maximum=1_000_000)
    max_query_length: int = _setting(1000, minimum=1, maximum=1_000_000)
    max_body: int = _setting(262_144, minimum=1024, maximum=100_000_000)
    stale_after: float = _setting(600.0, minimum=0, maximum=1e9)
    drain: int = _setting(20, minimum=0, maximum=3600)
    log_queries: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, one dataclass a section."""

    store: StoreConfig = field(default_factory=StoreConfig)
    catalog: CatalogConfig = field(default_factory=CatalogConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    sync: SyncConfig = field(default_factory=SyncConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    server: ServerConfig = field(default_factory=ServerConfig)


def load_config(path: Path | None, environment: Mapping[str, str]) -> Config:
    """Read the settings.

    `path` is the file to read; None reads `config.yaml` in the working directory if there is one.
    Relative paths in the file start at the file's folder, those in variables at the working directory.
    Raises ConfigError, one line that names file, key, value and what is allowed.
    """
    if path is None and not DEFAULT_FILE.exists():
        values: dict[str, Any] = {}
    else:
        values = read_yaml(path or DEFAULT_FILE)
    source = str(path or DEFAULT_FILE)
    folder = (path or DEFAULT_FILE).parent
    config = _build(Config, values, source, "", folder)
    overrides = _from_environment(environment)
    return cast(Config, _override(config, overrides))


def _build(kind: type[T], values: Any, source: str, prefix: str, folder: Path) -> T:
    """A section from plain YAML values."""
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: {prefix.rstrip('.')} must hold settings, not {values!r}")
    hints = get_type_hints(kind)
    _refuse_unknown(values, hints, source, prefix)
    built: dict[str, Any] = {}
    for item in fields(cast(Any, kind)):
        if item.name not in values:
            continue
        key, value, hint = f"{prefix}{item.name}", values[item.name], hints[item.name]
        if is_dataclass(hint):
            built[item.name] = _build(cast(type[Any], hint), {} if value is None else value, source, f"{key}.", folder)
        else:
            made = _checked(value, hint, item.metadata, f"{source}: {key}")
            if isinstance(made, Path):
                made = folder / made
            elif made and item.metadata.get("location") and "://" not in made:
                made = str(folder / made)
            built[item.name] = made
    return kind(**built)


#: Keys of earlier versions, and what they are called now.
RENAMED = {
    "search.least_confidence": "search.min_confidence",
    "embedding.remote.start_timeout": "embedding.remote.request_wait",
}


def _refuse_unknown(values: Mapping[Any, Any], known: Mapping[str, Any], source: str, prefix: str) -> None:
    for name in values:
        if now := RENAMED.get(f"{prefix}{name}"):
            raise ConfigError(f"{source}: {prefix}{name} is called {now} now")
        if name not in known:
            raise ConfigError(f"{source}: unknown key {prefix}{name}; allowed are {', '.join(known)}")


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(f"{PREFIX}_")}


def header_values(
    headers: Mapping[str, str], setting: str, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Headers with the values of the variables that a setting names; raises ConfigError for one that is not set."""
    for header, variable in headers.items():
        if variable not in environment:
            raise ConfigError(f"{setting}: {header} is to hold the variable {variable}, which is not set")
    return {header: environment[variable] for header, variable in headers.items()}


#: Variables that are read elsewhere: the file's own place, and secrets, which no file may hold.
OTHER_VARIABLES = (
    f"{PREFIX}_CONFIG",
    f"{PREFIX}_EMBEDDING_TOKEN",
    f"{PREFIX}_STORE_TOKEN",
    f"{PREFIX}_API_KEY",
    f"{PREFIX}_SOURCE_KEY",
)


def _override(config: Config, variables: Mapping[str, str]) -> Any:
    known = {variable_name(key): key for key in setting_names(Config)}
    renamed = {variable_name(before): variable_name(now) for before, now in RENAMED.items()}
    for name in variables:
        if name in renamed:
            raise ConfigError(f"environment: {name} is called {renamed[name]} now")
        if name not in known and name not in OTHER_VARIABLES:
            names = [known_name.removeprefix(PREFIX) for known_name in (*known, *OTHER_VARIABLES)]
            near = get_close_matches(name.removeprefix(PREFIX), names, 1)
            meant = f"did you mean {PREFIX}{near[0]}?" if near else f"{PREFIX}_STORE_PATH stands for store.path"
            raise ConfigError(f"environment: unknown variable {name}; {meant}")
    given = {known[name]: text for name, text in variables.items() if name in known}
    return _replace(config, given, "", lambda key: f"environment: {variable_name(key)}")


def with_settings(config: Config, settings: Mapping[str, object]) -> Config:
    """`config`, but for settings that a program gives: `{"search.limit": 5, "catalog.fields.plot": "told"}`.

    A text stands for what it would in a variable. Raises ConfigError.
    """
    if not isinstance(settings, Mapping):
        raise ConfigError(f"settings: {brief(settings)} is not a dict such as {{'embedding.model': 'bundled'}}")
    kinds = setting_kinds(Config)
    given: dict[str, Any] = {}
    for name, value in sorted(settings.items(), key=str):
        table, _, entry = str(name).rpartition(".")
        if name in kinds:
            given[name] = _as_read(value)
        elif get_origin(kinds.get(table)) is Mapping:
            given[table] = {**(given.get(table) or attrgetter(table)(config)), entry: _as_read(value)}
        else:
            raise _unknown_setting(str(name), kinds)
    return cast(Config, _replace(config, given, "", str))


def _unknown_setting(name: str, known: Iterable[str]) -> ConfigError:
    if now := RENAMED.get(name):
        return ConfigError(f"{name} is called {now} now")
    near = get_close_matches(name, known, 3)
    meant = f"did you mean {' or '.join(map(repr, near))}?" if near else "config.yaml lists all"
    return ConfigError(f"unknown setting {brief(name)}; {meant}")


def _as_read(value: object) -> object:
    """As a file of settings would say it."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {name: _as_read(each) for name, each in value.items()}
    return list(map(_as_read, value)) if isinstance(value, list | tuple) else value


def _replace(section: Any, given: Mapping[str, object], prefix: str, called: Callable[[str], str]) -> Any:
    """A section with the values `given` by the names of settings; `called` tells what a wrong one is called."""
    hints = get_type_hints(type(section))
    changed: dict[str, Any] = {}
    for item in fields(section):
        key, hint = f"{prefix}{item.name}", hints[item.name]
        if is_dataclass(hint):
            changed[item.name] = _replace(getattr(section, item.name), given, f"{key}.", called)
        elif key in given:
            value = given[key]
            value = _from_text(value, hint) if isinstance(value, str) else value
            changed[item.name] = _checked(value, hint, item.metadata, called(key))
        else:
            changed[item.name] = getattr(section, item.name)
    return type(section)(**changed)


def setting_names(kind: type[Any]) -> list[str]:
    """Every setting as `section.key`, in order."""
    return list(setting_kinds(kind))


def setting_kinds(kind: type[Any], prefix: str = "") -> dict[str, Any]:
    """Every setting as `section.key`, in order, with its type."""
    kinds: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        key = f"{prefix}{name}"
        kinds |= setting_kinds(cast(type[Any], hint), f"{key}.") if is_dataclass(hint) else {key: hint}
    return kinds


def variable_name(key: str) -> str:
    """`store.path` -> `PLOTSEEK_STORE_PATH`."""
    return f"{PREFIX}_{key.replace('.', '_').upper()}"


def _from_text(text: str, hint: Any) -> Any:
    """The YAML value that the text of a variable stands for; text stays text where text is wanted."""
    if _plain(hint) in (str, Path) or not text:
        return text if text or not _optional(hint) else None
    try:
        return parse_yaml(text)
    except ConfigError:
        return text  # which is not what is wanted, and named where that is said


def _checked(value: Any, hint: Any, metadata: Mapping[str, Any], where: str) -> Any:
    try:
        return fitting(value, hint, metadata.get("limits"))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def fitting(value: Any, hint: Any, limits: Limits | None = None) -> Any:
    """The value in the hinted type; raises ValueError that says what is wrong with it."""
    if get_origin(_plain(hint)) is tuple and isinstance(value, str) and "," in value:
        written = ", ".join(part.strip() for part in value.split(","))
        raise ValueError(f"{value!r} is one text; a list is written [{written}], with its brackets")
    converted = _convert(value, hint)
    if converted is _WRONG:
        raise ValueError(f"{brief(value)} is not {_described(hint)}")
    if converted is not None and limits is not None and (refusal := limits.refusal(converted)):
        raise ValueError(f"{brief(value)} is impossible: {refusal}")
    return converted


_WRONG = object()


def _optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _plain(hint: Any) -> Any:
    """`int | None` -> `int`; other hints as they are."""
    return next(arm for arm in get_args(hint) if arm is not type(None)) if _optional(hint) else hint


def _convert(value: Any, hint: Any) -> Any:
    """The value in the hinted type, or _WRONG. Nothing is guessed: 1 is no text, "yes" is no bool."""
    kind = _plain(hint)
    if value is None:
        return None if _optional(hint) else _WRONG
    if kind is Path:
        return _path(os.fspath(value)) if isinstance(value, str | os.PathLike) and value != "" else _WRONG
    if kind is float:
        return _number(value)
    if kind is int:
        return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else _WRONG
    if get_origin(kind) is tuple:
        values = [part for part in [value] if part] if isinstance(value, str) else value  # one text is a list of one
        whole = isinstance(values, list) and all(isinstance(part, str) for part in values)
        return tuple(values) if whole else _WRONG
    if get_origin(kind) is Mapping:
        return dict(value) if isinstance(value, Mapping) and all(isinstance(name, str) for name in value) else _WRONG
    return value if isinstance(value, kind) else _WRONG


def _number(value: Any) -> Any:
    if not isinstance(value, Real) or isinstance(value, bool):
        return _WRONG
    try:
        number = float(value)
    except OverflowError:  # a whole number beyond all others
        return _WRONG
    return number if isfinite(number) else _WRONG


def _path(text: str) -> Any:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no user whose folder it could be in
        return _WRONG


def _described(hint: Any) -> str:
    kind = _plain(hint)
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}
    wanted = names.get(kind) or ("a list of texts" if get_origin(kind) is tuple else "a table of settings")
    return f"{wanted} or nothing" if _optional(hint) else wanted
