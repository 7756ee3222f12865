"""The index of a folder: how widely it is searched, and that readers need no client of Chroma's."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from catalog.errors import CatalogDamaged
from catalog.movie import Movie
from catalog.store.chroma.collection import VectorIndex
from catalog.store.chroma.folder import ChromaFolder
from catalog.store.chroma.private import PrivateFolder

MOVIES = [Movie(str(number), f"Film {number}", "a plot", year=1950 + number) for number in range(40)]
VECTORS = np.random.default_rng(3).normal(size=(40, 8)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


def breadth(folder: Path) -> int:
    client = ChromaFolder(folder).connect(new=False)
    configuration = client.get_collection("films", embedding_function=None).configuration["hnsw"]
    client.close()
    assert configuration is not None
    return configuration["ef_search"]


@pytest.mark.parametrize(("rows", "ef_search"), [(40, 300), (65_451, 300), (200_000, 375), (1_000_000, 518)])
def test_a_larger_graph_is_searched_more_widely(tmp_path: Path, rows: int, ef_search: int) -> None:
    built, grown = ChromaFolder(tmp_path / "built"), ChromaFolder(tmp_path / "grown")
    VectorIndex.create(built, "films", {"by": "test"}, rows).close()
    with closing(VectorIndex.create(grown, "films", {"by": "test"}, 40)) as index:
        index.flush_on_open(rows)
    assert (breadth(built.path), breadth(grown.path)) == (ef_search, ef_search)


def filled(path: Path) -> ChromaFolder:
    folder = ChromaFolder(path)
    with closing(VectorIndex.create(folder, "films", {"by": "test"}, len(MOVIES))) as index:
        index.put(MOVIES, VECTORS)
    return folder


def test_a_reader_gets_what_chromas_client_gets(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    with (
        closing(VectorIndex.open(folder, "films")) as client,
        closing(VectorIndex.open(PrivateFolder(tmp_path), "films")) as reader,
    ):
        assert reader.count() == client.count() == 40
        assert reader.ids() == client.ids() == {movie.id for movie in MOVIES}
        assert reader.described(["7", "none"]) == client.described(["7"]) == {"7": {"title": "Film 7", "year": 1957}}
        assert reader.nearest(VECTORS[5], 10) == client.nearest(VECTORS[5], 10)
        assert np.array_equal(reader.vectors(["5"])["5"], client.vectors(["5"])["5"])


def test_what_chromas_engine_says_is_told_as_what_its_client_says(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(CatalogDamaged, match=r"Chroma says: Collection \[other\] does not exist; run 'ingest"):
        VectorIndex.open(PrivateFolder(tmp_path), "other")
    reader = VectorIndex.open(PrivateFolder(tmp_path), "films")
    reader.close()
    with pytest.raises(CatalogDamaged, match="Chroma says: the folder is closed"):
        reader.count()


def test_a_question_imports_no_client_of_chromas(seed_store: Path) -> None:
    script = (
        "import sys; from query.cli import main\n"
        "try: main(['space ships', '--no-server', '--limit', '1'])\n"
        "except SystemExit: pass\n"
        "sys.exit(str({'chromadb', 'opentelemetry', 'grpc', 'httpx'} & set(sys.modules)))"
    )
    variables = {"PLOTSEEK_STORE_PATH": str(seed_store), "PLOTSEEK_EMBEDDING_MODEL": "bundled", "PATH": ""}
    answered = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=variables
    )
    assert (answered.stderr, "Star Trek: Generations" in answered.stdout) == ("1 of 6 films\nset()\n", True), (
        answered.stdout
    )
