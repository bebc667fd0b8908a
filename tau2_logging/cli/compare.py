"""`tau2-logging compare`: is one run better than another?

Only argparse is imported here, so that --help answers at once; everything else when it is needed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tau2_logging.command_parser import CommandParser
from tau2_logging.invocation import COMPARE, command, program
from tau2_logging.leaving import carry_out

_EPILOG = """\
examples:
  {command} old/logs new/logs
  {command} logs/runs/20261120-174501-a1b2 results.json --labels before,after
  {command} a.json b.json c.json d.json --all-pairs
  {command} new/logs --baseline main.json --fail-if-worse 5 --fail-if-costlier 20%

Each path is a folder of logs (its latest run), a run folder, a log, a results file of tau2 (v0.1 to v1), or .eval of Inspect AI. A run
with arms is one run for each arm. Runs that are alike in every setting are trials of one.

exit code: 0 done, 2 bad input, 3 a gate is broken (--fail-if-worse, --fail-if-costlier, --fail-if-slower)
"""


def build_parser() -> CommandParser:
    """Return the parser."""
    parser = CommandParser(
        prog=program(COMPARE),
        description="Is B better than A? Runs compared task by task: success, cost, tokens, calls and time, each with its uncertainty.",
        epilog=_EPILOG.format(command=command(COMPARE)),
        synonyms={"--label": "--labels", "--names": "--labels", "-o": "--output-dir", "--output": "--output-dir", "--browser": "--open"},
    )
    parser.add_argument("paths", nargs="+", metavar="RUN", help="what to compare; the first is what the others are compared with")
    parser.add_argument("--baseline", metavar="RUN", help="what all RUNs are compared with, instead of the first")
    parser.add_argument("--run", default=None, metavar="ID", help="which run of logs that hold several (default: the latest)")
    parser.add_argument("--only", metavar="sound|DIR", help="only tasks that an audit found sound: sound for the audit that is shipped, or "
                        "the folder of one of yours (docs/audit.md)")  # fmt: skip
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--reference", metavar="LABEL", help="compare with this run instead of the first")
    which.add_argument("--all-pairs", action="store_true", help="compare each with each, and sort the runs into tiers")
    parser.add_argument("--labels", type=_words, default=[], metavar="NAME,NAME", help="names of the runs, in their order")
    parser.add_argument("--output-dir", "--output_dir", default="analysis_results", metavar="DIR", help="where files go (%(default)s)")
    parser.add_argument("--format", type=_words, default=[], metavar="NAME,NAME", help="only these: console, json, markdown, html")
    parser.add_argument("--open", action="store_true", help="open compare.html in a browser")
    gates = parser.add_argument_group("gates")
    gates.add_argument("--fail-if-worse", metavar="POINTS", help="fail if a run may be worse by more points of success than this: by the "
                       "end of its 95 %% interval, not by its middle")  # fmt: skip
    gates.add_argument("--fail-if-costlier", metavar="PERCENT", help="fail if a simulation costs more than that more, beyond noise")
    gates.add_argument("--fail-if-slower", metavar="PERCENT", help="fail if a simulation takes more than that longer, beyond noise")
    return parser


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, compare, and end the process with its exit code."""
    parser = build_parser()
    args = parser.parse_args(sys.argv[1:] if argv is None else argv)
    carry_out(parser.prog, lambda: _compare(args))


def _compare(args: argparse.Namespace) -> int:
    from tau2_logging.cli.compare_steps import compare

    return compare(args)


if __name__ == "__main__":
    main()
