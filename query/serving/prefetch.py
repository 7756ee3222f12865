"""What the model reads of questions that come together, embedded in one go."""

from collections.abc import Sequence
from itertools import chain

from query.models import SearchRequest
from query.search.query_analysis import analyze
from query.serving.hot_reload import LoadedGeneration


def prefetch(loaded: LoadedGeneration, requests: Sequence[SearchRequest]) -> None:
    """Let the model remember what `search` will need of it for these requests; raises what the model raises.

    A request that is alone is left to `search`, which then says the same as the command to the last digit.
    """
    if len(requests) == 1:
        return
    held, model = loaded.snapshot.lexical.held, loaded.model
    texts = [
        [request.text] if request.plain else analyze(request.text, model.identity, held).model_texts
        for request in requests
        if request.text
    ]
    if texts:
        model.embed_queries(list(chain.from_iterable(texts)))
