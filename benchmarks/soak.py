"""Load while syncs run and generations change: no failed request, and every answer of one generation.

    python -m benchmarks.soak STORE [--minutes 10] [--connections 8] [--workers 2]

Works on a copy of STORE, a catalog filled with the bundled model. Each edition of the catalogue writes its number
into every film, changes the plots of some, brings some and takes those of the one before: an answer of two
generations would show two editions. It goes on for longer where no generation has changed meanwhile.
"""

import argparse
import json
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from benchmarks.load import Load, load
from benchmarks.processes import HOST, Server, query_server
from benchmarks.service import workloads
from catalog.store.snapshot import open_snapshot
from ingest.export import export
from query.http.auth import Role, make_key

_CHANGED, _ITS_OWN = 200, 20
"""Films of each edition: with another plot than before; that no other edition has."""
SETTINGS = """
store: {{path: {folder}/store}}
catalog: {{fields: {{extra: [edition]}}}}
sync: {{grace: 30}}
server: {{keys_file: {folder}/keys, source: {folder}/films.jsonl}}
"""


def main() -> None:
    """Print what happened."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(options.store, folder / "store")
        (folder / "config.yaml").write_text(SETTINGS.format(folder=folder), encoding="utf-8")
        key = make_key(folder / "keys", "soak", Role.ADMIN)
        films = exported(folder)
        asked = [path for paths in workloads(folder / "store", random.Random(6)).values() for path in paths[:2000]]  # noqa: S311
        random.Random(6).shuffle(asked)  # noqa: S311
        settings = ("--config", str(folder / "config.yaml"), "--workers", str(options.workers))
        with query_server(folder / "store", *settings) as server:
            before, judge = sum(server.memory("VmRSS")), Judge()
            with syncing(Syncs(server, key, films, folder / "films.jsonl")) as syncs:
                found = loaded(server, asked, options, judge, syncs)
            report(found, judge, syncs)
            print(f"{before:.0f} MB of memory before, {sum(server.memory('VmRSS')):.0f} MB after")
    raise SystemExit(1 if found.failed or syncs.failed else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def exported(folder: Path) -> list[dict[str, Any]]:
    """Every film as a row of a catalogue."""
    with closing(open_snapshot(folder / "store")) as snapshot:
        export(snapshot, str(folder / "films.jsonl"))
    with (folder / "films.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@dataclass
class Judge:
    """Whether answers are of one generation each."""

    editions: dict[int, set[str]] = field(default_factory=dict)
    """What the films of each generation carry."""

    def __call__(self, body: bytes) -> str | None:
        answer = json.loads(body)
        if "results" not in answer:
            return None
        carried = {str(film.get("extra", {}).get("edition", "none")) for film in answer["results"]}
        seen = self.editions.setdefault(answer["generation"], set())
        seen |= carried
        return None if len(seen) <= 1 else f"films of generation {answer['generation']} are of editions {sorted(seen)}"


@dataclass
class Syncs:
    """Asks the service for one sync after the other, each of a new edition."""

    server: Server
    key: str
    films: list[dict[str, Any]]
    source: Path
    stop: threading.Event = field(default_factory=threading.Event)
    runs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failed(self) -> list[dict[str, Any]]:
        return [run for run in self.runs if run["state"] != "done"]

    def __call__(self) -> None:
        headers = {"Authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.server.url, headers=headers, timeout=60) as http:
            for edition in count(1):
                self._write(edition)
                http.post("/admin/ingest").raise_for_status()
                while (run := http.get("/admin/ingest").raise_for_status().json())["state"] == "running":
                    time.sleep(0.5)
                self.runs.append(run)
                if self.stop.is_set():
                    return

    def _write(self, edition: int) -> None:
        new = self.source.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            for number, film in enumerate(self.films):
                changed = number % max(len(self.films) // _CHANGED, 1) == 0
                plot = f"{film['plot']} Edition {edition}." if changed else film["plot"]
                file.write(json.dumps({**film, "plot": plot, "edition": str(edition)}) + "\n")
            for number in range(_ITS_OWN):
                own = {"id": f"{edition}-{number}", "title": f"Edition {edition}", "plot": f"Story {number} of a ship."}
                file.write(json.dumps({**own, "edition": str(edition)}) + "\n")
        new.replace(self.source)


def loaded(server: Server, asked: list[str], options: argparse.Namespace, judge: Judge, syncs: Syncs) -> Load:
    """Loads of ten seconds, one after the other, until the time is over and a generation has changed."""
    until, parts = time.monotonic() + 60 * options.minutes, list[Load]()
    while time.monotonic() < until or not (len(judge.editions) > 1 or syncs.failed):
        parts.append(load(HOST, server.port, asked, options.connections, 10, judge))
        asked = asked[-1000:] + asked[:-1000]
    latencies = sorted(each for part in parts for each in part.latencies)
    faults = [fault for part in parts for fault in part.faults]
    return Load(sum(part.seconds for part in parts), tuple(latencies), tuple(faults))


@contextmanager
def syncing(syncs: Syncs) -> Iterator[Syncs]:
    """Syncs in a thread; the one that runs at the end comes to its own."""
    thread = threading.Thread(target=syncs)
    thread.start()
    try:
        yield syncs
    finally:
        syncs.stop.set()
        thread.join()


def report(found: Load, judge: Judge, syncs: Syncs) -> None:
    """What is to be known of a run."""
    percentiles = ", ".join(f"p{share * 100:.0f} {found.percentile(share):.0f} ms" for share in (0.5, 0.99, 1.0))
    print(f"{len(found.latencies)} requests in {found.seconds:.0f} s, {found.failed} failed or mixed; {percentiles}")
    print(f"{len(syncs.runs)} syncs, {len(syncs.failed)} failed; answers of generations {sorted(judge.editions)}")
    for line in [*found.faults[:10], *(run["error"] for run in syncs.failed)]:
        print(line)


if __name__ == "__main__":
    main()
