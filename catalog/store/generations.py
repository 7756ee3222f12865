"""The folders of the catalog: copy, change, check, publish.

    LOCK                 one writer, by the operating system
    vectors.sqlite3      every vector ever computed, writer only
    generations/0007/    generation.json  movies.sqlite3  lexical/  chroma/  vectors.npy  moments.npz  film_map.npz
                         passages.npy  passage_words/, where there are passages
    CURRENT              the name of the generation in force, and the digest of its generation.json
    CATALOG              a random name, by which a backup knows whose it is

With a Chroma server there is COLLECTION instead of chroma/: the name of the generation's collection there, or, a line
each, of the collections that are its shards, and how many rows they have.

A generation is changed only while it is private. `generation.json` is its last file; a folder
without one is what a killed run left behind. A reader opens what CURRENT names: from there, digests
lead to every file; SEAL has the digest that CURRENT would name. ROLLED_BACK in a folder says that a rollback left it.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from secrets import token_hex

from catalog.errors import MEND, CatalogDamaged, CatalogMissing, StoreError
from catalog.store.chroma.server import Servers
from catalog.store.chroma.shards import IndexShard
from catalog.store.files import disk_errors, sync_to_disk, write_atomically
from catalog.store.generation import Generation, GenerationInfo, damaged_files, digest_of


class Generations:
    """All generations below one folder, and which of them is in force."""

    def __init__(self, root: Path, server: Servers | None = None) -> None:
        """With a `server`, new generations have their index there, and old ones are removed there."""
        self.root = root
        self.server = server
        self._folder = root / "generations"
        self._current = root / "CURRENT"
        self._name = root / "CATALOG"

    def stamp(self) -> tuple[int, int] | None:
        """Changes whenever another generation comes into force; costs one stat."""
        try:
            status = self._current.stat()
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise StoreError(f"store.path: {self.root} is a file, not a folder") from None
        return status.st_mtime_ns, status.st_ino

    def current(self) -> Generation | None:
        """The generation in force; None before the first one."""
        with disk_errors(self._current):
            try:
                content = self._current.read_bytes()
            except FileNotFoundError:
                return None
        name, *seal = content.decode("ascii", "replace").split()[:2] or [""]
        if not name.isdecimal():
            raise CatalogDamaged(f"{self._current}: must hold a number; {MEND}")
        return Generation(self._folder / name, *seal)

    def in_force(self) -> Generation:
        """The generation in force, or CatalogMissing with the command to run."""
        generation = self.current()
        if generation is None:
            raise CatalogMissing(
                f"{self.root}: there is no catalog yet; run 'ingest movies.json' first,"
                " or name the settings of one with --config"
            )
        return generation

    def all(self) -> list[Generation]:
        """Every folder, finished or not, oldest first."""
        if not self._folder.exists():
            return []
        with disk_errors(self._folder):
            folders = [path for path in self._folder.iterdir() if path.name.isdecimal() and path.is_dir()]
            return sorted((_sealed(Generation(path)) for path in folders), key=lambda generation: generation.number)

    def begin(self) -> Generation:
        """A new, private folder, empty but for the name that its index shall have on a server.

        The name is on disk before the collection is there, so that no killed run leaves one that nobody
        knows; it is random, so that no two catalogs on one server, nor a copied one, ever meet.
        """
        everything = self.all()
        number = everything[-1].number + 1 if everything else 1
        generation = Generation(self._folder / f"{number:04d}")
        with disk_errors(generation.folder):
            generation.folder.mkdir(parents=True)
            if self.server is not None:
                generation.name_shards(_named(f"movies-{number:04d}-{token_hex(8)}", len(self.server.shards)))
        return generation

    def publish(self, generation: Generation, info: GenerationInfo) -> None:
        """Make a finished, verified generation the one in force; all on disk before the switch."""
        with disk_errors(generation.folder):
            generation.finish(info)
            sync_to_disk(self._folder)
        self.switch(generation)

    def switch(self, generation: Generation) -> None:
        """Let CURRENT name a finished generation."""
        with disk_errors(self._current):
            seal = digest_of(generation.info_file.read_bytes())
            write_atomically(self._current, f"{generation.folder.name} {seal}\n")

    def catalog_name(self) -> str | None:
        """The random name of this catalog; None where none was given yet."""
        with disk_errors(self._name):
            return self._name.read_text(encoding="ascii", errors="replace").strip() if self._name.exists() else None

    def name_catalog(self, name: str) -> None:
        """Give the catalog its name."""
        with disk_errors(self._name):
            write_atomically(self._name, f"{name}\n")

    def roll_back(self, left: Callable[[GenerationInfo], None] = lambda _: None) -> GenerationInfo:
        """Put the newest older generation that is whole in force again, and never this one. Writer only.

        `left` hears first which one is left, if it can still be read. Raises CatalogMissing, StoreError.
        """
        try:
            current = self.in_force()
        except CatalogDamaged:
            current = None
        for generation in reversed(self.all()):
            if current is not None and generation.number >= current.number:
                continue
            if generation.published and not generation.was_rolled_back and not damaged_files(generation):
                info = generation.info()  # says so if it is of an older layout
                if current is not None and current.folder.exists():
                    self._leave(current, left)
                self.switch(generation)
                return info
        raise StoreError(f"{self.root}: there is no older generation to go back to; 'ingest restore' takes a backup")

    def _leave(self, current: Generation, left: Callable[[GenerationInfo], None]) -> None:
        try:
            info = current.info(older=True)
        except StoreError:
            pass
        else:
            left(info)
        with disk_errors(current.folder):
            write_atomically(current.rolled_back_file, "")

    def reinstate(self, say: Callable[[str], None]) -> Generation:
        """The generation in force, though CURRENT be damaged: the newest that was not rolled back, if it is whole.

        `say` hears which one CURRENT names from now on. Writer only. Raises CatalogMissing, CatalogDamaged, StoreError.
        """
        try:
            generation = self.in_force()
            generation.info()
        except CatalogDamaged:
            kept = [found for found in self.all() if found.published and not found.was_rolled_back]
            if not kept or damaged_files(kept[-1]):
                raise
            generation = kept[-1]
            films = generation.info().films
            self.switch(generation)
            say(f"{self._current}: was damaged, names generation {generation.number} with {films} films again")
        return generation

    def drop_unfinished(self) -> list[int]:
        """Throw away what killed runs left behind; returns their numbers. Writer only.

        Not what CURRENT names, though its generation.json be lost: it may be all that is left of the films.
        """
        try:
            current = self.current()
        except CatalogDamaged:
            return []
        unfinished = [generation for generation in self.all() if not generation.published]
        unfinished = [found for found in unfinished if current is None or found.number != current.number]
        for generation in unfinished:
            self._drop(generation)
        return [generation.number for generation in unfinished]

    def drop_old(self, keep: int, grace: float) -> list[int]:
        """Remove generations that were rolled back, and finished ones beyond the newest `keep`; not the one in force.

        Nor a young one, which a reader may just be opening: it is young for `grace` seconds after its successor was
        published. The newest stays in any case, so that no number is given twice.
        """
        current = self.current()
        finished = [generation for generation in self.all() if generation.published]
        good = [generation.number for generation in finished if not generation.was_rolled_back]
        surplus = good[: max(len(good) - keep, 0)]
        removed: list[int] = []
        for generation, successor in pairwise(finished):
            if generation.number in good and generation.number not in surplus:
                continue
            age = time.time() - successor.info_file.stat().st_mtime
            if age > grace and (current is None or generation.number != current.number):
                self._drop(generation)
                removed.append(generation.number)
        return removed

    def discard(self, generation: Generation) -> None:
        """Throw a private generation away; what cannot be removed now, the next writer removes."""
        with suppress(StoreError):
            self._drop(generation)

    def drop_others(self) -> None:
        """Remove all but the generation in force: a backup holds one."""
        current = self.in_force()
        for generation in self.all():
            if generation.number != current.number:
                self._drop(generation)

    def _drop(self, generation: Generation) -> None:
        with disk_errors(generation.folder):
            # First, so that a kill in between leaves no half generation that looks finished.
            generation.info_file.unlink(missing_ok=True)
            if self.server is not None and generation.on_server:
                for shard in generation.shards:
                    self.server.remove(shard.collection)
            shutil.rmtree(generation.folder)


def _named(name: str, shards: int) -> list[IndexShard]:
    """A collection of this name, or one for each shard: `movies-0007-9f3c-1` and so on."""
    return [IndexShard(name)] if shards == 1 else [IndexShard(f"{name}-{number}") for number in range(1, shards + 1)]


def _sealed(generation: Generation) -> Generation:
    """A generation with its own seal, by which generation.json is checked though CURRENT names another one."""
    if not generation.seal_file.exists():
        return generation  # of an earlier version
    return replace(generation, seal=generation.seal_file.read_text(encoding="ascii", errors="replace").strip())


@contextmanager
def as_catalog(generation: Generation, info: GenerationInfo) -> Iterator[Path]:
    """A folder of links that is laid out as a catalog with this private generation in force.

    It lies inside the generation, so that what a kill leaves of it is thrown away with that.
    """
    root = generation.folder / "as_catalog"
    folder = root / "generations" / generation.folder.name
    with disk_errors(root):
        parts = [path.absolute() for path in generation.folder.iterdir()]
        folder.mkdir(parents=True)
        for path in parts:
            (folder / path.name).symlink_to(path)
        shown = Generation(folder)
        write_atomically(shown.info_file, json.dumps(asdict(info)))
        Generations(root).switch(shown)
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
