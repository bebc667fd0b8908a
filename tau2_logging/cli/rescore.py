"""`tau2-logging rescore`: MASEval's recorded reports, scored by tau2's own evaluator."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from tau2_logging.command_parser import CommandParser
from tau2_logging.invocation import program
from tau2_logging.leaving import exit_code, leave


def build_parser() -> CommandParser:
    """Return the parser of the command."""
    parser = CommandParser(
        prog=program("rescore"),
        description="Turn a report of MASEval's Tau2 benchmark (JSONL, as its FileResultLogger writes it) into tau2's trajectories, score "
        "them with tau2's own evaluator, and write a tau2 results file for each domain.",
        epilog="exit code: 0 when every report was scored, 1 when some were left out, 2 for bad input. MASEval itself is not needed.",
    )
    parser.add_argument("reports", type=Path, metavar="REPORT.jsonl", help="the file of reports")
    parser.add_argument("--output", type=Path, default=Path("rescored"), metavar="DIR", help="where results go (default: rescored)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Score and print. Exit code 0, 1 or 2."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    parser = build_parser()
    args = parser.parse_args(argv)
    return exit_code(parser.prog, lambda: _rescore(args))


def _rescore(args: argparse.Namespace) -> int:
    from tau2_logging.runner.rescore_maseval import rescore, summary

    found = rescore(args.reports, args.output)
    for domain, rescored in found.items():
        print(summary(domain, rescored))
    return int(any(rescored.left_out for rescored in found.values()))


if __name__ == "__main__":
    leave(main())
