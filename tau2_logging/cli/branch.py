"""`tau2-logging branch`: what if the conversation had gone on otherwise from here? And which turn decided it?"""

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
  {command} logs/runs/<run> 17 --at 8 --swap agent=gpt-4.1 user-variant=control
  {command} logs/runs/<run> 17 --scan --max-cost 5

Turns are numbered as on the simulation's page. Turns up to --at are kept, and
what comes after them is played again. Before anything is played, every recorded
call is made again on fresh databases; if one is answered otherwise, the command
refuses (docs/branch.md).

exit code: 0 done, 1 some branches have no reward, 2 bad input
"""


def build_parser() -> CommandParser:
    """Return the parser of the command."""
    parser = CommandParser(
        prog=program("branch"),
        description="Rebuild a recorded conversation up to a turn and play on from there, with another agent, user or judge; or find the "
        "turn that decided it.",
        epilog=_EPILOG.format(command=command("branch")),
        synonyms={"--turn": "--at", "--after": "--at", "--from": "--at", "--num-trials": "--times", "--max-simulations": "--budget"},
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, its checkpoint, or a results file of tau2")
    parser.add_argument("task", metavar="TASK", help="id of the task")
    parser.add_argument("--trial", type=int, default=0, metavar="N", help="which trial of it (default: 0)")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--at", type=int, metavar="TURN", help="the last turn that is kept; 0 keeps none")
    what.add_argument("--scan", action="store_true", help="find the decisive turn: the chance of success after each turn, by bisection")
    parser.add_argument("--swap", nargs="+", default=[], metavar="WHAT=WHO", help="who plays on in place of whom: agent=MODEL, user=MODEL, "
                        "user-variant=NAME, judge=MODEL; commas join several into one branch")  # fmt: skip
    parser.add_argument("--times", type=int, default=8, metavar="N", help="how often each branch is played (default: %(default)s)")
    parser.add_argument("--budget", type=int, default=120, metavar="N", help="most simulations of --scan (default: %(default)s)")
    parser.add_argument("--max-cost", "--max_cost", type=float, metavar="USD", help="stop when that is spent")
    parser.add_argument("--max-concurrency", "--max_concurrency", type=int, metavar="N", help="simulations at a time (as recorded)")
    parser.add_argument("--executor", choices=("auto", "threads", "processes"), default="auto", help="where simulations run "
                        "(default: %(default)s, processes for more than 32 at a time)")  # fmt: skip
    parser.add_argument("--tasks", choices=("recorded", "current"), default="recorded", help="score against the recorded task, or against "
                        "the installed tau2's (default: recorded)")  # fmt: skip
    parser.add_argument("--swap-args", "--swap_args", metavar="JSON", help="arguments of the models that --swap puts in")
    parser.add_argument("--agent-llm-args", "--agent_llm_args", metavar="JSON", help="arguments of the agent's model (as recorded)")
    parser.add_argument("--user-llm-args", "--user_llm_args", metavar="JSON", help="arguments of the user's model (as recorded)")
    parser.add_argument("--judge-llm-args", "--judge_llm_args", metavar="JSON", help="arguments of the judge's model (as recorded)")
    parser.add_argument("--load", nargs="+", default=[], metavar="MODULE", help="modules to import first, which register your own agents")
    parser.add_argument("--log-dir", "--log_dir", type=Path, default=Path("logs/branches"), metavar="DIR", help="where the branches' logs "
                        "and runs go (default: %(default)s)")  # fmt: skip
    parser.add_argument("--dry-run", "--dry_run", action="store_true", help="check and rebuild, say what it would take, play nothing")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Branch and print. Exit code 0, 1 or 2."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    parser = build_parser()
    args = parser.parse_args(argv)
    return exit_code(parser.prog, lambda: _branch(args))


def _branch(args: argparse.Namespace) -> int:
    from tau2_logging.cli.branch_steps import branch

    return branch(args)


if __name__ == "__main__":
    leave(main())
