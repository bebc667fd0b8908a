"""`run_local.py`, and `tau2-logging run`: run tau2-bench and write its log.

Only argparse and the table of options are imported here; tau2 and litellm, which take seconds, are imported when a run starts.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tau2_logging.command_parser import CommandParser
from tau2_logging.invocation import RUN, command, program
from tau2_logging.leaving import carry_out, tell
from tau2_logging.runner.settings.guessed_flags import answers, synonyms
from tau2_logging.runner.settings.options import add_run_options, common_flags

_SHOWN = frozenset(("list_domains", "list_tasks", "check", "dry_run"))
"""Flags that make the command one that shows something, and runs nothing."""
_EPILOG = """\
examples:
  {command} --domains retail                # scripted models: no key, no network
  {command} --domains retail airline --max-concurrency 8
  {command} --domains retail -n 5 --model gpt-4.1 --dry-run
  {command} --domains retail --model gpt-4.1 --num-trials 4 --max-cost 20 --open
  {command} --resume logs/runs/20261120-174501-1f3a

exit code: 0 every simulation finished, 1 some ended in error or time-out, or something could not be written, 2 bad input,
130 and 143 stopped by Ctrl-C and SIGTERM
"""


def build_parser(prog: str | None = None) -> CommandParser:
    """Return the parser. Flags that are not given are absent from the result, so that --resume can tell."""
    parser = CommandParser(
        prog=prog or program(RUN),
        description="Run tau2-bench simulations and write a log that says where the time and the money went.",
        epilog=_EPILOG.format(command=command(RUN)),
        common=common_flags(),
        synonyms=synonyms(),
        answers=answers(),
        argument_default=argparse.SUPPRESS,
    )
    add_run_options(parser)
    return parser


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Run the command; ends the process with its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    parser = build_parser(prog)
    given = vars(parser.parse_args(words))
    carry_out(parser.prog, lambda: _command(given, words), output_matters=not given.keys().isdisjoint(_SHOWN))


def _command(given: Mapping[str, Any], words: list[str]) -> int:
    if sys.stderr is not None and sys.stderr.isatty() and given.keys().isdisjoint((*_SHOWN, "quiet")):
        tell("loading tau2 and litellm ...")
    from tau2_logging.cli.run_steps import carry_out_options  # a second of imports that --help does not need

    return carry_out_options(given, words)


if __name__ == "__main__":
    main()
