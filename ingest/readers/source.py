"""Where a catalogue comes from: a file, a pattern, standard input or a web address -> rows, as a stream."""

import glob
import io
import os
import re
import select
import stat
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, cast

from catalog.errors import SourceError, UsageError
from ingest.readers.compression import damage, unpack
from ingest.readers.formats import FORMATS, read_rows
from ingest.readers.row import AnyRow, Row, UnreadableRow
from ingest.readers.waiting import LOOK, Stop, never, raise_if

STDIN = "-"
_ADDRESS = re.compile(r"(?:[a-z]+\+)?https?://", re.IGNORECASE)


def is_url(location: str) -> bool:
    """Whether the location is an http(s) address rather than a path."""
    return location.lower().startswith(("http://", "https://"))


def is_address(location: str) -> bool:
    """Whether the location is an address of any kind, of a media server as well: `jellyfin+http://...`."""
    return _ADDRESS.match(location) is not None


@contextmanager
def open_rows(
    location: str,
    *,
    format: str | None = None,  # noqa: A002 - as the command calls it
    name: str | None = None,
    stdin: BinaryIO | None = None,
    stop: Stop = never,
) -> Iterator["Source"]:
    """Open a location for one pass over its rows.

    `location` is a path, a pattern ("exports/*.jsonl", read in the order of the names), "-" or an http(s) address
    (fetched into a temporary file; see `download` to ask for it only when it changed). `format` is one of FORMATS, by
    default told by the content; `name` stands in messages in place of the location; `stop` is asked while standard
    input or a server is waited for.

    Raises UsageError for an unknown format, SourceError for what is not there, Stopped. Iterating raises SourceError
    for what turns out not to be a whole catalogue: take no row as the file's last word before the iteration has ended.
    """
    check_format(format)
    with ExitStack() as stack:
        if location == STDIN:
            source = Source(name or "standard input", format, stream=stdin or _standard_input(stop))
        elif is_url(location):
            from ingest.readers.download import download_folder, fetch

            folder = Path(stack.enter_context(download_folder()))
            fetched = fetch(location, folder / "download", stop=stop)
            source = Source(name or fetched.name, format, paths=[fetched.path])
        else:
            source = Source(name or location, format, paths=local_paths(location))
        stack.callback(source.close)
        yield source


def check_format(format: str | None) -> None:  # noqa: A002 - as the command calls it
    """Raise UsageError for a format that is not one of FORMATS."""
    if format is not None and format not in FORMATS:
        raise UsageError(f"--format {format}: unknown; allowed are {', '.join(FORMATS)}")


class Source:
    """The rows of an open location, to be iterated once, and how far the reading is."""

    def __init__(
        self, name: str, kind: str | None, *, paths: list[Path] | None = None, stream: BinaryIO | None = None
    ) -> None:
        self.name = name
        self.bytes_read = 0
        """Of the files as they lie there, packed or not."""
        self.bytes_total = sum(path.stat().st_size for path in paths) if paths else None
        """None where the end is not known (standard input)."""
        self._kind = kind
        self._paths = paths or []
        self._stream = stream
        self._rows = self._read()
        self._ahead: list[AnyRow] = []

    def __iter__(self) -> Iterator[AnyRow]:
        return chain(self._ahead, self._rows)

    def peek(self, count: int = 1000) -> list[AnyRow]:
        """The first rows, which the iteration, not yet begun, will give again."""
        self._ahead.extend(islice(self._rows, max(0, count - len(self._ahead))))
        return self._ahead[:count]

    def close(self) -> None:
        """Close what is open, also in the middle of the iteration."""
        self._rows.close()

    def _read(self) -> Generator[AnyRow]:
        if self._stream is not None:
            yield from self._read_stream(self._stream, self.name)
        for path in self._paths:
            with open_file(path) as raw:
                if len(self._paths) == 1:
                    yield from self._read_stream(raw, self.name)
                else:
                    yield from (_placed(row, path.name) for row in self._read_stream(raw, str(path)))

    def _read_stream(self, raw: BinaryIO, name: str) -> Iterator[AnyRow]:
        """The rows of one file, whatever damages it told as a SourceError."""
        with ExitStack() as stack:
            counter = _Counted(raw, self)
            counted = io.BufferedReader(counter, 1 << 18)
            stack.callback(counted.detach)
            try:
                content = unpack(cast(BinaryIO, counted), name, stack, lambda: counter.count)
                rows = read_rows(content, name, self._kind, stack)
                first = next(rows, None)
                if first is None:
                    raise SourceError(f"{name} holds no films; nothing was changed")
                yield first
                yield from rows
            except damage() as error:
                raise SourceError(f"{name} is cut off or damaged: {error}; get the whole file again") from None
            except UnicodeDecodeError as error:
                raise SourceError(f"{name}: not {error.encoding} to its end: {error.reason}; get it again") from None
            except OSError as error:
                raise SourceError(f"{name} cannot be read: {error.strerror or error}") from None


class _Counted(io.RawIOBase):
    """A file that tells the source how much of it was read; closing it leaves the file open."""

    def __init__(self, raw: BinaryIO, source: Source) -> None:
        self._raw = raw
        self._source = source
        self.count = 0
        """Bytes that were read, those twice that were read again."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._raw.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._raw.read(len(buffer))
        buffer[: len(piece)] = piece
        self.count += len(piece)
        read = self._source.bytes_read + len(piece)
        self._source.bytes_read = min(read, self._source.bytes_total or read)
        return len(piece)


class _Patient(io.RawIOBase):
    """A pipe of which nothing is asked before there is something: a read that waits cannot be interrupted."""

    def __init__(self, descriptor: int, stop: Stop) -> None:
        self._descriptor = descriptor
        self._stop = stop

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not select.select([self._descriptor], [], [], LOOK)[0]:
            raise_if(self._stop)
        return os.readv(self._descriptor, [buffer])


def _standard_input(stop: Stop) -> BinaryIO:
    try:
        descriptor = sys.stdin.buffer.fileno()
    except io.UnsupportedOperation:
        return sys.stdin.buffer  # a program's own, which has everything
    if sys.platform == "win32" or stat.S_ISREG(os.fstat(descriptor).st_mode):
        return sys.stdin.buffer
    return cast(BinaryIO, _Patient(descriptor, stop))


def check_there(location: str) -> None:
    """Raise SourceError for local files that are not there, before anything is made for their sake."""
    if location != STDIN and not is_address(location):
        local_paths(location)


def local_paths(location: str) -> list[Path]:
    """The files that a path or a pattern names; a path that is there is no pattern. Raises SourceError."""
    path = Path(location)
    if "://" in location and not path.exists():
        raise SourceError(f"{location}: only http and https addresses can be read")
    if path.is_dir():
        raise SourceError(f"{location} is a folder; name a file, or a pattern such as {path / '*.json'}")
    found = [found for found in matching_paths(location) if path.exists() or found.is_file()]
    if not found:
        raise SourceError(_not_found(location))
    return found


def _not_found(location: str) -> str:
    """What was looked for where, and what is there that may be meant."""
    path = Path(location)
    looked = "" if path.is_absolute() else f", seen from the folder {Path.cwd()}"
    if glob.has_magic(location):
        return f"no file matches {location}{looked}"
    beside = [each.name for each in path.parent.iterdir() if each.is_file()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, beside, n=1)
    meant = f"; did you mean {path.parent / near[0]}?" if near else ""
    return f"no such file: {location}{looked}{meant}"


def matching_paths(location: str) -> list[Path]:
    """What a path or a pattern names, in the order of the names; a path that is there is no pattern."""
    if Path(location).exists():
        return [Path(location)]
    return [Path(name) for name in sorted(glob.glob(location, recursive=True))]  # noqa: PTH207 - takes absolute ones


def open_file(path: Path) -> BinaryIO:
    """The file, for reading bytes; raises SourceError."""
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None


def _placed(row: AnyRow, file: str) -> AnyRow:
    place = f"{file}, {row.place}"
    return Row(place, row.fields) if isinstance(row, Row) else UnreadableRow(place, row.reason)
