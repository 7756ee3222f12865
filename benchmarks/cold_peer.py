"""The plain script: sentence-transformers and chromadb.

python -m benchmarks.cold_peer bundled|jina MODEL INDEX NAME QUESTION
"""

import sys

import chromadb
from sentence_transformers import SentenceTransformer


def model(name: str, folder: str) -> SentenceTransformer:
    if name == "bundled":
        return SentenceTransformer(folder, device="cpu")
    # Its own code does not load in current libraries; this is the same structure.
    from pathlib import Path

    from benchmarks.padded import padded_sentence_transformer

    return padded_sentence_transformer(Path(folder), 2048)


def main(name: str, folder: str, index: str, collection: str, question: str) -> None:
    films = chromadb.PersistentClient(index).get_collection(collection)
    vector = model(name, folder).encode(question, normalize_embeddings=True)
    found = films.query(query_embeddings=[vector.tolist()], n_results=10)
    for identity, distance in zip(found["ids"][0], (found["distances"] or [[]])[0], strict=True):
        print(f"{1 - distance:.3f} {identity}")


if __name__ == "__main__":
    main(*sys.argv[1:])
