"""One question from the shell, whole processes: with a service that runs, without one, and as a plain script.

    python -m benchmarks.cold STORE [--model FOLDER] [--films 100] [--times 5]

STORE is a catalog filled with the bundled model. FOLDER, a full-shape Jina BERT v2, adds a table of its own: on the
first films of STORE, embedded with it. The plain script is `benchmarks/cold_peer.py`, on a copy of the same index.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.processes import index_copy, query_server
from catalog.embedding.bundled import bundled_folder
from catalog.store.snapshot import open_snapshot
from ingest.export import export

QUESTION = "space ships"
_QUERY = [str(Path(sys.executable).with_name("query")), QUESTION]
_PEER = [sys.executable, "-m", "benchmarks.cold_peer"]


def main() -> None:
    """Print a table for each model."""
    options = _options()
    table("bundled", options.store, bundled_folder(), options.times)
    if options.model:
        with tempfile.TemporaryDirectory() as folder:
            store = filled(Path(folder), options.store, options.model, options.films)
            table("jina", store, options.model, options.times)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--films", type=int, default=100)
    parser.add_argument("--times", type=int, default=5)
    return parser.parse_args()


def filled(folder: Path, store: Path, model: Path, films: int) -> Path:
    """A catalog of the first films of another one, embedded with this model."""
    source = folder / "films.jsonl"
    with closing(open_snapshot(store)) as snapshot:
        export(snapshot, str(source))
    with source.open(encoding="utf-8") as lines:
        first = list(islice(lines, films))
    source.write_text("".join(first), encoding="utf-8")
    command = [sys.executable, "-m", "ingest", "--file", str(source)]
    subprocess.run(command, env=_environment(folder / "store", model), check=True, capture_output=True)
    return folder / "store"


def table(name: str, store: Path, model: Path, times: int) -> None:
    """The commands in turn, so that what else the machine does meets all of them."""
    environment = _environment(store, model)
    with closing(open_snapshot(store)) as snapshot:
        films = snapshot.info.films
    with index_copy(store) as index:
        commands = {
            "query, no service": [*_QUERY, "--no-server"],
            "plain script": [*_PEER, name, str(model), *index, QUESTION],
        }
        alone = {what: seconds(command, environment, times) for what, command in commands.items()}
    with query_server(store, variables={"PLOTSEEK_EMBEDDING_MODEL": environment["PLOTSEEK_EMBEDDING_MODEL"]}):
        found = {"query, service running": seconds(_QUERY, environment, times)} | alone
        same = _output(_QUERY, environment) == _output([*_QUERY, "--no-server"], environment)
    print(f"{name}, {films} films; the answers with and without the service {'are the same' if same else 'DIFFER'}")
    for what, taken in found.items():
        print(f"  {what:24} {median(taken):6.2f} s  ({', '.join(f'{each:.2f}' for each in sorted(taken))})", flush=True)


def seconds(command: Sequence[str], environment: dict[str, str], times: int) -> list[float]:
    """How long whole processes take, after one that fills the caches of the system."""
    taken = []
    for _ in range(times + 1):
        start = perf_counter()
        _output(command, environment)
        taken.append(perf_counter() - start)
    return taken[1:]


def _output(command: Sequence[str], environment: dict[str, str]) -> bytes:
    output = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
    assert output.count(b"\n") >= 10, output
    return output


def _environment(store: Path, model: Path) -> dict[str, str]:
    known = "bundled" if model == bundled_folder() else str(model)
    return {**os.environ, "PLOTSEEK_STORE_PATH": str(store), "PLOTSEEK_EMBEDDING_MODEL": known}


if __name__ == "__main__":
    main()
