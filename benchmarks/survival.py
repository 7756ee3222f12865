"""Kills, two writers, readers and cut files, counted: what a catalog survives.

    python -m benchmarks.survival [--films 2000] [--kills 50] [--syncs 20] [--server]

Half the kills come at random, half at the moment at which Chroma writes its index files. With --server the
index is on a real Chroma server: then three of four kills hit the server, one the run. The embedder is a fake
that takes its time, so that kills also meet it; everything else is what `ingest` does.
"""

import argparse
import gzip
import json
import os
import random
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.dirty import as_parquet, as_table
from catalog.errors import DeletionsRefused, SourceError
from catalog.journal.change import ChangeRequest
from catalog.journal.journal import Journal
from catalog.store.generations import Generations
from catalog.store.maintenance.verify import verify
from catalog.store.movies import Movies
from catalog.store.writer import open_writer
from ingest.mapping.mapper import detect
from ingest.readers.source import open_rows
from ingest.sync.apply import sync
from ingest.sync.plan import Kind, SyncOptions
from ingest.sync.rejects import Refusals, RowReader
from ingest.sync.row_cache import Before
from tests.support import survivor
from tests.support.chroma import ChromaProcess, running, server
from tests.support.fakes import WordEmbedder

_PAUSE = 0.03
"""Seconds a batch of 50 texts."""


def killed_runs(root: Path, films: int, kills: int, chroma: ChromaProcess | None) -> None:
    """Kill runs, finish each with the next one, and count what was lost or done twice."""
    counts: Counter[str] = Counter()
    worst = version = 0
    started = time.perf_counter()
    survivor.write(root, films, 0)
    longest = time.perf_counter() - started + films / survivor.BATCH * _PAUSE
    while counts["kills that met a run"] < kills:
        version += 1
        before = survivor.read_twice(root)
        more = ["rebuild"] if version % 5 == 0 else []
        process = survivor.start("write", root, films, version, _PAUSE, *more)
        aimed = version % 2 == 0
        if chroma is None or version % 4 == 1:
            met = survivor.kill_at_rewrite(process, root) if aimed else survivor.kill_at_random(process, longest)
        else:
            aim = survivor.kill_server_at_rewrite
            met = aim(process, chroma) if aimed else survivor.kill_server_at_random(process, chroma, longest)
            counts["kills that hit the Chroma server"] += met
        counts["kills that met a run" if met else "runs that were over before"] += 1
        counts["kills while index files were written"] += aimed and met
        counts["acknowledged vectors lost"] += survivor.lost(root)
        counts["catalogs that differed right after"] += bool(verify(root, server=server()).differences)
        survivor.write(root, films, version)
        twice = survivor.read_twice(root) - before
        worst = max(worst, twice)
        counts["texts embedded twice"] += twice
        found = verify(root, server=server())
        counts["catalogs incomplete or different after the next run"] += (found.films, found.differences) != (films, ())
    for what, count in counts.items():
        print(f"| {what} | {count} |")
    print(f"| most texts embedded twice for one kill (a batch is {survivor.BATCH}) | {worst} |")


def killed_upkeep(root: Path, films: int, kills: int) -> None:
    """Kill backup, restore, rollback and repair, and finish each: catalog and backup are whole after either."""
    counts: Counter[str] = Counter()
    backup, version = root.with_name("backup"), 1
    survivor.write(root, films, 0)
    survivor.write(root, films, 1)
    survivor.keep("backup", root, backup)
    while counts["kills that met backup, restore, rollback or repair"] < kills:
        version += 1
        command = ("backup", "restore", "rollback", "repair")[version % 4]
        survivor.write(root, films, version)
        before = survivor.read_twice(root)
        if command == "repair":
            os.truncate(Generations(root).in_force().vectors, 1000)
        met = survivor.kill_at_random(survivor.start("keep", root, command, backup), 0.5)
        counts["kills that met backup, restore, rollback or repair" if met else "that were over before"] += 1
        counts["backups incomplete or different right after"] += not _is_whole(backup, films)
        counts["catalogs incomplete or different right after"] += command != "repair" and not _is_whole(root, films)
        survivor.keep(command, root, backup)
        counts["texts embedded for them"] += survivor.read_twice(root) - before
        both = _is_whole(backup, films) and _is_whole(root, films)
        counts["catalogs or backups incomplete or different after the next one"] += not both
        Generations(root, server()).drop_old(3, 0)
    for what, count in counts.items():
        print(f"| {what} | {count} |")


def killed_changes(root: Path, kills: int) -> None:
    """Kill what accepts changes and what brings them in, finish each, and count what was lost or half there."""
    counts: Counter[str] = Counter()
    acknowledged = root.with_name("acknowledged")
    expected: dict[str, str] = {}
    first = 0
    while counts["kills that met a run that brought them in"] < kills:
        survivor.kill_at_random(survivor.start("append", root, first, acknowledged), 0.3)
        waiting = _waiting(root)
        told = set(map(int, acknowledged.read_text(encoding="ascii").split())) if acknowledged.exists() else set()
        acknowledged.unlink(missing_ok=True)
        counts["changes accepted"] += len(told)
        counts["accepted changes lost"] += len(told - waiting.keys())
        before = dict(expected)
        for change in waiting.values():
            expected |= {str(row["id"]): str(row["plot"]) for row in change.put}
            for name in change.delete:
                expected.pop(name, None)
        first += len(waiting)
        met = survivor.kill_at_random(survivor.start("drain", root), 1.5)
        counts["kills that met a run that brought them in" if met else "runs that were over before"] += 1
        counts["catalogs half changed or different right after"] += not _holds(root, before, expected)
        survivor.drain(root)
        counts["changes lost, or catalogs different, after the next run"] += not _holds(root, expected) or bool(
            _waiting(root)
        )
        Generations(root, server()).drop_old(3, 0)
    for what, count in counts.items():
        print(f"| {what} | {count} |")


def _waiting(root: Path) -> dict[int, ChangeRequest]:
    with Journal.open(root) as journal:
        return {each.number: each.change for each in journal.take() if each.change is not None}


def _holds(root: Path, *states: dict[str, str]) -> bool:
    """Whether the catalog is whole, and what one of these says: plots by id."""
    generation = Generations(root).current()
    if generation is None:
        return {} in states
    with closing(Movies.open(generation.movies)) as movies:
        found = {entry.movie.id: entry.movie.plot for part in movies.entries() for entry in part}
    return found in states and not verify(root, server=server()).differences


def _is_whole(root: Path, films: int) -> bool:
    found = verify(root, server=server())
    return (found.films, found.differences) == (films, ())


def readers(root: Path, films: int, syncs: int) -> None:
    """A long-lived reader and one-shot readers all through syncs, three rebuilds and some kills."""
    stop = root.with_name("stop")
    survivor.write(root, films, 0)
    long_lived = survivor.start("read", root, films, stop)
    survivor.release(long_lived)
    published: dict[int, float] = {}
    errors = once = kills = 0
    for version in range(1, syncs + 4):
        short = survivor.start("ask", root, films)
        survivor.release(short)
        if version % 5 == 0:
            kills += survivor.kill_at_rewrite(survivor.start("write", root, films, version, 0.0), root)
        outcome = survivor.write(root, films, version, rebuild=version > syncs)
        if outcome.generation is not None:
            published[outcome.generation] = (root / "CURRENT").stat().st_mtime
        Generations(root, server()).drop_old(2, 10.0)
        short.communicate()
        errors += short.returncode != 0
        once += 1
    time.sleep(2)
    stop.touch()
    output = long_lived.communicate()[0]
    errors += long_lived.returncode != 0
    seen = dict(json.loads(line) for line in output.splitlines())
    late = [moment - published[number] for number, moment in seen.items() if number in published]
    print(f"| syncs, rebuilds, kills | {syncs}, 3, {kills} |")
    print(f"| one-shot readers | {once} |")
    print(f"| readers with an error or a mixture | {errors} |")
    print(f"| generations published, seen by the long-lived reader | {len(published)}, {len(late)} |")
    print(f"| longest until a generation was seen | {max(late):.2f} s |")


def two_writers(root: Path, films: int, times: int) -> None:
    """Two processes that write at once."""
    counts: Counter[str] = Counter()
    for version in range(1, times + 1):
        both = [survivor.start("write", root, films, version, 0.0) for _ in range(2)]
        for process in both:
            survivor.release(process)
        refused = sum("CatalogLocked" in process.communicate()[1] for process in both)
        counts["one refused by name" if refused else "one after the other"] += 1
        counts["neither came through"] += all(process.returncode for process in both)
        found = verify(root, server=server())
        counts["catalogs incomplete or different"] += (found.films, found.differences) != (films, ())
    for what, count in counts.items():
        print(f"| two writers: {what} | {count} |")


def cut_files(root: Path, films: int, places: int) -> None:
    """Files that end at random places, and such as are no catalogue, each read in beside the whole one."""
    survivor.write(root, films, 0)
    rows: list[dict[str, object]] = [
        {"id": film.id, "title": film.title, "plot": film.plot, "year": film.year} for film in survivor.films(films, 0)
    ]
    counts: Counter[str] = Counter()
    for name, data in _written(rows, root.with_name("whole")).items():
        for _ in range(places):
            counts[_read_in(root, root.with_name(name), data[: random.randrange(len(data))])] += 1  # noqa: S311
    for data in (b"", b"[]", b'{"results": []}', b"<html>", b"title,plot\n", b"\0\1\2"):
        counts[_read_in(root, root.with_name("wrong"), data)] += 1
    found = verify(root, server=server())
    for what, count in counts.items():
        print(f"| cut off or wrong: {what} | {count} |")
    print(f"| films afterwards, of {films} | {found.films} |")


def _written(rows: list[dict[str, object]], path: Path) -> dict[str, bytes]:
    """The same films in each format."""
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    as_table(rows, path)
    table = path.read_bytes()
    as_parquet(rows, path)
    return {
        "array": json.dumps(rows).encode(),
        "lines": lines,
        "csv": table,
        "gz": gzip.compress(lines),
        "parquet": path.read_bytes(),
    }


def _read_in(root: Path, path: Path, data: bytes) -> str:
    """What a run makes of this content."""
    path.write_bytes(data)
    options = SyncOptions(survivor.TEMPLATE)
    try:
        with open_rows(str(path)) as source, Refusals(None) as refusals, open_writer(root, server()) as writer:
            reading = RowReader(source, detect(source.peek()), refusals, None, Before())
            gone = sync(reading, writer, WordEmbedder(), options).counts[Kind.DELETED]
    except SourceError:
        return "told so"
    except DeletionsRefused:
        return "ended at a row's end, refused by the guard"
    return f"ended at a row's end, {gone} films deleted, which the guard allows"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--syncs", type=int, default=20)
    parser.add_argument("--server", action="store_true", help="keep the index on a Chroma server")
    options = parser.parse_args()
    print("| what | count |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        chroma = stack.enter_context(running(Path(folder) / "chroma")) if options.server else None
        if chroma is not None:
            os.environ["PLOTSEEK_STORE_URL"] = chroma.url
        killed_runs(Path(folder) / "killed", options.films, options.kills, chroma)
        killed_upkeep(Path(folder) / "kept", options.films, options.kills)
        killed_changes(Path(folder) / "changed", options.kills)
        readers(Path(folder) / "read", options.films, options.syncs)
        two_writers(Path(folder) / "two", options.films, options.syncs)
        cut_files(Path(folder) / "cut", options.films, 20)


if __name__ == "__main__":
    main()
