"""`tau2-logging label`: say whose fault a failed simulation is; the deep report then tells how far the rules agree."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tau2_logging.command_parser import CommandParser
from tau2_logging.invocation import command, program
from tau2_logging.leaving import exit_code, leave

FAULTS_NAMED = ("agent", "user", "judge", "task", "tools", "infrastructure", "unknown")
_EPILOG = """\
example:
  {command} logs/runs/20261120_174501 17 --trial 1 --fault user --note "hung up after its yes"

Labels are JSON Lines in labels.jsonl, in the folder of RUN; the last label of a simulation counts. With labels, `analyze --deep` has
deep_label_agreement.csv and deep_label_confusion.csv: what the rules say beside them (docs/attribution.md).
exit code: 0 done, 2 bad input
"""


def build_parser() -> CommandParser:
    """Return the parser of the command."""
    parser = CommandParser(
        prog=program("label"),
        description="Say whose fault a failed simulation is, after reading it.",
        epilog=_EPILOG.format(command=command("label")),
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="a results file of tau2, or the folder of a run")
    parser.add_argument("task", metavar="TASK", help="the task's id")
    parser.add_argument("--trial", type=int, default=0, metavar="N", help="which trial (default: 0)")
    parser.add_argument("--domain", metavar="NAME", help="if tasks of several domains have this id")
    parser.add_argument("--fault", required=True, choices=FAULTS_NAMED, help="whose fault")
    parser.add_argument("--turn", type=int, metavar="N", help="the message that shows it, from 0")
    parser.add_argument("--note", default="", metavar="TEXT", help="a few words")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write the label and print what the rules say. Exit code 0 or 2."""
    parser = build_parser()
    args = parser.parse_args(argv)
    return exit_code(parser.prog, lambda: _label(args))


def _label(args: argparse.Namespace) -> int:
    from tau2_logging.cli.label_steps import labeled

    print(labeled(args.run, args.task, args.trial, args.domain, args.fault, args.turn, args.note))
    return 0


if __name__ == "__main__":
    leave(main())
