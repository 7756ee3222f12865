"""Verify: compare everything that should say the same. Repair: build again, from our own vectors."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.arrays import Floats
from catalog.errors import MEND, CatalogDamaged, StoreError
from catalog.identity import ModelIdentity
from catalog.movie import Movie, fingerprints, model_text, text_digest
from catalog.store.chroma.collection import metadata, passage_id, passage_metadata
from catalog.store.chroma.server import Servers
from catalog.store.chroma.shards import AnyIndex
from catalog.store.draft import Difference, Draft
from catalog.store.embedding_cache import VectorCache, set_aside_if_damaged
from catalog.store.generation import Generation, GenerationInfo, damaged_files, stored_vectors
from catalog.store.generations import Generations
from catalog.store.integrity import check_generation, open_checked
from catalog.store.lock import writer_lock
from catalog.store.movies import Entry, Movies
from catalog.store.runs import History
from catalog.store.sqlite import check, connect_shared
from catalog.store.vectors.by_row import same_vector, unit_vectors
from catalog.store.vectors.passage_rows import PassageRow, passage_texts
from catalog.store.writer import CatalogWriter, check_movies
from catalog.text.passages import SPLITTER

#: Films compared in one go.
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Verification:
    """What was compared, and every difference, a line each."""

    generation: int
    films: int
    differences: tuple[str, ...]
    passages: int = 0
    """Of long stories: rows of the vector index besides the films."""


@dataclass(slots=True)
class _Differences:
    """Ids by what is wrong with them."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def add(self, what: str, identity: str) -> None:
        self.found.setdefault(what, []).append(identity)

    def lines(self) -> list[str]:
        return [f"{what}: {len(ids)} films, {ids[0]!r} for one" for what, ids in self.found.items()]


def verify(root: Path, sample: int | None = None, server: Servers | None = None) -> Verification:
    """Compare files, movies, vectors, embedding cache and Chroma of the generation in force.

    All films, or a `sample` spread over them. Takes no lock: what is published does not change.
    Raises CatalogMissing, CatalogDamaged where there is nothing left to compare, ChromaUnreachable.
    """
    generation = Generations(root).in_force()
    info = generation.info()
    differences = _cache_damage(root) + _generation_damage(generation)
    if not differences:
        differences = _differences(root, generation, info, sample, server)
    return Verification(info.number, info.films, tuple(differences), info.passages)


def _generation_damage(generation: Generation) -> list[str]:
    return [f"{path}: {wrong}" for path, wrong in damaged_files(generation).items()]


def _cache_damage(root: Path) -> list[str]:
    """What SQLite says of the files beside the generations."""
    lines = [] if (root / "vectors.sqlite3").exists() else [f"{root / 'vectors.sqlite3'}: is missing"]
    for path in sorted(root.glob("*.sqlite3")):
        try:
            with closing(connect_shared(path)) as connection:
                check(connection, path)
        except StoreError as error:
            lines.append(str(error).split("; ")[0])
    return lines or _damaged_vectors(root / "vectors.sqlite3")


def _damaged_vectors(path: Path) -> list[str]:
    try:
        with closing(VectorCache(path, reading=True)) as cache:
            damaged = cache.damaged()
    except CatalogDamaged as error:
        return [str(error).split("; ")[0]]
    return [f"{path}: {damaged} vectors are damaged"] if damaged else []


def _differences(
    root: Path, generation: Generation, info: GenerationInfo, sample: int | None, server: Servers | None
) -> list[str]:
    found = _Differences()
    try:
        check_generation(generation, info, server)
        with ExitStack() as stack:
            movies = stack.enter_context(closing(Movies.open(generation.movies)))
            cache = stack.enter_context(closing(VectorCache(root / "vectors.sqlite3", reading=True)))
            index = stack.enter_context(closing(open_checked(generation, info, server)))
            vectors = stored_vectors(generation, info)
            for entries in _chosen(movies, info.films, sample):
                stored = vectors.movies[[entry.row for entry in entries]]
                _compare_truth(entries, stored, info, cache, found)
                _compare_index(entries, stored, index, found)
                owners = {entry.row: entry.movie for entry in entries}
                told = [each for part in movies.passages.of(sorted(owners)) for each in part]
                _compare_texts(owners, told, info, found)
                _compare_passages(
                    owners, told, vectors.passages, cache.get(info.model, [p.digest for p in told]), found
                )
                _compare_index_passages(owners, told, vectors.passages, index, found)
    except CatalogDamaged as error:
        return [*found.lines(), str(error).removesuffix(f"; {MEND}")]
    return found.lines()


def _chosen(movies: Movies, films: int, sample: int | None) -> Iterator[list[Entry]]:
    """All movies, or so many spread over the catalog, in batches."""
    step = 1 if sample is None or sample >= films else max(films // max(sample, 1), 1)
    seen = 0
    for entries in movies.entries(_BATCH):
        if chosen := entries[-seen % step :: step]:
            yield chosen
        seen += len(entries)


def _compare_truth(
    entries: Sequence[Entry],
    vectors: NDArray[np.float32],
    info: GenerationInfo,
    cache: VectorCache,
    found: _Differences,
) -> None:
    """Movies against the fingerprints, and vectors.npy against the cache."""
    kept = cache.get(info.model, [entry.fingerprints.text for entry in entries])
    for entry, vector, is_unit in zip(entries, vectors, unit_vectors(vectors), strict=True):
        digest, identity = entry.fingerprints.text, entry.movie.id
        if text_digest(model_text(entry.movie, info.template)) != digest:
            found.add("the text is not the one that was fingerprinted", identity)
        if not is_unit:
            found.add("vectors.npy holds no vector of length 1", identity)
        if digest not in kept:
            found.add("the vector cache lacks the vector", identity)
        elif not np.array_equal(kept[digest], vector):
            found.add("vectors.npy and the vector cache hold different vectors", identity)


def _compare_index(
    entries: Sequence[Entry], vectors: NDArray[np.float32], index: AnyIndex, found: _Differences
) -> None:
    """Chroma's vectors and metadata against the movies."""
    ids = [entry.movie.id for entry in entries]
    stored, described = index.vectors(ids), index.described(ids)
    for entry, vector in zip(entries, vectors, strict=True):
        identity = entry.movie.id
        if identity not in stored or not same_vector(stored[identity], vector):
            found.add("the vector index holds no vector, or another one", identity)
        if described.get(identity) != {
            name: value for name, value in metadata(entry.movie).items() if value is not None
        }:
            found.add("the vector index holds other metadata", identity)


def _compare_texts(
    movies: Mapping[int, Movie], passages: Sequence[PassageRow], info: GenerationInfo, found: _Differences
) -> None:
    """The passages that are stored of movies, by row, against those that their stories have."""
    if info.splitter != SPLITTER:
        return
    stored: dict[int, list[bytes]] = {row: [] for row in movies}
    for passage in passages:
        stored[passage.row].append(passage.digest)
    for row, movie in movies.items():
        texts = passage_texts(movie, info.template, info.model)
        if stored[row] != list(map(text_digest, texts)):
            found.add("the passages are not those of the story", movie.id)


def _compare_passages(
    movies: Mapping[int, Movie],
    passages: Sequence[PassageRow],
    vectors: Floats,
    kept: Mapping[bytes, Floats],
    found: _Differences,
) -> None:
    """passages.npy against the cache."""
    for passage in passages:
        identity, vector = movies[passage.row].id, vectors[passage.place]
        if not unit_vectors(vector[None])[0]:
            found.add("passages.npy holds no vector of length 1", identity)
        if passage.digest not in kept:
            found.add("the vector cache lacks the vector of a passage", identity)
        elif not np.array_equal(kept[passage.digest], vector):
            found.add("passages.npy and the vector cache hold different vectors", identity)


def _compare_index_passages(
    movies: Mapping[int, Movie],
    passages: Sequence[PassageRow],
    vectors: Floats,
    index: AnyIndex,
    found: _Differences,
) -> None:
    """Chroma's vectors and metadata against the passages."""
    named = [(movies[passage.row].id, passage.number) for passage in passages]
    ids = [passage_id(*each) for each in named]
    stored, described = index.vectors(ids), index.described(ids)
    for passage, name, identity in zip(passages, named, ids, strict=True):
        if identity not in stored or not same_vector(stored[identity], vectors[passage.place]):
            found.add("the vector index holds no vector of a passage, or another one", name[0])
        if described.get(identity) != passage_metadata(*name):
            found.add("the vector index holds other metadata of a passage", name[0])


def repair(
    root: Path,
    embed: Callable[[Draft], int],
    say: Callable[[str], None] = lambda _: None,
    server: Servers | None = None,
) -> None:
    """Mend what `verify` found, and say what was done, line by line.

    What is damaged in the vector cache is taken from the generation's vectors.npy, and what both hold otherwise from
    neither; a new generation is then built from the cache. `embed` makes the vectors that are nowhere any more and
    returns how many. Raises CatalogDamaged if the films themselves are lost, CatalogLocked, StoreError, ModelError.
    """
    with writer_lock(root):
        path = root / "vectors.sqlite3"
        if set_aside_if_damaged(path):
            say(f"{path}: damaged, set aside as {path.name}.damaged")
        History.open(root, say).close()
        generation = Generations(root).reinstate(say)
        info = generation.info()
        damaged = damaged_files(generation)
        check_movies(generation, info)
        with closing(CatalogWriter(root, server)) as writer:
            if dropped := writer.cache.drop_damaged():
                say(f"{path}: {dropped} damaged vectors dropped")
            if generation.vectors not in damaged and (taken := _refill(writer.cache, generation, info)):
                say(f"{path}: {taken} vectors taken back from {generation.vectors}")
            if damaged or _differences(root, generation, info, None, server):
                say(_build_again(writer, info, embed))


def _refill(cache: VectorCache, generation: Generation, info: GenerationInfo) -> int:
    """Take vectors that the cache lacks from the generation's, and forget those they differ in; returns how many."""
    taken = 0
    vectors = stored_vectors(generation, info)
    with closing(Movies.open(generation.movies)) as movies:
        for part in movies.digests():
            taken += _refill_part(cache, info.model, part, vectors.movies)
        for told in movies.passages.all():
            taken += _refill_part(cache, info.model, [(each.place, each.digest) for each in told], vectors.passages)
    return taken


def _refill_part(cache: VectorCache, model: ModelIdentity, part: Sequence[tuple[int, bytes]], vectors: Floats) -> int:
    """The same of texts by their digests, each with the row of its vector in `vectors`, shape (height, d)."""
    rows = [row for row, _ in part]
    stored = dict(zip(rows, vectors[rows], strict=True))
    kept = cache.get(model, [digest for _, digest in part])
    sound = set(np.array(rows)[unit_vectors(vectors[rows])].tolist())
    lacking = {digest: stored[row] for row, digest in part if digest not in kept and row in sound}
    differ = [d for row, d in part if row in sound and d in kept and not np.array_equal(kept[d], stored[row])]
    cache.put(model, lacking)
    cache.drop(model, differ)
    return len(lacking)


def _build_again(writer: CatalogWriter, info: GenerationInfo, embed: Callable[[Draft], int]) -> str:
    draft = writer.begin(info.model, info.template, info.fallback_for, fresh=True)
    try:
        for entries in draft.movies.entries():
            draft.movies.put(replace(entry, fingerprints=fingerprints(entry.movie, info.template)) for entry in entries)
        embedded = embed(draft)
        published = draft.publish(Difference())
    except BaseException:
        draft.discard()
        raise
    return f"generation {published.number} built and published, {embedded} texts embedded"
