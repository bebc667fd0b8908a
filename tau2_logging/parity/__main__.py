"""`tau2-logging parity`: the comparison as a command."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from tau2_logging.command_parser import CommandParser
from tau2_logging.errors import UserError
from tau2_logging.invocation import RUN, command, program
from tau2_logging.leaving import exit_code, leave
from tau2_logging.parity.case import Case
from tau2_logging.parity.comparison import compare
from tau2_logging.parity.findings import deliberate_kinds, findings
from tau2_logging.parity.report_text import as_data, as_text
from tau2_logging.parity.side import PlayRequest
from tau2_logging.parity.side_process import Implementation, play_both

DOMAINS = ("airline", "retail", "telecom")
_DESCRIPTION = """\
Play the same tool calls in tau2 and in MASEval's port of it, or in two releases of tau2, and compare what comes out: outputs, error flags,
both databases, environment assertions, and what the two evaluators say of the same perfect conversation.
"""
_EPILOG = """\
exit code: 0 when every difference is deliberate or accepted, 1 when one is not, 2 for bad input

  {command}                                          # tau2 and MASEval of this interpreter, all 278 tasks
  {command} --right tau2@/other/venv/bin/python      # two releases of tau2
  {command} --domains airline retail --fuzz 300      # and 300 random sequences of 12 calls
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        prog=program("parity"),
        description=_DESCRIPTION,
        epilog=_EPILOG.format(command=command("parity")),
        allow_abbrev=False,
    )
    parser.add_argument("--left", default="tau2", metavar="SIDE", help="tau2, or tau2@PYTHON for that of another interpreter")
    parser.add_argument("--right", default="maseval", metavar="SIDE", help="tau2, maseval, or either @PYTHON (default: maseval)")
    parser.add_argument("--domains", nargs="+", default=list(DOMAINS), metavar="DOMAIN", help=f"default: {' '.join(DOMAINS)}")
    parser.add_argument("--task-ids", nargs="+", metavar="ID", help="these tasks alone (default: every base task)")
    parser.add_argument("--num-tasks", type=int, metavar="N", help="the first N tasks of each domain")
    parser.add_argument("--fuzz", type=int, default=0, metavar="N", help="add N random sequences over all tools (default 0)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the random sequences (default 1)")
    parser.add_argument("--accept", nargs="+", default=[], metavar="NAME", help="findings that do not make the exit code 1")
    parser.add_argument(
        "--no-fast-env", action="store_true", help="parse the databases for every environment, as both sides do by themselves"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures, findings and every difference there")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Compare and print. Exit code 0, 1 or 2; see `--help`."""
    parser = build_parser()
    args = parser.parse_args(argv)
    return exit_code(parser.prog, lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    started = time.monotonic()
    left, right = Implementation.of(args.left), Implementation.of(args.right)
    request = _play_request(args, left, right)
    one, other = play_both(left, right, request)
    cases = [Case.of(data) for data in one.about["cases"]]
    if not cases:
        wanted = " ".join(args.task_ids or ())
        raise UserError(f"no task {wanted} in {', '.join(request.domains)}; {command(RUN)} --list-tasks DOMAIN shows all")
    comparison = compare(cases, one.cases, other.cases, deliberate_kinds(one, other))
    found = findings(comparison, one, other)
    accepted = frozenset(args.accept)
    print(as_text(one, other, comparison, found, accepted))
    print(f"{len(cases)} cases in {time.monotonic() - started:.0f} s.")
    if args.json is not None:
        _write(args.json, json.dumps(as_data(one, other, comparison, found), indent=1, default=str))
    return int(any(not item.deliberate and item.name not in accepted for item in found))


def _play_request(args: argparse.Namespace, left: Implementation, right: Implementation) -> PlayRequest:
    if left.name != "tau2":
        raise UserError("--left has to be tau2: the tasks and the calls are its; put maseval on the right")
    for name, value, least in (("--fuzz", args.fuzz, 0), ("--num-tasks", args.num_tasks, 1)):
        if value is not None and value < least:
            raise UserError(f"{name} is {value}; give a number of at least {least}")
    known = DOMAINS if right.name == "maseval" else (*DOMAINS, "mock")
    for domain in args.domains:
        if domain not in known:
            raise UserError(f"no domain {domain!r} on both sides; there are {', '.join(known)}")
    tasks = tuple(args.task_ids) if args.task_ids else None
    return PlayRequest(
        tuple(dict.fromkeys(args.domains)), tasks, args.num_tasks, args.fuzz, args.seed, fast=not args.no_fast_env, leads=True
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write --json {path}: {error.strerror}") from error


if __name__ == "__main__":
    leave(main())
