"""`tau2-logging rescore`: MASEval's recorded reports, scored by tau2's own evaluator."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.command_parser import CommandParser
from tau2_logging.invocation import program
from tau2_logging.leaving import exit_code, leave

if TYPE_CHECKING:
    from tau2_logging.runner.rescore_maseval import Rescored


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
    from tau2_logging.runner.rescore_maseval import rescore

    found = rescore(args.reports, args.output)
    for domain, rescored in found.items():
        print(summary(domain, rescored))
    return int(any(rescored.left_out for rescored in found.values()))


def summary(domain: str, rescored: Rescored) -> str:
    """Return a domain in a few lines: both rewards, pass^k and pass@k of both, what was left out."""
    lines = [f"{domain}: {rescored.scored} conversations scored, {rescored.apart} differently from MASEval; {rescored.results}"]
    for name, rewards in (("MASEval", rescored.maseval), ("tau2", rescored.tau2)):
        lines.append(f"    {name:8} {_figures(rewards)}")
    if rescored.left_out:
        reasons = ", ".join(f"{reason} {count}" for reason, count in rescored.left_out.most_common())
        lines.append(f"    left out: {sum(rescored.left_out.values())} ({reasons})")
    return "\n".join(lines)


def _figures(rewards: dict[str, list[float]]) -> str:
    from tau2_logging.runner.rescore_maseval import rates

    every = [reward for trials in rewards.values() for reward in trials]
    if not every:
        return "-"
    hats, ats = rates(rewards)
    shown = [f"mean reward {sum(every) / len(every):.3f}"]
    shown += [f"pass^{k} {value:.3f}" for k, value in hats.items()]
    shown += [f"pass@{k} {value:.3f}" for k, value in ats.items()]
    return ", ".join(shown)


if __name__ == "__main__":
    leave(main())
