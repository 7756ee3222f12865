"""The `query` command: parses, asks a running service or answers by itself, prints."""

import os
import shutil
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from catalog.config import PREFIX, Config
from catalog.errors import UsageError
from catalog.terminal import one_line_errors, say, settings, show
from query.answer import ModelAnswer
from query.discovery import ask_server
from query.models import MOST_RESULTS, NONE_FITS, NONE_PASSES, SearchRequest

_WIDTH = (100, 24)
"""Columns and lines where the output is no terminal."""


_CALLED = {
    "unlike": "--dislike",
    "watched": "--seen FILE",
    "genre": "--filter genre:NAME",
    "year": "--filter year:1999, or --filter 'year>=1980'",
    "director": "--filter director:NAME",
}
"""What people call an option -> what it is called."""


def _refuse_renamed(_: click.Context, option: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.UsageError(f"--{option.name}: called {_CALLED[option.name or '']}")


def _hint_at_names(command: click.Command) -> click.Command:
    """Let the command know options by other names, to say what they are called."""
    command.params += [
        click.Option([f"--{name}"], hidden=True, expose_value=False, callback=_refuse_renamed) for name in _CALLED
    ]
    return command


@_hint_at_names
@click.command()
@click.argument("text", nargs=-1)
@click.option("--like", "likes", multiple=True, metavar="ID-OR-TITLE", help="Films like this one, or like these words.")
@click.option("--dislike", "dislikes", multiple=True, metavar="ID-OR-TITLE", help="But not like this.")
@click.option(
    "--by", type=click.Choice(["story", "taste"]), default="story", help="What --like means: a story, or a taste."
)
@click.option("--filter", metavar="CONDITIONS", default="", help='For one, "year>=1980 genre:Horror".')
@click.option("--exclude", multiple=True, metavar="ID", help="Leave this film out: one that was seen, for one.")
@click.option(
    "--seen",
    "seen_in",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Leave out what FILE says was watched: an export of Letterboxd, IMDb, Trakt, Kodi ...",
)
@click.option(
    "--likes",
    "rated_in",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take the ratings in FILE as likes and dislikes.",
)
@click.option(
    "--sort", default="relevance", help="relevance, year, rating, votes, title, runtime; - before it: falling."
)
@click.option("--limit", type=click.IntRange(1, MOST_RESULTS), help="How many films (default: search.limit).")
@click.option("--offset", type=click.IntRange(0), default=0, help="Skip so many: the next page.")
@click.option("--franchise", type=click.IntRange(1), help="At most so many films of one series.")
@click.option("--diversity", type=click.FloatRange(0, 1), help="0 to 1: how different the films shall be.")
@click.option("--plain", is_flag=True, help="Cosine similarity alone: no words, titles, popularity, cut-off.")
@click.option("--literal", is_flag=True, help="Read no conditions out of TEXT, such as a genre or a year.")
@click.option("--all", is_flag=True, help="Also films that do not fit well.")
@click.option("--why", is_flag=True, help="Say for each film what brought it.")
@click.option("--facets", is_flag=True, help="Count genres, decades and the like of all films that fit.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--no-server", is_flag=True, help="Answer in this process, even if query-server runs for this catalog.")
@click.option("--config", type=click.Path(path_type=Path), help="Another settings file than config.yaml.")
@click.version_option(package_name="plotseek")
def main(text: tuple[str, ...], as_json: bool, no_server: bool, config: Path | None, **asked: Any) -> None:
    """Find films by what happens in them.

    \b
    query "a man relives the same day"
    query --like "Ghostbusters" --limit 5
    query --like "Alien" --like "Das Boot" --dislike "gore" "claustrophobic"
    query "haunted house" --filter "year>=1980 -genre:Comedy"
    """
    with one_line_errors("query"):
        seen, rated = asked.pop("seen_in"), asked.pop("rated_in")
        request = _with_lists(SearchRequest(" ".join(text), **asked), seen, rated)
        answered = _answer(settings(config), request, use_server=not no_server)
        _show(request, answered, as_json=as_json)


def _with_lists(request: SearchRequest, seen: Sequence[Path], rated: Sequence[Path]) -> SearchRequest:
    """The request with what files say was watched and rated."""
    if not seen and not rated:
        return request

    from query.watched.reader import read_ratings, read_watched, seen_of

    watched = [film for path in seen for film in read_watched(path)]
    ratings: dict[str, float] = {}
    for path in rated:
        ratings |= read_ratings(path, say)
    return replace(request, seen=seen_of(watched), ratings=ratings)


def _answer(config: Config, request: SearchRequest, *, use_server: bool) -> ModelAnswer:
    """The answer of a running service of this catalog, which has the model at hand; our own without one."""
    if request.is_empty:
        raise UsageError(
            "say what to look for: a TEXT, --like ID-OR-TITLE, --likes FILE or --filter CONDITIONS (see query --help)"
        )
    request = request.with_defaults(config.search)
    answered = ask_server(config.store.path, request, os.environ.get(f"{PREFIX}_API_KEY")) if use_server else None
    return answered or _answer_here(config, request)


def _answer_here(config: Config, request: SearchRequest) -> ModelAnswer:
    from catalog.embedding.factory import open_remembered
    from catalog.store.chroma.server import configured_server
    from catalog.store.snapshot import open_snapshot
    from catalog.store.vectors.sample import known_vectors
    from query.filters import parse_filter
    from query.search.pipeline import search

    parse_filter(request.filter)  # what is wrong with it needs no catalog
    with closing(open_snapshot(config.store.path, configured_server(config.store))) as snapshot:
        # The index is read while the model is: each takes half a second.
        warming = threading.Thread(target=snapshot.warm, daemon=True)
        if asks_index := request.has_words_or_examples:
            warming.start()
        model = snapshot.info.model
        embedder = open_remembered(config.embedding, model, lambda: known_vectors(snapshot), notify=say)
        if asks_index:
            warming.join()
        return ModelAnswer(search(request, snapshot, embedder, config.search), model.name)


def _show(request: SearchRequest, answered: ModelAnswer, *, as_json: bool) -> None:
    from query.render import as_json as json_of
    from query.render import as_table, facet_table, share_line, total_line, understood_line, unmatched_line, why_nothing

    result = answered.result
    if as_json:
        show(json_of(request.echo(), answered.model, result))
        return
    if result.understood:
        say(understood_line(result.understood))
    for note in result.notes:
        say(note)
    if result.unmatched:
        say(unmatched_line(result.unmatched))
    everything = request.all or request.plain or not request.has_words_or_examples
    width = shutil.get_terminal_size(_WIDTH).columns
    if result.hits:
        show(as_table(result.hits, width))
        if len(result.hits) < result.total and result.facets is None:  # these say how many there are
            say(share_line(result))
    elif not (everything and result.notes) and not any(
        note.startswith((NONE_PASSES, NONE_FITS)) for note in result.notes
    ):
        say(why_nothing(result, everything=everything))
    if result.facets is not None:
        between = "\n" if result.hits else ""
        show(f"{between}{total_line(result)}\n{facet_table(result.facets, width)}".rstrip())
