"""Messages that speak of options of the commands, in words of Python."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from catalog.errors import PlotseekError

_COMMAND = re.compile(r"'ingest (?:--file )?(?P<file>FILE|movies\.json)(?P<flags>(?: --[a-z]+(?:-[a-z]+)*)*)'")
_FLAG = re.compile(r"'ingest [^']*'|'query[^']*'|--(?P<name>[a-z]+(?:-[a-z]+)*)(?: (?P<value>[A-Z]+\b))?")
_SETTING = re.compile(r"in the settings, (catalog\.fields\.\w+)")
_ELSEWHERE = "name the settings of one with --config"


def in_python(message: str, options: Mapping[str, object]) -> str:
    """`--allow-deletes` as `allow_deletes=True`, `'ingest FILE --rebuild'` as `ingest(FILE, rebuild=True)`.

    `options` are those there are, and the types of their values. What only a command can do stays one.
    """

    def option(found: re.Match[str]) -> str:
        name, negated = (found["name"] or "").replace("-", "_"), False
        if name not in options:
            name, negated = name.removeprefix("no_"), True
        if name not in options:
            return found[0]
        is_flag = options[name] in (bool, bool | None)
        return f"{name}={not negated if is_flag else found['value'] or '...'}"

    def command(found: re.Match[str]) -> str:
        file = "FILE" if found["file"] == "FILE" else f'"{found["file"]}"'
        return f"ingest({', '.join([file, *_FLAG.sub(option, found['flags']).split()])})"

    said = _COMMAND.sub(command, message.replace(_ELSEWHERE, "open the folder of one: Plotseek(PATH)"))
    return _SETTING.sub(r"with Plotseek(settings={'\1': COLUMN})", _FLAG.sub(option, said))


@contextmanager
def speaking_python(options: Mapping[str, object]) -> Iterator[None]:
    """Let what is raised here speak of these options of Python."""
    try:
        yield
    except PlotseekError as error:
        error.args = (in_python(str(error), options), *error.args[1:])
        raise
