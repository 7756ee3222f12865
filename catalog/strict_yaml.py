"""YAML as settings need it: each key once, nothing shared, and every fault one line."""

from pathlib import Path
from typing import Any

from catalog.errors import ConfigError


def read_yaml(path: Path) -> dict[str, Any]:
    """The table that a file holds, empty for an empty file. Raises ConfigError, one line that names the file."""
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold sections such as 'store:', not a {type(values).__name__}")
    return values


def parse_yaml(text: str) -> Any:
    """The plain value that a text stands for.

    Raises ConfigError for what is not YAML, for a key that stands twice (YAML would take the last one), and for
    aliases: nine lines of them stand for a billion values.
    """
    import yaml

    class StrictLoader(yaml.SafeLoader):
        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            if self.check_event(yaml.AliasEvent):
                event = self.get_event()  # type: ignore[no-untyped-call]
                raise ConfigError(f"line {event.start_mark.line + 1}: aliases (*{event.anchor}) are not read")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise ConfigError(f"line {key.start_mark.line + 1}: {key.value} is written twice")
                seen.add(key.value if isinstance(key, yaml.ScalarNode) else key)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, StrictLoader)  # noqa: S506  a SafeLoader
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or a number that cannot be
        raise ConfigError(f"is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError("is nested too deeply") from None
