"""Films embedded per second on a GPU, and the share of its matrix-product peak that the model's products reach.

usage: python -m benchmarks.gpu --data FOLDER --model FOLDER [--films 20000] [--long 200] [--rounds 5]

FOLDER of --data holds movies.json and movies_long_synopsis.jsonl; that of --model a BERT or Jina BERT v2.
"All" is `embed_documents`, tokenizer and copies included; "encoder" starts from token ids. The peak is the best
rate of a bfloat16 product of 8192 x 8192 matrices in the same run; the share counts the products that a text
needs, and none of what is computed for padding or masked scores. Medians over rounds.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch

from catalog.arrays import Vectors
from catalog.embedding.bert.config import Architecture
from catalog.embedding.bert.gpu.forward import most_tokens
from catalog.embedding.bert.local import LocalEmbedder, open_local
from catalog.embedding.bert.packing import batches

_PEAK = 8192
_MAX_TOKENS = 2048


def main() -> None:
    """Print a line for each mixture of texts, and how far the vectors are from those of the processor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--films", type=int, default=20_000)
    parser.add_argument("--long", type=int, default=200, help="long synopses")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    films = json.loads((options.data / "movies.json").read_text(encoding="utf-8"))
    texts = [f"{film['title']} {film['plot']}" for film in films[: options.films]]
    lines = (options.data / "movies_long_synopsis.jsonl").read_text(encoding="utf-8").splitlines()[: options.long]
    synopses = [f"{film['title']} {film['synopsis']}" for film in map(json.loads, lines)]
    peak = _peak()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}: bfloat16 products at {peak / 1e12:.0f} TFLOP/s")
    bfloat16, float32 = (_opened(options.model, precision, "cuda") for precision in ("bfloat16", "float32"))
    for name, mixture in (("films", texts), ("films and synopses", texts[:2000] + synopses)):
        for line in _lines(name, mixture, bfloat16, peak, options.rounds):
            print(line, flush=True)
    _agreement(texts[:: max(len(texts) // 40, 1)] + synopses[:4], bfloat16, float32, options.model)


def _opened(folder: Path, precision: str, device: str) -> LocalEmbedder:
    made = open_local(folder, "m", "", max_tokens=_MAX_TOKENS, precision=precision, device=device)
    assert isinstance(made, LocalEmbedder)
    return made


def _peak() -> float:
    """FLOP/s."""
    x, y = (torch.randn(_PEAK, _PEAK, dtype=torch.bfloat16, device="cuda") for _ in range(2))
    return 2 * _PEAK**3 / _seconds(lambda: x @ y, 20)


def _seconds(work: Callable[[], object], rounds: int) -> float:
    """Median of several rounds, after one that is not counted."""
    times = []
    for _ in range(rounds + 1):
        torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return median(times[1:])


def _lines(name: str, texts: Sequence[str], embedder: LocalEmbedder, peak: float, rounds: int) -> list[str]:
    ids = embedder._tokenizer(texts).ids
    lengths = [len(sequence) for sequence in ids]
    work = [
        [ids[index] for index in batch]
        for batch in batches(lengths, most_tokens(embedder.model.architecture, embedder._encoder.weights.device))
    ]
    operations = _operations(embedder.model.architecture, lengths)
    made = []
    for kernels in sorted({embedder._encoder.kernels, False}, reverse=True):
        encoder = replace(embedder._encoder, kernels=kernels)
        seconds = _seconds(lambda: [encoder.begin(each) for each in work], rounds)  # noqa: B023
        what = "encoder" if kernels else "encoder without kernels"
        made.append(
            f"{name}, {what}: {sum(lengths) / seconds:,.0f} tokens/s, {len(ids) / seconds:,.0f} texts/s, "
            f"{operations / seconds / 1e12:.0f} TFLOP/s, {operations / seconds / peak:.0%} of the peak"
        )
    seconds = _seconds(lambda: embedder.embed_documents(texts), rounds)
    tokenizing = _seconds(lambda: embedder._tokenizer(texts), rounds)
    made.append(
        f"{name}, all: {len(ids) / seconds:,.0f} texts/s, {operations / seconds / peak:.0%} of the peak; "
        f"the tokenizer takes {tokenizing / seconds:.0%} of the time"
    )
    return made


def _operations(shape: Architecture, lengths: Sequence[int]) -> int:
    """Two for each multiplication of the matrix products: linear layers and attention's two."""
    linear = shape.hidden * (4 * shape.hidden + (3 if shape.gated else 2) * shape.inner)
    return shape.layers * sum(2 * n * linear + 4 * n * n * shape.hidden for n in lengths)


def _agreement(texts: Sequence[str], bfloat16: LocalEmbedder, float32: LocalEmbedder, folder: Path) -> None:
    exact = _opened(folder, "float32", "cpu").embed_documents(texts).vectors
    on_gpu, narrow = (embedder.embed_documents(texts).vectors for embedder in (float32, bfloat16))
    alone = np.concatenate([bfloat16.embed_documents([text]).vectors for text in texts])
    print(f"float32 beside the processor's: a component {np.abs(on_gpu - exact).max():.1e} apart at most")
    print(f"bfloat16 beside the processor's float32: {_cosine(narrow, exact)}")
    print(f"a text alone and among others, bfloat16: {np.abs(alone - narrow).max():.1e} apart at most")


def _cosine(first: Vectors, second: Vectors) -> str:
    cosines = np.sum(first * second, axis=1)
    return f"cosine at least {cosines.min():.6f}, median {np.median(cosines):.6f}"


if __name__ == "__main__":
    main()
