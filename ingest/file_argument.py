"""`ingest FILE` beside `ingest COMMAND`: what is no command is a file."""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

import click


class FileOrCommand(click.Group):
    """A group whose first word may be a FILE, as if it stood behind `--file`; `./status` is a file, `status` none."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `--file` before what is no command. Raises click's UsageError for a second file."""
        while (at := self._file_in(ctx, args)) is not None:
            before, file = args[:at], args[at]
            before = before[:-1] if before[-1:] == ["--"] else before
            args = [*before, f"--file={file}", *args[at + 1 :]]
        return super().parse_args(ctx, args)

    def _file_in(self, ctx: click.Context, args: list[str]) -> int | None:
        """Where the first word stands that is neither an option nor a command."""
        try:
            given, rest, _ = self.make_parser(ctx).parse_args(list(args))
        except click.UsageError:
            return None  # said by whoever parses next
        if not rest or rest[0] in self.commands:
            return None
        if (other := given.get("location")) is not None:
            raise click.UsageError(
                f"one FILE at a time, not {other} and {rest[0]}; several are a pattern in quotes", ctx
            )
        if meant := _nearly_command(rest[0], self.commands):
            raise click.UsageError(f"no file and no command is called {rest[0]!r}; did you mean {meant!r}?", ctx)
        return len(args) - len(rest)


def _nearly_command(word: str, commands: Collection[str]) -> str | None:
    """The command that a word without a file is a slip of."""
    near = get_close_matches(word, commands, 1)
    return near[0] if near and not Path(word).exists() else None
