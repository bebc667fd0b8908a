"""`analyze_timing_from_tau2_log.py`, and `tau2-logging analyze`: from a log to answers.

Only argparse is imported here, so that --help answers at once; everything else when it is needed.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from tau2_logging.command_parser import CommandParser
from tau2_logging.invocation import ANALYZE, command, program
from tau2_logging.leaving import carry_out

_EPILOG = """\
examples:
  {command} logs/tau2_retail.log --open
  {command} logs/tau2_retail.log --deep
  {command} --log_dir logs --format console --run all
  {command} --log_dir logs --follow
  {command} logs/tau2_retail.log --compare old/tau2_retail.log --fail-if-slower 10%
  {command} --log_dir logs --slo ttft:500@0.99 --slo llm_call.p95:10000 --slo cost_per_success:0.05
  {command} --log_dir logs --what-if concurrency=16 order=longest --what-if price=gpt-4.1-mini cache=on
  {command} --results data/simulations/*.json --deep

objectives (--slo): ttft, tpot, e2e (the agent's model calls, ms), task (ms): each one must meet it, or the share after @;
TYPE.STATISTIC (p50, p90, p95, p99, mean, max in ms, error_rate) of a type of event; cost_per_success, cost (USD)

exit code: 0 done, 1 a report could not be made, or --strict and something could not be read, 2 bad input,
3 a gate is broken (--slo, --fail-if-slower)
"""
_COMMON = frozenset((
    "--log_file", "--log_dir", "--results", "--run", "--follow", "--output_dir", "--format", "--tables", "--show", "--open", "--quiet",
    "--force", "--deep", "--only", "--compare", "--slo", "--fail-if-slower", "--what-if", "--prices", "--tasks", "--top",
))  # fmt: skip
"""Flags that `--help` shows; `--help-all` shows all."""
_SYNONYMS = {
    "--log": "--log_file", "--logs": "--log_file", "--log-files": "--log_file", "--input": "--log_file", "-i": "--log_file",
    "--output": "--output_dir", "-o": "--output_dir", "--out": "--output_dir", "--runs": "--run", "--run-id": "--run",
    "--gates": "--slo", "--table": "--tables", "--task": "--show", "--task-ids": "--show", "--baseline": "--compare",
    "--payloads": "--prompts",
    "--formats": "--format", "--price": "--prices", "--browser": "--open", "--watch": "--follow",
}  # fmt: skip
_ANSWERS = {
    "--html": "give --format html, or --open, which opens the report that is made anyway",
    "--json": "give --format json",
    "--csv": "give --format csv",
    "--markdown": "give --format markdown",
    "--png": "give --format png",
    "--failures": "--deep says why simulations failed; --show TASK prints one of them",
    "--failed": "--deep says why simulations failed; --show TASK prints one of them",
    "--verbose": "give --tables for every table, or the names of some",
    "-v": "give --tables for every table, or the names of some",
    "--domain": "name the log of the domain: logs/tau2_<domain>.log",
    "--domains": "name the logs of the domains: logs/tau2_<domain>.log",
    "--config": "options are given on the command line",
    "--no-color": "set the environment variable NO_COLOR=1",
    "--cost": "costs are in the answer; --tables cost prints their tables",
    "--latency": "give --tables latency",
    "--save-to": "give --output_dir DIR",
    "--dry-run": "nothing is run here; --dry-run is an option of the run",
}
_FORMATS = "console, csv, json, markdown, parquet, png, trace, speedscope, html"


def build_parser() -> CommandParser:
    """Return the parser."""
    parser = CommandParser(
        prog=program(ANALYZE),
        description="Where did the time go, what did it cost, what stands out: tables, files and a report from the logs of runs.",
        epilog=_EPILOG.format(command=command(ANALYZE)),
        common=_COMMON,
        synonyms=_SYNONYMS,
        answers=_ANSWERS,
    )
    _add_input(parser.add_argument_group("input"))
    _add_output(parser.add_argument_group("output"))
    _add_questions(parser.add_argument_group("questions"))
    group = parser.add_argument_group("what the agent did")
    group.add_argument(
        "--deep",
        action="store_true",
        help="outcomes, failures and their causes, arguments, behavior; also reads the results and events beside the log, or "
        "results_*.json of tau2 alone",
    )
    group.add_argument("--reader", metavar="MODEL",
                       help="with --deep: a model, by litellm's name, that reads each failed simulation once and says whose fault it is, "
                       "with a quote; kept beside the results (docs/attribution.md)")  # fmt: skip
    group.add_argument("--reader-args", "--reader_args", metavar="JSON", help="arguments of its calls, as a JSON object")
    group.add_argument("--reader-max-cost", "--reader_max_cost", type=float, metavar="USD",
                       help="read no more failures than cost this much (default: 1, if its price is known)")  # fmt: skip
    return parser


def _add_input(group: argparse._ArgumentGroup) -> None:
    group.add_argument("logs", nargs="*", metavar="LOG", help="logs to read, as with --log_file")
    group.add_argument("--log-file", "--log_file", nargs="+", action="extend", default=[], metavar="FILE",
                       help="logs to read: tau2_*.log or eval_*.log, .gz and .zst too, - for standard input")  # fmt: skip
    group.add_argument("--log-dir", "--log_dir", metavar="DIR", help="read the logs of a folder")
    group.add_argument("--results", nargs="+", action="extend", default=[], metavar="FILE",
                       help="results files of tau2 (v0.1 to v1) that were recorded without a log, or .eval of Inspect AI")  # fmt: skip
    group.add_argument("--log-glob", "--log_glob", default="tau2_*.log*", metavar="PATTERN", help="which ones (default: %(default)s)")
    group.add_argument("--run", nargs="+", default=["latest"], metavar="ID",
                       help="latest, all, or ids of runs (default: the latest, of several --log_file that of each file)")  # fmt: skip
    group.add_argument("--only", metavar="sound|DIR", help="only tasks that an audit found sound: sound for the audit that is shipped, or "
                       "the folder of one of yours (docs/audit.md)")  # fmt: skip
    group.add_argument("--pool", action="store_true", help="also combine several runs; refused unless settings and task texts agree")
    group.add_argument("--strict", action="store_true", help="exit with 1 if a line cannot be read")
    group.add_argument("--follow", action="store_true", help="show the tables and refresh them until the run has ended")
    group.add_argument("--interval", type=float, default=2.0, metavar="S", help="seconds between refreshes (default: 2)")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--output-dir", "--output_dir", default="analysis_results", metavar="DIR", help="where files go (default: %(default)s)"
    )
    group.add_argument(
        "--format", nargs="+", action="extend", default=[], metavar="NAME",
        help=f"only these: {_FORMATS}, or all (default: all but events.csv of csv; large logs: no trace, speedscope)",
    )  # fmt: skip
    group.add_argument("--force", action="store_true", help="overwrite the files of another run")
    group.add_argument(
        "--tasks",
        nargs="+",
        default=[],
        metavar="ID",
        help="tasks to draw (7, or retail:7; default: the slowest, the median and a failed one)",
    )
    group.add_argument(
        "--tables",
        nargs="*",
        metavar="GROUP",
        help="print tables: run, latency, voice, time, servers, cost, trouble, compare, deep, or all",
    )
    group.add_argument("--show", nargs="+", default=[], metavar="ID",
                       help="print simulations to be read, and nothing else: 17, retail:17, or retail:17:0 with the trial")  # fmt: skip
    group.add_argument("--prompts", nargs="+", default=[], metavar="ID",
                       help="print what models were sent and replied, one JSON object a call (log of --log-level DEBUG)")  # fmt: skip
    group.add_argument("--no-content", "--no_content", action="store_true", help="leave the conversations out of report.html")
    group.add_argument("--top", type=int, default=20, metavar="N", help="how many of the slowest calls to list (default: 20)")
    group.add_argument("--bins", type=int, nargs="?", const=10, default=0, metavar="N", help="also print histograms of N equal bins (10)")
    group.add_argument("--otlp", metavar="ENDPOINT", help="also send the run's traces to an OpenTelemetry endpoint (see docs/viewers.md)")
    group.add_argument(
        "--otlp-content",
        "--otlp_content",
        action="store_true",
        help="with --otlp: also send messages, arguments and results (needs a log of --log-level DEBUG)",
    )
    group.add_argument("--open", action="store_true", help="open the report in a browser")
    group.add_argument("-q", "--quiet", action="store_true", help="print no analysis, only what was written, warnings and gates")
    group.add_argument("--title", default="", metavar="TEXT", help="title of the reports")


def _add_questions(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--prices", metavar="FILE", help="price table (JSON) that overrides the built-in table and logged prices")
    group.add_argument(
        "--price-as", "--price_as", nargs="+", default=[], metavar="MODEL", help="show what the same tokens would cost on that model"
    )
    group.add_argument("--what-if", "--what_if", nargs="+", action="append", default=[], metavar="NAME=VALUE",
                       help="how long the run would take, or what it would cost, with other settings: concurrency=N, order=longest, "
                       "model-speed=FACTOR, retries=0, price=MODEL, cache=on, evaluations=N, server-slots=N; several words are one "
                       "question, the flag may be repeated (docs/what_if.md)")  # fmt: skip
    group.add_argument("--compare", nargs="+", default=[], metavar="OTHER_LOG", help="log(s) of another run to compare this one with")
    group.add_argument("--compare-run", default="latest", metavar="ID", help="which run of the other log (default: latest)")
    group.add_argument(
        "--slo", nargs="+", action="extend", default=[], metavar="METRIC:LIMIT", help="objectives the run must meet, see below"
    )
    group.add_argument("--fail-if-slower", metavar="PERCENT", help="fail if this run is more than that slower than --compare, beyond noise")


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, analyze, and end the process with its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = parsed(arguments)
    carry_out(program(ANALYZE), lambda: _analyze(args, arguments))


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the arguments by name; ends the process if they cannot be understood."""
    args = build_parser().parse_args(arguments)
    args.log_file = [*args.logs, *args.log_file]
    return args


def _analyze(args: argparse.Namespace, arguments: Sequence[str]) -> int:
    from tau2_logging.cli.analyze_steps import analyze

    with nullcontext() if args.follow else _few_collections():
        return analyze(args, arguments)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Search for garbage in cycles only among what is new: all that is old, millions of objects of a large log, is in use until the end."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


if __name__ == "__main__":
    main()
