"""`tau2-logging rejudge`: would other judges have said the same?"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from tau2_logging.command_parser import CommandParser
from tau2_logging.invocation import command, program
from tau2_logging.leaving import exit_code, leave

_EPILOG = """\
examples:
  {command} logs/runs/<run> --judge-llm gpt-4.1 claude-sonnet-4-5 --trials 2
  {command} results.json --tasks current

Nothing is played: the recorded conversations are scored by the installed tau2.
Before that, every recorded call is made again on fresh databases; a simulation
of which one is answered otherwise is left out, and counted (docs/rejudge.md).

exit code: 0 done, 1 some were left out or have no verdict, 2 bad input
"""


def build_parser() -> CommandParser:
    """Return the parser of the command."""
    parser = CommandParser(
        prog=program("rejudge"),
        description="Score recorded conversations again with tau2's own evaluator: by other judges, several times, or against the "
        "installed tau2's tasks. How far judges agree, what flips, what verdicts differ by, what it cost.",
        epilog=_EPILOG.format(command=command("rejudge")),
        synonyms={
            "--judge": "--judge-llm",
            "--judges": "--judge-llm",
            "--num-trials": "--trials",
            "--times": "--trials",
            "-o": "--output-dir",
        },
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="RUN", help="folders of runs, checkpoints, results files of tau2")
    parser.add_argument("--judge-llm", "--judge_llm", nargs="+", default=[], metavar="MODEL", help="who judges; none: what needs no judge "
                        "is scored again")  # fmt: skip
    parser.add_argument("--judge-llm-args", "--judge_llm_args", nargs="+", default=[], metavar="JSON", help="arguments of the judges' "
                        "models: one for all, or one for each")  # fmt: skip
    parser.add_argument("--trials", type=int, default=1, metavar="N", help="how often each judge is asked (default: %(default)s)")
    parser.add_argument("--tasks", choices=("recorded", "current"), default="recorded", help="score against the recorded tasks, or against "
                        "the installed tau2's (default: recorded)")  # fmt: skip
    parser.add_argument("--max-cost", "--max_cost", type=float, metavar="USD", help="stop when all judges together have spent that")
    parser.add_argument("--max-concurrency", "--max_concurrency", type=int, default=4, metavar="N", help="conversations judged at a time "
                        "(default: %(default)s)")  # fmt: skip
    parser.add_argument("--executor", choices=("auto", "threads", "processes"), default="auto", help="where simulations run "
                        "(default: %(default)s, processes for more than 32 at a time)")  # fmt: skip
    parser.add_argument("--log-dir", "--log_dir", type=Path, default=Path("logs/rejudged"), metavar="DIR", help="where the runs with the "
                        "new results go (default: %(default)s)")  # fmt: skip
    parser.add_argument("--output-dir", "--output_dir", type=Path, default=Path("analysis_results"), metavar="DIR", help="where "
                        "rejudge.json and rejudge.md go (default: %(default)s)")  # fmt: skip
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Judge and print. Exit code 0, 1 or 2."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    parser = build_parser()
    args = parser.parse_args(argv)
    return exit_code(parser.prog, lambda: _rejudge(args))


def _rejudge(args: argparse.Namespace) -> int:
    from tau2_logging.cli.rejudge_steps import rejudge

    return rejudge(args)


if __name__ == "__main__":
    leave(main())
