"""gzip, zip, zstd, bzip2 and xz -> the bytes inside, known by their first bytes and read as a stream."""

import io
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import ModuleType
from typing import IO, BinaryIO, cast

from catalog.errors import SourceError

HEAD = 1 << 18
"""Bytes that are looked at to tell what a file is."""
_LAYERS = 3
_LARGEST = 2 << 30
"""Bytes of a copy on disk: as many as may come from a web address."""
_SUSPECT = 256 << 20
_RATIO = 200
"""Catalogues shrink to a tenth or a twentieth; what grows by more, and beyond `_SUSPECT` bytes, is a bomb."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds, unpacked."""

    stream: BinaryIO
    """From its beginning."""
    head: bytes
    """Its first bytes, at most `HEAD`."""
    packed: bool
    """Whether it was compressed: going back in such a stream is slow."""


def unpack(stream: BinaryIO, name: str, stack: ExitStack, consumed: Callable[[], int]) -> Content:
    """Open what is compressed, layer by layer; what this opens is closed by `stack`.

    `consumed` says how many bytes of the file were read. Raises SourceError for an archive that holds not exactly one
    file, and while it is read for one that grows beyond measure; what is cut off shows then, too, as EOFError or the
    format's own error (`damage` lists them).
    """
    for layer in range(_LAYERS + 1):
        head, stream = _look(stream, back=layer == 0 and stream.seekable())
        opener = next((opener for magic, opener in _PACKED if head.startswith(magic)), None)
        if opener is None:
            if head[257:262] == b"ustar":
                raise SourceError(f"{name}: a tar archive; unpack it and name the file inside")
            return Content(stream, head, packed=layer > 0)
        stream = cast(BinaryIO, io.BufferedReader(_Bounded(opener(stream, name, stack), name, consumed), 1 << 18))
    raise SourceError(f"{name}: packed more than {_LAYERS} times; unpack it first")


def damage() -> tuple[type[Exception], ...]:
    """What reading a damaged or cut off compressed stream raises."""
    import lzma
    import zlib

    return (EOFError, zlib.error, zipfile.BadZipFile, lzma.LZMAError, _zstd().ZstdError)


def seekable(content: Content, name: str, stack: ExitStack, room: int | None = None) -> BinaryIO:
    """The content as a file in which one can go back and forth: itself, or a temporary copy on disk.

    Raises SourceError for a copy of more than `room` bytes: by default 2 GiB, or half of what is free there.
    """
    if content.stream.seekable() and not content.packed:
        return content.stream
    return _spooled(content.stream, name, stack, room)


def _look(stream: BinaryIO, *, back: bool) -> tuple[bytes, BinaryIO]:
    """The first bytes, and the stream at its beginning again: by going back, which in a packed one would be slow."""
    start = stream.tell() if back else None
    head = b""
    while len(head) < HEAD and (piece := stream.read(HEAD - len(head))):
        head += piece
    if start is None:
        return head, cast(BinaryIO, io.BufferedReader(_Again(head, stream), 1 << 18))
    stream.seek(start)
    return head, stream


class _Again(io.RawIOBase):
    """A stream that cannot go back, with the bytes that were taken from it put in front again."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._head[: len(buffer)] or memoryview(self._rest.read(len(buffer)))
        self._head = self._head[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


class _Bounded(io.RawIOBase):
    """What comes out of a packed file, as long as it is in proportion to what went in."""

    def __init__(self, unpacked: BinaryIO, name: str, consumed: Callable[[], int]) -> None:
        self._unpacked = unpacked
        self._name = name
        self._consumed = consumed
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._unpacked.read(len(buffer))
        buffer[: len(piece)] = piece
        self._size += len(piece)
        if self._size > max(_SUSPECT, _RATIO * self._consumed()):
            raise SourceError(
                f"{self._name}: grows to more than {_RATIO} times its size when unpacked, which no catalogue does;"
                " unpack it yourself if it is one"
            )
        return len(piece)


def _spooled(stream: BinaryIO, name: str, stack: ExitStack, room: int | None = None) -> BinaryIO:
    most = min(_LARGEST, shutil.disk_usage(tempfile.gettempdir()).free // 2) if room is None else room
    copy = stack.enter_context(tempfile.TemporaryFile(prefix="plotseek-"))  # noqa: SIM115 - closed by the stack
    while piece := stream.read(1 << 20):
        copy.write(piece)
        if copy.tell() > most:
            raise SourceError(
                f"{name}: a copy in {tempfile.gettempdir()} would take more than the {most:,} bytes allowed there;"
                " unpack it first"
            )
    copy.seek(0)
    return cast(BinaryIO, copy)


def _buffered(unpacked: io.BufferedIOBase | IO[bytes], stack: ExitStack) -> BinaryIO:
    stack.callback(unpacked.close)
    return cast(BinaryIO, unpacked)


def _gzip(stream: BinaryIO, _name: str, stack: ExitStack) -> BinaryIO:
    import gzip

    return _buffered(gzip.GzipFile(fileobj=stream), stack)


def _bz2(stream: BinaryIO, _name: str, stack: ExitStack) -> BinaryIO:
    import bz2

    return _buffered(bz2.BZ2File(stream), stack)


def _xz(stream: BinaryIO, _name: str, stack: ExitStack) -> BinaryIO:
    import lzma

    return _buffered(lzma.LZMAFile(stream), stack)


def _zst(stream: BinaryIO, _name: str, stack: ExitStack) -> BinaryIO:
    return _buffered(_zstd().ZstdFile(stream), stack)


def _zip(stream: BinaryIO, name: str, stack: ExitStack) -> BinaryIO:
    """The one file of a zip; folders and what macOS adds do not count."""
    file = stream if stream.seekable() else _spooled(stream, name, stack)
    try:
        archive = stack.enter_context(zipfile.ZipFile(file))
    except zipfile.BadZipFile as error:
        raise SourceError(f"{name} is cut off or damaged: {error}; get the whole file again") from None
    inside = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_clutter(entry.filename)]
    names = ", ".join(entry.filename for entry in inside[:5])
    if "[Content_Types].xml" in archive.namelist():
        raise SourceError(f"{name}: an office document, not data; save the table as CSV")
    if len(inside) != 1:
        raise SourceError(f"{name}: a zip with {len(inside)} files ({names or 'none'}); one is expected, so unpack it")
    try:
        return _buffered(archive.open(inside[0]), stack)
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or an unusual compression
        raise SourceError(f"{name}: {inside[0].filename} inside cannot be read: {error}") from None


def _is_clutter(filename: str) -> bool:
    return filename.startswith("__MACOSX/") or filename.rsplit("/", 1)[-1] in {".DS_Store", "Thumbs.db"}


def _zstd() -> ModuleType:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


_Opener = Callable[[BinaryIO, str, ExitStack], BinaryIO]
_PACKED: tuple[tuple[bytes, _Opener], ...] = (
    (b"\x1f\x8b", _gzip),
    (b"PK\x03\x04", _zip),
    (b"PK\x05\x06", _zip),
    (b"\x28\xb5\x2f\xfd", _zst),
    (b"BZh", _bz2),
    (b"\xfd7zXZ\x00", _xz),
)
