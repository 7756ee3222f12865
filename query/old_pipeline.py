"""The engine before the pipeline, behind the pipeline's words."""

from dataclasses import replace

from catalog.config import SearchConfig
from catalog.embedding.embedder import Embedder
from catalog.store.catalog import Snapshot
from query import search as engine
from query.examples import examples
from query.filters import parse_filter
from query.models import FacetCounts, SearchRequest, SearchResult
from query.naming import native_names
from query.old_request import SearchRequest as OldRequest


def search(request: SearchRequest, snapshot: Snapshot, embedder: Embedder, settings: SearchConfig) -> SearchResult:
    """Answer a question about one generation; raises UsageError, MovieNotFound, AmbiguousTitle, ModelMismatch."""
    resolved = _resolved(request, snapshot, settings)
    result = engine.search(resolved, snapshot, embedder)
    if not request.facets:
        return result
    return replace(result, facets=engine.facets(resolved, snapshot, embedder).facets)


def count_facets(request: SearchRequest, snapshot: Snapshot, embedder: Embedder, settings: SearchConfig) -> FacetCounts:
    """Count what the movies that fit have in common; raises what `search` raises."""
    return engine.facets(_resolved(request, snapshot, settings), snapshot, embedder)


def _resolved(request: SearchRequest, snapshot: Snapshot, settings: SearchConfig) -> OldRequest:
    asked = request.with_defaults(settings)
    return OldRequest(
        text=asked.text,
        likes=examples(snapshot, native_names(snapshot, asked.likes), strict=True),
        unlikes=examples(snapshot, native_names(snapshot, asked.dislikes), strict=False),
        filter=parse_filter(asked.filter),
        exclude=frozenset(native_names(snapshot, asked.exclude)),
        sort=asked.sort,
        offset=asked.offset,
        limit=asked.limit or settings.limit,
        plain=asked.plain,
        show_all=asked.all or asked.plain,
        why=asked.why,
        least_confidence=asked.least_confidence or 0.0,
        diversity=asked.diversity or 0.0,
        franchise=asked.franchise,
        popularity=1.0 if asked.popularity is None else asked.popularity,
    )
