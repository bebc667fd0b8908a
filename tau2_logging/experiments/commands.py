"""What each command of `python -m tau2_logging.experiments` does. Returns the exit code; raises UserError for bad input."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tau2_logging.errors import UserError
from tau2_logging.invocation import interpreter
from tau2_logging.units import money

if TYPE_CHECKING:
    import pandas as pd

    from tau2_logging.experiments.manipulation_check import Verdict
    from tau2_logging.experiments.planning.plan_file import Experiment, ExperimentPlan

FORMATS = ("text", "json", "csv", "html")
EXIT_MISSING, EXIT_NOT_DELIVERED = 1, 3


def plan(args: argparse.Namespace) -> int:
    """Make the plan file, say what it costs and what it can find out."""
    from tau2_logging.experiments.planning.plan_file import FILE, write_plan

    made = _made_plan(args, args.name)
    path = Path(args.out) / args.name / FILE
    write_plan(made, path)
    _print_plan(made)
    print(f"written: {path}; next: {interpreter()} -m tau2_logging.experiments run {path}")
    return 0


def power(args: argparse.Namespace) -> int:
    """The smallest difference that a plan, made or still to be made, can find."""
    from tau2_logging.experiments.planning.plan_file import read_plan

    if args.plan is None:
        _print_plan(_made_plan(args, "unnamed"))
        return 0
    _print_plan(read_plan(Path(args.plan)).plan)
    return 0


def _made_plan(args: argparse.Namespace, name: str) -> ExperimentPlan:
    from tau2_logging.experiments.planning.cost_forecast import check_budget, estimate
    from tau2_logging.experiments.planning.plan_builder import experiment_plan
    from tau2_logging.experiments.planning.run_settings import run_config

    if not name or not all(letter.isalnum() or letter in "_.-" for letter in name) or name.strip(".") == "":
        raise UserError(f"--name {name!r} cannot name a folder; give letters, digits, _, . and -")
    for flag, value in (("rate", args.rate), ("between", args.between), ("power", args.power)):
        if not 0 < value < 1:
            raise UserError(f"--{flag} is {value:g}; give a number between 0 and 1")
    given = vars(args)
    made = experiment_plan(name, run_config(given), args.reference, {"rate": args.rate, "between": args.between, "power": args.power})
    found = estimate(made, args.cost_per_simulation, Path(args.like) if args.like else None)
    check_budget(found, args.budget)
    made.assumed.update(cost_usd=found.usd, cost_basis=found.basis)  # type: ignore[attr-defined]
    return made


def _print_plan(made: ExperimentPlan) -> None:
    from tau2_logging.experiments.planning.plan_text import plan_lines

    print("\n".join(plan_lines(made)))


def run(args: argparse.Namespace) -> int:
    """Run what is missing of a plan."""
    from tau2_logging.experiments.planning.plan_file import read_plan
    from tau2_logging.experiments.running import run_experiment
    from tau2_logging.runner.settings.from_options import changed_config

    experiment = read_plan(Path(args.plan))
    changed = replace(experiment.plan, config=changed_config(experiment.plan.config, vars(args)))
    budget = {"max_cost": args.budget} if args.budget is not None else {}
    return run_experiment(replace(experiment, plan=changed), budget, args.rounds)


def status(args: argparse.Namespace) -> int:
    """How far each arm has come; exit code 1 while cells are missing."""
    from tau2_logging.experiments.planning.plan_file import read_plan
    from tau2_logging.experiments.running import progress

    items = progress(read_plan(Path(args.plan)))
    width = max(len(item.arm) for item in items)
    for item in items:
        cost = money(item.cost_usd)
        print(f"{item.arm:{width}}  {item.ok:5} of {item.planned} scored, {item.failed} failed, {item.missing} missing, cost {cost}")
    return EXIT_MISSING if any(item.missing for item in items) else 0


def collect(args: argparse.Namespace) -> int:
    """Write cells.csv: a row for every cell of the plan."""
    experiment, cells = _collected(args)
    path = _output(args, experiment) / "cells.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    cells.drop(columns=["user_texts"]).to_csv(path, index=False)
    missing = int(cells["status"].ne("ok").sum())
    print(f"{len(cells)} cells, {missing} without a result; written: {path}")
    return EXIT_MISSING if missing else 0


def manipulation(args: argparse.Namespace) -> int:
    """Was each variant delivered? Exit code 3 where one was not."""
    from tau2_logging.analysis.reports.console import console, show
    from tau2_logging.experiments.analysis import Table
    from tau2_logging.experiments.report import as_section

    experiment, cells = _collected(args)
    table, found = _manipulation(experiment, cells)
    show([as_section(Table("markers", "How the user writes", table), 200)], console())
    for verdict in found:
        print(f"{verdict.arm}: {verdict.verdict}" + "".join(f"\n  {reason}" for reason in verdict.reasons))
    return 0 if all(verdict.may_speak for verdict in found) else EXIT_NOT_DELIVERED


def analyze(args: argparse.Namespace) -> int:
    """Everything, as text, JSON, CSV and a page of report.html."""
    from tau2_logging.experiments import report
    from tau2_logging.experiments.analysis import Table
    from tau2_logging.experiments.analysis import analyze as analyzed
    from tau2_logging.experiments.scripted_personas import moods
    from tau2_logging.runner.work.prompts import scenarios

    wanted = _formats(args.format)
    experiment, cells = _collected(args)
    table, verdicts = _manipulation(experiment, cells)
    scripted = Table(
        "moods", "Moods that tau2's tasks script themselves", moods(scenarios(experiment.config)), "An arm comes on top of them."
    )
    findings = analyzed(experiment.plan, cells, verdicts, table, [scripted])
    directory = _output(args, experiment)
    written = report.write_files(findings, directory) if {"json", "csv"} & set(wanted) else []
    kept = [path for path in written if path.suffix.removeprefix(".") in wanted]
    for path in set(written) - set(kept):
        path.unlink()
    if "html" in wanted:
        command = "python -m tau2_logging.experiments " + " ".join(sys.argv[1:])
        kept += report.write_page(experiment, findings, directory, command)
    if "text" in wanted:
        report.print_findings(findings)
    if kept:
        print(f"written to {directory}: {', '.join(sorted(path.name for path in kept))}")
    return EXIT_MISSING if cells["status"].ne("ok").any() else 0


def _formats(words: list[str] | None) -> list[str]:
    names = [name for word in words or ["all"] for name in word.split(",")]
    unknown = [name for name in names if name not in (*FORMATS, "all")]
    if unknown:
        raise UserError(f"no format {unknown[0]!r}; there are {', '.join(FORMATS)} and all")
    return list(FORMATS) if "all" in names else names


def _output(args: argparse.Namespace, experiment: Experiment) -> Path:
    return Path(args.output_dir) if args.output_dir else experiment.directory / "report"


def _collected(args: argparse.Namespace) -> tuple[Experiment, pd.DataFrame]:
    from tau2_logging.experiments.cells import collect as collected
    from tau2_logging.experiments.planning.plan_file import read_plan

    experiment = read_plan(Path(args.plan))
    if not experiment.run_dir.exists():
        raise UserError(f"{experiment.directory} has not been run; run it with: python -m tau2_logging.experiments run {args.plan}")
    return experiment, collected(experiment)


def _manipulation(experiment: Experiment, cells: pd.DataFrame) -> tuple[pd.DataFrame, list[Verdict]]:
    from tau2_logging.experiments.injection import by_arm, check_injection
    from tau2_logging.experiments.manipulation_check import marker_table, verdicts

    plan = experiment.plan
    table = marker_table(plan, cells, plan.config.seed)
    varied = any(arm.variant is not None for arm in plan.config.arms)
    injected = by_arm(check_injection(experiment.config, experiment.logs, plan.name), plan.arms) if varied and experiment.logs else {}
    return table, verdicts(plan, table, injected)
