"""What a row is instead of a film, and what a file is instead of a catalogue with plots."""

import re
from collections.abc import Collection

_OTHERS = {
    "a series": "series tvseries tvminiseries miniseries tvshow tvshows show shows tv serie serien tvserie",
    "a season": "season tvseason staffel",
    "an episode": "episode tvepisode folge",
    "a box set": "boxset collection movieset sammlung",
    "a game": "game videogame",
    "a person": "person",
    "music": "musicvideo musicalbum musicartist",
    "a book": "audiobook",
    "a list": "playlist collectionfolder",
}
_NAMED = {word: kind for kind, words in _OTHERS.items() for word in words.split()}

_RATED = "'query --likes FILE' takes its ratings as likes and dislikes, 'query --seen FILE' leaves out what it names"
_LISTED = "'query --seen FILE' leaves out what it names"
_BESIDE = "'query --likes' and 'query --seen' read it beside ratings.csv"
_LISTS = (
    ("a Letterboxd diary", {"letterboxduri", "watcheddate"}, _RATED),
    ("a file of Letterboxd ratings", {"letterboxduri", "rating"}, _RATED),
    ("a Letterboxd list", {"letterboxduri"}, _LISTED),
    ("a file of IMDb ratings", {"const", "yourrating", "daterated"}, _RATED),
    ("an IMDb list", {"const", "titletype"}, _LISTED),
    ("a file of MovieLens ratings", {"userid", "movieid", "rating"}, _RATED),
    ("the tags of MovieLens", {"userid", "movieid", "tag"}, _BESIDE),
    ("the links of MovieLens", {"movieid", "imdbid", "tmdbid"}, _BESIDE),
    ("the titles of MovieLens", {"movieid", "title", "genres"}, _BESIDE),
    ("a file of Trakt ratings", {"ratedat", "movie"}, _RATED),
    ("a Trakt history", {"watchedat", "movie"}, _LISTED),
    ("a Trakt history", {"lastwatchedat", "movie"}, _LISTED),
    ("a Trakt list", {"listedat", "movie"}, _LISTED),
    *(("a list of films someone watched or rated", {column}, _RATED) for column in (
        "yourrating", "myrating", "userrating", "meinebewertung", "watcheddate", "datewatched", "watchedat", "gesehen",
        "gesehenam",
    )),
)  # fmt: skip
"""What it is, the columns by which it is known, in small letters without spaces, and its use; the first that fits."""


def other_kind(value: object) -> str | None:
    """ "a series", "a box set" ... of what the column for the type of an entry says; None for films and all else."""
    if not isinstance(value, str):
        return None
    return _NAMED.get(re.sub(r"[\W_]+", "", value.lower()))


def list_without_plots(columns: Collection[str]) -> str | None:
    """What a file is that someone exported to keep what they watched, and its use; None for what is not known.

    `columns` are names of columns in small letters without spaces and signs.
    """
    known = ((what, use) for what, marks, use in _LISTS if marks.issubset(columns))
    return next((f"this is {what}, without plots to search: {use}" for what, use in known), None)
