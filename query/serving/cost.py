"""What a question costs, in plain ones: by this it is counted, and who asks for little does not wait behind it."""

from query.models import SearchRequest

_EXAMPLE = 0.5
"""A film or words to be like or unlike: a text to embed, at worst."""
_MOST_RATED = 70
"""Of what was rated, no more become likes and dislikes."""
_NAME = 0.002
"""A film that was seen or rated, and is looked up by its name: 10,000 took 200 to 300 ms of one core."""
_WHY = 10.0
"""The sentences of ten films are embedded, to name the one that fits."""
_EXPLAINED = 10
_PLAIN = 5.0


def cost_of(request: SearchRequest) -> float:
    """1 for words alone. Of 200 films, plain 20 ms: 100 examples took 1,700, `why` some 400."""
    examples = len(request.likes) + len(request.dislikes) + min(len(request.ratings), _MOST_RATED)
    named = len(request.seen) + len(request.ratings)
    explained = max(request.limit or 0, _EXPLAINED) / _EXPLAINED if request.why else 0.0
    return 1.0 + _EXAMPLE * examples + _NAME * named + _WHY * explained


def is_dear(cost: float) -> bool:
    """Whether it is answered apart, so that plain questions have threads of their own."""
    return cost > _PLAIN
