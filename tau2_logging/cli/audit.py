"""`tau2-logging audit`: is the benchmark sound? Each task's reference, idle agents and mutants, scored without a model."""

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
  {command} --domains retail airline telecom mock
  {command} --domains airline --task-ids 2 9
  {command} --domains retail --judge-llm gpt-4.1
  {command} --domains airline --changed-from other-venv/bin/python

No model is asked but the judge's, and no network is needed. To go on after an
interruption, give the same command again. It writes audit/<domain>.json,
audit/audit.md, audit/audit.html and audit/sound.json: which tasks are sound, and
why the others are not (docs/audit.md).
exit code: 0 done (whatever was found), 2 bad input
"""


def build_parser() -> CommandParser:
    """Return the parser of the command."""
    parser = CommandParser(
        prog=program("audit"),
        description="Is the benchmark sound? Can its tasks be solved, what does an idle agent earn, can rewards tell right from wrong?",
        epilog=_EPILOG.format(command=command("audit")),
        synonyms={"--domain": "--domains", "--tasks": "--task-ids", "--output": "--output-dir", "-o": "--output-dir"},
    )
    parser.add_argument("--domains", nargs="+", required=True, metavar="NAME", help="domains of tau2")
    parser.add_argument("--task-ids", "--task_ids", nargs="+", metavar="ID", help="only these tasks (default: the base split, or all)")
    parser.add_argument("--output-dir", "--output_dir", type=Path, default=Path("analysis_results"), metavar="DIR",
                        help="where the folder audit goes (default: %(default)s)")  # fmt: skip
    parser.add_argument("--load", action="append", default=[], metavar="MODULE", help="import this module of yours first, which registers "
                        "domains with tau2; repeatable")  # fmt: skip
    parser.add_argument("--changed-from", metavar="WHERE", help="examine nothing, but say how tasks differ from those of another data "
                        "folder of tau2, or of the tau2 of another Python interpreter")  # fmt: skip
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one for each core, fewer for few tasks)")
    parser.add_argument("--judge-llm", metavar="MODEL", help="also examine this judge: ask it about conversations whose verdict is known")
    parser.add_argument("--judge-llm-args", metavar="JSON", help="arguments of the judge's calls")
    parser.add_argument("--no-fast-env", action="store_true", help="load databases as tau2 does: the same results, slower")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Examine, write and print. Exit code 0 or 2."""
    parser = build_parser()
    args = parser.parse_args(argv)
    return exit_code(parser.prog, lambda: _audit(args))


def _audit(args: argparse.Namespace) -> int:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # litellm reads it when it is imported, and would try a download
    from tau2_logging.cli.audit_steps import audit

    return audit(args)


if __name__ == "__main__":
    leave(main())
