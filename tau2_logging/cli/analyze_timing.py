"""`analyze_timing_from_tau2_log.py`: from a log to answers.

Only argparse is imported here, so that --help answers at once; everything else when it is needed.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.errors import Tau2LoggingError, UserError
from tau2_logging.leaving import carry_out

if TYPE_CHECKING:
    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.analysis.reports import Report
    from tau2_logging.analysis.reports.report_failures import Attempts
    from tau2_logging.analysis.reports.report_options import ReportOptions
    from tau2_logging.analysis.run_log import RunLog

    Gates = Callable[[RunLog, ReportOptions], ReportOptions]

_EPILOG = """\
examples:
  python analyze_timing_from_tau2_log.py --log_file logs/tau2_retail.log --output_dir analysis_results/
  python analyze_timing_from_tau2_log.py --log_dir logs --format console --run all
  python analyze_timing_from_tau2_log.py --log_file logs/tau2_retail.log --compare old/tau2_retail.log --fail-if-slower 10%
  python analyze_timing_from_tau2_log.py --log_dir logs --slo ttft:500@0.99 --slo llm_call.p95:10000 --slo cost_per_success:0.05
  python analyze_timing_from_tau2_log.py --log_dir logs --follow
  python analyze_timing_from_tau2_log.py --log_file logs/tau2_retail.log --deep
  python analyze_timing_from_tau2_log.py --log_file results.json --deep --format console html
  python analyze_timing_from_tau2_log.py --results data/simulations/*.json --deep

objectives (--gates): ttft, tpot, e2e (the agent's model calls, ms), task (ms): each one must meet it, or the share after @;
TYPE.STATISTIC (p50, p90, p95, p99, mean, max in ms, error_rate) of a type of event; cost_per_success, cost (USD)

exit code: 0 done, 1 a report could not be made, or --strict and something could not be read, 2 bad input,
3 a gate is broken (--gates, --fail-if-slower)
"""
_FORMATS = "console, csv, json, markdown, parquet, png, trace, speedscope, html"
_FRUGAL = frozenset(("console", "json", "markdown"))
_MOST_BINS = 1000
_MANY_EVENTS = 3_000_000
"""About a gigabyte of log. Tables and pictures of every event take about 2.5 kB of memory for each."""

_BROKEN_GATE, _INCOMPLETE = 3, 1


def build_parser() -> argparse.ArgumentParser:
    """The parser."""
    parser = argparse.ArgumentParser(
        prog="analyze_timing_from_tau2_log.py",
        description="Where did the time go, what did it cost, what stands out: tables, files and a report from the logs of run_local.py.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_input(parser.add_argument_group("input"))
    _add_output(parser.add_argument_group("output"))
    _add_questions(parser.add_argument_group("questions"))
    parser.add_argument_group("what the agent did").add_argument(
        "--deep",
        action="store_true",
        help="outcomes, failures and their causes, arguments, behavior; reads what lies beside the log (results, events), and also "
        "results_*.json of tau2 alone, however they were recorded",
    )
    return parser


def _add_input(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--log_file", "--log-file", nargs="+", action="extend", default=[], metavar="FILE",
                       help="logs to read: tau2_*.log or eval_*.log, .gz and .zst too, - for standard input")  # fmt: skip
    group.add_argument("--log_dir", "--log-dir", metavar="DIR", help="read the logs of a folder")
    group.add_argument("--results", nargs="+", action="extend", default=[], metavar="FILE",
                       help="results files of tau2 (v0.1 to v1) that were recorded without a log, or .eval of Inspect AI")  # fmt: skip
    group.add_argument("--log-glob", "--log_glob", default="tau2_*.log*", metavar="PATTERN", help="which ones (default: %(default)s)")
    group.add_argument("--run", nargs="+", default=["latest"], metavar="ID",
                       help="latest, all, or ids of runs (default: the latest, of several --log_file that of each file)")  # fmt: skip
    group.add_argument("--pool", action="store_true", help="also add several runs up; refused unless settings and task texts agree")
    group.add_argument("--strict", action="store_true", help="exit 1 if a line cannot be read")
    group.add_argument("--follow", action="store_true", help="show the tables and refresh them until the run has ended")
    group.add_argument("--interval", type=float, default=2.0, metavar="S", help="seconds between refreshes (default: 2)")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--output_dir", "--output-dir", default="analysis_results", metavar="DIR", help="where files go (default: %(default)s)"
    )
    group.add_argument("--format", nargs="+", action="extend", default=[], metavar="NAME", help=f"only these: {_FORMATS} (default: all)")
    group.add_argument("--force", action="store_true", help="overwrite the files of another run")
    group.add_argument(
        "--tasks",
        nargs="+",
        default=[],
        metavar="ID",
        help="tasks to draw (7, or retail:7; default: the slowest, the median and a failed one)",
    )
    group.add_argument("--top", type=int, default=20, metavar="N", help="how many of the slowest calls to list (default: 20)")
    group.add_argument("--bins", type=int, nargs="?", const=10, default=0, metavar="N", help="also print histograms of N equal bins (10)")
    group.add_argument("--otlp", metavar="ENDPOINT", help="also send the run's traces to an OpenTelemetry endpoint (see docs/viewers.md)")
    group.add_argument("--otlp-content", "--otlp_content", action="store_true", help="with what was said, of a log of --log-level DEBUG")
    group.add_argument("--title", default="", metavar="TEXT", help="title of the reports")


def _add_questions(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--prices", metavar="FILE", help="price table (JSON) that goes before the one that ships and the log")
    group.add_argument(
        "--price-as", "--price_as", nargs="+", default=[], metavar="MODEL", help="what would these tokens cost on that model?"
    )
    group.add_argument("--compare", nargs="+", default=[], metavar="OTHER_LOG", help="another run's log(s), to put beside this one")
    group.add_argument("--compare-run", default="latest", metavar="ID", help="which run of the other log (default: latest)")
    group.add_argument(
        "--slo", nargs="+", action="extend", default=[], metavar="METRIC:LIMIT", help="objectives the run must meet, see below"
    )
    group.add_argument(
        "--fail-if-slower", metavar="PERCENT", help="break if medians are more than that slower than --compare, beyond noise"
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, analyze, and end the process with its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    args = parser.parse_args(arguments)
    carry_out(parser.prog, lambda: _analyze(args, arguments))


def _analyze(args: argparse.Namespace, arguments: Sequence[str]) -> int:
    try:
        return run(args, arguments)
    except (Tau2LoggingError, OSError):
        raise
    except Exception as error:
        from tau2_logging.analysis.reports.report_failures import reason

        raise Tau2LoggingError(f"the analysis failed: {reason(error)}") from error


def run(args: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Do what the arguments say; the exit code."""
    from tau2_logging.analysis.measures.provenance import newer_format
    from tau2_logging.analysis.reports import load_report, parse_formats

    _check_numbers(args)
    formats = parse_formats(args.format or ["all"])  # bad input is found before anything is read
    recordings = _recordings(args)
    if recordings and not args.log_file and args.log_dir is None and not args.results:
        return _run_without_log(args, recordings, formats if args.format else (), arguments)
    files = _files(args)
    options, gates = _options(args, arguments)
    log = _results(args) if args.results else _follow(args, files, options) if args.follow else _load(files(), _which(args))
    log = log.pool() if args.pool else log
    _check_tasks(log, args.tasks)
    if args.deep:
        told = [Path(name) for name in args.results if name.endswith(".json")]  # of .eval the deep analysis knows what the log says
        options = _with_deep(log, [*recordings, *told], options)
    if not args.format:
        formats = _affordable(log, formats)
    if args.otlp is not None:
        print(_send(log, args.otlp, args.otlp_content))
    made, broken = _write(log, Path(args.output_dir), [load_report(name) for name in formats], options, gates)
    _say(log, made, args.output_dir)
    if broken:
        return _BROKEN_GATE
    refused = log.rejected or newer_format(log) or (options.deep is not None and options.deep.recorded.refused)
    return _INCOMPLETE if made.failures or (args.strict and refused) else 0


def _write(log: RunLog, output_dir: Path, reports: Sequence[Report], options: ReportOptions, gates: Gates) -> tuple[Attempts, bool]:
    """(what was written, whether a gate is broken): of one run, or of several, each with its own gates and in its own folder."""
    from tau2_logging.analysis.reports.output import write_reports
    from tau2_logging.analysis.reports.several_runs import write_runs

    broken: list[object] = []

    def gated(one: RunLog, own: ReportOptions) -> ReportOptions:
        own = gates(one, own)
        broken.extend(gate["gate"] for gate in own.slo if not gate["met"])
        return own

    if len(log.by_run) > 1:
        return write_runs(log, output_dir, reports, options, gated), bool(broken)
    return write_reports(log, output_dir, reports, gated(log, options)), bool(broken)


def _which(args: argparse.Namespace) -> list[str]:
    """The runs to read. Every file that was named is wanted; of a folder the latest run is."""
    from tau2_logging.analysis.load import LATEST, LATEST_OF_EACH

    return [LATEST_OF_EACH] if args.run == [LATEST] and args.log_dir is None else list(args.run)


def _recordings(args: argparse.Namespace) -> list[Path]:
    """Results files, events and run folders among what was named; they are taken out of the logs. Raises UserError without --deep."""
    from tau2_logging.analysis.deep.reading.inputs import is_recording

    named = [Path(name) for name in args.log_file]
    found = [path for path in named if is_recording(path)]
    args.log_file = [name for name, path in zip(args.log_file, named, strict=True) if path not in found]
    if args.log_dir is not None and is_recording(Path(args.log_dir)):
        found.append(Path(args.log_dir))
        args.log_dir = None
    if found and not args.deep:
        raise UserError(f"{found[0]} is no log but what a run recorded; read it with --deep, or name a tau2_<domain>.log")
    return found


_NEED_A_LOG = ("compare", "slo", "fail_if_slower", "price_as", "tasks", "follow", "strict", "bins")


def _run_without_log(args: argparse.Namespace, recordings: Sequence[Path], formats: Sequence[str], arguments: Sequence[str]) -> int:
    """The deep analysis of results files and events alone."""
    from tau2_logging.analysis.deep import LogAnalyzer
    from tau2_logging.analysis.reports import deep_alone
    from tau2_logging.analysis.reports.output import write_deep_reports
    from tau2_logging.analysis.reports.report_options import ReportOptions

    if asked := [name for name in _NEED_A_LOG if getattr(args, name)]:
        raise UserError(f"--{asked[0].replace('_', '-')} needs a log; {recordings[0]} is none")
    formats = formats or tuple(deep_alone.FILES)
    deep_alone.check_formats(formats)
    deep = LogAnalyzer(recordings, pool=args.pool)
    command = shlex.join(["analyze_timing_from_tau2_log.py", *arguments])
    options = ReportOptions(force=args.force, title=args.title, top=args.top, command=command, deep=deep)
    made = write_deep_reports(deep, Path(args.output_dir), formats, options)
    _say_written(made, args.output_dir)
    _say_refused(deep)
    return _INCOMPLETE if made.failures else 0


def _with_deep(log: RunLog, recordings: Sequence[Path], options: ReportOptions) -> ReportOptions:
    from dataclasses import replace

    from tau2_logging.analysis.deep import LogAnalyzer

    deep = LogAnalyzer.of_log(log, recordings)
    _say_refused(deep)
    return replace(options, deep=deep)


def _say_refused(deep: LogAnalyzer) -> None:
    refused = deep.recorded.refused
    if refused:
        first = refused[0]
        print(
            f"warning: {len(refused):,} line(s) could not be read, the first is {first.file}:{first.line}: {first.reason}", file=sys.stderr
        )


def _check_numbers(args: argparse.Namespace) -> None:
    if args.otlp_content and args.otlp is None:
        raise UserError("--otlp-content says what to send, but not where to; give --otlp ENDPOINT too")
    for name, least in (("bins", 0), ("top", 1), ("interval", 0.05)):
        if getattr(args, name) < least:
            raise UserError(f"--{name} {getattr(args, name)} is too small; it must be at least {least}")
    if args.bins > _MOST_BINS:
        raise UserError(f"--bins {args.bins} is too many to read; it must be at most {_MOST_BINS:,}. events.csv has every duration")


def _files(args: argparse.Namespace) -> Callable[[], list[str]]:
    from tau2_logging.analysis.reader.sources import STDIN, find_logs

    if args.results:
        if args.log_file or args.log_dir is not None or args.follow:
            raise UserError("--results stands for the log; leave --log_file, --log_dir and --follow out, or read both with --deep alone")
        return list
    if not args.log_file and args.log_dir is None:
        raise UserError("no log given; name one with --log_file logs/tau2_retail.log, or a folder with --log_dir logs")
    if args.follow and STDIN in args.log_file:
        raise UserError("--follow needs a file; standard input can be read once only")
    if args.log_dir is None:
        return lambda: list(args.log_file)
    return lambda: [*args.log_file, *find_logs(args.log_dir, args.log_glob)]


def _results(args: argparse.Namespace) -> RunLog:
    """The log that results files amount to; says what they do not hold."""
    from tau2_logging.analysis.recordings import load_results, recorded_file

    args.results = [str(recorded_file(name)) for name in args.results]
    log, missing = load_results([Path(name) for name in args.results], args.run)
    for sentence in missing.sentences():
        print(f"note: {sentence}", file=sys.stderr)
    return log


def _load(files: list[str], runs: Sequence[str]) -> RunLog:
    from tau2_logging.analysis.load import load_log

    return load_log(files, runs)


def _options(args: argparse.Namespace, arguments: Sequence[str]) -> tuple[ReportOptions, Gates]:
    """The options, and a function that adds the results of the gates once there is a log. All bad input is found here."""
    from dataclasses import replace

    from tau2_logging.analysis.measures import gates
    from tau2_logging.analysis.measures.costs.prices import default_prices, read_prices
    from tau2_logging.analysis.reports.report_options import ReportOptions

    objectives = [gates.parse_objective(text) for text in args.slo]
    allowed = None if args.fail_if_slower is None else gates.parse_percent(args.fail_if_slower)
    if allowed is not None and not args.compare:
        raise UserError("--fail-if-slower needs the run to hold this one against; name its log with --compare")
    options = ReportOptions(
        tasks=tuple(args.tasks),
        bins=args.bins,
        prices=read_prices(args.prices).over(default_prices()) if args.prices else None,
        price_as=tuple(args.price_as),
        compare=_other(args) if args.compare else None,
        force=args.force,
        title=args.title,
        top=args.top,
        command=shlex.join(["analyze_timing_from_tau2_log.py", *arguments]),
    )

    def with_gates(log: RunLog, options: ReportOptions) -> ReportOptions:
        results = gates.check(log, objectives, options.prices)
        if allowed is not None and options.compare is not None:
            results += gates.check_slower(log.compare(options.compare), allowed)
        return replace(options, slo=gates.as_rows(results))

    return options, with_gates


def _other(args: argparse.Namespace) -> RunLog:
    """The run to compare with: logs, or results files where this one is read from results files."""
    if not args.results:
        return _load(args.compare, [args.compare_run])
    from tau2_logging.analysis.recordings import load_results

    return load_results([Path(name) for name in args.compare], args.compare_run)[0]


def _follow(args: argparse.Namespace, files: Callable[[], list[str]], options: ReportOptions) -> RunLog:
    """Show the tables until the run has ended; the log of the ended run."""
    from tau2_logging.analysis.follow import follow
    from tau2_logging.analysis.reports.console import watch

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
    """All formats, but of a very large log only those that take no memory for each event."""
    events = sum(reading.events for reading in log.readings)
    if events <= _MANY_EVENTS:
        return formats
    kept = tuple(name for name in formats if name in _FRUGAL)
    left = ", ".join(name for name in formats if name not in kept)
    print(f"note: {events:,} events; left out for their size: {left}. Ask for them with --format.", file=sys.stderr)
    return kept


def _send(log: RunLog, endpoint: str, content: bool) -> str:
    from tau2_logging.analysis.timeline.replay import replay
    from tau2_logging.runner.exports import send_log

    return send_log(replay(log, content), endpoint, content)


def _say_written(made: Attempts, output_dir: str) -> None:
    """Which files there are now: by name, or, of several runs, how many in which folder; and which reports failed."""
    by_folder: dict[str, list[str]] = {}
    for path in dict.fromkeys(made.paths):
        by_folder.setdefault(str(path.parent), []).append(path.name)
    for folder, names in by_folder.items():
        number = f" {len(names)} file(s):" if len(by_folder) > 1 else ""
        print(f"written to {folder}:{number} {', '.join(names)}")
    if not made.paths:
        print(f"No files written to {output_dir}.")
    for failure in made.failures:
        print(f"error: the report {failure.report} could not be made: {failure.reason}", file=sys.stderr)


def _say(log: RunLog, made: Attempts, output_dir: str) -> None:
    _say_written(made, output_dir)
    if log.rejected:
        first = log.rejected[0]
        print(
            f"warning: {log.rejected_count:,} line(s) or value(s) could not be read, the first is "
            f"{first.file}:{first.line}: {first.reason}; "
            f"see {output_dir}/rejected_lines.txt",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
