"""The `query` command: parses, asks, prints."""

import shutil
from pathlib import Path

import click

from catalog.errors import UsageError
from catalog.terminal import one_line_errors, say, settings


@click.command()
@click.argument("text", nargs=-1)
@click.option("--like", "likes", multiple=True, metavar="ID-OR-TITLE", help="Films like this one, or like these words.")
@click.option("--unlike", "unlikes", multiple=True, metavar="ID-OR-TITLE", help="But not like this.")
@click.option("--filter", "filter_text", metavar="CONDITIONS", default="", help='For one, "year>=1980 genre:Horror".')
@click.option("--exclude", multiple=True, metavar="ID", help="Leave this film out: one that was seen, for one.")
@click.option(
    "--sort", default="relevance", help="relevance, year, rating, votes, title, runtime; - before it: falling."
)
@click.option("--limit", type=click.IntRange(1, 1000), help="How many films (default: search.limit).")
@click.option("--offset", type=click.IntRange(0), default=0, help="Skip so many: the next page.")
@click.option("--franchise", type=click.IntRange(1), help="At most so many films of one series.")
@click.option("--diversity", type=click.FloatRange(0, 1), help="0 to 1: how different the films shall be.")
@click.option("--plain", is_flag=True, help="Cosine similarity alone: no words, titles, popularity, cut-off.")
@click.option("--all", "show_all", is_flag=True, help="Also films that do not fit well.")
@click.option("--why", is_flag=True, help="Say for each film what brought it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--config", type=click.Path(path_type=Path), help="Another settings file than config.yaml.")
@click.version_option(package_name="plotseek")
def main(
    text: tuple[str, ...],
    likes: tuple[str, ...],
    unlikes: tuple[str, ...],
    filter_text: str,
    exclude: tuple[str, ...],
    sort: str,
    limit: int | None,
    offset: int,
    franchise: int | None,
    diversity: float | None,
    plain: bool,
    show_all: bool,
    why: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Find films by what happens in them.

    \b
    query "a man relives the same day"
    query --like "Ghostbusters" --limit 5
    query --like "Alien" --like "Das Boot" --unlike "gore" "claustrophobic"
    query "haunted house" --filter "year>=1980 -genre:Comedy"
    """
    with one_line_errors("query"):
        words = " ".join(text).strip()
        if not words and not likes:
            raise UsageError("say what to look for: either a TEXT or --like ID-OR-TITLE (see query --help)")
        config_ = settings(config)

        from catalog.embedding.choose import open_remembered
        from catalog.store.catalog import Catalog
        from query.examples import examples
        from query.filters import parse_filter
        from query.render import as_json as json_of
        from query.render import as_table
        from query.request import SearchRequest
        from query.search import search

        filter_ = parse_filter(filter_text)
        with Catalog.open(config_.store.path) as catalog:
            snapshot = catalog.snapshot()
            request = SearchRequest(
                text=words,
                likes=examples(snapshot.records, likes, strict=True),
                unlikes=examples(snapshot.records, unlikes, strict=False),
                filter=filter_,
                exclude=frozenset(exclude),
                sort=sort,
                offset=offset,
                limit=limit or config_.search.limit,
                plain=plain,
                show_all=show_all or plain,
                why=why,
                least_confidence=config_.search.least_confidence,
                diversity=config_.search.diversity if diversity is None else diversity,
                franchise=franchise,
                popularity=config_.search.popularity,
            )
            result = search(request, snapshot, open_remembered(config_.embedding, snapshot.info.model))
            model = snapshot.info.model.name
        if as_json:
            click.echo(json_of(_question(words, likes, unlikes), model, result))
        else:
            for note in result.notes:
                say(note)
            click.echo(as_table(result.hits, shutil.get_terminal_size((100, 24)).columns))


def _question(text: str, likes: tuple[str, ...], unlikes: tuple[str, ...]) -> str | dict[str, object]:
    """What was asked, as it stands in the JSON: a text, or an object where there are examples."""
    if not likes and not unlikes:
        return text
    examples = {"text": text, "like": list(likes), "unlike": list(unlikes)}
    return {name: value for name, value in examples.items() if value}
