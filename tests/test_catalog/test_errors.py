"""What a scheduler may try again soon, and what waits."""

import errno
import os
from pathlib import Path

import pytest

from catalog.errors import PASSING, ChromaRefused, ChromaUnreachable, DiskFull, StoreError, UsageError
from catalog.store.chroma.server import ChromaServer
from catalog.store.files import disk_errors


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EACCES, StoreError)]
)
def test_a_full_disk_may_be_emptied(number: int, kind: type[StoreError]) -> None:
    with pytest.raises(StoreError) as failed, disk_errors(Path("data")):
        raise OSError(number, os.strerror(number))
    assert type(failed.value) is kind
    assert failed.value.exit_code == (PASSING if kind is DiskFull else 1)


@pytest.mark.parametrize(("status", "kind"), [(503, ChromaUnreachable), (401, ChromaRefused)])
def test_a_server_that_is_busy_may_answer_later_one_that_refuses_will_not(
    status: int, kind: type[ChromaUnreachable]
) -> None:
    import httpx

    request = httpx.Request("GET", "http://chroma")
    with pytest.raises(ChromaUnreachable) as failed, ChromaServer("http://chroma:8000").reached():
        httpx.Response(status, request=request).raise_for_status()
    assert type(failed.value) is kind
    assert failed.value.exit_code == (PASSING if status == 503 else 1)


def test_a_notebook_shows_the_line_that_is_wrong_and_not_ours(tmp_path: Path) -> None:
    cell = tmp_path / "cell.py"
    cell.write_text("from catalog.movie import check_source\ncheck_source('a b')\n", encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        exec(compile(cell.read_text(encoding="utf-8"), str(cell), "exec"))  # noqa: S102
    shown = [line for part in refused.value._render_traceback_() for line in part.splitlines()]
    assert shown == [
        f'  File "{cell}", line 2, in <module>',
        "    check_source('a b')",
        "UsageError: source 'a b': allowed are letters, digits, - and _, 40 at most",
    ]
