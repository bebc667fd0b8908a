"""`tau2-logging experiments`: plan, power, run (launch), status (monitor), collect, manipulation, analyze, variants.

Only argparse and the table of options are imported here, so that --help answers at once; everything else when it is needed.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import Any

from tau2_logging.command_parser import CommandParser
from tau2_logging.invocation import EXPERIMENTS, command, program
from tau2_logging.leaving import carry_out
from tau2_logging.runner.settings.guessed_flags import answers, synonyms
from tau2_logging.runner.settings.options import add_plan_options, add_start_options, planned_options, start_options

_EPILOG = """\
examples:
  {command} plan --name personas --num-tasks 20 --num-trials 4 --user-variants control,anger,placebo
  {command} run experiments/personas
  {command} analyze experiments/personas
  {command} plan --name agents --agents llm_agent,retry_agent --num-trials 4

exit code: 0 done, 1 cells are missing (or lint has findings), 2 bad input, 3 a variant was not delivered, 130 and 143 stopped
"""
_PLAN = "plan.json, or the folder it is in"
_EXPERIMENTS = "experiments"
"""Folder of experiments."""


_COMMON = frozenset((
    "--name", "--user-variants", "--agents", "--agent-llms", "--arm", "--reference", "--domains", "--task-ids", "--num-tasks",
    "--num-trials", "--model", "--agent-llm", "--user-llm", "--max-concurrency", "--budget", "--cost-per-simulation", "--like", "--seed",
))  # fmt: skip
"""Flags that `plan --help` shows; `plan --help-all` shows all."""
_ANSWERS = {
    "--timestamp": "an experiment is found by its name alone, as experiments/NAME",
    "--max-price": "--budget USD limits what the experiment costs; for rented GPUs it is --max-hourly-cost of the command rental",
}


def _plan_words() -> dict[str, Any]:
    """Return what the parser of a plan knows besides its options."""
    own = {
        "--experiment-name": "--name", "--variants": "--user-variants", "--output": "--out", "--models": "--agent-llms",
        "--tasks": "--num-tasks",
    }  # fmt: skip
    words = synonyms([option.flag for option in planned_options()])
    return {"synonyms": words | own, "answers": answers() | _ANSWERS}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    prog = program(EXPERIMENTS)
    parser = CommandParser(
        prog=prog,
        description="Paired experiments: compare several users, agents or models on the same tasks.",
        epilog=_EPILOG.format(command=command(EXPERIMENTS)),
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    words = _plan_words()
    plan = commands.add_parser("plan", help="make a plan file; says cost and power before anything is run", common=_COMMON, **words)
    _add_plan(plan)
    power = commands.add_parser(
        "power", usage=f"{prog} power [PLAN | option ...]", help="the smallest difference that a plan can find", **words
    )
    power.add_argument("plan", nargs="?", help=f"{_PLAN}; or give the plan's own flags")
    _add_design(power)
    of_plan = f"it is a setting of the plan, which is made first: {command(EXPERIMENTS)} plan"
    run = commands.add_parser(
        "run", aliases=["launch"], usage=f"{prog} run PLAN ...", help="run what is missing of a plan; again after any interruption",
        synonyms=synonyms([option.flag for option in start_options()]),
        answers=answers() | dict.fromkeys([*plan.synonyms, *plan._option_string_actions], of_plan) | _ANSWERS,
    )  # fmt: skip
    _add_run(run)
    for name, aliases, text in (
        ("status", ["monitor"], "how far each arm has come"),
        ("collect", [], "one table of all cells"),
        ("manipulation", [], "did the variants change how the user writes?"),
        ("analyze", [], "effects, intervals, tests; text, JSON, CSV and report.html"),
    ):
        own = commands.add_parser(
            name, aliases=aliases, usage=f"{prog} {name} PLAN ...", help=text, synonyms={"--output": "--output-dir"}, answers=_ANSWERS
        )
        _add_place(own)
        own.add_argument("--output-dir", metavar="DIR", help="where files go (default: report/ beside the plan)")
        if name == "analyze":
            own.add_argument("--format", nargs="+", metavar="NAME", help="only these: text, json, csv, html (default: all)")
    _add_variants(commands.add_parser("variants", help="the user variants: list, show, diff, lint, prompt"))
    return parser


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", required=True, help="name of the experiment")
    parser.add_argument("--out", default=_EXPERIMENTS, metavar="DIR", help="folder of experiments (default: %(default)s)")
    _add_design(parser)


def _add_design(parser: argparse.ArgumentParser) -> None:
    arms = parser.add_argument_group("arms")
    arms.add_argument("--user-variants", metavar="NAME,NAME", help="an arm for each user variant, or all of a .yaml file")
    arms.add_argument("--agents", metavar="NAME,NAME", help="an arm for each agent: llm_agent,retry_agent")
    arms.add_argument("--agent-llms", metavar="MODEL,MODEL", help="an arm for each model of the agent")
    arms.add_argument("--arm", action="append", metavar="NAME=JSON", help="an arm: agent, agent_args, agent_llm, agent_llm_args, "
                      "user_llm, user_llm_args, variant")  # fmt: skip
    arms.add_argument("--reference", metavar="ARM", help="what the others are compared with (default: control, else the first)")
    add_plan_options(parser)
    money = parser.add_argument_group("cost and power")
    money.add_argument("--budget", type=float, metavar="USD", help="refuse a plan that costs more; the run keeps to it too")
    money.add_argument("--cost-per-simulation", type=float, metavar="USD", help="what one simulation costs")
    money.add_argument("--like", metavar="LOG", help="an earlier run's log, whose mean cost is taken")
    money.add_argument("--rate", type=float, default=0.7, metavar="P", help="success expected in the reference (default: %(default)s)")
    money.add_argument("--between", type=float, default=0.5, metavar="SHARE", help="share of variance between tasks (%(default)s)")
    money.add_argument("--power", type=float, default=0.8, metavar="P", help="chance of finding it (default: %(default)s)")


def _add_place(parser: argparse.ArgumentParser) -> None:
    """Add the experiment: its plan or folder, or, as other tools have it, its name or the folder of its results."""
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("plan", nargs="?", default=argparse.SUPPRESS, help=_PLAN)
    for flag, made in (("--experiment-name", _folder_of), ("--results-dir", str)):
        place.add_argument(flag, dest="plan", type=made, default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def _folder_of(name: str) -> str:
    return f"{_EXPERIMENTS}/{name}"


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_place(parser)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often to go over what failed (default: %(default)s)")
    parser.add_argument("--budget", type=float, metavar="USD", help="another budget than the plan's")
    parser.add_argument("--until", choices=["settled"], help="run tasks in random order, and stop when every arm's difference is settled "
                        "or the budget is spent (docs/experiments.md)")  # fmt: skip
    parser.add_argument("--batch", type=int, default=10, metavar="N", help="with --until: tasks between two looks (default: %(default)s)")
    parser.add_argument("--margin", metavar="POINTS", help="with --until: a difference that is surely smaller than this is settled, too")
    add_start_options(parser.add_argument_group("changes for this start"))


def _add_variants(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="variants_command", required=True, metavar="COMMAND")
    for name, text in (
        ("list", "which there are"),
        ("show", "the text of one"),
        ("diff", "two texts compared"),
        ("lint", "do they change manner only, and are they of one length?"),
        ("prompt", "the whole system prompt of a task"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--file", action="append", metavar="YAML", help="with those of this file")
        if name in ("show", "diff", "prompt"):
            command.add_argument("name", help="variant")
        if name == "diff":
            command.add_argument("other", help="variant")
        if name == "prompt":
            command.add_argument("--domain", required=True, metavar="DOMAIN")
            command.add_argument("--task", required=True, metavar="ID")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; ends the process with its exit code."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    parser = build_parser()
    args = parser.parse_args(argv)
    carry_out(parser.prog, lambda: command_of(args)(args))


def command_of(args: argparse.Namespace) -> Callable[[argparse.Namespace], int]:
    """Return what carries out a parsed command."""
    if args.command == "variants":
        from tau2_logging.experiments import variants_commands

        named = {"list": "list_variants", "lint": "lint_variants"}
        return getattr(variants_commands, named.get(args.variants_command, args.variants_command))  # type: ignore[no-any-return]
    if args.command in ("run", "launch", "status", "monitor"):
        from tau2_logging.experiments.running import run_commands

        return run_commands.run if args.command in ("run", "launch") else run_commands.status
    from tau2_logging.experiments import commands

    return getattr(commands, args.command)  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
