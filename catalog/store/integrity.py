"""A generation compared with the truth before it is published, as a reader would find it."""

from contextlib import ExitStack, closing
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from catalog.errors import MEND, WAY_BACK, CatalogDamaged, StoreError
from catalog.store.chroma.build import passage_ids
from catalog.store.chroma.collection import VectorIndex, passage_id
from catalog.store.chroma.private import PrivateFolder
from catalog.store.chroma.server import Servers
from catalog.store.chroma.shards import AnyIndex, ShardedIndex, shard_of
from catalog.store.files import disk_errors
from catalog.store.generation import Generation, GenerationInfo, check_part, index_digests, stored_vectors
from catalog.store.lexical.index import LexicalIndex
from catalog.store.lexical.passage_words import PassageWords
from catalog.store.movies import Movies
from catalog.store.sqlite import compact
from catalog.store.vectors.by_row import same_vector, unit_vectors

#: A published generation is compared with the truth at so many movies.
_SAMPLE = 100
#: And at so many whenever it is opened on a server, whose files cannot be looked at.
_GLANCE = 10
_DEEPER = 1000

#: Cosine similarity of a stored vector with itself; float32 keeps it above this.
_SAME = 0.9999


def check_generation(generation: Generation, info: GenerationInfo, server: Servers | None) -> None:
    """Compare movies, vectors and indexes: ids, counts, and vectors of a sample, read back and found again.

    Raises CatalogDamaged with the first difference, ChromaUnreachable.
    """
    with closing(Movies.open(generation.movies)) as movies:
        ids = movies.ids()
        told = passage_ids(movies, ids) if info.passages else set()
    if len(told) != info.passages:
        raise CatalogDamaged(f"{generation.movies}: holds {len(told)} passages instead of {info.passages}; {WAY_BACK}")
    if len(ids) != info.films:
        raise CatalogDamaged(f"{generation.movies}: holds {len(ids)} movies instead of {info.films}")
    if (documents := LexicalIndex.open(generation.lexical).movies) != info.films:
        raise CatalogDamaged(f"{generation.lexical}: holds {documents} movies instead of {info.films}; {MEND}")
    if info.passages and (documents := PassageWords.open(generation.passage_words).passages) != info.passages:
        raise CatalogDamaged(
            f"{generation.passage_words}: holds {documents} passages instead of {info.passages}; {MEND}"
        )
    rows, shards = told.union(ids), len(generation.shards)
    for shard in range(shards):
        with closing(_open(generation, server, shard)) as index:
            wanted = rows if shards == 1 else {row for row in rows if shard_of(row, shards) == shard}
            if difference := index.ids().symmetric_difference(wanted):
                raise CatalogDamaged(
                    f"{index.where}: {len(difference)} ids differ, {min(difference)!r} for one; {MEND}"
                )
            _compare_sample(index, generation, info, shard, _SAMPLE)


def open_checked(generation: Generation, info: GenerationInfo, server: Servers | None) -> AnyIndex:
    """The index of a published generation, all its shards checked as `open_shard` does; raises as that does."""
    with ExitStack() as stack:
        opened = [
            stack.enter_context(closing(open_shard(generation, info, server, shard)))
            for shard in range(len(generation.shards))
        ]
        stack.pop_all()
    return opened[0] if len(opened) == 1 else ShardedIndex(opened)


def open_shard(generation: Generation, info: GenerationInfo, server: Servers | None, shard: int) -> VectorIndex:
    """One shard of the index of a published generation, or all of it, after a look that takes no time.

    In a folder, at its files: a broken index can take the whole process down. On a server, at the count
    and at some vectors: what is broken there may be silent. Raises CatalogDamaged, ChromaUnreachable.
    """
    if not generation.on_server:
        with disk_errors(generation.chroma):
            found = index_digests(generation)
        if found != info.index_files:
            raise CatalogDamaged(f"{generation.chroma}: the vector index is damaged; {MEND}")
        check_part(generation, info, generation.chroma)
    index = _open(generation, server, shard)
    try:
        if generation.on_server:
            _glance(index, generation, info, shard)
    except BaseException:
        index.close()
        raise
    return index


def is_intact(generation: Generation, info: GenerationInfo, server: Servers | None) -> bool:
    """Whether the index is where it is configured to be and looks as it was published, and all vectors are sound.

    Raises ChromaUnreachable.
    """
    try:
        if not generation.is_divided_as(server):
            return False
        if generation.on_server:
            open_checked(generation, info, server).close()
        elif index_digests(generation) != info.index_files:
            return False
        return _holds_unit_vectors(generation, info)
    except CatalogDamaged:
        return False


def _holds_unit_vectors(generation: Generation, info: GenerationInfo) -> bool:
    """Whether no vector is one that an earlier version took from a damaged cache."""
    vectors = stored_vectors(generation, info)
    with closing(Movies.open(generation.movies)) as movies:
        parts = ([row for row, _ in part] for part in movies.digests())
        told = ([passage.place for passage in part] for part in movies.passages.all())
        return all(unit_vectors(vectors.movies[rows]).all() for rows in parts) and all(
            unit_vectors(vectors.passages[places]).all() for places in told
        )


def seal_index(generation: Generation, info: GenerationInfo, server: Servers | None) -> GenerationInfo:
    """Bring a finished index to rest, check the generation as a reader would find it, and remember its files.

    Asking it once more is what makes Chroma write the rest of its log into its index files, which a reader must never
    do; the room that the log took is given back. Raises CatalogDamaged, StoreError.
    """
    if not generation.on_server:
        with closing(VectorIndex.open(generation.backend(None), generation.collection)) as index:
            index.nearest(np.eye(1, info.model.dimension, dtype=np.float32)[0], 1)
        compact(generation.chroma / "chroma.sqlite3")
        files = index_digests(generation)
        if not any(name.endswith(".bin") for name in files) and info.films:
            raise StoreError(f"{generation.chroma}: Chroma wrote no index files")
        info = replace(info, index_files=files)
    check_generation(generation, info, server)
    return info


def _is_found(index: VectorIndex, vector: NDArray[np.float32], count: int) -> bool:
    found = index.nearest(vector, count)
    return bool(found) and found[0].similarity >= _SAME  # NaN is not


def _open(generation: Generation, server: Servers | None, shard: int) -> VectorIndex:
    backend = generation.backend(server, shard)
    return VectorIndex.open(
        backend if generation.on_server else PrivateFolder(generation.chroma), generation.shards[shard].collection
    )


def _glance(index: VectorIndex, generation: Generation, info: GenerationInfo, shard: int) -> None:
    collection, rows = generation.shards[shard]
    wanted = info.rows if rows is None else rows
    if (count := index.count()) != wanted:
        raise CatalogDamaged(f"{index.where}: collection {collection} holds {count} rows instead of {wanted}; {MEND}")
    _compare_sample(index, generation, info, shard, _GLANCE)


def _compare_sample(index: VectorIndex, generation: Generation, info: GenerationInfo, shard: int, sample: int) -> None:
    """Movies of a shard, spread over the catalog: what the index holds of them, and what it finds by their vectors.

    Of their passages the first ones.
    """
    vectors, shards = stored_vectors(generation, info), len(generation.shards)
    spread = min(sample * shards, info.height)
    rows = np.linspace(0, info.height - 1, spread, dtype=int) if info.height else np.arange(0)
    with closing(Movies.open(generation.movies)) as movies:
        found = movies.ids_at(rows.tolist())
        chosen = {row: identity for row, identity in found.items() if shard_of(identity, shards) == shard}
        told = [passage for part in movies.passages.of(list(chosen)) for passage in part][:sample]
    expected = {identity: np.asarray(vectors.movies[row]) for row, identity in chosen.items()}
    for passage in told:
        expected[passage_id(chosen[passage.row], passage.number)] = np.asarray(vectors.passages[passage.place])
    stored = index.vectors(list(expected))
    for identity, vector in expected.items():
        if identity not in stored or not same_vector(stored[identity], vector):
            raise CatalogDamaged(f"{index.where}: the vector of {identity!r} is lost or another one; {MEND}")
        # The search is approximate: where many vectors are equal, it may miss all of them among the next few hundred.
        if not any(_is_found(index, vector, count) for count in (1, _DEEPER)):
            raise CatalogDamaged(f"{index.where}: {identity!r} is not found by its own vector; {MEND}")
