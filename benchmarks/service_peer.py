"""What most people would write: FastAPI, sentence-transformers, Chroma.

python -m benchmarks.service_peer FOLDER NAME PORT
"""

import sys
from typing import Any

import chromadb
import uvicorn
from fastapi import FastAPI
from sentence_transformers import SentenceTransformer

from catalog.embedding.bundled import bundled_folder


def create(folder: str, name: str) -> FastAPI:
    """One route: embed the question, ask the collection, return what it keeps of the ten nearest films."""
    app = FastAPI()
    model = SentenceTransformer(str(bundled_folder()), device="cpu")
    films = chromadb.PersistentClient(folder).get_collection(name)

    @app.get("/search")
    def search(q: str) -> list[dict[str, Any]]:
        vector = model.encode(q, normalize_embeddings=True)
        found = films.query(query_embeddings=[vector.tolist()], n_results=10)
        rows = zip(found["ids"][0], (found["distances"] or [[]])[0], (found["metadatas"] or [[]])[0], strict=True)
        return [{"id": id_, "score": 1 - distance, **(metadata or {})} for id_, distance, metadata in rows]

    return app


if __name__ == "__main__":
    uvicorn.run(create(sys.argv[1], sys.argv[2]), port=int(sys.argv[3]), log_level="warning")
