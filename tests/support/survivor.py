"""Child processes that write and read a catalog, to be killed: `python -m tests.support.survivor COMMAND ROOT ...`.

The catalogue of version v holds the films v*MOVE to v*MOVE+count; a tenth of their texts differ from version to
version. Every text that the embedder reads is logged, so that what was read twice can be counted.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import IO

from catalog.config import load_config
from catalog.embedding.embedder import Embedded
from catalog.journal.change import ChangeRequest
from catalog.journal.journal import Journal
from catalog.movie import Movie, model_text, text_digest
from catalog.store.embedding_cache import VectorCache
from catalog.store.generations import Generations
from catalog.store.lock import writer_lock
from catalog.store.maintenance.backup import back_up, restore
from catalog.store.maintenance.verify import repair
from catalog.store.snapshot import Snapshot, open_snapshot
from catalog.store.writer import open_writer
from catalog.text.stems import english_terms
from ingest.changes import apply_changes
from ingest.run import Listener
from ingest.sync.apply import SyncOutcome, embed_missing, sync
from ingest.sync.plan import SyncOptions
from tests.support.chroma import ChromaProcess, server
from tests.support.fakes import WORDS, WordEmbedder

TEMPLATE = "{title} {plot}"
MOVE = 5
BATCH = 50
CHANGED = 40
"""Films that come and go one by one."""


def films(count: int, version: int) -> list[Movie]:
    """The catalogue of one version."""
    return [_film(number, version) for number in range(version * MOVE, version * MOVE + count)]


def _film(number: int, version: int) -> Movie:
    revision = (version - number) // 10
    plot = f"{WORDS[number % 8]} {WORDS[revision % 8]} number {number} revision {revision}"
    return Movie(str(number), f"Film {number}", plot, year=1900 + number % 120)


class LoggingEmbedder(WordEmbedder):
    """Appends each text to a file before it answers; takes its time."""

    def __init__(self, log: Path, pause: float = 0.0) -> None:
        super().__init__()
        self._log = log
        self._pause = pause

    def embed_documents(self, texts):  # type: ignore[no-untyped-def]
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(texts) + "\n")
        time.sleep(self._pause)
        answer: Embedded = super().embed_documents(texts)
        return answer


def write(root: Path, count: int, version: int, *, rebuild: bool = False, pause: float = 0.0) -> SyncOutcome:
    """Bring the catalog to a version."""
    options = SyncOptions(TEMPLATE, batch=BATCH, rebuild=rebuild, allow_deletes=True)
    with open_writer(root, server(), rebuild=rebuild) as writer:
        return sync(films(count, version), writer, LoggingEmbedder(log_of(root), pause), options)


def keep(command: str, root: Path, backup: Path) -> None:
    """Do what keeps a catalog well: `backup`, `restore`, `rollback`, `repair`."""
    match command:
        case "backup":
            back_up(root, backup)
        case "restore":
            restore(backup, root, server())
        case "rollback":
            with writer_lock(root):
                Generations(root, server()).roll_back()
        case "repair":
            embedder = LoggingEmbedder(log_of(root))
            repair(root, lambda draft: embed_missing(draft, embedder, BATCH)[0], server=server())
        case _:
            raise ValueError(command)


def change(number: int) -> ChangeRequest:
    """The change of this number: a film comes, or becomes another one, and sometimes one goes."""
    name = str(number * 7 % CHANGED)
    row = {"id": name, "title": f"Film {name}", "plot": f"{WORDS[number % 8]} of change {number}"}
    return ChangeRequest((row,), (str(number % CHANGED),) if number % 5 == 0 and str(number % CHANGED) != name else ())


def append(root: Path, start: int, acknowledged: Path) -> None:
    """Accept changes until killed, and note the number of each as soon as it is."""
    with Journal.open(root) as journal, acknowledged.open("a", encoding="ascii") as file:
        for number in count(start):
            file.write(f"{journal.append(change(number)).number}\n")
            file.flush()


def drain(root: Path) -> None:
    """Bring in what waits, as `ingest changes` does."""
    variables = {"PLOTSEEK_STORE_PATH": str(root), "PLOTSEEK_EMBEDDING_MODEL": "bundled"}
    urls = {name: value for name, value in os.environ.items() if name == "PLOTSEEK_STORE_URL"}
    apply_changes(load_config(None, variables | urls), Listener(lambda _: None, lambda _: None, lambda: False))


def log_of(root: Path) -> Path:
    return root.with_name(f"{root.name}.log")


def batches(root: Path) -> list[list[str]]:
    """All batches the embedder was given, in every run."""
    log = log_of(root)
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def read_twice(root: Path) -> int:
    """How many texts the embedder was given again."""
    counts = Counter(text for batch in batches(root) for text in batch)
    return sum(times - 1 for times in counts.values())


def lost(root: Path) -> int:
    """Acknowledged texts without a vector: of all batches but the last, whose vectors may not have arrived."""
    digests = [text_digest(text) for batch in batches(root)[:-1] for text in batch]
    cache = VectorCache(root / "vectors.sqlite3")
    try:
        return len(set(digests) - cache.known(WordEmbedder().identity, digests))
    finally:
        cache.close()


def ask(snapshot: Snapshot, count: int) -> None:
    """Query by vector and by word, and prove that the answers belong to one generation."""
    ids = snapshot.movies.ids()
    first = int(ids[0]) if ids else 0
    version = min(map(int, ids)) // MOVE
    expected = {movie.id: movie for movie in films(count, version)}
    assert set(ids) == expected.keys(), f"films of several versions, {first} is the first"
    word = random.choice(WORDS)  # noqa: S311
    vector = WordEmbedder().embed_query(word)
    near = snapshot.index.nearest(vector, 10)
    rows, stored = snapshot.movies.rows_of([found.id for found in near]), snapshot.movies.get([f.id for f in near])
    assert len(near) == min(10, count)
    for found in near:
        own = float(snapshot.vectors[rows[found.id]] @ vector)
        assert abs(found.similarity - own) < 1e-3, "a vector of another generation"
        assert model_text(stored[found.id], TEMPLATE) == model_text(expected[found.id], TEMPLATE)
    hits = snapshot.lexical.best(dict.fromkeys(english_terms(word), 1.0), count)
    holding = {identity for identity, movie in expected.items() if word in movie.plot.split()}
    assert set(snapshot.movies.ids_at(hits.rows.tolist()).values()) == holding, "words of another generation"


def read(root: Path, count: int, stop: Path) -> Iterator[tuple[int, float]]:
    """Query until `stop` exists, following CURRENT; gives each generation with the moment it was first seen."""
    generations, stamp, snapshot = Generations(root), None, None
    while not stop.exists():
        if snapshot is None or generations.stamp() != stamp:
            stamp = generations.stamp()
            if snapshot is not None:
                snapshot.close()
            snapshot = open_snapshot(root, server())
            yield snapshot.number, time.time()
        ask(snapshot, count)
        time.sleep(0.02)
    if snapshot is not None:
        snapshot.close()


def start(*arguments: object) -> "subprocess.Popen[str]":
    """Run one of the commands below in a process of its own, ready to begin: its imports are done."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.survivor", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    _stream(process.stdout).readline()
    return process


def release(process: "subprocess.Popen[str]") -> None:
    """Let it begin."""
    stdin = _stream(process.stdin)
    stdin.write("\n")
    stdin.close()
    process.stdin = None


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def kill_at_random(process: "subprocess.Popen[str]", longest: float) -> bool:
    """Kill after a random time; whether it was still alive."""
    release(process)
    time.sleep(random.uniform(0, longest))  # noqa: S311
    return _kill(process)


def kill_at_rewrite(process: "subprocess.Popen[str]", root: Path) -> bool:
    """Kill while Chroma writes its index files; whether that moment was met."""
    release(process)
    met = _await_rewrite(process, lambda: _index_files(root))
    return _kill(process) and met


def kill_server_at_random(process: "subprocess.Popen[str]", chroma: ChromaProcess, longest: float) -> bool:
    """Kill the Chroma server under a run, after a random time, and start it again; whether the run was alive."""
    release(process)
    time.sleep(random.uniform(0, longest))  # noqa: S311
    return _kill_server(process, chroma)


def kill_server_at_rewrite(process: "subprocess.Popen[str]", chroma: ChromaProcess) -> bool:
    """Kill the Chroma server while it writes index files, and start it again; whether that moment was met."""
    release(process)
    met = _await_rewrite(process, lambda: _stamps(chroma.folder.glob("*/*.bin")))
    return _kill_server(process, chroma) and met


def _await_rewrite(process: "subprocess.Popen[str]", look: Callable[[], set[tuple[str, int, int]]]) -> bool:
    before = look()
    while process.poll() is None:
        if look() != before:
            time.sleep(random.uniform(0, 0.005))  # noqa: S311
            return True
    return False


def _kill_server(process: "subprocess.Popen[str]", chroma: ChromaProcess) -> bool:
    alive = process.poll() is None
    chroma.end(signal.SIGKILL)
    _finish(process)
    chroma.start()
    return alive


def _kill(process: "subprocess.Popen[str]") -> bool:
    alive = process.poll() is None
    process.kill()
    _finish(process)
    return alive


def _finish(process: "subprocess.Popen[str]") -> None:
    process.communicate()


def _index_files(root: Path) -> set[tuple[str, int, int]]:
    """Name, size and time of the index files that Chroma writes in unfinished generations."""
    unfinished = (folder for folder in (root / "generations").glob("*") if not (folder / "generation.json").exists())
    return _stamps(path for folder in unfinished for path in folder.glob("chroma/*/*.bin"))


def _stamps(paths: Iterable[Path]) -> set[tuple[str, int, int]]:
    found = set()
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116
        except FileNotFoundError:
            continue
        if status.st_size:
            found.add((str(path), status.st_size, status.st_mtime_ns))
    return found


def main(command: str, root: Path, *arguments: str) -> None:
    import chromadb  # noqa: F401 - so that what is killed is our work, not an import

    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    match command, *arguments:
        case "write", count, version, pause, *more:
            write(root, int(count), int(version), rebuild="rebuild" in more, pause=float(pause))
        case "read", count, stop:
            for number, moment in read(root, int(count), Path(stop)):
                print(json.dumps([number, moment]), flush=True)  # noqa: T201
        case "append", start, acknowledged:
            append(root, int(start), Path(acknowledged))
        case "drain", *_:
            drain(root)
        case "keep", chosen, backup:
            keep(chosen, root, Path(backup))
        case "ask", count:
            with closing(open_snapshot(root, server())) as snapshot:
                ask(snapshot, int(count))
        case _:
            raise ValueError(command)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
