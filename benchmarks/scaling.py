"""What a larger catalog costs: time, memory and disk to build it, a changed run, the first search, and the next ones.

    python -m benchmarks.scaling FILE [--films 65451 200000 1000000] [--vectors STORE] [--store FOLDER]
    python -m benchmarks.scaling --servers [--films 5000] [--store FOLDER]

Catalogs of these sizes are made of the films of FILE and of others made of them (`benchmarks/grown.py`), with the
vectors of STORE, a catalog of FILE, or else random ones: no model is asked for a film. Each step is a process of its
own, so that its memory is its own. FOLDER keeps the catalogs; those that are there are not built again. The other
command measures what an index on a Chroma server, a replica and several embedding endpoints cost; with FOLDER, three
shards of the catalog that it keeps there.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from traceback import walk_stack
from typing import Any

import numpy as np

from benchmarks.grown import StandIn, Stock, changed, films, real_films
from benchmarks.service import scrap
from catalog.arrays import Vector
from catalog.config import EmbeddingConfig, SearchConfig
from catalog.cores import at_most, cores
from catalog.embedding.factory import open_remembered
from catalog.store.generations import Generations
from catalog.store.snapshot import Snapshot, open_snapshot
from catalog.store.vectors.sample import known_vectors
from catalog.store.writer import open_writer
from catalog.text.translation import gloss
from ingest.sync.apply import Progress, sync
from ingest.sync.plan import SyncOptions
from query.models import SearchRequest
from query.search.pipeline import search
from query.search.retrievers import TIER_ONE, similarities
from query.search.scoring import find_candidates, look_up

Figures = dict[str, Any]

_QUESTIONS, _WARMING = 300, 20
_CHANGED = 10
_LOOK_EVERY = 0.1
"""Seconds between two looks at the memory in use."""
_BLOCK = 8192


# Questions


def questions(file: Path) -> list[str]:
    """Four to nine words in a row of different plots."""
    chance = random.Random(6)  # noqa: S311
    plots = [film.plot for film in real_films(file)]
    found = dict.fromkeys(scrap(plot, chance) for plot in chance.sample(plots, min(2 * _QUESTIONS, len(plots))))
    return list(found)[: _QUESTIONS + _WARMING]


def write_questions(file: Path, store: Path | None, path: Path) -> None:
    """The questions, with what the model of the real catalog makes of them and of their glosses."""
    asked = questions(file)
    texts = list(dict.fromkeys([*asked, *map(gloss, asked)]))
    texts = [text for text in texts if text]
    if store is None:
        vectors = StandIn.made_up().embed_queries(texts)
    else:
        snapshot = open_snapshot(store)
        vectors = (
            open_remembered(EmbeddingConfig(), snapshot.info.model, lambda: known_vectors(snapshot))
            .embed_documents(texts)
            .vectors
        )
        snapshot.close()
    np.savez(path, asked=np.array(asked), texts=np.array(texts), vectors=vectors)


def read_questions(path: Path) -> tuple[list[str], dict[str, Vector]]:
    with np.load(path) as stored:
        return stored["asked"].tolist(), dict(zip(stored["texts"].tolist(), stored["vectors"], strict=True))


# Steps, each a process


def stand_in(vectors: Path | None) -> StandIn:
    return StandIn.made_up() if vectors is None else StandIn.of(open_snapshot(vectors))


def build(options: argparse.Namespace, root: Path) -> Figures:
    """A first run."""
    embedder = stand_in(options.vectors)
    wanted = films(options.file, options.films[0], Stock.of(options.file))
    with watched() as watch, open_writer(root) as writer:
        sync(wanted, writer, embedder, SyncOptions(embedder.template), watch.show)
    return watch.figures() | {"disk": sizes(root)}


def change(options: argparse.Namespace, root: Path) -> Figures:
    """A run that is given films with another plot, and no others: the file is not read."""
    embedder = stand_in(options.vectors)
    generations = Generations(root)
    wanted = changed(options.file, _CHANGED, generations.in_force().number)
    with watched() as watch, open_writer(root) as writer:
        sync(wanted, writer, embedder, SyncOptions(embedder.template, prune=False), watch.show)
    generations.drop_old(1, 0.0)
    return watch.figures()


def asking(root: Path, questions: Path) -> tuple[list[str], StandIn]:
    """Questions, and what knows their vectors."""
    asked, known = read_questions(questions)
    info = Generations(root).in_force().info()
    return asked, StandIn(info.model, np.eye(info.model.dimension, dtype=np.float32), {}, info.template, known)


def first(options: argparse.Namespace, root: Path) -> Figures:
    """The first search of a process, with what it imports on the way."""
    asked, embedder = asking(root, options.questions)
    if options.cold:
        _evict(root)
    began, worked = perf_counter(), process_time()
    snapshot = open_snapshot(root)
    search(SearchRequest(asked[0]), snapshot, embedder, SearchConfig())
    return {"seconds": perf_counter() - began, "busy": process_time() - worked}


def warm(options: argparse.Namespace, root: Path) -> Figures:
    """Distinct questions, one after the other, and where their time goes."""
    asked, embedder = asking(root, options.questions)
    snapshot = open_snapshot(root)
    settings = SearchConfig()
    for text in asked[:_WARMING]:
        search(SearchRequest(text), snapshot, embedder, settings)
    asked = asked[_WARMING:]
    seconds, worked = [], process_time()
    for text in asked:
        began = perf_counter()
        search(SearchRequest(text), snapshot, embedder, settings)
        seconds.append(perf_counter() - began)
    whole = 1000 * (process_time() - worked) / len(asked)
    memory = _memory()
    median, slow = np.percentile(seconds, (50, 99)) * 1000
    return {
        "p50": median,
        "p99": slow,
        "whole": whole,
        "stages": stages(snapshot, embedder, asked, whole),
        "recall": recall(snapshot, embedder.embed_queries(asked)),
        "memory": memory,
    }


def stages(snapshot: Snapshot, embedder: StandIn, asked: Sequence[str], whole: float) -> dict[str, float]:
    """Milliseconds of processor time a question, each stage with all questions in turn."""

    def each(work: Callable[[Any], object], given: Sequence[Any]) -> tuple[float, list[Any]]:
        began = process_time()
        made = [work(one) for one in given]
        return 1000 * (process_time() - began) / len(given), made

    requests = [SearchRequest(text).with_defaults(SearchConfig()) for text in asked]
    analysis, looked_up = each(lambda request: look_up(request, snapshot, embedder), requests)
    looked_up = [question for question in looked_up if question.vector is not None]  # not those that are a filter alone
    nearest, _ = each(lambda question: snapshot.index.nearest(question.vector, TIER_ONE), looked_up)
    retrieved, found = each(lambda question: find_candidates(question, snapshot, TIER_ONE), looked_up)
    pairs = list(zip(looked_up, found, strict=True))
    similarity, _ = each(lambda pair: similarities(snapshot, pair[1].rows, pair[0].vector[None]), pairs)
    return {
        "analysis, titles": analysis,
        "index.nearest": nearest,
        "lexical best + score": retrieved - nearest,
        "similarities": similarity,
        "rest": whole - analysis - retrieved - similarity,
    }


def recall(snapshot: Snapshot, vectors: np.ndarray) -> float:
    """Of the ten most similar films, those that the index gives first."""
    ids = snapshot.movies.ids()
    rows = np.array(sorted(snapshot.movies.rows_of(ids).values()))
    best = np.full((len(vectors), 10), -np.inf, dtype=np.float32)
    place = np.zeros((len(vectors), 10), dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        values = np.concatenate([best, vectors @ snapshot.vectors[part].T], axis=1)
        places = np.concatenate([place, np.broadcast_to(part, (len(vectors), len(part)))], axis=1)
        order = np.argpartition(-values, 10, axis=1)[:, :10]
        best, place = np.take_along_axis(values, order, 1), np.take_along_axis(places, order, 1)
    shares = []
    for vector, exact in zip(vectors, place.tolist(), strict=True):
        near = {neighbour.id for neighbour in snapshot.index.nearest(vector, TIER_ONE)[:10]}
        shares.append(len(near & set(snapshot.movies.ids_at(exact).values())) / 10)
    return float(np.mean(shares))


def _evict(root: Path) -> None:
    """Let the system forget what it keeps of a catalog's files."""
    for path in Generations(root).in_force().folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


# Time, memory and disk


class Watch:
    """Stages of a run by what it tells of its progress; memory looked at all the time."""

    def __init__(self) -> None:
        self.stage, self.since = "reading", (perf_counter(), process_time())
        self.seconds: dict[str, tuple[float, float]] = {}
        self.memory: dict[str, Figures] = {"before": _memory()}
        self.where = ""
        self.stop = threading.Event()

    def show(self, progress: Progress) -> None:
        """What is not told: vectors, moments, map and words come after embedding, comparing after indexing."""
        if progress.stage != self.stage and progress.stage not in self.seconds:
            self._next(progress.stage)
        if progress.stage == "embedding" and progress.done == progress.total:
            self._next("vectors, moments, map, words")

    def _next(self, stage: str) -> None:
        now = perf_counter(), process_time()
        self.seconds[self.stage] = now[0] - self.since[0], now[1] - self.since[1]
        self.stage, self.since = stage, now

    def look(self) -> None:
        most = 0
        while not self.stop.wait(_LOOK_EVERY):
            now, before = _memory(), self.memory.setdefault(self.stage, Counter())
            self.memory[self.stage] = {name: max(now[name], before.get(name, 0)) for name in now}
            if now["own"] > most:
                most, self.where = now["own"], _working_on()

    def figures(self) -> Figures:
        self._next("")
        return {"seconds": self.seconds, "peak": _megabytes("VmHWM"), "memory": self.memory, "where": self.where}


def _working_on() -> str:
    """Functions of the main thread, the innermost first."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    names = [f"{Path(code.co_filename).stem}.{code.co_name}" for code in (each[0].f_code for each in walk_stack(frame))]
    return " < ".join(names[:8])


@contextmanager
def watched() -> Iterator[Watch]:
    watch = Watch()
    thread = threading.Thread(target=watch.look)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop.set()
        thread.join()


def _memory() -> dict[str, int]:
    """Megabytes of this process: all, its own, and files that it has mapped."""
    return {"all": _megabytes("VmRSS"), "own": _megabytes("RssAnon"), "files": _megabytes("RssFile")}


def _megabytes(what: str) -> int:
    """`resource` would count what the parent had before it started this process."""
    return int(Path("/proc/self/status").read_text(encoding="ascii").split(f"{what}:")[1].split()[0]) // 1024


def sizes(root: Path) -> dict[str, float]:
    """Megabytes by part."""
    generation = Generations(root).in_force()
    parts = {
        "movies": generation.movies,
        "vectors": generation.vectors,
        "chroma": generation.chroma,
        "lexical": generation.lexical,
        "cache": root / "vectors.sqlite3",
    }
    return {name: _size(path) / 1e6 for name, path in parts.items()}


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else sum(_size(child) for child in path.iterdir())


# The table

STEPS: dict[str, Callable[[argparse.Namespace, Path], Figures]] = {
    "build": build,
    "first": first,
    "warm": warm,
    "change": change,
}


def measure(options: argparse.Namespace, count: int, folder: Path) -> Figures:
    """All figures of one size."""
    root = folder / str(count)

    def step(name: str, *more: str) -> Figures:
        command = [sys.executable, "-m", "benchmarks.scaling", str(options.file), "--films", str(count)]
        command += ["--step", name, "--store", str(root), "--questions", str(folder / "questions.npz"), *more]
        if options.vectors:
            command += ["--vectors", str(options.vectors)]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        print(count, name, answer.strip(), file=sys.stderr, flush=True)
        return dict(json.loads(answer))

    kept = folder / f"{count}.json"
    if not kept.exists():
        kept.write_text(json.dumps(step("build")), encoding="utf-8")
    found = {"build": json.loads(kept.read_text(encoding="utf-8"))}
    found |= {"cold": step("first", "--cold"), "first": step("first"), "warm": step("warm"), "change": step("change")}
    return found


def lines(found: Figures) -> Iterator[tuple[str, str]]:
    """One line of the table for each figure."""
    built, warmed, changing = found["build"], found["warm"], found["change"]
    yield "build, clock and processor", _seconds(built["seconds"].values())
    for stage, spent in built["seconds"].items():
        yield f"... {stage}", _seconds([spent])
    own = max(stage["own"] for stage in built["memory"].values())
    yield "peak memory of it", f"{built['peak']} MB"
    yield "... without mapped files; before it began", f"{own}, {built['memory']['before']['own']} MB"
    yield "on disk", f"{sum(built['disk'].values()):.0f} MB"
    for part, size in built["disk"].items():
        yield f"... {part}", f"{size:.0f} MB"
    yield f"{_CHANGED} films changed, clock and processor", _seconds(changing["seconds"].values(), 1)
    yield "... peak memory", f"{changing['peak']} MB"
    for name, which in (("cold", "files not in memory"), ("first", "files in memory")):
        taken = found[name]
        yield f"open and first search, {which}", _seconds([(taken["seconds"], taken["busy"])], 2)
    yield f"search, {_QUESTIONS} questions, p50, p99", f"{warmed['p50']:.1f}, {warmed['p99']:.1f} ms"
    yield "... processor time", f"{warmed['whole']:.1f} ms"
    for stage, spent in warmed["stages"].items():
        yield f"... {stage}", f"{spent:.1f} ms"
    yield "memory of a reader, without mapped files", f"{warmed['memory']['all']}, {warmed['memory']['own']} MB"
    yield "recall@10 of the index beside exact search", f"{warmed['recall']:.4f}"


def _seconds(parts: Iterable[Sequence[float]], digits: int = 0) -> str:
    clock, processor = map(sum, zip(*parts, strict=True))
    return f"{clock:.{digits}f}, {processor:.{digits}f} s"


def table(options: argparse.Namespace, folder: Path) -> None:
    write_questions(options.file, options.vectors, folder / "questions.npz")
    columns = [dict(lines(measure(options, count, folder))) for count in options.films]
    print("| films | " + " | ".join(f"{count:,}" for count in options.films) + " |")
    print("|---|" + "---|" * len(columns))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(column[name] for column in columns) + " |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--films", type=int, nargs="+", default=[65_451, 200_000, 1_000_000])
    parser.add_argument("--vectors", type=Path, help="a catalog of FILE")
    parser.add_argument("--store", type=Path, help="where the catalogs stay")
    parser.add_argument("--servers", action="store_true", help="measure servers, replicas and endpoints instead")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--questions", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cold", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.servers and options.file is None:
        parser.error("FILE is missing")
    return options


def main() -> None:
    options = _options()
    if options.servers:
        from benchmarks import servers

        if options.store:
            servers.shards(options.store / str(options.films[0]), options.store / "questions.npz")
        else:
            servers.main(options.films[0])
    elif options.step in ("first", "warm"):
        with at_most(max(1, cores() // 2)):  # as in a service: threads that wait for each other look like work
            print(json.dumps(STEPS[options.step](options, options.store)))
    elif options.step:
        print(json.dumps(STEPS[options.step](options, options.store)))
    elif options.store:
        options.store.mkdir(parents=True, exist_ok=True)
        table(options, options.store)
    else:
        with tempfile.TemporaryDirectory() as folder:
            table(options, Path(folder))


if __name__ == "__main__":
    main()
