"""The `ingest` command: parses, runs, reports."""

import json
import sys
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import click
from click.core import ParameterSource

from catalog.config import Config
from catalog.errors import DeletionsRefused, Stopped, UsageError
from catalog.extras import require
from catalog.movie import MAIN, check_source
from catalog.terminal import one_line_errors, say, settings, show
from ingest.file_argument import FileOrCommand
from ingest.servers.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from catalog.store.draft import Draft
    from ingest.report import Report
    from ingest.run import Listener, Request
    from ingest.schedule.cron import Schedule
    from ingest.sync.preview import Preview

T = TypeVar("T")


@click.group(cls=FileOrCommand, invoke_without_command=True, subcommand_metavar="[FILE | COMMAND [ARGS]...]")
@click.option(
    "--file", "location", metavar="FILE", help="FILE, said otherwise: JSON, JSON lines, CSV, Parquet; - is stdin."
)
@click.option(
    "--format", "format_", metavar="FORMAT", help="json, jsonl, csv, tsv or parquet, if it is not told right."
)
@click.option("--from", "server", type=click.Choice(KINDS), help="Read the films of a media server, at --url.")
@click.option("--url", metavar="ADDRESS", help="With --from: http://nas:8096; its key: PLOTSEEK_SOURCE_KEY.")
@click.option("--wanted", is_flag=True, help="With --from radarr: also films that are not there yet.")
@click.option("--limit", type=click.IntRange(1), help="Read only the first N rows; nothing is deleted then.")
@click.option("--rebuild", is_flag=True, help="Build the catalog anew, with the configured model.")
@click.option("--again", is_flag=True, help="Read FILE though it says what was rolled back.")
@click.option("--allow-deletes", is_flag=True, help="Delete films that are gone, however many they are.")
@click.option("--prune/--no-prune", default=True, help="Delete films that are gone from FILE (default), or keep them.")
@click.option("--source", metavar="NAME", default=MAIN, help="Whose films these are; those of other sources stay.")
@click.option("--take-over", is_flag=True, help="Move films here that belong to another source.")
@click.option("--on", "cluster", type=click.Choice(["ray"]), help="Embed on a Ray cluster (RAY_ADDRESS), or here.")
@click.option("--shards", metavar="FOLDER", help="With --on: a folder that all machines of the cluster see.")
@click.option("--dry-run", is_flag=True, help="Show the fields found and what a run would do; write nothing.")
@click.option("--every", metavar="LENGTH", help="Run now and again after each 90s, 15m, 6h, 1d ...")
@click.option("--cron", metavar="EXPRESSION", help="Run at these times: '0 3 * * *', in schedule.timezone.")
@click.option("--watch", is_flag=True, help="Run now and whenever FILE has changed and come to rest.")
@click.option("--strict", is_flag=True, help="Exit 1 if a row was refused.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object on stdout.")
@click.option("--config", "path", type=click.Path(path_type=Path), help="Another settings file than config.yaml.")
@click.version_option(package_name="plotseek")
@click.pass_context
def main(context: click.Context, /, path: Path | None, **_: Any) -> None:
    """Bring the catalog to what FILE says: embed what is new or changed, nothing else.

    \b
    ingest movies.json
    """
    context.obj = path
    with one_line_errors("ingest"):
        if context.invoked_subcommand is not None:
            _refuse_options(context)
            return
        context.params |= _where(context)
        if context.params["location"] is None:
            raise UsageError("say what to read: ingest movies.json (see ingest --help)")
        check_source(context.params["source"])
        config = settings(path)
        if any(context.params[name] not in (None, False) for name in _SCHEDULE):
            _run_again_and_again(context, config)
        else:
            _run_now(context.params, config)


def _where(context: click.Context) -> dict[str, Any]:
    """The location that --from and --url name, and whose films these are; raises UsageError for halves of it."""
    from ingest.servers.media_server import server_at

    asked = context.params
    kind, url, location = asked["server"], asked["url"], asked["location"]
    if kind is None and (url or asked["wanted"]):
        raise UsageError(f"--{'url' if url else 'wanted'} belongs to --from {' | '.join(KINDS)}")
    if kind is not None:
        if location is not None:
            raise UsageError(f"--from {kind} reads a server, not {location}")
        if not url:
            raise UsageError(f"--from {kind} needs its address: --url http://nas:8096")
        if not url.lower().startswith(("http://", "https://")):
            raise UsageError(f"--url {url}: does not begin with http:// or https://")
        if asked["wanted"] and kind != "radarr":
            raise UsageError("--wanted belongs to --from radarr")
        location = f"{kind}+{url}{'#wanted' if asked['wanted'] else ''}"
    server = server_at(location or "")
    if server is None:
        return {"location": location}
    if asked["format_"]:
        raise UsageError("--format is for files, not for a media server")
    named = context.get_parameter_source("source") is ParameterSource.COMMANDLINE
    return {"location": server.location, "source": asked["source"] if named else server.kind}


def _run_now(asked: dict[str, Any], config: Config) -> None:
    from ingest.report import plural

    request = _request(asked, config)
    if asked["dry_run"]:
        _show_plan(config, request, as_json=asked["as_json"])
        return
    report = _report(config, request)
    _show(report, as_json=asked["as_json"])
    if asked["strict"] and report.rows.refused:
        say(f"ingest: {plural(report.rows.refused, 'row')} refused, which --strict counts as a failure")
        sys.exit(1)


def _request(asked: dict[str, Any], config: Config) -> "Request":
    """What a single run is asked for; raises UsageError."""
    from ingest.run import Request

    return Request(
        asked["location"],
        asked["format_"],
        asked["limit"],
        asked["prune"],
        asked["allow_deletes"],
        asked["rebuild"],
        asked["again"],
        asked["source"],
        asked["take_over"],
        _shards(asked, config),
    )


def _shards(asked: dict[str, Any], config: Config) -> Path | None:
    """Where a cluster leaves its vectors; None where none embeds."""
    if asked["cluster"] is None:
        if asked["shards"]:
            raise UsageError("--shards is for --on ray")
        return None
    if config.embedding.provider == "remote":
        raise UsageError("--on ray embeds with a model of its own; several endpoints share the work without it")
    require("ray", "--on ray")
    return Path(asked["shards"] or config.store.path / "shards").absolute()


def _report(config: Config, request: "Request") -> "Report":
    """What a run did."""
    from ingest.run import run

    return _watched(
        lambda listener: run(config, request, show=listener.show, notify=listener.notify, stop=listener.stop)
    )


def _watched(work: "Callable[[Listener], T]") -> T:
    """What a run did, which is shown while it goes on, and stopped by a signal."""
    from ingest.progress import ProgressDisplay
    from ingest.run import Listener
    from ingest.schedule.signals import stop_on

    with ProgressDisplay() as display, stop_on(SIGINT, SIGTERM) as stop:
        try:
            return work(Listener(display, say, stop.is_set))
        except Stopped as stopped:
            stopped.exit_code = 128 + (stop.signal or SIGINT)
            raise


def _show(result: "Report | Preview", *, as_json: bool) -> None:
    show(json.dumps(result.to_dict(), ensure_ascii=False) if as_json else "\n".join(result.lines()))


def _refuse_options(context: click.Context) -> None:
    """Of a run before the name of another command: they would be passed over in silence."""
    for option in context.command.params:
        name = option.name or ""
        if name != "path" and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(f"{option.opts[0]} is for a run, not for 'ingest {context.invoked_subcommand}'")


def _show_plan(config: Config, request: "Request", *, as_json: bool) -> None:
    """Print what a run would do; exit as it would."""
    from ingest.sync.dry_run import dry_run

    preview = dry_run(config, request)
    _show(preview, as_json=as_json)
    if preview.deletions_refused:
        sys.exit(DeletionsRefused.exit_code)


_SCHEDULE = ("every", "cron", "watch")
_SINGLE = ("limit", "rebuild", "again", "strict", "dry_run")


def _run_again_and_again(context: click.Context, config: Config) -> None:
    """Keep the catalog at what the source says until SIGTERM."""
    from ingest.run import check_ahead
    from ingest.schedule.daemon import Job, run_on_change, run_on_schedule
    from ingest.sync.source_cache import source_name

    location, every, cron = (context.params[name] for name in ("location", "every", "cron"))
    _refuse_conflicts(context, location)
    job = Job(
        config.store.path,
        source_name(location),
        _single_run(context),
        context.params["source"],
        config.store.journal,
        [*(["--config", str(context.obj)] if context.obj else []), "changes"],
    )
    zone, now = ZoneInfo(config.schedule.timezone), datetime.now(UTC)
    schedule = None if context.params["watch"] else _schedule(every, cron, zone, now)
    if missing := check_ahead(config, _request(context.params, config)):
        say(f"ingest: {missing} (waiting for it)")
    if schedule is None:
        run_on_change(job, config.schedule.settle, zone)
        return
    run_on_schedule(job, schedule, zone, config.schedule.jitter)


def _schedule(every: str | None, cron: str, zone: ZoneInfo, now: datetime) -> "Schedule":
    """When to run; raises UsageError."""
    from ingest.schedule.cron import Every, parse_cron
    from ingest.schedule.durations import parse_length

    return Every(parse_length(every, "--every"), now) if every is not None else parse_cron(cron, zone, now)


def _refuse_conflicts(context: click.Context, location: str) -> None:
    given = [f"--{name}" for name in _SCHEDULE if context.params[name] not in (None, False)]
    single = [f"--{name.replace('_', '-')}" for name in _SINGLE if context.params[name]]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other")
    if single:
        raise UsageError(f"{single[0]} is for a single run, not for {given[0]}")
    if location == "-":
        raise UsageError(f"{given[0]} needs a file that can be read again, not standard input")
    if context.params["watch"] and "://" in location:
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
@click.option("--max-age", metavar="LENGTH", help="Exit 1 if a source's last good run ended longer ago, 26h for one.")
@click.option("--source", metavar="NAME", help="With --max-age: this source alone.")
@click.pass_obj
def status(path: Path | None, as_json: bool, max_age: str | None, source: str | None) -> None:
    """Show the catalog, its sizes, the last runs and the next one."""
    with one_line_errors("ingest"):
        if source is not None:
            check_source(source)
            if max_age is None:
                raise UsageError("--source is for --max-age: the length that this source may be old")
        config = settings(path)

        from ingest.schedule.durations import parse_length
        from ingest.status import gather

        limit = parse_length(max_age, "--max-age") if max_age else None
        found = gather(config.store.path, config.store.journal)
        trouble = found.too_old(limit, datetime.now(UTC), source) if limit else None
        if as_json:
            show(json.dumps(found.to_dict(), ensure_ascii=False))
        elif not trouble:
            show("\n".join(found.lines(ZoneInfo(config.schedule.timezone))))
        if trouble:
            say(f"ingest: {trouble}")
            sys.exit(1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object on stdout.")
@click.pass_obj
def changes(path: Path | None, as_json: bool) -> None:
    """Bring in what came over HTTP (PUT and DELETE /movies) and waits; the service starts this by itself."""
    with one_line_errors("ingest"):
        config = settings(path)

        from ingest.changes import apply_changes

        report = _watched(lambda listener: apply_changes(config, listener))
        if report is not None:
            _show(report, as_json=as_json)
        else:
            show("{}" if as_json else "no changes wait")


@main.command()
@click.option("--sample", type=click.IntRange(1), help="Compare N films, spread over all, instead of every one.")
@click.option("--repair", is_flag=True, help="Mend what differs, from our own vectors.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.pass_obj
def verify(path: Path | None, sample: int | None, repair: bool, as_json: bool) -> None:
    """Compare films, vectors and index; print every difference and exit 1 if there is one."""
    with one_line_errors("ingest"):
        config = settings(path)

        from catalog.errors import CatalogDamaged
        from catalog.store.chroma.server import configured_server
        from catalog.store.maintenance.verify import repair as mend
        from catalog.store.maintenance.verify import verify as compare

        server = configured_server(config.store)
        try:
            found = compare(config.store.path, sample, server)
        except CatalogDamaged:
            if not repair:
                raise
            found = None  # what can be mended nevertheless, `mend` knows
        if repair and (found is None or found.differences):
            for line in found.differences if found else ():
                say(line)
            mend(config.store.path, lambda draft: _embed_missing(config, draft), say, server)
            found = compare(config.store.path, sample, server)
        assert found is not None  # noqa: S101 - what was damaged was compared again
        if as_json:
            show(json.dumps(asdict(found), ensure_ascii=False))
        else:
            told = f" and {found.passages} passages" if found.passages else ""
            clean = f"generation {found.generation}, {found.films} films{told}: everything agrees"
            show("\n".join(found.differences or [clean]))
        if found.differences:
            sys.exit(1)


def _embed_missing(config: Config, draft: "Draft") -> int:
    """Embed what no vector is known for; the model is loaded only if there is something."""
    if not draft.without_vector() and not draft.missing_questions():
        return 0

    from catalog.embedding.factory import choose_for_existing
    from catalog.store.embedding_cache import VectorCache
    from catalog.store.vectors.sample import KNOWN, Known, cached_vectors
    from ingest.sync.apply import embed_missing

    with closing(VectorCache(config.store.path / "vectors.sqlite3", reading=True)) as cache:

        def known() -> Known:
            return cached_vectors(next(draft.movies.entries(KNOWN), []), cache, draft.model, config.embedding.template)

        choice = choose_for_existing(config.embedding, draft.model, draft.fallback_for, known, say)
    return embed_missing(draft, choice.embedder, config.sync.batch)[0]


@main.command("check-model")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as one JSON list on stdout.")
@click.pass_obj
def check_model(path: Path | None, as_json: bool) -> None:
    """Prove that the model in use answers as it should, by numbers known beforehand; exit 1 if it does not."""
    with one_line_errors("ingest"):
        config = settings(path)

        from catalog.embedding.factory import open_in_use
        from catalog.embedding.self_test import check_model as checked
        from catalog.embedding.self_test import render_checks
        from catalog.store.generations import Generations

        embedding, generation = config.embedding, Generations(config.store.path).current()
        info = generation.info() if generation else None
        built_with, fallback_for = (info.model, info.fallback_for) if info else (None, None)
        embedder, files = open_in_use(embedding, built_with, fallback_for, say)
        checks = checked(embedder, files, precision=embedding.precision, device=embedding.device)
        if as_json:
            show(json.dumps([asdict(check) for check in checks], ensure_ascii=False))
        else:
            show(render_checks(checks))
        if any(check.ok is False for check in checks):
            sys.exit(1)


@main.command()
@click.pass_obj
def rollback(path: Path | None) -> None:
    """Go back to the state published before the one in force."""
    with one_line_errors("ingest"):
        root = settings(path).store.path

        from catalog.store.generations import Generations
        from catalog.store.lock import writer_lock
        from catalog.store.runs import History, RunOutcome
        from ingest.sync.source_cache import roll_back_origin

        with (
            writer_lock(root),
            History.open(root, say) as history,
            history.recording("ingest rollback", "") as recording,
        ):
            info = Generations(root).roll_back(lambda left: roll_back_origin(history, left.edition))
            recording.outcome, recording.counts = RunOutcome.ROLLED_BACK, {"films": info.films}
            recording.reason = f"generation {info.number} is in force again"
        say(f"generation {info.number} with {info.films} films is in force again")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Take the place of a backup of another catalog.")
@click.pass_obj
def backup(path: Path | None, folder: Path, replace: bool) -> None:
    """Copy the catalog to FOLDER, while anybody searches or writes it."""
    with one_line_errors("ingest"):
        root = settings(path).store.path

        from catalog.store.maintenance.backup import back_up

        info = back_up(root, folder, replace_other=replace)
        say(f"{folder}: holds generation {info.number} with {info.films} films")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Though it is a backup of another catalog, take the place of this one.")
@click.pass_obj
def restore(path: Path | None, folder: Path, replace: bool) -> None:
    """Publish the backup in FOLDER as the newest state of the catalog."""
    with one_line_errors("ingest"):
        store = settings(path).store

        from catalog.store.chroma.server import configured_server
        from catalog.store.maintenance.backup import restore as take_back

        info = take_back(folder, store.path, configured_server(store), replace_other=replace)
        say(f"generation {info.number} with {info.films} films is in force, from {folder}")


@main.command()
@click.argument("file")
@click.option("--vectors", is_flag=True, help="Add each movie's embedding as a list of numbers.")
@click.pass_obj
def export(path: Path | None, file: str, vectors: bool) -> None:
    """Write all films to FILE.jsonl or FILE.parquet; - is stdout. `ingest --file` takes it back."""
    with one_line_errors("ingest"):
        root = settings(path).store.path

        from catalog.store.snapshot import open_snapshot
        from ingest.export import export as write

        with closing(open_snapshot(root)) as snapshot:
            films = write(snapshot, file, vectors=vectors)
        if file != "-":
            say(f"{file}: {films} films")
