"""bfloat16 beside float32: cosine similarity of the same texts' vectors.

    python -m benchmarks.precision FILE [--model FOLDER] [--texts 200]

FILE is a JSON array of films with title and plot; FOLDER a model's, the bundled one if there is none.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from catalog.arrays import Vectors
from catalog.embedding.bert.local import open_local
from catalog.embedding.bundled import bundled_folder


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", type=Path, default=bundled_folder())
    parser.add_argument("--texts", type=int, default=200)
    options = parser.parse_args()
    films = json.loads(options.file.read_text(encoding="utf-8"))
    spread = films[:: max(len(films) // options.texts, 1)][: options.texts]
    texts = [f"{film['title']} {film['plot']}" for film in spread]
    exact, rounded = (embedded(options.model, precision, texts) for precision in ("float32", "bfloat16"))
    cosines = np.sum(exact * rounded, axis=1)
    print(f"{len(texts)} texts: cosine at least {cosines.min():.6f}, median {np.median(cosines):.6f}")
    print(f"largest difference of a component: {np.abs(exact - rounded).max():.1e}")


def embedded(model: Path, precision: str, texts: list[str]) -> Vectors:
    """Unit vectors of the texts, shape (texts, d)."""
    embedder = open_local(model, "m", "", max_tokens=2048, precision=precision, device="cpu")
    return embedder.embed_documents(texts).vectors


if __name__ == "__main__":
    main()
