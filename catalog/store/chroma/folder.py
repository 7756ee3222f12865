"""A folder as a place for one vector index: Chroma inside this process."""

import os
import shutil
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from catalog.errors import MEND, CatalogDamaged, StoreError

if TYPE_CHECKING:
    from chromadb.api.client import Client


@dataclass(frozen=True, slots=True)
class ChromaFolder:
    """The folder of one generation's index."""

    path: Path

    @property
    def where(self) -> str:
        """For messages."""
        return str(self.path)

    @property
    def advice(self) -> str:
        """Where to look when it does not do what it must."""
        return "check the free space and the folder's permissions"

    @property
    def batch(self) -> int | None:
        """No fewer rows a call than usual."""
        return None

    def connect(self, *, new: bool) -> "Client":
        """A client; raises CatalogDamaged if the folder is to be there and is not, StoreError."""
        import chromadb
        from chromadb.config import Settings

        sqlite = self.path / "chroma.sqlite3"
        if not new and not sqlite.exists():
            raise CatalogDamaged(f"{self.path}: the vector index is missing; {MEND}")
        if not new and not (os.access(self.path, os.W_OK) and os.access(sqlite, os.W_OK)):
            raise StoreError(f"{self.path}: is read-only, and Chroma writes even to read; let this user write there")
        client = chromadb.PersistentClient(str(self.path), settings=Settings(anonymized_telemetry=False))
        return cast("Client", client)  # declared as its interface, which has no close()

    def close(self, client: "Client") -> None:
        """Release the files."""
        client.close()

    def remove(self, name: str) -> None:  # noqa: ARG002 - it holds one collection
        """Delete the collection with the folder: Chroma itself would leave its files."""
        shutil.rmtree(self.path, ignore_errors=True)

    def reached(self) -> AbstractContextManager[None]:
        """No network that could fail."""
        return nullcontext()
