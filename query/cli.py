"""The `query` command: parses, asks, prints."""

import shutil
from pathlib import Path

import click

from catalog.terminal import one_line_errors, settings


@click.command()
@click.argument("text", nargs=-1)
@click.option("--like", metavar="ID-OR-TITLE", help="Recommend films similar to this one of the catalog.")
@click.option("--limit", type=click.IntRange(1, 1000), help="How many films (default: search.limit).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--config", type=click.Path(path_type=Path), help="Another settings file than config.yaml.")
@click.version_option(package_name="plotseek")
def main(text: tuple[str, ...], like: str | None, limit: int | None, as_json: bool, config: Path | None) -> None:
    """Find films by what happens in them.

    \b
    query "a man relives the same day"
    query --like "Ghostbusters" --limit 5
    """
    with one_line_errors("query"):
        _run(" ".join(text), like, limit, as_json, config)


def _run(text: str, like: str | None, limit: int | None, as_json: bool, config_path: Path | None) -> None:
    from catalog.errors import UsageError

    if bool(text.strip()) == (like is not None):
        raise UsageError("say what to look for: either a TEXT or --like ID-OR-TITLE (see query --help)")
    config = settings(config_path)

    from catalog.embedding.choose import open_remembered
    from catalog.store.catalog import Catalog
    from query.find import find_movie
    from query.render import as_json as rendered_json
    from query.render import as_table
    from query.search import recommend, search

    wanted = limit or config.search.limit
    with Catalog.open(config.store.path) as catalog:
        snapshot = catalog.snapshot()
        if like is not None:
            hits = recommend(snapshot, find_movie(snapshot.records, like), wanted)
        else:
            hits = search(snapshot, open_remembered(config.embedding, snapshot.info.model), text, wanted)
        model = snapshot.info.model.name
    if as_json:
        click.echo(rendered_json({"like": like} if like is not None else text, model, hits))
    else:
        click.echo(as_table(hits, shutil.get_terminal_size((100, 24)).columns))
