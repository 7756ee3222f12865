"""Questions that come together, understood and embedded in one go."""

from collections.abc import Sequence
from itertools import chain

from query.models import SearchRequest
from query.serving.hot_reload import LoadedGeneration


def prefetch(loaded: LoadedGeneration, requests: Sequence[SearchRequest]) -> None:
    """Let the model remember what `search` will need of it for these requests; raises what the model raises.

    A request that is alone is left to `search`.
    """
    if len(requests) == 1:
        return
    texts = list(chain.from_iterable([_texts(loaded, request) for request in requests]))
    if texts:
        loaded.model.embed_queries(texts)


def _texts(loaded: LoadedGeneration, request: SearchRequest) -> Sequence[str]:
    """What the model reads of one request."""
    if request.plain:
        return [request.text] if request.text else []
    analysis = loaded.prepare(request).analysis
    return analysis.model_texts if analysis else []
