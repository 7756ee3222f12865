"""What a stored collection says of itself, read before Chroma's client acts on it.

Chroma's client builds the embedding function that a collection names, whoever wrote that there, and whatever was
passed as `embedding_function`: with `trust_remote_code` in its configuration that runs code of a folder or of the hub
(the class of CVE-2026-45829). `get_collection` and `create_collection` only carry the description; `upsert`, `update`
and `modify` build it.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from catalog.errors import MEND, CatalogDamaged

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

_NO_FUNCTION = (None, {"type": "legacy"}, {"type": "unknown"})
"""How Chroma writes that there is none, of dense and of sparse vectors."""
_SPACE = "cosine"


def refuse_foreign_schema(collection: "Collection", where: str) -> None:
    """Raise CatalogDamaged if a collection names an embedding function, or another distance than ours."""
    model = collection.get_model()
    for name, value in _settings((model.configuration_json, model.serialized_schema, model.metadata)):
        if name == "embedding_function" and value not in _NO_FUNCTION:
            raise CatalogDamaged(
                f"{where}: collection {model.name!r} names an embedding function, which plotseek never writes and which"
                f" may run code; find out who changed it, then {MEND}"
            )
        if name == "space" and value != _SPACE:
            raise CatalogDamaged(
                f"{where}: collection {model.name!r} measures by {str(value)[:40]!r}, not by {_SPACE}; {MEND}"
            )


def _settings(described: object) -> Iterator[tuple[object, object]]:
    """Every name and value, however deep; not by recursion, whose depth a server could choose."""
    waiting = [described]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            yield from part.items()
            waiting += part.values()
        elif isinstance(part, list | tuple):
            waiting += part
