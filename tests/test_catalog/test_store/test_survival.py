"""Kills, full disks, two writers and readers all through it: real processes, real files."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from catalog.errors import PASSING, CatalogLocked, StoreError
from catalog.store.generations import Generations
from catalog.store.maintenance.backup import back_up
from catalog.store.maintenance.verify import verify
from catalog.store.snapshot import open_snapshot
from catalog.store.writer import open_writer
from tests.support import survivor
from tests.support.chroma import server
from tests.test_catalog.test_store.test_catalog import in_folder

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("place")]

COUNT = 200


def assert_whole(root: Path, version: int, count: int = COUNT) -> None:
    """The catalog holds exactly that version, and everything in it agrees."""
    found = verify(root, server=server())
    assert (found.films, found.differences) == (count, ())
    with closing(open_snapshot(root, server())) as snapshot:
        assert set(snapshot.movies.ids()) == {film.id for film in survivor.films(count, version)}


@in_folder
def test_a_killed_run_loses_nothing_and_the_next_one_completes(tmp_path: Path) -> None:
    root = tmp_path / "store"
    survivor.write(root, COUNT, 0)
    for version in range(1, 7):
        before = survivor.read_twice(root)
        process = survivor.start("write", root, COUNT, version, 0.05, *(["rebuild"] if version % 3 == 0 else []))
        if version % 2:
            survivor.kill_at_random(process, 1.0)
        else:
            survivor.kill_at_rewrite(process, root)
        assert survivor.lost(root) == 0
        survivor.write(root, COUNT, version)
        assert survivor.read_twice(root) - before <= survivor.BATCH
        assert_whole(root, version)


def test_readers_see_one_generation_at_a_time_and_every_one_at_once(tmp_path: Path) -> None:
    root, stop = tmp_path / "store", tmp_path / "stop"
    survivor.write(root, COUNT, 0)
    reader = survivor.start("read", root, COUNT, stop)
    survivor.release(reader)
    once = survivor.start("ask", root, COUNT)
    published: dict[int, float] = {1: time.time()}
    for version in range(1, 9):
        outcome = survivor.write(root, COUNT, version, rebuild=version == 6)
        assert outcome.generation is not None
        published[outcome.generation] = (root / "CURRENT").stat().st_mtime
        Generations(root, server()).drop_old(2, 1.0)
        if version == 3:
            survivor.kill_at_rewrite(survivor.start("write", root, COUNT, version + 1, 0.0), root)
    survivor.release(once)
    assert once.communicate()[1] == ""
    assert once.returncode == 0
    time.sleep(0.5)
    stop.touch()
    output, errors = reader.communicate()
    assert (reader.returncode, errors) == (0, "")
    seen = dict(json.loads(line) for line in output.splitlines())
    assert max(seen) == max(published)
    late = [moment - published[number] for number, moment in seen.items() if number > min(seen)]
    assert max(late) < 2.0
    assert_whole(root, 8)


def test_of_two_writers_one_is_refused_by_name_and_nothing_is_lost(tmp_path: Path) -> None:
    root = tmp_path / "store"
    survivor.write(root, COUNT, 0)
    for version in range(1, 21):
        if version == 10:  # once between processes
            other = survivor.start("write", root, COUNT, version, 0.1)
            survivor.release(other)
            while not (root / "LOCK.holder").exists():
                time.sleep(0.001)
            with pytest.raises(CatalogLocked, match=rf"being written by process {other.pid}, since "):
                survivor.write(root, COUNT, version)
            assert other.communicate()[1] == ""
        else:
            with open_writer(root, server()), pytest.raises(CatalogLocked, match=rf"process {os.getpid()}, since "):
                survivor.write(root, COUNT, version)
    survivor.write(root, COUNT, 11)
    assert_whole(root, 11)


#: The bytes that no file may exceed: at the films, the vectors, Chroma's own file, the copy of all of it.
LIMITS = (30_000, 100_000, 250_000)
FULL = """
import resource, signal, sys
from pathlib import Path
from catalog.terminal import one_line_errors
from tests.support import survivor
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
with one_line_errors("ingest"):
    survivor.write(Path(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4]))
"""


def run_full(root: Path, limit: int, version: int) -> "subprocess.CompletedProcess[str]":
    """A run under a size limit for files, which fails like a full disk."""
    command = [sys.executable, "-c", FULL, str(root), str(limit), str(COUNT), str(version)]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


@in_folder
@pytest.mark.parametrize("begun", [False, True])
def test_a_full_disk_is_one_line_and_costs_nothing(tmp_path: Path, *, begun: bool) -> None:
    root = tmp_path / "store"
    if begun:
        survivor.write(root, COUNT, 0)
    for limit in LIMITS:
        full = run_full(root, limit, 1)
        assert full.returncode == 1, limit
        assert "Traceback" not in full.stderr
        (line,) = full.stderr.splitlines()
        assert line.startswith("ingest: ")
        assert "check the free space" in line
        assert [generation for generation in Generations(root).all() if not generation.published] == []
        if begun:
            assert_whole(root, 0)
    before = survivor.read_twice(root)
    survivor.write(root, COUNT, 1)
    assert survivor.read_twice(root) == before
    assert_whole(root, 1)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own, in memory."""
    folder.mkdir()
    size = f"size={megabytes}m"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    if not shutil.which("mount") or os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@in_folder
def test_a_full_file_system_is_one_line_and_costs_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 12) as small:
        root, ballast = small / "store", small / "ballast"
        survivor.write(root, COUNT, 0)
        for room in (0, 100_000, 400_000):
            ballast.write_bytes(bytes(max(shutil.disk_usage(small).free - room, 0)))
            full = run_full(root, 1 << 30, 1)
            ballast.unlink()
            assert (full.returncode, len(full.stderr.splitlines())) == (PASSING, 1), full.stderr
            assert "check the free space" in full.stderr
            assert_whole(root, 0)
        survivor.write(root, COUNT, 1)
        assert_whole(root, 1)


@in_folder
def test_a_backup_that_finds_no_room_names_its_folder_and_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "store"
    survivor.write(root, COUNT, 0)
    with small_disk(tmp_path / "small", 1) as small:
        for room in (10_000, 300_000):
            (small / "ballast").write_bytes(bytes(shutil.disk_usage(small).free - room))
            with pytest.raises(StoreError, match=f"^{small}/backup/.*check the free space"):
                back_up(root, small / "backup")
            (small / "ballast").unlink()
            kept = sum(path.stat().st_size for path in small.rglob("*") if path.is_file())
            assert kept < room


READ_ONLY = """
import sys
from pathlib import Path
from catalog.store.snapshot import open_snapshot
from catalog.terminal import one_line_errors
from tests.support import survivor
with one_line_errors("query"):
    survivor.ask(open_snapshot(Path(sys.argv[1])), 20)
"""


@in_folder
def test_a_read_only_folder_is_read_and_one_line_to_writers(tmp_path: Path) -> None:
    root = tmp_path / "store"
    survivor.write(root, 20, 0)
    settings = f"store: {{path: {root}}}\nembedding: {{template: '{survivor.TEMPLATE}'}}\n"
    (tmp_path / "config.yaml").write_text(settings, encoding="utf-8")
    rows = [{"id": film.id, "title": film.title, "plot": film.plot, "year": film.year} for film in survivor.films(1, 0)]
    (tmp_path / "films.json").write_text(json.dumps(rows), encoding="utf-8")
    paths = [root, *root.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        reading = run_unprivileged("-c", READ_ONLY, str(root))
        assert (reading.returncode, reading.stderr) == (0, "")
        options = ["--config", str(tmp_path / "config.yaml")]
        verifying = run_unprivileged("-m", "ingest", *options, "verify")
        assert verifying.stdout == "generation 1, 20 films: everything agrees\n", verifying.stderr
        planning = run_unprivileged("-m", "ingest", "--file", str(tmp_path / "films.json"), *options, "--dry-run")
        assert (planning.returncode, planning.stderr) == (0, "")
        assert "1 unchanged" in planning.stdout
        writing = run_unprivileged("-c", FULL, str(root), "1000000000", "20", "1")
        assert writing.returncode == 1
        assert (
            writing.stderr == f"ingest: {root}: cannot be written: Permission denied; check the folder's permissions\n"
        )
    finally:
        for path in paths:
            path.chmod(path.stat().st_mode | 0o200)


def run_unprivileged(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python without root's right to write everywhere."""
    capability = "-dac_override"
    drop = ["setpriv", f"--bounding-set={capability}", f"--inh-caps={capability}"] if os.geteuid() == 0 else []
    if drop and not shutil.which("setpriv"):
        pytest.skip("root needs setpriv to be refused anything")
    return subprocess.run([*drop, sys.executable, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_batch_in_hand(tmp_path: Path, number: signal.Signals) -> None:
    root = tmp_path / "store"
    script = (
        "import sys; from pathlib import Path; from signal import SIGINT, SIGTERM\n"
        "from ingest.schedule.signals import stop_on; from ingest.sync.apply import sync\n"
        "from ingest.sync.plan import SyncOptions; from ingest.readers.waiting import raise_if\n"
        "from catalog.terminal import one_line_errors; from catalog.store.writer import open_writer\n"
        "from tests.support import survivor; from tests.support.chroma import server\n"
        "root = Path(sys.argv[1])\n"
        "with one_line_errors('ingest'), stop_on(SIGINT, SIGTERM) as stop, open_writer(root, server()) as writer:\n"
        "    embedder = survivor.LoggingEmbedder(survivor.log_of(root), 0.3)\n"
        "    options = SyncOptions(survivor.TEMPLATE, batch=50)\n"
        "    sync(survivor.films(200, 0), writer, embedder, options, lambda _: raise_if(stop.is_set))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, root], stderr=subprocess.PIPE, text=True)
    while not survivor.batches(root):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    errors = process.communicate()[1]
    assert errors == "ingest: stopped as asked; nothing was published, what was embedded is kept for the next run\n"
    assert process.returncode == 130
    done = len(survivor.batches(root))
    assert done < 4
    survivor.write(root, COUNT, 0)
    assert survivor.read_twice(root) == 0
    assert_whole(root, 0)


def test_an_error_of_the_store_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "generations").write_text("a file where a folder belongs")
    with pytest.raises(StoreError, match=r"generations: Not a directory; check the free space"):
        survivor.write(tmp_path, 3, 0)
