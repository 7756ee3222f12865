"""Where rows come from: files, patterns, standard input, packed files, and every way in which they can be broken."""

import bz2
import gc
import gzip
import io
import json
import lzma
import sys
import warnings
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from catalog.errors import SourceError, UsageError
from ingest.readers.compression import Content, seekable
from ingest.readers.row import AnyRow, Row
from ingest.readers.source import open_rows

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FILMS = [
    {"id": number, "title": f"Film {number}", "plot": "Ein Schiff, ein Sturm, ein Geheimnis. " * number}
    for number in range(1, 9)
]
LINES = "".join(json.dumps(film) + "\n" for film in FILMS).encode()
ARRAY = json.dumps(FILMS).encode()


def read(location: Path | str, **options: str) -> list[AnyRow]:
    with open_rows(str(location), **options) as source:  # type: ignore[arg-type]
        return list(source)


def fields(rows: list[AnyRow]) -> list[object]:
    return [row.fields if isinstance(row, Row) else None for row in rows]


def zipped(data: bytes, name: str = "films.jsonl", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("__MACOSX/._" + name, b"clutter")
        archive.writestr(name, data)
    return packed.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
    "zip": zipped,
}


@pytest.mark.parametrize("data", [LINES, ARRAY])
@pytest.mark.parametrize("packer", PACKERS)
def test_packed_files_are_known_by_their_content(tmp_path: Path, packer: str, data: bytes) -> None:
    path = tmp_path / "films"
    path.write_bytes(PACKERS[packer](data))
    assert fields(read(path)) == FILMS


@pytest.mark.parametrize("packer", PACKERS)
def test_a_packed_file_that_is_cut_off_is_an_error(tmp_path: Path, packer: str) -> None:
    path = tmp_path / f"films.{packer}"
    packed = PACKERS[packer](ARRAY)
    for end in range(len(packed) // 3, len(packed), max(1, len(packed) // 20)):
        path.write_bytes(packed[:end])
        with pytest.raises(SourceError, match=f"^{path}.* cut off"):
            read(path)


def test_a_gzip_inside_a_zip_is_unpacked_as_well(tmp_path: Path) -> None:
    path = tmp_path / "films.zip"
    path.write_bytes(zipped(gzip.compress(LINES)))
    assert fields(read(path)) == FILMS


def test_what_grows_beyond_measure_is_refused_before_it_is_all_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "films.jsonl.gz"
    with gzip.open(bomb, "wb", compresslevel=9) as file:
        for _ in range(6):
            file.write(b'{"title": "A", "plot": "' + b"B" * (50 << 20) + b'"}\n')
    message = r"films\.jsonl\.gz: grows to more than 200 times its size when unpacked"
    with open_rows(str(bomb)) as source, pytest.raises(SourceError, match=message):
        list(source)


def test_a_copy_that_would_fill_the_disk_is_not_finished() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            self.given += len(buffer)
            return len(buffer)

    endless = Endless()
    content = Content(cast(BinaryIO, io.BufferedReader(endless)), b"", packed=True)
    with ExitStack() as stack, pytest.raises(SourceError, match=r"^films: a copy in .* more than the 5,000,000 bytes"):
        seekable(content, "films", stack, room=5_000_000)
    assert endless.given < 8_000_000


def test_standard_input_need_not_be_seekable() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    for data in (LINES, gzip.compress(LINES), zipped(LINES)):
        with open_rows("-", stdin=Pipe(data)) as source:
            assert source.bytes_total is None
            assert fields(list(source)) == FILMS


def test_a_pattern_reads_its_files_in_order_and_names_them(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(b'{"title": "B"}\n')
    (tmp_path / "a.json").write_bytes(b'[{"title": "A"}]')
    assert read(tmp_path / "*.json*") == [
        Row("a.json, item 1", {"title": "A"}),
        Row("b.jsonl, line 1", {"title": "B"}),
    ]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "films [1].json"
    path.write_bytes(ARRAY)
    assert len(read(path)) == 8


def test_progress_is_in_bytes_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "films.json.gz"
    path.write_bytes(gzip.compress(ARRAY))
    with open_rows(str(path)) as source:
        assert (source.bytes_read, source.bytes_total) == (0, path.stat().st_size)
        assert len(list(source)) == 8
        assert source.bytes_read == source.bytes_total


def test_what_was_peeked_at_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "films.json"
    path.write_bytes(ARRAY)
    with open_rows(str(path)) as source:
        assert len(source.peek(3)) == 3
        assert source.peek(2) == source.peek(3)[:2]
        assert len(source.peek()) == 8
        assert fields(list(source)) == FILMS


def test_leaving_early_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "films.jsonl.gz"
    path.write_bytes(gzip.compress(LINES))
    with warnings.catch_warnings(record=True) as unclosed:
        warnings.simplefilter("always")
        with open_rows(str(path)) as source:
            next(iter(source))
        with open_rows(str(path)) as source:
            source.peek(1)
        del source
        gc.collect()
    assert [str(warning.message) for warning in unclosed] == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "{path} is empty; nothing was read"),
        (b" \n\n ", "{path} is empty but for spaces"),
        (b"[]", "{path} holds no films; nothing was changed"),
        (b'{"results": []}', "{path} holds no films; nothing was changed"),
        (b"title,plot\n", "{path} holds no films; nothing was changed"),
        (b"<!DOCTYPE html><p>Log in</p>", "{path}: a web page or XML, not data"),
        (b"%PDF-1.7 ...", "{path}: a PDF, not data"),
        (b"SQLite format 3\0....", "{path}: an SQLite database, not data"),
        (bytes(range(256)) * 8, "{path}: not text in any known encoding"),
        (b"just a sentence", "{path}: neither JSON nor a table, it starts with 'just a sentence'"),
        (b"[1, 2, 3]", "{path}: its array holds no objects but, for one, a number"),
        (b'"title"', "{path}: neither JSON nor a table"),
    ],
)
def test_what_is_no_catalogue_is_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "films"
    path.write_bytes(content)
    with pytest.raises(SourceError) as refused:
        read(path)
    assert str(refused.value).startswith(message.format(path=path))


def test_a_missing_file_a_folder_and_a_pattern_without_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films.json").write_text("[]", encoding="utf-8")
    for location, told in {
        "nowhere.json": f"no such file: nowhere.json, seen from the folder {tmp_path}",
        "flims.json": f"no such file: flims.json, seen from the folder {tmp_path}; did you mean films.json?",
        f"{tmp_path}/film.json": f"no such file: {tmp_path}/film.json; did you mean {tmp_path}/films.json?",
        "gone/films.json": f"no such file: gone/films.json, seen from the folder {tmp_path}",
        "gone/*.json": f"no file matches gone/*.json, seen from the folder {tmp_path}",
    }.items():
        with pytest.raises(SourceError) as missing:
            read(location)
        assert str(missing.value) == told
    with pytest.raises(SourceError, match=f"^{tmp_path} is a folder; name a file, or a pattern such as"):
        read(tmp_path)
    with pytest.raises(SourceError, match=r"^no file matches .*\*\.jsonl$"):
        read(tmp_path / "*.jsonl")


def test_an_unknown_format_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match=r"^--format xml: unknown; allowed are json, jsonl, csv, tsv, parquet$"):
        read("films.json", format="xml")


def test_archives_with_several_files_and_office_documents(tmp_path: Path) -> None:
    path = tmp_path / "films.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.json", ARRAY)
        archive.writestr("b.json", ARRAY)
    with pytest.raises(SourceError, match=r"a zip with 2 files \(a\.json, b\.json\); one is expected"):
        read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "")
    with pytest.raises(SourceError, match="an office document, not data; save the table as CSV"):
        read(path)


def test_a_file_that_is_packed_without_end(tmp_path: Path) -> None:
    path = tmp_path / "films.gz"
    data = ARRAY
    for _ in range(5):
        data = gzip.compress(data)
    path.write_bytes(data)
    with pytest.raises(SourceError, match="packed more than 3 times"):
        read(path)


def test_encodings(tmp_path: Path) -> None:
    path = tmp_path / "films.jsonl"
    text = '{"title": "Das weiße Band", "plot": "Größe, Übermut – «née»"}\n'
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"):
        path.write_bytes(text.encode(encoding))
        assert fields(read(path)) == [json.loads(text)], encoding


def test_a_utf_16_file_that_ends_in_half_a_character(tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_bytes("title,plot\nA,B\n".encode("utf-16") + b"\x00")
    with pytest.raises(SourceError, match=r"not utf-16.* to its end"):
        read(path)


@pytest.mark.parametrize(
    "opening", ['{"result": {"movies": [\n', '{"jsonrpc": "2.0",\n"result": {"movies": [\n', "{\n"]
)
def test_an_object_with_a_film_in_each_line_is_one_object(opening: str, tmp_path: Path) -> None:
    path = tmp_path / "export"
    inside = "".join(f"{json.dumps(film)},\n" for film in FILMS[:-1]) + json.dumps(FILMS[-1])
    opening = opening if "movies" in opening else f'{opening}"result": {{"movies": [\n'
    path.write_text(f"{opening}{inside}\n]}}}}", encoding="utf-8")
    assert [row.fields for row in read(path) if isinstance(row, Row)] == FILMS
