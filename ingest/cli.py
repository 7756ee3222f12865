"""The `ingest` command: parses, runs, reports."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from click.core import ParameterSource

from catalog.config import Config
from catalog.errors import UsageError
from catalog.terminal import one_line_errors, say, settings


@click.group(invoke_without_command=True)
@click.option("--file", "location", metavar="FILE", help="The catalogue: JSON, JSON lines, CSV, Parquet; - is stdin.")
@click.option(
    "--format", "format_", metavar="FORMAT", help="json, jsonl, csv, tsv or parquet, if it is not told right."
)
@click.option("--limit", type=click.IntRange(1), help="Read only the first N rows; nothing is deleted then.")
@click.option("--rebuild", is_flag=True, help="Build the catalog anew, with the configured model.")
@click.option("--allow-deletes", is_flag=True, help="Delete films that are gone, however many they are.")
@click.option("--every", metavar="LENGTH", help="Run now and again after each 90s, 15m, 6h, 1d ...")
@click.option("--cron", metavar="EXPRESSION", help="Run at these times: '0 3 * * *', in schedule.timezone.")
@click.option("--watch", is_flag=True, help="Run now and whenever FILE has changed and come to rest.")
@click.option("--strict", is_flag=True, help="Exit 1 if a row was refused.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object on stdout.")
@click.option("--config", type=click.Path(path_type=Path), help="Another settings file than config.yaml.")
@click.version_option(package_name="plotseek")
@click.pass_context
def main(
    context: click.Context,
    location: str | None,
    format_: str | None,
    limit: int | None,
    rebuild: bool,
    allow_deletes: bool,
    every: str | None,
    cron: str | None,
    watch: bool,
    strict: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Bring the catalog to what FILE says: embed what is new or changed, nothing else.

    \b
    ingest --file movies.json
    """
    context.obj = config
    if context.invoked_subcommand is not None:
        return
    with one_line_errors("ingest"):
        if location is None:
            raise UsageError("say what to read: --file movies.json (see ingest --help)")
        settled = settings(config)
        if every or cron or watch:
            _run_again_and_again(context, settled, location, every, cron, watch=watch)
            return

        from ingest.progress import ProgressDisplay
        from ingest.run import Request, run

        request = Request(location, format_, limit, rebuild=rebuild, allow_deletes=allow_deletes)
        with ProgressDisplay() as display:
            report = run(settled, request, show=display, notify=say)
        if as_json:
            click.echo(json.dumps(report.to_dict(), ensure_ascii=False))
        else:
            click.echo("\n".join(report.lines()))
    if strict and report.refused:
        sys.exit(1)


_SCHEDULE = ("every", "cron", "watch")
_SINGLE = ("limit", "rebuild", "strict")


def _run_again_and_again(
    context: click.Context, config: Config, location: str, every: str | None, cron: str | None, *, watch: bool
) -> None:
    """Keep the catalog at what the source says until SIGTERM."""
    from ingest.address import source_name
    from ingest.schedule import Every, parse_cron, parse_length
    from ingest.scheduler import Job, run_on_change, run_on_schedule

    _refuse_conflicts(context, location, watch=watch)
    job = Job(config.store.path, source_name(location), _single_run(context))
    if watch:
        run_on_change(job, config.schedule.settle)
        return
    zone, now = ZoneInfo(config.schedule.timezone), datetime.now(UTC)
    schedule = Every(parse_length(every, "--every"), now) if every else parse_cron(cron or "", zone, now)
    run_on_schedule(job, schedule, zone, config.schedule.jitter)


def _refuse_conflicts(context: click.Context, location: str, *, watch: bool) -> None:
    given = [f"--{name}" for name in _SCHEDULE if context.params[name]]
    single = [f"--{name}" for name in _SINGLE if context.params[name]]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other")
    if single:
        raise UsageError(f"{single[0]} is for a single run, not for {given[0]}")
    if location == "-":
        raise UsageError(f"{given[0]} needs a file that can be read again, not standard input")
    if watch and "://" in location:
        raise UsageError("--watch looks at files; for an address take --every, which asks whether it changed")


def _single_run(context: click.Context) -> list[str]:
    """This command line without its schedule: what each run is started with."""
    arguments: list[str] = []
    for option in context.command.params:
        name = option.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not given or name in _SCHEDULE or not isinstance(option, click.Option):
            continue
        value = context.params[name]
        if option.is_flag:
            arguments.append(option.opts[0] if value else option.secondary_opts[0])
        else:
            arguments.append(f"{option.opts[0]}={value}")
    return arguments


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--max-age", metavar="LENGTH", help="Exit 1 if the last good run ended longer ago, 26h for one.")
@click.pass_obj
def status(config: Path | None, as_json: bool, max_age: str | None) -> None:
    """Show the catalog, its sizes, the last runs and the next one."""
    with one_line_errors("ingest"):
        settled = settings(config)

        from ingest.schedule import parse_length
        from ingest.status import gather

        limit = parse_length(max_age, "--max-age") if max_age else None
        found = gather(settled.store.path)
        trouble = found.too_old(limit, datetime.now(UTC)) if limit else None
        if as_json:
            click.echo(json.dumps(found.to_dict(), ensure_ascii=False))
        elif not trouble:
            click.echo("\n".join(found.lines(ZoneInfo(settled.schedule.timezone))))
        if trouble:
            say(f"ingest: {trouble}")
            sys.exit(1)
