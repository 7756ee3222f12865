"""Embedding on a Ray cluster: actors read texts and write vectors, the run that asked takes them into its cache."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from catalog.config import EmbeddingConfig
from catalog.embedding.embedder import SAME_MODEL, Embedder, smallest_cosine
from catalog.embedding.factory import Choice, open_remembered
from catalog.errors import ModelError, UsageError
from catalog.extras import require
from catalog.identity import ModelIdentity
from catalog.store.vectors.sample import KNOWN
from ingest.distributed.shards import Shards
from ingest.sync.plan import EmbeddedTexts


@dataclass(frozen=True, slots=True)
class Fleet:
    """Embeds on as many actors as the cluster has GPUs, or else cores."""

    settings: EmbeddingConfig
    choice: Choice
    folder: Path
    """Seen by all machines; whole shards that are there already are used."""

    def embed(self, parts: Iterable[Mapping[bytes, str]]) -> Iterator[EmbeddedTexts]:
        """Vectors of texts by their digests, each part when it is done.

        Raises UsageError without Ray, for an endpoint, and for a cluster that cannot be reached; ModelError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        shards = Shards(self.folder, self.choice.embedder.identity.key)
        shards.clear()
        done: set[bytes] = set()
        for name in list(shards.finished()):
            if shard := shards.read(name):
                done |= shard.vectors.keys()
                yield EmbeddedTexts(shard.vectors, read=0, truncated=shard.truncated)
            shards.remove(name)
        left = ({digest: text for digest, text in part.items() if digest not in done} for part in parts)
        names = [shards.write_texts(number, part) for number, part in enumerate(left) if part]
        if names:
            with _cluster():
                yield from self._embed(shards, names)
            shards.clear()  # an actor that died may have left a file half written

    def _embed(self, shards: Shards, names: list[str]) -> Iterator[EmbeddedTexts]:
        texts = list(shards.read_texts(names[0]).values())[:KNOWN]
        known = texts, self.choice.embedder.embed_documents(texts).vectors
        worker = _Worker(self._settings(), self.choice.embedder.identity, known, shards)
        for name in _names_done(worker, names):
            shard = shards.read(name)
            if shard is None:
                raise UsageError(
                    f"{shards.folder}: what the cluster wrote is not seen here, or is not whole;"
                    " name a folder of all machines with --shards"
                )
            yield EmbeddedTexts(shard.vectors, read=len(shard.vectors), truncated=shard.truncated)
            shards.remove(name)

    def _settings(self) -> EmbeddingConfig:
        """One precision for all actors: the one that this machine would use."""
        from catalog.embedding.bert.device import choose_device, choose_precision

        precision = choose_precision(self.settings.precision, choose_device(self.settings.device))
        return replace(self.settings, precision=str(precision).removeprefix("torch."))


@dataclass(frozen=True, slots=True)
class _Worker:
    """What an actor needs to know."""

    settings: EmbeddingConfig
    identity: ModelIdentity
    known: tuple[list[str], np.ndarray[Any, np.dtype[np.float32]]]
    shards: Shards


class EmbeddingActor:
    """Holds the model, and turns files of texts into files of vectors."""

    def __init__(self, worker: _Worker) -> None:
        self._shards = worker.shards
        self._embedder = _same_model(worker)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The names of files, whose vectors are written then."""
        for name in batch["name"]:
            if self._shards.read(name) is None:  # an actor that died may have finished it
                texts = self._shards.read_texts(name)
                made = self._embedder.embed_documents(list(texts.values()))
                self._shards.write(name, list(texts), made.vectors, made.truncated)
        return {"name": batch["name"]}


def _same_model(worker: _Worker) -> Embedder:
    """The model of the run that asks; raises ModelError where it has other vectors here."""
    embedder = open_remembered(worker.settings, worker.identity, lambda: worker.known)
    texts, vectors = worker.known
    cosine = smallest_cosine(embedder.embed_documents(texts).vectors, vectors)
    if cosine < SAME_MODEL:
        raise ModelError(
            f"the model on {os.uname().nodename} has other vectors than here (cosine {cosine:.4f});"
            " install the same versions on all machines"
        )
    return embedder


def _names_done(worker: _Worker, names: list[str]) -> Iterator[str]:
    """Names in the order in which they are done."""
    import ray
    import ray.data

    has: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    gpus = int(has.get("GPU", 0))
    actors = min(gpus or int(has.get("CPU", 1)), len(names))
    items = ray.data.from_items([{"name": name} for name in names], override_num_blocks=len(names))
    made = items.map_batches(
        EmbeddingActor,
        fn_constructor_args=(worker,),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2),
        num_cpus=0 if gpus else 1,
        num_gpus=1 if gpus else 0,
    )
    try:
        yield from (row["name"] for row in made.iter_rows())
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        raise ModelError(f"the cluster gave up: {' '.join(str(cause).split())[-300:]}") from error


@contextmanager
def _cluster() -> Iterator[None]:
    """The cluster that RAY_ADDRESS names or that runs on this machine, or else one of this process alone."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    require("ray", "--on ray")
    import ray
    import ray.data

    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        address = os.environ.get("RAY_ADDRESS", "here")
        raise UsageError(f"no Ray cluster at {address}: {' '.join(str(error).split())[:200]}") from error
    try:
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield
    finally:
        ray.shutdown()
