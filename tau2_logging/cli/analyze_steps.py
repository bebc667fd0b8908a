"""What `analyze_timing_from_tau2_log.py` does, once its arguments are parsed: read, check, write, report."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.analysis import deep as deep_analysis
from tau2_logging.analysis.follow import follow
from tau2_logging.analysis.load import LATEST, LATEST_OF_EACH, find_logs, load_log
from tau2_logging.analysis.measures import gates
from tau2_logging.analysis.measures.comparison.floor import only_sound
from tau2_logging.analysis.measures.costs.prices import default_prices, read_prices
from tau2_logging.analysis.measures.provenance import newer_format
from tau2_logging.analysis.reader.sources import STDIN
from tau2_logging.analysis.reports import LARGE, REPORTS, Report, load_report, parse_formats
from tau2_logging.analysis.reports.console import watch
from tau2_logging.analysis.reports.output import write_deep_reports, write_reports
from tau2_logging.analysis.reports.report_failures import Attempts, reason
from tau2_logging.analysis.reports.report_options import ReportOptions
from tau2_logging.analysis.reports.text.sections.gate_sections import gate_values
from tau2_logging.analysis.reports.text.sections.groups import GROUPS
from tau2_logging.analysis.run_log import RunLog
from tau2_logging.browser import open_made
from tau2_logging.deferred import deferred
from tau2_logging.errors import Tau2LoggingError, UserError
from tau2_logging.events.secrets.command_line import argv_words
from tau2_logging.invocation import ANALYZE, COMPARE, as_given, command, from_here
from tau2_logging.soundness.audited_tasks import Audits, audits_named
from tau2_logging.units import plural

if TYPE_CHECKING:
    from tau2_logging.analysis import recordings as recorded_runs
    from tau2_logging.analysis import what_if
    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.analysis.deep.reading import inputs
    from tau2_logging.analysis.reports import deep_alone, several_runs, show, show_prompts
    from tau2_logging.analysis.reports.compared import compare_files, compare_text
    from tau2_logging.analysis.timeline import replay
    from tau2_logging.analysis.verdict import compare_sides, read_sides, sentences
else:
    inputs = deferred("tau2_logging.analysis.deep.reading.inputs")
    recorded_runs, what_if = deferred("tau2_logging.analysis.recordings"), deferred("tau2_logging.analysis.what_if")
    deep_alone, several_runs = deferred("tau2_logging.analysis.reports.deep_alone"), deferred("tau2_logging.analysis.reports.several_runs")
    show, show_prompts = deferred("tau2_logging.analysis.reports.show"), deferred("tau2_logging.analysis.reports.show_prompts")
    compare_files = deferred("tau2_logging.analysis.reports.compared.compare_files")
    compare_text = deferred("tau2_logging.analysis.reports.compared.compare_text")
    replay = deferred("tau2_logging.analysis.timeline.replay")
    compare_sides = deferred("tau2_logging.analysis.verdict.compare_sides")
    read_sides = deferred("tau2_logging.analysis.verdict.read_sides")
    sentences = deferred("tau2_logging.analysis.verdict.sentences")

Gates = Callable[[RunLog, ReportOptions], ReportOptions]

_FRUGAL = frozenset(("console", "json", "markdown"))
_MOST_BINS = 1000
_MANY_EVENTS, _MOST_EVENTS = 100_000, 3_000_000
"""Some 35 MB of log, and about a gigabyte. Tables and pictures of every event take about 2.5 kB of memory for each."""
_BROKEN_GATE, _INCOMPLETE = 3, 1
_LOGS = (".log", ".gz", ".zst", ".zstd")
"""Endings of files that are nothing else."""
_NAMED = 3
"""So many files are named; more are counted."""


def analyze(args: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Do what the arguments say and return the exit code; a failure of ours becomes one line."""
    try:
        return run(args, arguments)
    except (Tau2LoggingError, OSError):
        raise
    except Exception as error:
        raise Tau2LoggingError(f"the analysis failed: {reason(error)}") from error


def run(args: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Do what the arguments say; the exit code."""
    _check_numbers(args)
    formats = parse_formats(args.format or REPORTS)  # bad input is found before anything is read
    audits = audits_named(args.only) if args.only else None
    recordings = _recordings(args)
    if recordings and not args.log_file and args.log_dir is None and not args.results:
        return _run_without_log(args, recordings, formats if args.format else (), arguments)
    files = _files(args)
    options, gates = _options(args, arguments, audits)
    log = _results(args) if args.results else _follow(args, files, options) if args.follow else _load(files(), _which(args))
    log = log if audits is None else only_sound(log, audits)
    log = log.pool() if args.pool else log
    _check_tasks(log, args.tasks)
    if options.compare is not None:
        read_sides.check_same_logs(options.compare, log)
    if args.show or args.prompts:
        show.show(log, args.show)
        show_prompts.show_prompts(log, args.prompts)
        return 0
    if args.deep:
        named = [Path(name) for name in args.results]
        told = [path for path in named if path.suffix != recorded_runs.EVAL]  # of .eval the deep analysis knows what the log says
        options = _with_deep(log, [*recordings, *told], options, args)
    if not args.format:
        formats = _affordable(log, formats)
    if args.quiet:
        formats = tuple(name for name in formats if name != "console")
    if args.otlp is not None:
        print(_send(log, args.otlp, args.otlp_content))
    made, checked = _write(log, Path(args.output_dir), [load_report(name) for name in formats], options, gates)
    _say(log, made)
    if args.open:
        open_made(made.paths, "report.html")
    if "console" in formats and not options.tables:
        print("for tables add --tables [latency cost ...]" + ("" if args.deep else "; for what the agent did --deep"))
    if options.compare is not None:
        _say_verdict(log, options.compare, made.folder or Path(args.output_dir), formats, made)
    _say_gates(checked)
    if not all(gate["met"] for gate in checked):
        return _BROKEN_GATE
    refused = log.rejected or newer_format(log) or (options.deep is not None and options.deep.recorded.refused)
    return _INCOMPLETE if made.failures or (args.strict and refused) else 0


def _write(
    log: RunLog, output_dir: Path, reports: Sequence[Report], options: ReportOptions, gates: Gates
) -> tuple[Attempts, list[Mapping[str, object]]]:
    """Return what was written, and the gates: of one run, or of several, each with its own gates and in its own folder."""
    checked: list[Mapping[str, object]] = []

    def gated(one: RunLog, own: ReportOptions) -> ReportOptions:
        own = gates(one, own)
        checked.extend(own.slo)
        return own

    if len(log.by_run) > 1:
        return several_runs.write_runs(log, output_dir, reports, options, gated), checked
    return write_reports(log, output_dir, reports, gated(log, options)), checked


def _which(args: argparse.Namespace) -> list[str]:
    """Return the runs to read. Every file that was named is wanted; of a folder the latest run is."""
    return [LATEST_OF_EACH] if args.run == [LATEST] and args.log_dir is None else list(args.run)


def _recordings(args: argparse.Namespace) -> list[Path]:
    """Return results files, events and run folders among what was named; they are taken out of the logs. Results files alone are what
    `--results` takes, and without --deep the folder of a run is that run in its log. Raises UserError for other records without --deep."""
    named = [Path(name) for name in args.log_file]
    if args.log_dir is None and all(path.suffix in _LOGS and path.is_file() for path in named):
        return []
    if named and all(map(inputs.is_results, named)) and args.log_dir is None and not args.results and not args.follow:
        args.results, args.log_file = args.log_file, []
        return []
    found = [path for path in named if inputs.is_recording(path)]
    args.log_file = [name for name, path in zip(args.log_file, named, strict=True) if path not in found]
    if args.log_dir is not None and inputs.is_recording(Path(args.log_dir)):
        found.append(Path(args.log_dir))
        args.log_dir = None
    if len(found) == 1 and not args.deep and not args.log_file and args.run == [LATEST] and (logs := _logs_of(found[0])):
        args.log_file, args.run = logs, [found[0].resolve().name]
        return []
    if found and not args.deep:
        raise UserError(f"{found[0]} is not a log but a record without one; read it with --deep, or name a tau2_<domain>.log")
    return found


def _logs_of(run: Path) -> list[str]:
    """Return the logs in whose folder the folder of a run is, as `<logs>/runs/<run>`; none if it is no such folder."""
    above = run.resolve().parent.parent
    return [from_here(path) for path in sorted(above.glob("tau2_*.log*"))] if (run / "run.json").is_file() else []


_NEED_A_LOG = ("compare", "slo", "fail_if_slower", "price_as", "what_if", "tasks", "follow", "strict", "bins", "show", "prompts", "only")


def _run_without_log(args: argparse.Namespace, recordings: Sequence[Path], formats: Sequence[str], arguments: Sequence[str]) -> int:
    """Return the deep analysis of results files and events alone."""
    if asked := [name for name in _NEED_A_LOG if getattr(args, name)]:
        raise UserError(f"--{asked[0].replace('_', '-')} needs a log; {recordings[0]} is none")
    formats = formats or tuple(deep_alone.FILES)
    deep_alone.check_formats(formats)
    deep = _read_by_model(lambda: deep_analysis.LogAnalyzer(recordings, pool=args.pool), args)
    command = as_given(ANALYZE, argv_words(arguments))
    options = ReportOptions(force=args.force, title=args.title, top=args.top, command=command, deep=deep, tables=_tables(args))
    made = write_deep_reports(deep, Path(args.output_dir), formats, options)
    _say_written(made)
    _say_refused(deep)
    return _INCOMPLETE if made.failures else 0


def _with_deep(log: RunLog, recordings: Sequence[Path], options: ReportOptions, args: argparse.Namespace) -> ReportOptions:
    deep = _read_by_model(lambda: deep_analysis.LogAnalyzer.of_log(log, recordings), args)
    _say_refused(deep)
    if recordings and (others := [run for run in deep.runs if run not in log.runs]):
        print(f"note: a run of its own, since the log does not hold it: {', '.join(others)}. "
              "The results of a logged run are found by their folder, runs/<run>/", file=sys.stderr)  # fmt: skip
    return replace(options, deep=deep)


def _read_by_model(analysis: Callable[[], LogAnalyzer], args: argparse.Namespace) -> LogAnalyzer:
    """Return the analysis; if `--reader` is to read what failed, with what it said."""
    deep = analysis()
    if args.reader is None:
        return deep
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else litellm downloads its price table when it is imported
    from tau2_logging.cli.reader_steps import read_failures

    read_failures(deep, args.reader, args.reader_args, args.reader_max_cost)
    return analysis()


def _say_refused(deep: LogAnalyzer) -> None:
    refused = deep.recorded.refused
    if refused:
        first = refused[0]
        print(
            f"warning: {plural(len(refused), 'line')} could not be read, the first is {first.file}:{first.line}: {first.reason}",
            file=sys.stderr,
        )


def _check_numbers(args: argparse.Namespace) -> None:
    if args.only and args.follow:
        raise UserError("--only needs the whole run; leave --follow out, or leave --only out until the run has ended")
    if args.reader is not None and not args.deep:
        raise UserError("--reader goes with --deep, whose failures it reads; give both")
    if args.reader is None and (args.reader_args is not None or args.reader_max_cost is not None):
        raise UserError("--reader-args and --reader-max-cost are of a reader; name its model with --reader MODEL")
    if args.otlp_content and args.otlp is None:
        raise UserError("--otlp-content needs an endpoint; give --otlp ENDPOINT too")
    for name, least in (("bins", 0), ("top", 1), ("interval", 0.05)):
        if getattr(args, name) < least:
            raise UserError(f"--{name} {getattr(args, name)} is too small; it must be at least {least}")
    if args.bins > _MOST_BINS:
        raise UserError(f"--bins {args.bins} is too many to read; it must be at most {_MOST_BINS:,}. events.parquet has every duration")


def _tables(args: argparse.Namespace) -> tuple[str, ...]:
    """Return the groups of tables to print: those named, all of them for `--tables` alone or with histograms, none for the answer alone."""
    named = args.tables if args.tables is not None else (["latency"] if args.bins else [])
    if unknown := [name for name in named if name not in (*GROUPS, "all")]:
        raise UserError(f"no group of tables {unknown[0]!r}; --tables takes {', '.join(GROUPS)}, or all")
    return GROUPS if "all" in named or args.tables == [] else tuple(named)


def _files(args: argparse.Namespace) -> Callable[[], list[str]]:
    if args.results:
        if args.log_file or args.log_dir is not None or args.follow:
            raise UserError("--results replaces the log; do not combine it with --log_file, --log_dir or --follow. Only --deep reads both")
        return list
    if not args.log_file and args.log_dir is None:
        raise UserError("no log given; name one with --log_file logs/tau2_retail.log, or a folder with --log_dir logs")
    if args.follow and STDIN in args.log_file:
        raise UserError("--follow needs a file; standard input can be read only once")
    if args.log_dir is None:
        return lambda: list(args.log_file)
    return lambda: [*args.log_file, *find_logs(args.log_dir, args.log_glob)]


def _results(args: argparse.Namespace) -> RunLog:
    """Return the log that results files amount to; says what they do not hold."""
    args.results = [str(path) for path in recorded_runs.recorded_files(args.results)]
    log, missing = recorded_runs.load_results([Path(name) for name in args.results], args.run)
    if log.simulations.empty:
        raise UserError(f"no simulation in {', '.join(args.results[:_NAMED])}; there is nothing to analyze")
    for sentence in missing.sentences():
        print(f"note: {sentence}", file=sys.stderr)
    return log


def _load(files: list[str], runs: Sequence[str]) -> RunLog:
    return load_log(files, runs)


def _options(args: argparse.Namespace, arguments: Sequence[str], audits: Audits | None) -> tuple[ReportOptions, Gates]:
    """Return the options, and a function that adds gates and what-if of one run once there is a log. All bad input is found here."""
    objectives = [gates.parse_objective(text) for text in args.slo]
    allowed = None if args.fail_if_slower is None else gates.parse_percent(args.fail_if_slower)
    if allowed is not None and not args.compare:
        raise UserError("--fail-if-slower requires --compare; name the log of the other run with it")
    prices = read_prices(args.prices).over(default_prices()) if args.prices else None
    scenarios = [what_if.parse_scenario(words, prices) for words in args.what_if]
    options = ReportOptions(
        tasks=tuple(args.tasks),
        bins=args.bins,
        prices=prices,
        price_as=tuple(args.price_as),
        compare=_other(args, audits) if args.compare else None,
        content=not args.no_content,
        force=args.force,
        title=args.title,
        top=args.top,
        tables=_tables(args),
        command=as_given(ANALYZE, argv_words(arguments)),
        events_csv=bool(args.format),
    )

    def with_gates(log: RunLog, options: ReportOptions) -> ReportOptions:
        results = gates.check(log, objectives, options.prices)
        if allowed is not None and options.compare is not None:
            results += gates.check_slower(log.compare(options.compare), allowed)
        return replace(options, slo=gates.as_rows(results), what_if=what_if.forecasts(log, scenarios, prices) if scenarios else ())

    return options, with_gates


def _other(args: argparse.Namespace, audits: Audits | None) -> RunLog:
    """Return the run to compare with: logs, or results files if this one is read from results files; of sound tasks if that is asked."""
    if args.results:
        log = recorded_runs.load_results([Path(name) for name in args.compare], args.compare_run)[0]
    else:
        log = _load(args.compare, [args.compare_run]) if len(args.compare) > 1 else read_sides.named_log(args.compare[0], args.compare_run)
    return log if audits is None else only_sound(log, audits)


def _follow(args: argparse.Namespace, files: Callable[[], list[str]], options: ReportOptions) -> RunLog:
    """Show the tables until the run has ended; the log of the ended run."""
    return watch(follow(files, args.run, args.interval), options)


def _check_tasks(log: RunLog, tasks: Sequence[str]) -> None:
    known = [str(task) for task in log.simulations["task"].dropna().unique()]
    qualified = set((log.simulations["domain"].astype(str) + ":" + log.simulations["task"].astype(str)).dropna())
    for task in tasks:
        if task not in known and task not in qualified:
            raise UserError(
                f"no task {task!r} in the log; it holds {len(known)}: {', '.join(known[:8])}{', ...' if len(known) > 8 else ''}"
            )


def _affordable(log: RunLog, formats: tuple[str, ...]) -> tuple[str, ...]:
    """Return all formats, but of a large log only those that most people look at, and of a very large one only those that take no memory
    for each event."""
    events = sum(reading.events for reading in log.readings)
    if events <= _MANY_EVENTS:
        return formats
    kept = tuple(name for name in formats if (name not in LARGE if events <= _MOST_EVENTS else name in _FRUGAL))
    left = ", ".join(name for name in formats if name not in kept)
    print(f"note: {events:,} events; left out for their size: {left}. Ask for them with --format.", file=sys.stderr)
    return kept


def _send(log: RunLog, endpoint: str, content: bool) -> str:
    from tau2_logging.runner.exports import send_log  # runs are not read on every machine that reads logs

    return send_log(replay.replay(log, content), endpoint, content)


def _say_written(made: Attempts) -> None:
    """What was written and what to open; which reports failed."""
    paths = list(dict.fromkeys(made.paths))
    page = next((path for path in paths if path.name == "report.html"), None)
    if len(paths) > _NAMED:
        print(f"wrote {len(paths)} files to {made.folder}" + (f": open {page}" if page else ""))
    elif paths:
        print(f"wrote {', '.join(map(str, paths))}")
    else:
        print("No files written (--format console).")
    for failure in made.failures:
        print(failure, file=sys.stderr)


def _say_verdict(log: RunLog, other: RunLog, folder: Path, formats: Sequence[str], made: Attempts) -> None:
    """Say whether this run is better than the other one, and write the files of `compare`; what could not be is added to `made`."""
    verdict = Attempts()
    verdict.make("comparison", _write_verdict, log, other, folder, formats)
    made.failures += verdict.failures
    for failure in verdict.failures:
        print(failure, file=sys.stderr)


def _write_verdict(log: RunLog, other: RunLog, folder: Path, formats: Sequence[str]) -> Sequence[Path]:
    sides = read_sides.two_sides(other, log)
    if not sides:
        return ()
    comparison = compare_sides.compare_sides(sides)
    print(textwrap.fill(sentences.headline(comparison), compare_text.WIDTH, subsequent_indent="  "))
    paths = compare_files.write_files(comparison, (), folder, formats)
    print(f"wrote {', '.join(map(str, paths))}" if paths else f"more:  {command(COMPARE)}")
    return paths


def _say_gates(gates: Sequence[Mapping[str, object]]) -> None:
    """The verdict, as the last thing that is said."""
    unmet = [gate for gate in gates if not gate["met"]]
    for gate in unmet:
        value, _, limit = gate_values(gate)
        print(f"{gate['status']}: {gate['gate']} is {value}, limit {limit}" + (f" ({gate['detail']})" if gate["detail"] else ""))
    if gates:
        print(f"gates: {len(gates) - len(unmet)} of {len(gates)} met" + (f"; exit code {_BROKEN_GATE}" if unmet else ""))


def _say(log: RunLog, made: Attempts) -> None:
    _say_written(made)
    if log.rejected:
        first = log.rejected[0]
        print(
            f"warning: {log.rejected_count:,} {'line or value' if log.rejected_count == 1 else 'lines or values'} could not be read, "
            f"the first is {first.file}:{first.line}: {first.reason}; "
            f"see {made.folder}/rejected_lines.txt",
            file=sys.stderr,
        )
