"""`tau2-enhanced`: run_local.py under the words of tau2's own command line, with structured events on.

    tau2-enhanced run --domain airline_enhanced --agent enhanced_agent --agent-llm gpt-4.1 --user-llm gpt-4.1 --task-ids 2 --num-trials 1

What is not translated here is run_local.py's, under the same name.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tau2_logging.cli.run_local import main as run_local
from tau2_logging.command_parser import CommandParser
from tau2_logging.errors import UserError
from tau2_logging.invocation import RUN, command, program
from tau2_logging.leaving import leave, tell


def build_parser() -> CommandParser:
    """Return the parser of the words that run_local.py calls otherwise."""
    parser = CommandParser(
        prog=program("enhanced"),
        description="Run a domain of tau2-bench with structured events. All other options are passed on: "
        f"{command(RUN)} --help lists them.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="help", help="show this help, and exit")
    parser.add_argument("command", nargs="?", choices=["run"], default="run", help="what to do (default: run)")
    parser.add_argument("--domain", "-d", required=True, metavar="NAME", help="domain to run: airline_enhanced, retail, ...")
    parser.add_argument("--task-set-name", metavar="NAME", help="task set: the domain's own name, or <domain>_<split>")
    parser.add_argument("--save-to", metavar="NAME", help="name of the run")
    parser.add_argument("--save-dir", metavar="DIR", help="where logs go (default: logs)")
    return parser


def translated(argv: Sequence[str]) -> list[str]:
    """Return the same as run_local.py takes it. Raises UserError for a task set that is not the domain's."""
    known, rest = build_parser().parse_known_args(list(argv))
    given = vars(known)
    words = ["--domains", given["domain"], "--events"]
    words += ["--run-name", given["save_to"]] if "save_to" in given else []
    words += ["--log-dir", given["save_dir"]] if "save_dir" in given else []
    return [*words, *_split(given["domain"], given.get("task_set_name")), *rest]


def _split(domain: str, task_set: str | None) -> list[str]:
    plain = domain.removesuffix("_enhanced")
    if task_set is None or task_set in (domain, plain):
        return []
    if not task_set.startswith(f"{plain}_"):
        raise UserError(f"--task-set-name {task_set} is not a task set of {domain}; give {plain} or {plain}_<split>, or leave it out")
    return ["--task-split", task_set.removeprefix(f"{plain}_")]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; ends the process with its exit code."""
    try:
        words = translated(sys.argv[1:] if argv is None else argv)
    except UserError as error:
        tell(f"{program('enhanced')}: error: {error}")
        leave(error.exit_code)
    run_local(words, program("enhanced"))


if __name__ == "__main__":
    main()
