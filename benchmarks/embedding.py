"""Films embedded per second: plotseek, its peers, and what the machine's matrix products allow.

usage: python -m benchmarks.embedding --data FOLDER --model FOLDER [--films 2000] [--long 200] [--slices 10]
           [--padded-slices 3]

FOLDER of --data holds movies.json and movies_long_synopsis.jsonl; that of --model a Jina BERT v2 at
full shape (random weights will do). Every engine is a process of its own, so that its memory is its own.
The texts are cut into slices of the same mixture, and all engines take turns, slice by slice: a machine
that is busy for a while slows all of them, and the ratios are medians over slices. The engines that pad need
six minutes for a slice and sit the later ones out, if --padded-slices says so.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.fastembed_peer import peak_kib
from catalog.embedding.bert.device import has_bfloat16
from catalog.embedding.bert.local import open_local
from catalog.embedding.bundled import bundled_folder
from catalog.embedding.model_folder import native_model

_WARM_UP = "A shark terrifies a seaside town."
_BATCH = 32
_FASTEMBED_BATCH = 8
"""Its default of 256 would ask for 50 GB of scores for the long texts, and 32 for more than is left beside the others;
it does not sort by length, so that a small batch is faster, too."""
_LIMIT_ROWS = 2048

_PADDED = {"sentence-transformers", "fastembed"}

Embed = Callable[[list[str]], list[float]]
"""Embeds all texts, and returns the start of the first vector."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    seconds: tuple[float, ...]
    """Of each slice."""
    peak_mib: float | None
    first: list[float]
    """The first four components of the first text: all engines of a model must agree."""


def main() -> None:
    options = _options()
    if options.engine:
        _serve(options)
        return
    with tempfile.TemporaryDirectory() as scratch:
        for table in _tables(options, Path(scratch)):
            print(table, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Films embedded per second, beside peers and the machine's limit.")
    parser.add_argument("--data", type=Path, help="folder with movies.json and movies_long_synopsis.jsonl")
    parser.add_argument("--model", type=Path, help="folder of a full-shape Jina BERT v2")
    parser.add_argument("--films", type=int, default=2000)
    parser.add_argument("--long", type=int, default=200, help="long synopses")
    parser.add_argument("--slices", type=int, default=10, help="turns that the engines take")
    parser.add_argument("--padded-slices", type=int, default=1000, help="turns of the engines that pad")
    parser.add_argument("--max-tokens", type=int, default=2048)
    parser.add_argument("--fastembed-python", type=Path, help="interpreter of an environment with fastembed")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _tables(options: argparse.Namespace, scratch: Path) -> Iterator[str]:
    films, synopses = _films(options.data, options.films), _synopses(options.data, options.long)
    precisions = ["bfloat16", "float32"] if has_bfloat16() else ["float32"]
    native = [f"{name}-{precision}" for precision in precisions for name in ("plotseek", "limit")]
    mixed = _write(
        scratch / "mixed.json",
        [films[i :: options.slices] + synopses[i :: options.slices] for i in range(options.slices)],
    )
    commands = {name: _command(name, options.model, mixed, options) for name in (*native, "sentence-transformers")}
    if options.fastembed_python:
        commands["fastembed"] = _fastembed_command(options, mixed, scratch)
    note = f"{options.films} films and {options.long} long synopses, at most {options.max_tokens} tokens each"
    yield _table(f"full-shape Jina: {note}", _measured(commands, options), options.model, mixed, options)
    folder, short = (
        bundled_folder(),
        _write(scratch / "films.json", [films[i :: options.slices] for i in range(options.slices)]),
    )
    commands = {name: _command(name, folder, short, options) for name in (*native, "encode-32")}
    yield _table(f"bundled model: {options.films} films", _measured(commands, options), folder, short, options)


def _films(data: Path, count: int) -> list[str]:
    movies = json.loads((data / "movies.json").read_text(encoding="utf-8"))[:count]
    return [f"{movie['title']} {movie['plot']}" for movie in movies]


def _synopses(data: Path, count: int) -> list[str]:
    with (data / "movies_long_synopsis.jsonl").open(encoding="utf-8") as lines:
        movies = [json.loads(line) for line, _ in zip(lines, range(count), strict=False)]
    return [f"{movie['title']} {movie['synopsis']}" for movie in movies]


def _write(path: Path, slices: Sequence[Sequence[str]]) -> Path:
    path.write_text(json.dumps(slices), encoding="utf-8")
    return path


def _read(path: Path) -> list[list[str]]:
    slices: list[list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return slices


def _tokens(folder: Path, max_tokens: int, texts: Sequence[str]) -> list[int]:
    from catalog.embedding.bert.tokenizer import open_tokenizer

    model = native_model(folder)
    assert model is not None
    limit, vocabulary = min(max_tokens, model.most_tokens), model.architecture.vocabulary
    tokenizer = open_tokenizer(folder / "tokenizer.json", max_tokens=limit, vocabulary=vocabulary)
    return [len(ids) for ids in tokenizer(texts).ids]


def _command(engine: str, model: Path, texts: Path, options: argparse.Namespace) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.embedding", "--engine", engine, "--model", str(model)]
    return [*command, "--texts", str(texts), "--max-tokens", str(options.max_tokens)]


def _fastembed_command(options: argparse.Namespace, texts: Path, scratch: Path) -> list[str]:
    from benchmarks.padded import export_onnx

    model = native_model(options.model)
    assert model is not None
    export_onnx(options.model, scratch / "onnx", options.max_tokens)
    peer = Path(__file__).with_name("fastembed_peer.py")
    arguments = [str(scratch / "onnx"), str(texts), str(model.architecture.hidden), str(_FASTEMBED_BATCH)]
    return [str(options.fastembed_python), str(peer), *arguments]


def _measured(commands: dict[str, list[str]], options: argparse.Namespace) -> list[Row]:
    """Start the engines, and let them take turns; those that pad start anew for each, for they keep 10 GB a process.

    Of those the peak is that of the first slice.
    """
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    said: dict[str, _Engine] = {}
    with ExitStack() as stack:
        engines = {name: stack.enter_context(_Engine(commands[name])) for name in commands if name not in _PADDED}
        for number in range(options.slices):
            for name in commands:
                if name in engines:
                    seconds[name].append(engines[name].turn(number))
                elif number < options.padded_slices:
                    with _Engine(commands[name]) as engine:
                        seconds[name].append(engine.turn(number))
                    said.setdefault(name, engine)
            print(f"slice {number + 1} of {options.slices}", file=sys.stderr, flush=True)
        return [(engines | said)[name].row(name, seconds[name]) for name in commands]


class _Engine:
    """A process that embeds the slice whose number it reads, and answers with its seconds, peak and first vector."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._said: dict[str, float | list[float]] = {}
        self._first: list[float] = []

    def __enter__(self) -> "_Engine":
        self.turn(-1)
        return self

    def turn(self, number: int) -> float:
        """Seconds for a slice; -1 only warms up."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        self._said = json.loads(self._process.stdout.readline())
        if number == 0:
            self._first = list(self._said["first"])  # type: ignore[arg-type]
        return float(self._said["seconds"])  # type: ignore[arg-type]

    def row(self, name: str, seconds: Sequence[float]) -> Row:
        peak = None if name.startswith("limit") else float(self._said["peak_kib"]) / 1024  # type: ignore[arg-type]
        return Row(name, tuple(seconds), peak, self._first)

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _serve(options: argparse.Namespace) -> None:
    """An engine's side: a slice's number a line in, one JSON object a line out."""
    slices = _read(options.texts)
    kind, _, precision = options.engine.partition("-")
    if kind == "limit":
        lengths = [_tokens(options.model, options.max_tokens, texts) for texts in slices]
        for line in sys.stdin:
            seconds = _limit_seconds(options.model, lengths[int(line)], precision)
            print(json.dumps({"seconds": seconds, "peak_kib": 0, "first": []}), flush=True)
        return
    embed = _engine(options.engine, options.model, options.max_tokens)
    for line in sys.stdin:
        texts = [_WARM_UP] if int(line) < 0 else slices[int(line)]
        started = time.perf_counter()
        first = embed(texts)
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "peak_kib": peak_kib(), "first": first}), flush=True)


def _engine(engine: str, folder: Path, max_tokens: int) -> Embed:
    kind, _, precision = engine.partition("-")
    if kind == "plotseek":
        embedder = open_local(folder, "m", "", max_tokens=max_tokens, precision=precision, device="cpu")
        return lambda texts: list(embedder.embed_documents(texts).vectors[0, :4].tolist())
    if kind == "sentence":
        from benchmarks.padded import padded_sentence_transformer

        padded = padded_sentence_transformer(folder, max_tokens)
        return lambda texts: list(padded.encode(texts, normalize_embeddings=True)[0, :4].tolist())
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(str(folder), device="cpu")

    def encode_32(texts: list[str]) -> list[float]:
        made = [plain.encode(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return list(made[0][0, :4].tolist())

    return encode_32


def _limit_seconds(folder: Path, lengths: Sequence[int], precision: str) -> float:
    """The time that the model's matrix products alone take in this precision, each at its best measured rate.

    Linear layers at their own shapes, 2,048 rows; the two products of attention, 4 n n hidden operations a
    layer, at the linear layers' mean rate, which is generous to the limit.
    """
    model = native_model(folder)
    assert model is not None
    shape = model.architecture
    inner, hidden = shape.inner * (2 if shape.gated else 1), shape.hidden
    sizes = [(hidden, 3 * hidden), (hidden, hidden), (hidden, inner), (shape.inner, hidden)]
    per_row = sum(_product_seconds(*size, precision) for size in sizes) / _LIMIT_ROWS
    rate = sum(2 * inputs * outputs for inputs, outputs in sizes) / per_row
    linear = per_row * sum(lengths)
    attention = sum(4 * length * length * hidden for length in lengths) / rate
    return shape.layers * (linear + attention)


def _product_seconds(inputs: int, outputs: int, precision: str) -> float:
    import torch

    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    x, weight = torch.randn(_LIMIT_ROWS, inputs, dtype=dtype), torch.randn(outputs, inputs, dtype=dtype)
    times = []
    with torch.inference_mode():
        for _ in range(12):
            started = time.perf_counter()
            torch.nn.functional.linear(x, weight)
            times.append(time.perf_counter() - started)
    return min(times)


def _table(title: str, rows: Sequence[Row], folder: Path, texts: Path, options: argparse.Namespace) -> str:
    slices = _read(texts)
    lengths = [_tokens(folder, options.max_tokens, each) for each in slices]
    total = sum(map(sum, lengths))
    by_name = {row.name: row for row in rows}
    lines = [f"{title}; {total} tokens", f"{'':24}{'films/s':>9}{'tokens/s':>10}{'of limit':>10}{'peak MiB':>10}"]
    for row in rows:
        limit = by_name.get(f"limit-{row.name.rpartition('-')[2]}", by_name["limit-float32"])
        memory = f"{row.peak_mib:10.0f}" if row.peak_mib else ""
        seconds, done = sum(row.seconds), lengths[: len(row.seconds)]
        films, tokens = sum(map(len, done)) / seconds, sum(map(sum, done)) / seconds
        lines.append(f"{row.name:24}{films:9.2f}{tokens:10.0f}{1 / _times(row, limit):10.0%}{memory}")
    ours = [row for row in rows if row.name.startswith("plotseek")]
    peers = [row for row in rows if row.first and row not in ours]
    lines += [_compared(row, peer) for row in ours for peer in peers]
    return "\n".join(lines) + "\n"


def _compared(ours: Row, peer: Row) -> str:
    apart = max(abs(a - b) for a, b in zip(ours.first, peer.first, strict=True))
    return f"{ours.name} is {_times(peer, ours):.1f} times {peer.name} (components {apart:.0e} apart)"


def _times(slow: Row, fast: Row) -> float:
    """How many times as long one takes as the other: median over the slices that both have done."""
    return median(a / b for a, b in zip(slow.seconds, fast.seconds, strict=False))


if __name__ == "__main__":
    main()
