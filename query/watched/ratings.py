"""What someone watched and rated, in a request -> movies to be like, to be unlike, and to leave out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from catalog.errors import UsageError
from catalog.store.snapshot import Snapshot
from query.models import SearchRequest
from query.watched.matching import match, with_copies

BEST = 10.0
"""Of ratings."""
_LIKED, _DISLIKED = 8.0, 4.0
"""From here up, and from here down: four and two stars of five."""
_FAIR = 6.0
"""Whoever rates more sternly likes a quarter of all, but for what is rated lower than this."""
_MOST_LIKES, _MOST_DISLIKES = 50, 20
"""More say nothing new: beyond five, likes are asked for by the means of five groups of them."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request whose names are ids of movies that the catalog has."""

    request: SearchRequest
    unmatched: tuple[str, ...] = ()
    """Names of what was seen or rated, and is no movie of the catalog."""
    hidden: int = 0
    """How many movies are left out since they were seen or rated."""


def resolve(request: SearchRequest, snapshot: Snapshot) -> Resolved:
    """Turn what was rated into likes and dislikes, and leave out what was seen or rated.

    Raises UsageError if no rating that is left is a like or dislike.
    """
    if not request.seen and not request.ratings:
        return Resolved(request)
    names = list(dict.fromkeys([*request.ratings, *request.seen]))
    found = match(snapshot, names)
    rated = {found[name]: rating for name, rating in request.ratings.items() if name in found}
    likes, dislikes = likes_and_dislikes(rated)
    if request.ratings and not likes and not request.likes and not request.text:
        raise UsageError(
            f"of {len(request.ratings)} rated films the catalog has {len(rated)}, and none of them is rated"
            f" {_FAIR:g} of {BEST:g} or better: say what to look for"
        )
    hidden = with_copies(snapshot, list(dict.fromkeys(found.values())))
    asked = replace(
        request,
        likes=(*request.likes, *likes),
        dislikes=(*request.dislikes, *dislikes),
        exclude=(*request.exclude, *hidden),
        seen=(),
        ratings={},
    )
    return Resolved(asked, tuple(name for name in names if name not in found), len(hidden))


def likes_and_dislikes(ratings: Mapping[str, float]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those rated highest and lowest of what is rated clearly, the first ones first where ratings are equal."""
    ordered = sorted(ratings.values())
    least = min(_LIKED, max(_FAIR, ordered[len(ordered) * 3 // 4])) if ordered else _LIKED
    likes = sorted((name for name in ratings if ratings[name] >= least), key=lambda name: -ratings[name])
    dislikes = sorted((name for name in ratings if ratings[name] <= _DISLIKED), key=lambda name: ratings[name])
    return tuple(likes[:_MOST_LIKES]), tuple(dislikes[:_MOST_DISLIKES])
