"""Films found by what happens in them, from Python: `from plotseek import Plotseek`."""

from catalog.errors import (
    CatalogMissing,
    ConfigError,
    DeletionsRefused,
    ModelError,
    MovieNotFound,
    PlotseekError,
    SourceError,
    StoreError,
    UsageError,
)
from plotseek.films import Plotseek
from plotseek.similarity import cosine_similarity
from query.models import SearchRequest

__all__ = [
    "CatalogMissing",
    "ConfigError",
    "DeletionsRefused",
    "ModelError",
    "MovieNotFound",
    "Plotseek",
    "PlotseekError",
    "SearchRequest",
    "SourceError",
    "StoreError",
    "UsageError",
    "cosine_similarity",
]


def __getattr__(name: str) -> str:
    """`__version__`, looked up when it is asked for: to import it takes longer than all else here."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("plotseek")
