"""fastembed over the ONNX export: run by the interpreter of an environment that has it.

It cannot share plotseek's environment (fastembed 0.9 wants huggingface_hub below 2), so this file
imports nothing of plotseek. usage: fastembed_peer.py ONNX_FOLDER SLICES_JSON DIMENSION BATCH. It embeds the slice
whose number it reads from a line, and answers with a line.
"""

import json
import sys
import time
from pathlib import Path


def peak_kib() -> int:
    """The most memory this process had, from Linux; getrusage would tell the parent's if that was more."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def main() -> None:
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    folder, texts_path, dimension, batch = sys.argv[1:]
    slices = json.loads(Path(texts_path).read_text(encoding="utf-8"))
    TextEmbedding.add_custom_model(
        model="stand-in",
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf="stand-in"),
        dim=int(dimension),
        model_file="model.onnx",
    )
    model = TextEmbedding("stand-in", specific_model_path=folder)
    for line in sys.stdin:
        texts = ["warm up"] if int(line) < 0 else slices[int(line)]
        started = time.perf_counter()
        vectors = list(model.embed(texts, batch_size=int(batch)))
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "peak_kib": peak_kib(), "first": vectors[0][:4].tolist()}), flush=True)


if __name__ == "__main__":
    main()
