"""`analyze_timing_from_tau2_log.py`: from a log to answers.

Only argparse is imported here, so that --help answers at once; everything else when it is needed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tau2_logging.leaving import CommandParser, carry_out

_EPILOG = """\
examples:
  python analyze_timing_from_tau2_log.py --log_file logs/tau2_retail.log --output_dir analysis_results/
  python analyze_timing_from_tau2_log.py --log_dir logs --format console --run all
  python analyze_timing_from_tau2_log.py --log_file logs/tau2_retail.log --compare old/tau2_retail.log --fail-if-slower 10%
  python analyze_timing_from_tau2_log.py --log_dir logs --slo ttft:500@0.99 --slo llm_call.p95:10000 --slo cost_per_success:0.05
  python analyze_timing_from_tau2_log.py --log_dir logs --what-if concurrency=16 order=longest --what-if price=gpt-4.1-mini cache=on
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


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = CommandParser(
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
        help="outcomes, failures and their causes, arguments, behavior; also reads the results and events beside the log, or "
        "results_*.json of tau2 alone",
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
    group.add_argument("--pool", action="store_true", help="also combine several runs; refused unless settings and task texts agree")
    group.add_argument("--strict", action="store_true", help="exit with 1 if a line cannot be read")
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
    group.add_argument(
        "--tables",
        nargs="*",
        metavar="GROUP",
        help="print tables: run, latency, time, servers, cost, trouble, compare, deep, or all",
    )
    group.add_argument("--show", nargs="+", default=[], metavar="ID",
                       help="print simulations to be read, and nothing else: 17, retail:17, or retail:17:0 with the trial")  # fmt: skip
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
    group.add_argument("--title", default="", metavar="TEXT", help="title of the reports")


def _add_questions(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--prices", metavar="FILE", help="price table (JSON) that overrides the built-in table and logged prices")
    group.add_argument(
        "--price-as", "--price_as", nargs="+", default=[], metavar="MODEL", help="show what the same tokens would cost on that model"
    )
    group.add_argument("--what-if", "--what_if", nargs="+", action="append", default=[], metavar="NAME=VALUE",
                       help="how long the run would take, or what it would cost, with other settings: concurrency=N, order=longest, "
                       "model-speed=FACTOR, retries=0, price=MODEL, cache=on, server-slots=N; several words are one question, the flag "
                       "may be repeated (docs/what_if.md)")  # fmt: skip
    group.add_argument("--compare", nargs="+", default=[], metavar="OTHER_LOG", help="log(s) of another run to compare this one with")
    group.add_argument("--compare-run", default="latest", metavar="ID", help="which run of the other log (default: latest)")
    group.add_argument(
        "--slo", nargs="+", action="extend", default=[], metavar="METRIC:LIMIT", help="objectives the run must meet, see below"
    )
    group.add_argument("--fail-if-slower", metavar="PERCENT", help="fail if this run is more than that slower than --compare, beyond noise")


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, analyze, and end the process with its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    args = parser.parse_args(arguments)
    carry_out(parser.prog, lambda: _analyze(args, arguments))


def _analyze(args: argparse.Namespace, arguments: Sequence[str]) -> int:
    from tau2_logging.cli.analyze_steps import analyze

    return analyze(args, arguments)


if __name__ == "__main__":
    main()
