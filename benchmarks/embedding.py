"""Films embedded per second: plotseek, its peers, and what the machine's matrix products allow.

usage: python -m benchmarks.embedding --data FOLDER --model FOLDER [--films 2000] [--long 200]

FOLDER of --data holds movies.json and movies_long_synopsis.jsonl; that of --model a Jina BERT v2 at
full shape (random weights will do). Every row is a process of its own, so that its memory is its own;
all rows read the same texts.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fastembed_peer import peak_kib
from catalog.embedding.bundled import bundled_folder
from catalog.embedding.folder import native_model
from catalog.embedding.local import open_local
from catalog.embedding.precision import has_bfloat16

_WARM_UP = "A shark terrifies a seaside town."
_BATCH = 32
_LIMIT_ROWS = 2048


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    seconds: float
    peak_mib: float | None
    first: list[float]
    """The first four components of the first text: all engines of a model must agree."""


def main() -> None:
    options = _options()
    if options.engine:
        print(json.dumps(_run_engine(options.engine, options.model, _read(options.texts), options)))
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
    parser.add_argument("--max-tokens", type=int, default=2048)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--fastembed-python", type=Path, help="interpreter of an environment with fastembed")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _tables(options: argparse.Namespace, scratch: Path) -> Iterator[str]:
    films = _films(options.data, options.films)
    mixed = _write(scratch / "mixed.json", films + _synopses(options.data, options.long))
    tokens = _tokens(options.model, options.max_tokens, _read(mixed))
    also = ["plotseek-float32"] if options.precision != "float32" and has_bfloat16() else []
    rows = [_measure(engine, options.model, mixed, options) for engine in ("plotseek", *also, "limit")]
    rows.append(_measure("sentence-transformers", options.model, mixed, options))
    if options.fastembed_python:
        rows.append(_measure_fastembed(options, mixed, scratch))
    note = f"{options.films} films and {options.long} long synopses, at most {options.max_tokens} tokens each"
    yield _table(f"full-shape Jina: {note}", rows, len(_read(mixed)), tokens)
    folder, short = bundled_folder(), _write(scratch / "films.json", films)
    rows = [_measure(engine, folder, short, options) for engine in ("plotseek", "limit", "encode-32")]
    yield _table(f"bundled model: {options.films} films", rows, len(films), _tokens(folder, options.max_tokens, films))


def _films(data: Path, count: int) -> list[str]:
    movies = json.loads((data / "movies.json").read_text(encoding="utf-8"))[:count]
    return [f"{movie['title']} {movie['plot']}" for movie in movies]


def _synopses(data: Path, count: int) -> list[str]:
    with (data / "movies_long_synopsis.jsonl").open(encoding="utf-8") as lines:
        movies = [json.loads(line) for line, _ in zip(lines, range(count), strict=False)]
    return [f"{movie['title']} {movie['synopsis']}" for movie in movies]


def _write(path: Path, texts: Sequence[str]) -> Path:
    path.write_text(json.dumps(texts), encoding="utf-8")
    return path


def _read(path: Path) -> list[str]:
    texts: list[str] = json.loads(path.read_text(encoding="utf-8"))
    return texts


def _tokens(folder: Path, max_tokens: int, texts: Sequence[str]) -> list[int]:
    from catalog.embedding.tokens import open_tokenizer

    model = native_model(folder)
    assert model is not None
    limit, vocabulary = min(max_tokens, model.most_tokens), model.architecture.vocabulary
    tokenizer = open_tokenizer(folder / "tokenizer.json", max_tokens=limit, vocabulary=vocabulary)
    return [len(ids) for ids in tokenizer(texts).ids]


def _measure(engine: str, model: Path, texts: Path, options: argparse.Namespace) -> Row:
    command = [sys.executable, "-m", "benchmarks.embedding", "--engine", engine, "--model", str(model)]
    command += ["--texts", str(texts), "--max-tokens", str(options.max_tokens), "--precision", options.precision]
    return _row(engine, command)


def _measure_fastembed(options: argparse.Namespace, texts: Path, scratch: Path) -> Row:
    from benchmarks.padded import export_onnx

    model = native_model(options.model)
    assert model is not None
    export_onnx(options.model, scratch / "onnx", options.max_tokens)
    peer = Path(__file__).with_name("fastembed_peer.py")
    # Its default of 256 texts would ask for 50 GB of scores for the long ones.
    arguments = [str(scratch / "onnx"), str(texts), str(model.architecture.hidden), str(_BATCH)]
    return _row("fastembed", [str(options.fastembed_python), str(peer), *arguments])


def _row(name: str, command: Sequence[str]) -> Row:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    memory = found["peak_kib"] / 1024 if name != "limit" else None
    return Row(name, found["seconds"], memory, found.get("first", []))


def _run_engine(engine: str, folder: Path, texts: list[str], options: argparse.Namespace) -> dict[str, object]:
    if engine == "limit":
        seconds = _limit_seconds(folder, _tokens(folder, options.max_tokens, texts))
        return {"seconds": seconds, "peak_kib": 0}
    embed = _engine(engine, folder, options)
    embed([_WARM_UP])
    started = time.perf_counter()
    first = embed(texts)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak_kib": peak_kib(), "first": first}


def _engine(engine: str, folder: Path, options: argparse.Namespace) -> Callable[[list[str]], list[float]]:
    """A function that embeds all texts and returns the start of the first vector."""
    if engine.startswith("plotseek"):
        precision = "float32" if engine.endswith("float32") else options.precision
        embedder = open_local(folder, "m", "", max_tokens=options.max_tokens, precision=precision, device="cpu")
        return lambda texts: list(embedder.embed_documents(texts).vectors[0, :4].tolist())
    if engine == "sentence-transformers":
        from benchmarks.padded import padded_sentence_transformer

        padded = padded_sentence_transformer(folder, options.max_tokens)
        return lambda texts: list(padded.encode(texts, normalize_embeddings=True)[0, :4].tolist())
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(str(folder), device="cpu")

    def encode_32(texts: list[str]) -> list[float]:
        made = [plain.encode(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return list(made[0][0, :4].tolist())

    return encode_32


def _limit_seconds(folder: Path, lengths: Sequence[int]) -> float:
    """The time that the model's matrix products alone take in float32, each at its best measured rate.

    Linear layers at their own shapes, 2,048 rows; the two products of attention, 4 n n hidden operations a
    layer, at the linear layers' mean rate, which is generous to the limit.
    """
    model = native_model(folder)
    assert model is not None
    shape = model.architecture
    inner, hidden = shape.inner * (2 if shape.gated else 1), shape.hidden
    sizes = [(hidden, 3 * hidden), (hidden, hidden), (hidden, inner), (shape.inner, hidden)]
    per_row = sum(_product_seconds(*size) for size in sizes) / _LIMIT_ROWS
    rate = sum(2 * inputs * outputs for inputs, outputs in sizes) / per_row
    linear = per_row * sum(lengths)
    attention = sum(4 * length * length * hidden for length in lengths) / rate
    return shape.layers * (linear + attention)


def _product_seconds(inputs: int, outputs: int) -> float:
    import torch

    x, weight = torch.randn(_LIMIT_ROWS, inputs), torch.randn(outputs, inputs)
    times = []
    with torch.inference_mode():
        for _ in range(12):
            started = time.perf_counter()
            torch.nn.functional.linear(x, weight)
            times.append(time.perf_counter() - started)
    return min(times)


def _table(title: str, rows: Sequence[Row], films: int, tokens: Sequence[int]) -> str:
    limit = next(row.seconds for row in rows if row.name == "limit")
    lines = [f"{title}; {sum(tokens)} tokens", f"{'':24}{'films/s':>9}{'tokens/s':>10}{'of limit':>10}{'peak MiB':>10}"]
    for row in rows:
        memory = f"{row.peak_mib:10.0f}" if row.peak_mib else ""
        speed = f"{films / row.seconds:9.2f}{sum(tokens) / row.seconds:10.0f}{limit / row.seconds:10.0%}"
        lines.append(f"{row.name:24}{speed}{memory}")
    ours = next(row for row in rows if row.name.startswith("plotseek"))
    for peer in rows:
        if peer.first and not peer.name.startswith("plotseek"):
            apart = max(abs(a - b) for a, b in zip(ours.first, peer.first, strict=True))
            lines.append(
                f"plotseek is {peer.seconds / ours.seconds:.1f} times {peer.name} (components {apart:.0e} apart)"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
